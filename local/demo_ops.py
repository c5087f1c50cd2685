"""Three incidents on the running system, from the alarm by its runbook to the fix, narrated.

Each is made to happen; the real alarm goes off, the commands of its runbook are run as they are
written there, the alarm ends. Fails loudly if anything is not as promised. Afterwards all is as
it was.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import FrameType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import alarms, identity, incidents, runbooks, servers
from local.alarms import Alarm
from local.api import Answer, Patient
from local.config import Config
from local.crowd import Crowd, Turn, at_it
from local.demo import BrokenPromise
from local.inbox import messages
from local.metrics_bridge import Bridge, running
from local.progress import LocalError
from local.runbooks import Runbook

ALARM_SECONDS = 600.0
"""An alarm looks at some minutes; this is more than any of ours does, twice."""
MAIL_SECONDS = 200.0
RECOVERY_SECONDS = 60.0
SMS, CONTENTION, MONGODB = "sms-provider-down", "lock-contention", "mongodb-errors"
_CROWD = 6


def demo_ops(config: Config) -> int:
    """Walk through the three; exit status 0 if all went as it should."""
    stack = json.loads((config.state / "stack.json").read_text())
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with running(config, stack) as bridge, incidents.controls_kept(config):
            walk = Walk(config, stack, bridge)
            walk.all_is_quiet()
            walk.sms_provider_is_down()
            walk.everybody_wants_one_slot()
            walk.mongodb_loses_its_primary()
            walk.all_is_quiet()
    except (BrokenPromise, LocalError, TimeoutError, BotoCoreError, ClientError) as error:
        print(f"\nNOT AS PROMISED: {error}", file=sys.stderr)
        return 1
    print("\nThree incidents, three alarms, three runbooks; everything is as it was.")
    return 0


class Walk:
    """One walk of one operator."""

    def __init__(self, config: Config, stack: Mapping[str, Any], bridge: Bridge):
        self._config, self._stack, self._bridge = config, stack, bridge
        people = identity.sign_in(config, [identity.anybody("patient") for _ in range(_CROWD)])
        self._emails = {person.phone: person.email for person in people}
        self._crowd = [Patient(stack["api_url"], config, p.token, p.phone) for p in people]
        doctor = stack["doctors"][-1]
        self._slots = [slot["id"] for slot in self._crowd[0].free_slots(doctor, limit=50)]
        _require(len(self._slots) > 2 * _CROWD, f"{doctor} has free slots")

    def all_is_quiet(self) -> None:
        _tell("Is anything wrong just now?")
        there = {alarm.id: alarm for alarm in alarms.read(self._config)}
        missing = [id_ for id_ in (SMS, CONTENTION, MONGODB) if id_ not in there]
        _require(not missing, f"the stack has the alarms {', '.join(missing)}")
        for id_ in (SMS, CONTENTION, MONGODB):
            self._await(id_, lambda alarm: alarm.state != "ALARM", "quiet")

    # --- one ----------------------------------------------------------------------------------

    def sms_provider_is_down(self) -> None:
        _title("1. The SMS provider is down")
        outage = incidents.SmsOutage(self._config, self._stack["functions"]["send_notification"])
        patient = self._crowd[0]
        try:
            outage.begin()
            _show("SNS refuses every message from now on")
            _tell("A patient holds a slot; the code comes all the same, by email")
            self._code_comes(patient, "email")

            with at_it(self._hold_and_release(), 2.0):
                alarm = self._goes_off(SMS)
            book = self._runbook(alarm)
            self._follow(book, "providers", "status", fine=(0, 1))  # 1: one is down
            self._follow(book, "providers", "switch", "none")
            _tell("Codes go straight by email now; nobody waits for a provider that is down")
            self._code_comes(patient, "email")
        finally:
            outage.end()
        _tell("The provider says that it is back")
        self._follow(book, "providers", "switch", "deployed")
        with at_it(self._hold_and_release(), 2.0):
            self._ends(SMS)
        self._code_comes(patient, "sms")

    def _hold_and_release(self) -> list[Turn]:
        """Turns in which each patient is sent a code, and lets the slot go again."""

        def turn(patient: Patient, slot: str) -> Turn:
            def take() -> Answer:
                held = patient.hold(slot)
                if held.status == 202:
                    patient.release(held.json["attemptId"])
                return held

            return take

        return [turn(p, s) for p, s in zip(self._crowd[1:], self._slots[_CROWD:], strict=False)]

    def _code_comes(self, patient: Patient, channel: str) -> None:
        """A fresh hold's code comes that way; the hold is let go."""
        to = patient.phone if channel == "sms" else self._emails[patient.phone]
        before = len(messages(self._config, to))
        held = _expect(patient.hold(self._slots[0]), 202)
        ends_at = time.monotonic() + MAIL_SECONDS
        while len(found := messages(self._config, to)) == before:
            _require(time.monotonic() < ends_at, f"a code comes by {channel}")
            time.sleep(0.5)
        _show(f"by {found[-1]['channel']}: {found[-1]['text']}")
        _expect(patient.release(held.json["attemptId"]), 204)

    # --- two ----------------------------------------------------------------------------------

    def everybody_wants_one_slot(self) -> None:
        _title("2. Lock contention: everybody wants one slot")
        slot, holder = self._slots[1], self._crowd[0]
        held = _expect(holder.hold(slot), 202).json
        _show(f"one patient holds {slot} until {held['expiresAt']}; {_CROWD - 1} others insist")

        # The holder among them: when the hold is over, somebody has the next one at once.
        with at_it([partial(patient.hold, slot) for patient in self._crowd], 0.4) as crowd:
            alarm = self._goes_off(CONTENTION)
            _require(crowd.statuses[409] > 0, "the others are refused with 409")
            _show(f"answers so far: {_told(crowd)}")
            book = self._runbook(alarm)
            listed = self._follow(book, "locks", "list")
            _require(slot in listed, f"the list of locks names {slot}")
        self._release_all(slot)
        _show(f"the holder lets go; for one who does not: {book.command('locks', 'release')}")
        _tell("The rush is over")
        self._ends(CONTENTION)
        free = _expect(self._crowd[1].hold(slot), 202).json
        _expect(self._crowd[1].release(free["attemptId"]), 204)
        _show("the slot can be held and let go as ever")

    def _release_all(self, slot: str) -> None:
        """Whoever of the crowd holds the slot lets it go."""
        attempt = incidents.attempt_on(self._config, slot)
        if attempt is not None:
            released = [patient.release(attempt).status for patient in self._crowd]
            _require(204 in released, "the hold is let go")

    # --- three --------------------------------------------------------------------------------

    def mongodb_loses_its_primary(self) -> None:
        _title("3. MongoDB loses its primary")
        kept = self._crowd[0].book(self._slots[2])
        _show(f"booked before: {kept['id']}")
        gone: list[str] = []
        try:
            with at_it(self._hold_and_release(), 0.5) as crowd:
                self._lose_primary(gone)
                if len(self._config.mongo_ports) > 1:
                    new = incidents.wait_for_primary(self._config)
                    _show(f"the others elected {new}; nobody is woken for that")
                    self._served_again(crowd, time.monotonic())
                    _tell("Before it is back, the next one goes: one of three is no majority")
                    self._lose_primary(gone)
                book = self._runbook(self._goes_off(MONGODB))
                self._says_503(crowd)
                _tell(f"Bring back {' and '.join(gone)}")
                self._bring_back(gone)
                back = time.monotonic()
                _show(f"the primary is {incidents.wait_for_primary(self._config)}")
                self._served_again(crowd, back)
        finally:
            self._bring_back(gone)
        _tell("Is anything lost?")
        self._follow(book, "ops", "check")
        there = _expect(self._crowd[0].booking(kept["id"]), 200).json
        _require(there["status"] == "confirmed", f"{kept['id']} is confirmed")
        _show(f"{kept['id']} is there, and confirmed")
        self._ends(MONGODB)
        _expect(self._crowd[0].cancel(kept["id"]), 200)

    def _lose_primary(self, gone: list[str]) -> None:
        name = incidents.wait_for_primary(self._config)
        gone.append(name)  # first: whatever becomes of this walk, it is brought back
        incidents.kill(servers.named(self._config, name))
        _show(f"{name}, the primary, is gone (kill -9)")

    def _bring_back(self, gone: Sequence[str]) -> None:
        """All at once: none of them is ready without the others."""
        incidents.restart([servers.named(self._config, name) for name in gone])

    def _says_503(self, crowd: Crowd) -> None:
        """Each request waits for a primary as long as it may: the answers come after the alarm."""
        since = time.monotonic()
        while not crowd.statuses[503]:
            _require(time.monotonic() < since + RECOVERY_SECONDS, "without a primary it says 503")
            time.sleep(0.2)
        _require(crowd.statuses[500] == 0, f"and never 500: {_told(crowd)}")
        _show(f"answers so far: {_told(crowd)}")

    def _served_again(self, crowd: Crowd, since: float) -> None:
        while crowd.last_done < since:
            _require(time.monotonic() < since + RECOVERY_SECONDS, "patients are served again")
            time.sleep(0.2)
        _show(f"patients are served again after {crowd.last_done - since:.1f} s")

    # --- alarm, runbook, command --------------------------------------------------------------

    def _goes_off(self, id_: str) -> Alarm:
        _tell("Who is on duty waits for the alarm (it looks at some minutes)")
        alarm = self._await(id_, lambda alarm: alarm.state == "ALARM", "going off")
        _show(f"ALARM {alarm.id}: {alarm.reason}")
        return alarm

    def _ends(self, id_: str) -> None:
        _tell(f"The alarm {id_} ends by itself")
        self._await(id_, lambda alarm: alarm.state == "OK", "ending")
        _show(f"OK {id_}")

    def _await(self, id_: str, is_so: Any, doing: str) -> Alarm:  # Any: a predicate of an alarm
        began = time.monotonic()
        while True:
            alarm = next((one for one in alarms.read(self._config) if one.id == id_), None)
            _require(alarm is not None, f"the stack has the alarm {id_}")
            assert alarm is not None
            _require(self._bridge.error is None, f"metrics are followed: {self._bridge.error!r}")
            if is_so(alarm):
                return alarm
            waited = time.monotonic() - began
            _require(waited < ALARM_SECONDS, f"{id_} is {doing} within {ALARM_SECONDS:.0f} s")
            if sys.stdout.isatty():
                print(f"\r    {id_} is {alarm.state}: {waited:4.0f} s ", end="", flush=True)
            time.sleep(2.0)
            if sys.stdout.isatty():
                print("\r", end="")

    def _runbook(self, alarm: Alarm) -> Runbook:
        _tell(f"It names its runbook: {alarm.runbook}")
        book = runbooks.of(alarm)
        for line in book.text.splitlines()[:6]:
            _show(line)
        return book

    def _follow(self, book: Runbook, *words: str, fine: Sequence[int] = (0,)) -> str:
        """Run the runbook's command with those words, show and answer what it prints."""
        command = book.command(*words)
        print(f"\n    $ {command}", flush=True)
        done = runbooks.run(self._config, command, {"SLOT": self._slots[1]})
        for line in (done.stdout + done.stderr).splitlines()[:20]:
            _show(line)
        _require(done.returncode in fine, f"{command!r} ends with {fine[0]}, not {done.returncode}")
        return done.stdout


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # what is broken by then is put right on the way out


def _told(crowd: Crowd) -> str:
    return ", ".join(f"{n} x {s or 'no answer'}" for s, n in sorted(crowd.statuses.items()))


def _expect(answer: Answer, status: int) -> Answer:
    _require(answer.status == status, f"expected {status}, got {answer.status} {answer.text}")
    return answer


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise BrokenPromise(what)


def _title(what: str) -> None:
    print(f"\n=== {what}")


def _tell(what: str) -> None:
    print(f"\n* {what}", flush=True)


def _show(what: str) -> None:
    print(f"    {what}", flush=True)
