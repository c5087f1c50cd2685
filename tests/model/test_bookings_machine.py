"""Thousands of steps against the specification; the same ones in every run of CI.

`make model` runs other ones, and more: SLOTKEEPER_MODEL_SEED, SLOTKEEPER_MODEL_HISTORIES.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.model.conftest import Founded
from tests.model.machine import Bookings
from tests.model.runs import run

SEED = int(os.environ.get("SLOTKEEPER_MODEL_SEED") or 21)
HISTORIES = int(os.environ.get("SLOTKEEPER_MODEL_HISTORIES") or 80)

REFUSALS = {
    "booking_not_confirmed",
    "hold_expired",
    "idempotency_key_reused",
    "not_found",
    "otp_invalid",
    "otp_locked",
    "precondition_failed",
    "rate_limited",
    "request_in_progress",
    "slot_held",
    "slot_in_past",
    "slot_unavailable",
    "too_late",
    "too_many_holds",
    "unavailable",
}
SUCCESSES = {
    *("hold", "hold again", "hold own", "replace", "verify", "resend", "release"),
    *("cancel", "reschedule", "block", "unblock", "blocked", "active", "removed", "make again"),
    *("sweep", "relay", "deliver code", "deliver event"),
}

pytestmark = pytest.mark.one_server("time is frozen by a database of its own on one Redis")


def test_every_answer_is_as_the_model_predicts_it(found: Founded) -> None:
    seen: Counter[str] = Counter()

    try:
        run(Bookings.on(found(), seen), histories=HISTORIES, seeded=SEED)
    finally:
        print(f"seed {SEED}, {sum(seen.values())} answers:")
        for what, count in sorted(seen.items()):
            print(f"{count:6} {what}")

    answers = {tuple(what.split(": ")) for what in seen}
    assert REFUSALS - {answer for _, answer in answers} == set()
    assert SUCCESSES - {what for what, answer in answers if answer == "done"} == set()
