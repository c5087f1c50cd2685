"""GET /doctors/{id}/slots: a doctor's free slots."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.http import IdPath, ListSlotsQuery, SlotPageResponse
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.http import answer, create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.services.list_slots import list_slots

app = create_app()


@app.get("/doctors/<_id>/slots")
def get_slots(_id: str) -> Response[str]:
    app.caller(*Role)
    query = app.query(ListSlotsQuery)
    wanted = query.wanted(app.path(IdPath).id)
    page = list_slots(
        wanted=wanted,
        page=query.page,
        limit=query.limit,
        after=query.after(wanted),
        slots=bootstrap.slots(),
        doctors=bootstrap.doctors(),
        clock=bootstrap.clock(),
    )
    return answer(HTTPStatus.OK, SlotPageResponse.text_of(page, query, wanted))


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
