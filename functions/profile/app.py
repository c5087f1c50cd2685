"""GET, PUT and DELETE /me, GET /me/export: the caller's profile, and all that is held of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.export import ExportQuery, ExportResponse
from slotkeeper.contracts.profile import ProfileRequest, ProfileResponse
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.domain import errors
from slotkeeper.domain.limits import ERASURES, EXPORTS
from slotkeeper.domain.timetable import Asked
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import count, instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services import profile
from slotkeeper.services.erase_person import erase_person
from slotkeeper.services.export_person import export_person
from slotkeeper.services.not_too_often import ensure_not_too_often

app = create_app(is_standby=bootstrap.is_standby)


@app.operation("GET", "/me", roles=Role, answers={HTTPStatus.OK: ProfileResponse})
def get_me(call: Call[Nothing, Nothing, Nothing]) -> Response[str]:
    """Your profile, and what you looked at last"""
    found = profile.get_profile(
        user_id=call.caller.user_id,
        users=bootstrap.users(),
        views=bootstrap.views(),
        together=bootstrap.together,
    )
    return answer(HTTPStatus.OK, ProfileResponse.text_of(*found))


@app.operation(
    "PUT",
    "/me",
    roles=Role,
    body_model=ProfileRequest,
    answers={HTTPStatus.OK: ProfileResponse},
)
def put_me(call: Call[Nothing, Nothing, ProfileRequest]) -> Response[str]:
    """Replace your profile: what is absent or null is removed"""
    stored = profile.put_profile(
        user=call.body.to_user(call.caller.user_id),
        users=bootstrap.users(),
        views=bootstrap.views(),
        together=bootstrap.together,
    )
    return answer(HTTPStatus.OK, ProfileResponse.text_of(*stored))


@app.operation(
    "GET",
    "/me/export",
    roles=Role,
    query_model=ExportQuery,
    answers={HTTPStatus.OK: ExportResponse},
    writes=True,  # the audit log notes that it was asked for
)
def get_export(call: Call[Nothing, ExportQuery, Nothing]) -> Response[str]:
    """All that is held about you, a page at a time"""
    user_id = call.caller.user_id
    place = call.query.place(user_id)
    ensure_not_too_often(EXPORTS, user_id, limiter=bootstrap.rate_limiter())
    page = export_person(
        user_id=user_id,
        asked=_asked(call),
        place=place,
        limit=call.query.limit,
        data=bootstrap.personal_data(),
        kept=bootstrap.personal_keys(),
        users=bootstrap.users(),
        views=bootstrap.views(),
        clock=bootstrap.clock(),
    )
    return answer(HTTPStatus.OK, ExportResponse.text_of(page))


@app.operation(
    "DELETE",
    "/me",
    roles=Role,
    answers={HTTPStatus.NO_CONTENT: None},
    refuses=[errors.AppointmentsAhead],
)
def delete_me(call: Call[Nothing, Nothing, Nothing]) -> Response[str]:
    """Have yourself forgotten: your data goes, your past bookings stay without it"""
    user_id = call.caller.user_id
    ensure_not_too_often(ERASURES, user_id, limiter=bootstrap.rate_limiter())
    erase_person(
        user_id=user_id,
        asked=_asked(call),
        data=bootstrap.personal_data(),
        kept=bootstrap.personal_keys(),
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        gate=bootstrap.gate(),
        clock=bootstrap.clock(),
        together=bootstrap.together,
        sagas=bootstrap.sagas(),
    )
    count("persons_erased_total")
    return answer(HTTPStatus.NO_CONTENT)


def _asked(call: Call[Any, Any, Any]) -> Asked:
    return Asked(
        actor=call.caller.user_id, request_id=call.request_id, request_key=call.request_key
    )


bootstrap.prime(
    bootstrap.gate,
    bootstrap.ledger,
    bootstrap.personal_data,
    bootstrap.personal_keys,
    bootstrap.rate_limiter,
    bootstrap.sagas,
    bootstrap.slots,
    bootstrap.users,
    bootstrap.views,
)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
