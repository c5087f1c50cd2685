"""Problem documents (RFC 9457), and the health report."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from slotkeeper.contracts.shapes import Shape

# Python 3.13 renamed these two phrases; a problem's title does not change with the runtime.
_TITLES = {413: "Payload Too Large", 422: "Unprocessable Entity"}


def problem(
    *, status: HTTPStatus, code: str, detail: str, request_id: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    """A problem document; `code` is what clients go by."""
    return {
        "type": f"urn:slotkeeper:problem:{code}",
        "title": _TITLES.get(status, status.phrase),
        "status": status.value,
        "code": code,
        "detail": detail,
        "requestId": request_id,
        **more,
    }


class HealthResponse(Shape):
    status: Literal["ok", "unavailable"]
    dependencies: dict[str, Literal["ok", "unavailable"]]

    @classmethod
    def text_of(cls, states: Mapping[str, bool]) -> str:
        return cls(
            status="ok" if all(states.values()) else "unavailable",
            dependencies={name: "ok" if up else "unavailable" for name, up in states.items()},
        ).to_text()
