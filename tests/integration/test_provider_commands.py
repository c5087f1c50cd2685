"""`python -m ops providers`, as an operator runs it, and what senders make of it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops import __main__ as ops
from ops.check import check
from slotkeeper.adapters.mongo.controls import KEPT, KeptControls, MongoControls
from slotkeeper.adapters.mongo.documents import CONTROLS
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.provider_breakers import RedisBreakers
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import BreakerRules, SmsChoice
from slotkeeper.ports.notifications import Leave, Outcome
from tests.integration.test_person_commands import where as where  # noqa: PLC0414  # a fixture
from tests.support.fakes import FakeClock
from tests.support.house import House

DEPLOYED = SmsChoice(providers=("sns",), falls_back=True)
OFF = ("--to", "none", "--reason", "SNS fails in eu-central-1")
Where = tuple[str, ...]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in this process: a dozen of its own would take as many seconds."""
    with (
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["ops", *arguments])
        code = ops.main()
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def chosen(house: House) -> SmsChoice:
    return KeptControls(MongoControls(house.database), FakeClock(), DEPLOYED).sms()


def switch(where: Where, *arguments: str) -> dict[str, Any]:
    done = run("providers", "switch", "sms", *arguments, "--json", *where)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_switch_is_what_senders_go_by_and_leaves_an_entry_in_the_audit_log(
    house: House, where: Where
) -> None:
    assert chosen(house) == DEPLOYED

    switch(where, *OFF, "--no-fallback")

    assert chosen(house) == SmsChoice(providers=(), falls_back=False)
    [noted] = house.audit(type="sms.switched")
    assert (noted["actor"], noted["aggregateId"]) == ("operator", "sms")
    assert noted["details"] == {"provider": "none", "fallbackToEmail": False}
    assert "eu-central-1" not in str(noted)
    house.seal()
    assert list(check(house.database, house.redis, environment=house.keys.environment)) == []


def test_what_is_not_named_stays_and_all_of_it_can_be_undone(house: House, where: Where) -> None:
    switch(where, *OFF)
    assert chosen(house) == SmsChoice(providers=(), falls_back=True)
    switch(where, "--no-fallback", "--reason", "patients complain")
    assert chosen(house) == SmsChoice(providers=(), falls_back=False)
    switch(where, "--to", "sns", "--reason", "SNS is back")
    assert chosen(house) == SmsChoice(providers=("sns",), falls_back=False)

    switch(where, "--to", "deployed", "--reason", "all as it was")

    assert chosen(house) == DEPLOYED
    assert len(house.audit(type="sms.switched")) == 4
    [control] = house.database[CONTROLS].find()
    reasons = [change["reason"] for change in control["changes"]]
    assert reasons == [OFF[-1], "patients complain", "SNS is back", "all as it was"]


def test_a_dry_run_says_what_would_be_chosen_and_changes_nothing(
    house: House, where: Where
) -> None:
    told = switch(where, *OFF, "--dry-run")

    assert told == {"sms": "none", "fallbackToEmail": None, "dryRun": True}
    assert house.database[CONTROLS].count_documents({}) == 0
    assert house.audit(type="sms.switched") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--to", "twilio", "--reason", "r"),
        ("--to", "sns,sns", "--reason", "r"),
        ("--to", "", "--reason", "r"),
        ("--reason", "r"),
        ("--to", "none", "--reason", " "),
        ("--to", "none", "--reason", "r" * 201),
    ],
    ids=str,
)
def test_a_switch_that_cannot_be_is_refused_in_one_line_and_changes_nothing(
    house: House, where: Where, arguments: tuple[str, ...]
) -> None:
    done = run("providers", "switch", "sms", *arguments, *where)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert house.database[CONTROLS].count_documents({}) == 0
    assert house.audit(type="sms.switched") == []


