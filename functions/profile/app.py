"""GET and PUT /me: the caller's own profile."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from slotkeeper import bootstrap
from slotkeeper.contracts.profile import ProfileRequest, ProfileResponse
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services import profile

app = create_app()


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


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
