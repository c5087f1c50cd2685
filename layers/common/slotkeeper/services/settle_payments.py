"""Finish the payments that nobody is at work on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.payment import Saga, SagaState
from slotkeeper.services.payment_saga import Overtaken, Till, booked, finished, resolved
from slotkeeper.value import Value

BATCH = 50
PATIENCE = 3
"""Payments in a row that get no answer: then the provider is down, and the next run tries again."""


class Settlement(Value, kw_only=True):
    """What one run did: payments by the state they rest in now, and those that go on waiting."""

    settled: Mapping[SagaState, int] = msgspec.field(default_factory=dict)
    waiting: int = 0
    """The provider (or a store) did not answer: the next run tries again."""
    set_aside: Sequence[tuple[str, str]] = ()
    """Sagas that somebody has to look at, by id, and the type of what went wrong."""


def settle_payments(
    *, request_id: str, till: Till | None, has_time: Callable[[], bool]
) -> Settlement:
    """Take or give back every payment whose last worker died, or that its provider did not answer.

    Safe to run twice at once and to be killed at any point: a saga is one worker's at a time, and
    every step may be repeated. One bad saga keeps no other from being settled. Nothing to do where
    no payment is taken (`till` is None).

    Raises:
        Unavailable: MongoDB did not answer.
    """
    settled: Counter[SagaState] = Counter()
    waiting = in_a_row = 0
    aside: list[tuple[str, str]] = []
    more = till is not None
    while till is not None and more and has_time():
        found = till.sagas.due(limit=BATCH)
        aside += [(id_, "unreadable") for id_ in found.unreadable]
        more = len(found.sagas) + len(found.unreadable) >= BATCH
        for saga in found.sagas:
            if not has_time() or in_a_row >= PATIENCE:
                more = False
                break
            held = till.sagas.take(saga)
            if held is None:
                continue
            try:
                settled[_settled(held, request_id, till).state] += 1
                in_a_row = 0
            except Overtaken:
                pass
            except Unavailable:
                waiting += 1
                in_a_row += 1
            except Exception as error:  # noqa: BLE001  # one bad saga must not stop the others
                till.sagas.set_aside(held)
                aside.append((saga.id, type(error).__name__))
    return Settlement(settled=dict(settled), waiting=waiting, set_aside=tuple(aside))


def _settled(saga: Saga, request_id: str, till: Till) -> Saga:
    if saga.state is SagaState.AUTHORISING:
        saga = resolved(saga, till)
    if saga.state is SagaState.AUTHORISED:
        moved = booked(saga, request_id=request_id, till=till).saga
        if moved is None:
            raise Overtaken
        saga = moved
    return finished(saga, request_id=request_id, till=till)