def test_status_tells_how_each_provider_does_and_since_when(house: House, where: Where) -> None:
    breakers = RedisBreakers(house.redis, house.keys, Breaker(FakeClock()))
    sent = Leave(is_given=True)
    breakers.tell("ses", sent, Outcome.TAKEN)
    well = run("providers", "status", "--json", *where)
    for _ in range(BreakerRules().failures):
        breakers.tell("sns", sent, Outcome.FAILED)

    ill = run("providers", "status", "--json", *where)

    assert (well.returncode, ill.returncode, ill.stderr) == (0, 1, "")
    told = json.loads(ill.stdout)
    assert (told["sms"], told["fallbackToEmail"], told["switchedAt"]) == (None, None, None)
    assert told["queue"] == {"waiting": None, "failed": None}
    sns, ses = told["providers"]["sns"], told["providers"]["ses"]
    assert (sns["state"], sns["taken"], sns["failed"]) == ("open", 0, BreakerRules().failures)
    since = datetime.fromisoformat(sns["since"])
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(minutes=5)
    assert datetime.fromisoformat(sns["nextTrial"]) - since == BreakerRules().rest
    assert ses == {"state": "closed", "since": None, "nextTrial": None, "taken": 1, "failed": 0}


def test_provider_that_is_switched_off_does_not_count_as_failing(
    house: House, where: Where
) -> None:
    breakers = RedisBreakers(house.redis, house.keys, Breaker(FakeClock()))
    for _ in range(BreakerRules().failures):
        breakers.tell("sns", Leave(is_given=True), Outcome.FAILED)
    switch(where, *OFF)

    done = run("providers", "status", *where)

    assert done.returncode == 0
    assert done.stdout.startswith("SMS by none (switched ")
    assert "\nses  closed; " in done.stdout
    assert "sns" not in done.stdout


# --- what senders go by ---------------------------------------------------------------------------


@dataclass
class Store:
    """Counts how often the choice is read, and may not answer."""

    read: Callable[[], Any]
    times: int = 0
    is_down: bool = False

    def sms(self) -> Any:
        self.times += 1
        if self.is_down:
            raise Unavailable
        return self.read()


def test_choice_is_read_once_in_ten_seconds_and_no_later_than_that(
    house: House, where: Where
) -> None:
    clock = FakeClock()
    store = Store(MongoControls(house.database).sms)
    kept = KeptControls(store, clock, DEPLOYED)  # type: ignore[arg-type]  # stands in for it
    assert kept.sms() == DEPLOYED
    switch(where, *OFF)

    clock.advance(KEPT - timedelta(milliseconds=1))
    assert (kept.sms(), store.times) == (DEPLOYED, 1)
    clock.advance(timedelta(milliseconds=1))

    assert kept.sms().providers == ()
    assert store.times == 2
    clock.advance(-timedelta(hours=1))  # the machine's clock was set back
    assert kept.sms().providers == ()
    assert store.times == 3


def test_choice_known_last_goes_on_without_mongodb(house: House) -> None:
    clock = FakeClock()
    store = Store(MongoControls(house.database).sms)
    kept = KeptControls(store, clock, DEPLOYED)  # type: ignore[arg-type]  # stands in for it
    store.is_down = True
    with pytest.raises(Unavailable):
        kept.sms()
    store.is_down = False
    assert kept.sms() == DEPLOYED

    store.is_down = True
    clock.advance(timedelta(hours=1))

    assert kept.sms() == DEPLOYED


@pytest.mark.parametrize(
    "garbage",
    [
        {"provider": 7},
        {"provider": "pigeon"},
        {"fallbackToEmail": "yes"},
        {"at": "today"},
        {"at": None},
    ],
    ids=str,
)
def test_choice_that_cannot_be_read_is_as_if_there_were_none(
    house: House, garbage: dict[str, Any]
) -> None:
    good = {"_id": "sms", "provider": "none", "fallbackToEmail": False, "at": datetime.now(UTC)}
    house.database[CONTROLS].insert_one({**good, **garbage})

    assert chosen(house) == DEPLOYED
