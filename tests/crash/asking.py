"""How scenarios are put: a client's request, and the rows of one operation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tests.crash.matrix import Scenario
from tests.crash.stage import Stage
from tests.support.aws_events import Event, http_event, id_event

LET_GO = "410 "
"""A hold that was let go and is asked to be again: it holds nothing any more."""
TRIES = frozenset({"tries", "attempts", "failures", "inARow", "inWindow"})


def request(
    method: str,
    template: str,
    id_: str | None = None,
    *,
    user: str = "",
    role: str = "patient",
    key: str | None = "",
    **parts: Any,  # Any: of `http_event`
) -> Event:
    """A request of that user, with an idempotency key of its own (None: without)."""
    headers = [] if key is None else [("Idempotency-Key", key or uuid.uuid4().hex)]
    who = {"userId": user, "role": role, "principalId": user} if user else None
    if id_ is None:
        return http_event(method, template, headers=headers, authorizer=who, **parts)
    return id_event(method, template, id_, headers=headers, authorizer=who, **parts)


def scenarios_of(
    function: str, operation: str | None, rows: Mapping[str, Callable[[Stage], Event]], **more: Any
) -> list[Scenario]:
    """Scenarios of one operation, by name."""
    return [
        Scenario(name=name, function=function, operation=operation, prepare=prepare, **more)
        for name, prepare in rows.items()
    ]
