"""The users, and how many of them there are: what locust runs, in its own environment."""

from __future__ import annotations

import json
import os
import random
import secrets
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import gevent
from locust import HttpUser, LoadTestShape, constant_throughput, events, task

from load import steps
from load.answers import Meaning
from load.client import Asking, answered, from_environment

CODE_SECONDS = 20.0
KEEPS = 3
"""Who has more bookings cancels one, so that there are always slots."""
HOT_SLOTS = 3
LOOKS_EVERY_SECONDS = 0.25
TELLS_EVERY_SECONDS = 5.0

people, inbox, notes = from_environment()
_rate = float(os.environ["LOAD_RATE"])
_seconds = float(os.environ["LOAD_SECONDS"])
_users = int(os.environ["LOAD_USERS"])
_steps = (steps.ramp if os.environ["LOAD_KIND"] == "ramp" else steps.steady)(_users, _seconds)
_began = time.monotonic()
_hot: list[str] = []


class Patient(HttpUser):
    """Somebody who uses the service; the kinds below differ in what they come for."""

    abstract = True
    wait_time = constant_throughput(_rate)

    def on_start(self) -> None:
        self._become_somebody()
        what, told = self.asking.ask("doctors", "GET", "/doctors")
        shown = told.get("items", []) if what is Meaning.DONE else []
        # No load test moves anybody's money.
        self.doctors = [one["id"] for one in shown if not one.get("consultationFee")]

    def _become_somebody(self) -> None:
        self.generation = people.generation
        self.person = people.next()
        self.asking = Asking(self.client, self.person)
        self.bookings: list[str] = []

    def free_slots(self, *, soon: bool = False) -> list[str]:
        if not self.doctors:
            return []
        doctor = self.doctors[0] if soon else random.choice(self.doctors)
        day = datetime.now(UTC) + timedelta(days=2 if soon else random.randrange(2, 25))
        path = f"/doctors/{doctor}/slots?limit=20&from={day:%Y-%m-%dT00:00:00Z}"
        what, told = self.asking.ask("slots", "GET", path)
        return [one["id"] for one in told.get("items", [])] if what is Meaning.DONE else []

    def hold(self, slot: str) -> str | None:
        """The attempt, or None where it was refused."""
        key = {"Idempotency-Key": secrets.token_hex(16)}
        what, told = self.asking.ask(
            "hold", "POST", "/bookings", body={"slotId": slot}, headers=key
        )
        return str(told["attemptId"]) if what is Meaning.DONE else None

    def release(self, attempt: str) -> None:
        self.asking.ask("release", "DELETE", f"/bookings/{attempt}/hold")


class Booking(Patient):
    """Holds a slot, reads the code, confirms; sometimes cancels, gives up for another time, or
    lets the hold go. Where codes cannot be read, holds and lets go."""

    weight = 5

    @task
    def book(self) -> None:
        if self.generation != people.generation:
            while self.bookings:
                self._end("cancel")
            self._become_somebody()
        free = self.free_slots()
        before = len(inbox.codes(self.person.phone)) if inbox.is_readable else 0
        attempt = self.hold(random.choice(free)) if free else None
        if attempt is None:
            return
        if not inbox.is_readable or random.random() < 0.1:
            self.release(attempt)
            return
        code = self._code(before)
        if code is None:
            self.release(attempt)
            return
        path = f"/bookings/{attempt}/verify-otp"
        what, told = self.asking.ask("verify", "POST", path, body={"code": code})
        if what is not Meaning.DONE:
            return
        self.bookings.append(told["id"])
        notes.confirmed(told["id"], self.person.line)
        if len(self.bookings) > KEEPS or random.random() < 0.2:
            self._end(random.choice(("cancel", "cancel", "reschedule")))

    def _end(self, how: str) -> None:
        booking = self.bookings.pop(0)
        # Before it is asked for: it may come to pass though no answer arrives.
        notes.ended(booking)
        body = {"reason": "a cold"} if how == "cancel" else {}
        self.asking.ask(how, "PATCH", f"/bookings/{booking}/{how}", body=body)

    def _code(self, before: int) -> str | None:
        ends_at = time.monotonic() + CODE_SECONDS
        while time.monotonic() < ends_at:
            codes = inbox.codes(self.person.phone)
            if len(codes) > before:
                return codes[-1]
            gevent.sleep(LOOKS_EVERY_SECONDS)
        return None


class Contention(Patient):
    """Wants one of the few slots that everybody wants; lets it go again, for the next one."""

    weight = 2

    @task
    def snatch(self) -> None:
        if not _hot:
            _hot.extend(self.free_slots(soon=True)[:HOT_SLOTS])
        attempt = self.hold(random.choice(_hot)) if _hot else None
        if attempt is not None:
            gevent.sleep(1.0 / _rate)
            self.release(attempt)


class Browsing(Patient):
    """Looks at doctors, free slots and the bookings they have."""

    weight = 3

    @task(2)
    def doctors_list(self) -> None:
        self.asking.ask("doctors", "GET", "/doctors")

    @task(5)
    def slots(self) -> None:
        self.free_slots()

    @task(2)
    def own(self) -> None:
        self.asking.ask("own bookings", "GET", "/bookings")


class Shape(LoadTestShape):
    """The steps of the run, one after the other."""

    def tick(self) -> tuple[int, float] | None:
        step = steps.at(_steps, self.get_run_time())
        return None if step is None else (step.users, max(1.0, step.users / 5))


@events.test_start.add_listener
def _tell_progress(environment: Any, **_: Any) -> None:  # Any: locust has no types here
    def tell() -> None:
        while True:
            gevent.sleep(TELLS_EVERY_SECONDS)
            print(_progress(environment), file=sys.stderr, flush=True)

    gevent.spawn(tell)


def _progress(environment: Any) -> str:
    elapsed = time.monotonic() - _began
    step = steps.at(_steps, elapsed)
    total = environment.stats.total
    kinds = dict.fromkeys(Meaning, 0)
    for (_, _, _, kind), count in answered.items():
        kinds[Meaning(kind)] += count
    return (
        f"[{elapsed:6.0f} of {_seconds:.0f} s] {step.name if step else 'ending':6} "
        f"{environment.runner.user_count:4} users  {total.current_rps:7.1f} requests/s  "
        f"p95 {total.get_current_response_time_percentile(0.95) or 0:5.0f} ms  "
        f"refused {kinds[Meaning.REFUSED]}  failed {kinds[Meaning.FAILED]}"
    )


@events.quitting.add_listener
def _write_results(environment: Any, **_: Any) -> None:
    times = {
        entry.name: {
            "count": entry.num_requests,
            "p50": entry.get_response_time_percentile(0.5),
            "p95": entry.get_response_time_percentile(0.95),
            "p99": entry.get_response_time_percentile(0.99),
            "longest": entry.max_response_time,
        }
        for entry in environment.stats.entries.values()
    }
    told = {
        "seconds": round(time.monotonic() - _began, 1),
        "times": dict(sorted(times.items())),
        "answers": [
            {"operation": op, "status": status, "code": code, "meaning": what, "count": count}
            for (op, status, code, what), count in sorted(answered.items())
        ],
    }
    Path(os.environ["LOAD_RESULTS"]).write_text(json.dumps(told, indent=2) + "\n")
    environment.process_exit_code = 0  # whether it was good is decided by who started us
