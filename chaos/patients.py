"""Patients who book, change their minds and mistype, at random but by a seed."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chaos.client import Client
from chaos.history import Fate, Request

CODE_SECONDS = 20.0
"""A patient who waits longer for a message asks for another, or gives up."""
LOOKS_EVERY_SECONDS = 0.25
KEEPS_BOOKINGS = 8
"""Who has more cancels one, so that there are always slots."""
WRONG_CODE, RESEND, REPEAT = 0.15, 0.08, 0.12
_CODE = re.compile(r"\b(\d{6}) is your code")


@dataclass(slots=True)
class Patient:
    """One person: `inbox` gives the texts on their phone, oldest first."""

    client: Client
    doctors: Sequence[str]
    inbox: Callable[[], Sequence[str]]
    rng: random.Random
    stopping: threading.Event
    bookings: dict[str, str] = field(default_factory=dict)
    """Those they know to be confirmed, and the slot of each."""

    def try_everything(self) -> None:
        """Each kind of request once, one after the other: what is cold gets warm."""
        self._book()
        self._book()
        self._move()
        held = self._hold(None)
        if held is not None:
            self._resend(held.answer["attemptId"])
        for what in (self._release, self._cancel, self._book, self._give_up):
            what()

    def live(self) -> None:
        """Do one thing after another until it is time to stop."""
        while not self.stopping.is_set():
            if len(self.bookings) > KEEPS_BOOKINGS:
                self._cancel()
                continue
            what = self.rng.choices(
                [self._book, self._abandon, self._release, self._cancel, self._give_up, self._move],
                weights=[45, 5, 12, 16, 8, 14],
            )
            what[0]()

    def _book(self, replaces: str | None = None) -> None:
        held = self._hold(replaces)
        if held is None:
            return
        attempt, slot = held.answer["attemptId"], held.answer["slotId"]
        if self._chance(WRONG_CODE):
            self._verify(attempt, f"{self.rng.randrange(10**6):06}", replaces)
        seen = 0
        if self._chance(RESEND):
            seen = len(self._codes())
            self._resend(attempt)
        for _ in range(3):
            code, seen = self._next_code(seen)
            if code is None:
                if self._resend(attempt).fate is not Fate.DONE:
                    return
                continue
            told = self._verify(attempt, code, replaces)
            if told.fate is Fate.DONE:
                self.bookings[told.answer["id"]] = slot
                if replaces is not None:
                    self.bookings.pop(replaces, None)
            if told.fate is not Fate.REFUSED or told.answer.get("code") != "otp_invalid":
                return

    def _abandon(self) -> None:
        self._hold(None)

    def _release(self) -> None:
        held = self._hold(None)
        if held is not None:
            attempt = held.answer["attemptId"]
            path = f"/bookings/{attempt}/hold"
            self.client.ask("release", "DELETE", path, about={"attemptId": attempt})

    def _cancel(self) -> None:
        self._end("cancel", {"reason": "a cold"})

    def _give_up(self) -> None:
        self._end("reschedule", {})

    def _end(self, op: str, body: object) -> None:
        booking = self._one_of_theirs()
        if booking is None:
            return
        path, about = f"/bookings/{booking}/{op}", {"bookingId": booking}
        # Whatever becomes of it, they do not count on it any more.
        del self.bookings[booking]
        told = self.client.ask(op, "PATCH", path, body=body, about=about)
        if self._chance(REPEAT):
            self.client.ask(op, "PATCH", path, body=body, about=about, repeats=told)

    def _move(self) -> None:
        booking = self._one_of_theirs()
        if booking is not None:
            self._book(replaces=booking)
            # If it was replaced without their learning of it, they leave it alone from now on.

    def _hold(self, replaces: str | None) -> Request | None:
        """A hold of one of the first free slots, where others look as well; None: refused."""
        slot = self._free_slot()
        if slot is None:
            return None
        body = {"slotId": slot} | ({"replaces": replaces} if replaces else {})
        about = body
        told = self.client.ask("hold", "POST", "/bookings", body=body, about=about)
        if self._chance(REPEAT):
            self.client.ask("hold", "POST", "/bookings", body=body, about=about, repeats=told)
        return told if told.fate is Fate.DONE else None

    def _free_slot(self) -> str | None:
        doctor = self.rng.choice(self.doctors)
        limit = self.rng.choice((10, 20, 50))
        day = datetime.now(UTC) + timedelta(days=self.rng.randrange(25))
        path = f"/doctors/{doctor}/slots?limit={limit}&from={day:%Y-%m-%dT%H:%M:%SZ}"
        told = self.client.ask("slots", "GET", path, about={"doctorId": doctor})
        free = told.answer.get("items") or [None]
        found: str | None = self.rng.choice(free)
        return found

    def _verify(self, attempt: str, code: str, replaces: str | None) -> Request:
        path = f"/bookings/{attempt}/verify-otp"
        about = {"attemptId": attempt} | ({"replaces": replaces} if replaces else {})
        told = self.client.ask("verify", "POST", path, body={"code": code}, about=about)
        if told.fate is Fate.DONE and self._chance(REPEAT):
            self.client.ask("verify", "POST", path, body={"code": code}, about=about, repeats=told)
        return told

    def _resend(self, attempt: str) -> Request:
        path = f"/bookings/{attempt}/resend-otp"
        return self.client.ask("resend", "POST", path, about={"attemptId": attempt})

    def _next_code(self, seen: int) -> tuple[str | None, int]:
        """The newest code, once more than `seen` have arrived; and how many there are then."""
        ends_at = time.monotonic() + CODE_SECONDS
        while time.monotonic() < ends_at:
            codes = self._codes()
            if len(codes) > seen:
                return codes[-1], len(codes)
            time.sleep(LOOKS_EVERY_SECONDS)
        return None, seen

    def _codes(self) -> list[str]:
        return [found[1] for text in self.inbox() if (found := _CODE.search(text))]

    def _one_of_theirs(self) -> str | None:
        return self.rng.choice(list(self.bookings)) if self.bookings else None

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share
