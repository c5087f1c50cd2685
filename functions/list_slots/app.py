"""GET /doctors/{id}/slots: a doctor's free slots."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.contracts.slots import ListSlotsQuery, SlotPageResponse
from slotkeeper.domain import errors
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, kept_answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.list_slots import list_slots

app = create_app()


@app.operation(
    "GET",
    "/doctors/{id}/slots",
    roles=Role,
    path_model=IdPath,
    query_model=ListSlotsQuery,
    answers={HTTPStatus.OK: SlotPageResponse},
    refuses=[errors.NotFound],
    gives_etag=True,
)
def get_slots(call: Call[IdPath, ListSlotsQuery, Nothing]) -> Response[str]:
    """A doctor's free slots"""
    query = call.query
    wanted = query.wanted(call.path.id)
    page = list_slots(
        wanted=wanted,
        caller=call.caller,
        asked=repr(query),
        skip=query.skip,
        limit=query.limit,
        after=query.after(wanted),
        view=query.view(call.caller.user_id, call.path.id),
        to_text=lambda found: SlotPageResponse.of(found, query, wanted).to_text(),
        slots=bootstrap.slots(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
        pages=bootstrap.slot_pages(),
        clock=bootstrap.clock(),
        together=bootstrap.together,
    )
    return kept_answer(call, page)


bootstrap.prime(bootstrap.doctors, bootstrap.slot_pages, bootstrap.slots, bootstrap.users)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
