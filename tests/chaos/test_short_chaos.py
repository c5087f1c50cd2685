"""Chaos in a minute: some faults under load against a replicated system of its own, and a control.

`make chaos` is the long form: every fault, again and again, on each topology.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chaos.faults import FAULTS
from chaos.history import Fate
from chaos.run import Plan, Run, chaos
from local.config import Config
from local.progress import say
from slotkeeper.adapters.mongo.documents import BOOKINGS, SLOTS

LASTS = {
    # First what leaves a relay's events leased for a minute: that is over while the rest is done.
    "stop SQS": 3.0,
    "cut functions off MongoDB": 3.0,
    "1 in 5 MongoDB answers lost": 4.0,
    "freeze the MongoDB primary": 5.0,
    "kill primary and master": 5.0,
    "flush Redis": 1.0,
}
SEED = 20_260_301


@pytest.fixture(scope="module")
def run(system: Config) -> Iterator[Run]:
    by_name = {fault.name: fault for fault in FAULTS}
    plan = Plan(
        topology="ha",
        seconds=300,  # as many as there are, however slow the machine is today
        seed=SEED,
        hold_seconds=15,
        patients=8,
        faults=[replace(by_name[name], seconds=seconds) for name, seconds in LASTS.items()],
        calm=(0.5, 1.0),
        is_short=True,
    )
    name = f"chaos-test{os.environ.get('SLOTKEEPER_TEST', '')}"
    with chaos(plan, name=name, tell=say, builds_with=system) as run:
        yield run


def test_faults_under_load_lose_nothing_and_make_nothing_twice(run: Run) -> None:
    assert [str(finding) for finding in run.findings] == []


def test_every_fault_was_done_and_survived_without_a_hand(run: Run) -> None:
    assert [struck.fault for struck in run.struck] == list(LASTS)
    assert all(struck.recovered_at is not None for struck in run.struck)


def test_there_was_something_to_lose(run: Run) -> None:
    done = [told.op for told in run.history.requests if told.fate is Fate.DONE]
    unanswered = [told for told in run.history.tries if told.fate is not Fate.DONE]

    assert done.count("verify") >= 10
    assert {"hold", "verify", "cancel", "reschedule", "release", "resend", "slots"} <= set(done)
    assert unanswered


def test_a_confirmation_lost_behind_its_back_is_reported(run: Run) -> None:
    """The negative control: the same run, judged after data was lost on purpose."""
    with run.database() as database:
        lost = database[BOOKINGS].find_one_and_delete({"status": "confirmed"})
        assert lost is not None
        try:
            rules = {(found.rule, found.about) for found in run.judge()}
        finally:
            database[BOOKINGS].insert_one(lost)

    assert ("confirmation_lost", lost["_id"]) in rules
    assert any(rule.startswith("checker:") for rule, _ in rules)


def test_a_slot_given_away_behind_its_back_is_reported(run: Run) -> None:
    with run.database() as database:
        booking = database[BOOKINGS].find_one({"status": "confirmed"})
        assert booking is not None
        slot = database[SLOTS].find_one_and_update(
            {"_id": booking["slotId"]}, {"$set": {"status": "active"}, "$unset": {"bookingId": ""}}
        )
        assert slot is not None
        try:
            rules = {(found.rule, found.about) for found in run.judge()}
        finally:
            database[SLOTS].replace_one({"_id": slot["_id"]}, slot)

    assert ("slot_not_booked", slot["_id"]) in rules
