"""Problem documents (RFC 9457), and the health report."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import Field

from slotkeeper.contracts.shapes import Shape

# Python 3.13 renamed these two phrases; a problem's title does not change with the runtime.
_TITLES = {413: "Payload Too Large", 422: "Unprocessable Entity"}


class FieldError(Shape):
    field: str
    message: str


class Problem(Shape):
    """A problem document; `code` is what clients go by."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: Annotated[list[FieldError] | None, Field(exclude_if=lambda told: told is None)] = None
    attempts_remaining: Annotated[int | None, Field(exclude_if=lambda told: told is None)] = None


def problem(
    *, status: HTTPStatus, code: str, detail: str, request_id: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    """A problem document's members; `more` are those that not every problem has."""
    made = Problem(
        type=f"urn:slotkeeper:problem:{code}",
        title=_TITLES.get(status, status.phrase),
        status=status.value,
        code=code,
        detail=detail,
        request_id=request_id,
        **more,
    )
    return made.model_dump(by_alias=True)


class HealthResponse(Shape):
    status: Literal["ok", "unavailable"]
    mode: Literal["active", "standby"]
    dependencies: dict[str, Literal["ok", "unavailable"]]

    @classmethod
    def text_of(cls, states: Mapping[str, bool], *, is_standby: bool) -> str:
        return cls(
            status="ok" if all(states.values()) else "unavailable",
            mode="standby" if is_standby else "active",
            dependencies={name: "ok" if up else "unavailable" for name, up in states.items()},
        ).to_text()
