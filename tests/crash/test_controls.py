"""The matrix with a guard taken out: it must find what dies there, or it would prove nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.settle_payments import app as settling
from slotkeeper import bootstrap
from slotkeeper.adapters.mongo import documents
from slotkeeper.adapters.mongo.deliveries import MongoDeliveries
from slotkeeper.adapters.mongo.sagas import MongoSagas
from slotkeeper.adapters.redis import gate, requests
from slotkeeper.domain.attempt import attempt_id
from slotkeeper.domain.payment import Saga, SagaState
from slotkeeper.services import expire_locks, relay_outbox
from slotkeeper.services.record_facts import Recorded
from slotkeeper.services.settle_payments import Settlement
from tests.crash.matrix import cuts_of, differences, play
from tests.crash.scenarios import BY_NAME
from tests.crash.stage import Stage
from tests.support.paying import FEE

Patch = pytest.MonkeyPatch


def _random_attempts(patch: Patch) -> None:
    patch.setattr(bootstrap, "attempt_id", _with_random_end(attempt_id))


def _with_random_end(made: Callable[..., str]) -> Callable[..., str]:
    return lambda *about: made(*about)[:-8] + uuid.uuid4().hex[:8]


def _sent_before_it_is(patch: Patch) -> None:
    claim = MongoDeliveries.claim

    def claim_and_mark(self: MongoDeliveries, key: str) -> bool:
        is_ours = claim(self, key)
        if is_ours:
            self.mark_sent(key, None)
        return is_ours

    patch.setattr(MongoDeliveries, "claim", claim_and_mark)


def _facts_by_random_ids(patch: Patch) -> None:
    patch.setattr(documents, "event_id", lambda slot_id, version: f"{slot_id}-{uuid.uuid4().hex}")


def _claims_that_stay(patch: Patch) -> None:
    patch.setattr(gate, "LOCK_CLAIM", timedelta(hours=1))
    patch.setattr(requests, "REQUEST_LEASE", timedelta(hours=1))


def _nothing_is_completed(patch: Patch) -> None:
    for service in (expire_locks, relay_outbox):
        patch.setattr(service, "record_facts", lambda **_: Recorded([], refused=0))


def _payments_are_not_settled(patch: Patch) -> None:
    patch.setattr(settling, "settle_payments", lambda **_: Settlement())


def _asked_before_it_is_noted(patch: Patch) -> None:
    """The saga learns which payment it is about when that has been authorised."""
    move = MongoSagas.move

    def late(self: MongoSagas, saga: Saga, to: SagaState, **more: Any) -> Saga | None:
        if to is saga.state and "payment_id" in more:
            return replace(saga, payment_id=more["payment_id"])
        return move(self, saga, to, **{"payment_id": saga.payment_id, **more})

    patch.setattr(MongoSagas, "move", late)


@pytest.mark.parametrize(
    ("without", "scenario", "finding"),
    [
        (_random_attempts, "hold", "missing: sent sms"),
        (_sent_before_it_is, "tell of a booking", "missing: sent sms"),
        (_facts_by_random_ids, "verify", "too much: outbox"),
        (_claims_that_stay, "hold", "answered '409"),
        (_nothing_is_completed, "cancel", "facts that nobody recorded"),
        (_payments_are_not_settled, "cancel, paid", f"kept {FEE}, owed 0"),
        (_payments_are_not_settled, "verify, paid, no answer", f"reserved {FEE}"),
        (_asked_before_it_is_noted, "verify, paid", f"reserved {FEE}"),
    ],
)
def test_the_matrix_finds_a_guard_that_is_missing(
    stage: Stage,
    monkeypatch: Patch,
    without: Callable[[Patch], None],
    scenario: str,
    finding: str,
) -> None:
    def wrong() -> Iterator[str]:
        model, backward = play(stage, row), play(stage, row, is_reversed=True)
        for at in cuts_of(model.life, backward.life):
            found = list(differences(row, model, play(stage, row, at, model=model)))
            yield from found
            if any(finding in what for what in found):
                return

    row = BY_NAME[scenario]
    without(monkeypatch)

    assert any(finding in what for what in wrong())
