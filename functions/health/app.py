"""GET /health: whether the service, and what it stands on, can serve."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.problems import HealthResponse
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.check_health import check_health

app = create_app()


@app.operation(
    "GET",
    "/health",
    roles=[],
    answers={HTTPStatus.OK: HealthResponse, HTTPStatus.SERVICE_UNAVAILABLE: HealthResponse},
)
def get_health(call: Call[Nothing, Nothing, Nothing]) -> Response[str]:
    """Whether the service can serve"""
    states = check_health(dependencies=bootstrap.dependencies(), together=bootstrap.together)
    status = HTTPStatus.OK if all(states.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    return answer(status, HealthResponse.text_of(states, is_standby=bootstrap.is_standby()))


bootstrap.prime(bootstrap.dependencies)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
