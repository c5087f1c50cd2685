"""Whether this version starts and reaches what it stands on: asked before it is given any work.

Only who may invoke the function itself can ask: no client's request, message or schedule has the
key at its top. Who knows the servers says here how they are asked (`answer_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

ASKED = "slotkeeperReadiness"
"""The event's one key; under it, the names of what is to be reached."""
ANSWER = "reached"

Reached = Mapping[str, bool]
_ask: list[Callable[[Sequence[str]], Reached]] = []


def answer_by(ask: Callable[[Sequence[str]], Reached]) -> None:
    """From now on `ask` tells of each server whether it answers."""
    _ask[:] = [ask]


def question(needs: Sequence[str]) -> dict[str, Any]:
    """The event that asks."""
    return {ASKED: list(needs)}


def answer_to(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer, if this is the question; else None, and the function goes on."""
    if set(event) != {ASKED} or not _ask:
        return None
    return {ANSWER: dict(_ask[0](event[ASKED]))}


def is_ready(answer: object, needs: Sequence[str]) -> bool:
    """Whether that is the answer of a version which reached all that it needs."""
    return answer == {ANSWER: dict.fromkeys(needs, True)}
