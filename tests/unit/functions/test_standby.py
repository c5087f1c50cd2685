"""A region that stands by answers who would write before it touches anything, and reads on."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from slotkeeper import bootstrap
from slotkeeper.contracts.shapes import Nothing
from tests.support.aws_events import ADMIN, Context, header_of, http_event
from tests.support.routes import operations_of, pages_of
from tests.template.test_template import routes

ROUTES = sorted(one for one in routes() if one[1:] not in pages_of(one[0]))
READS = {
    *("/health", "/doctors", "/doctors/{id}", "/doctors/{id}/slots", "/me"),
    *("/bookings", "/bookings/{id}", "/bookings/{id}/calendar.ics"),
}
"""GET of what changes nothing by being read."""
WRITES = [one for one in ROUTES if (one[1], one[2]) not in {("GET", path) for path in READS}]


def ask(folder: str, method: str, path: str) -> dict[str, Any]:
    handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    event = http_event(
        method,
        path.replace("{id}", "x1"),
        path_parameters={"id": "x1"} if "{id}" in path else None,
        authorizer={**ADMIN, "role": "patient" if path.startswith("/bookings") else "admin"},
        text="{",
    )
    answered: dict[str, Any] = handler(event, Context())
    return answered


def takes_a_body(folder: str, method: str, path: str) -> bool:
    [operation] = [o for o in operations_of(folder) if (o.method, o.path) == (method, path)]
    return operation.body_model is not Nothing


def made() -> set[str]:
    """What the composition root has made: clients, and what stands on them."""
    return {
        name
        for name, one in vars(bootstrap).items()
        if getattr(one, "cache_info", None) and one.cache_info().currsize
    }


@pytest.mark.parametrize(("folder", "method", "path"), WRITES)
def test_what_writes_is_refused_before_anything_is_touched(
    environment: pytest.MonkeyPatch, folder: str, method: str, path: str
) -> None:
    environment.setenv("STANDBY", "true")

    answer = ask(folder, method, path)

    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["code"] == "unavailable"
    assert header_of(answer, "Retry-After") == "30"
    assert made() <= {"settings"}


@pytest.mark.parametrize(
    ("folder", "method", "path"),
    [one for one in WRITES if takes_a_body(*one)],
)
def test_control_an_active_region_reads_the_request(folder: str, method: str, path: str) -> None:
    assert ask(folder, method, path)["statusCode"] == 400


def test_reads_go_on() -> None:
    declared = {
        (operation.method, operation.path): operation.writes
        for folder in {folder for folder, _, _ in ROUTES}
        for operation in operations_of(folder)
    }

    assert declared == {
        (method, path): (method != "GET" or path not in READS) for _, method, path in ROUTES
    }


@pytest.mark.parametrize(("standby", "mode"), [("false", "active"), ("true", "standby")])
def test_health_tells_which_it_is(environment: pytest.MonkeyPatch, standby: str, mode: str) -> None:
    environment.setenv("STANDBY", standby)
    environment.setattr(bootstrap, "dependencies", tuple)

    answer = ask("health", "GET", "/health")

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["mode"] == mode
