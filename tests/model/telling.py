"""What the schedules do, and what patients are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from slotkeeper.domain.booking import BookingStatus
from slotkeeper.domain.events import DomainEvent
from tests.model.refused import Refused
from tests.model.state import State
from tests.model.things import ENDS, CodeMessage, Notice, Patient

LEASE = timedelta(seconds=60)
"""What a relay took and could not send is left alone for so long."""


class Telling(State):
    def sweep(self) -> tuple[int, int]:
        """Holds that were ended or found ended, and facts that were told."""
        for slot in self.slots.values():
            if self._is_lapsed(slot):
                self._expire(slot)
        told = self._tell_all()
        return sum(fact.type == "hold.expired" for fact in told), len(told)

    def relay(self, *, queue_is_up: bool) -> tuple[int, int]:
        """Facts that were told, and events that were queued, in order for each booking."""
        told = self._tell_all()
        going = self._going()
        if going and not queue_is_up:
            for notice in going:
                notice.leased_until = self.now + LEASE
            raise Refused("unavailable", retry_in=5)
        for notice in going:
            notice.is_sent, notice.leased_until = True, None
        self.events_queued += [notice.fact for notice in going]
        return len(told), len(going)

    def _going(self) -> list[Notice]:
        waiting: set[str] = set()
        going = []
        unsent = [notice for notice in self.outbox.values() if not notice.is_sent]
        for notice in _by_version(sorted(unsent, key=lambda n: (n.fact.at, n.fact.id))):
            is_leased = notice.leased_until is not None and self.now < notice.leased_until
            if is_leased or notice.fact.aggregate_id in waiting:
                waiting.add(notice.fact.aggregate_id)
            else:
                going.append(notice)
        return going

    def _tell_all(self) -> list[DomainEvent]:
        told = []
        for slot in self.slots.values():
            told += slot.facts
            self._record(slot, slot.facts)
            slot.facts = []
        for fact in told:
            # What an attempt that is over has in Redis; also where the same one began again since.
            if fact.type in {"booking.confirmed", "hold.released", "hold.expired"}:
                proved = fact.type == "booking.confirmed"
                self.memory.forget(fact.user_id, fact.slot_id, fact.attempt_id, proved=proved)
        return told

    def deliver_code(self, message: CodeMessage, down: frozenset[str]) -> tuple[str, str | None]:
        """The code's fate, and the address it was sent to now."""
        code = self.memory.codes.get(message.attempt)
        if code is None or code.number != message.number:
            return "not_due", None
        patient = self.patients[message.user]
        key = (message.attempt, message.number, code.seed)
        if key in self.delivered:
            return "not_due", None
        if not self._may_send(patient, message.channel):
            self.delivered.add(key)
            return "capped", None
        address = self._send(patient, message.channel, down)
        self._count(patient, message.channel)
        self.delivered.add(key)
        return "sent", address

    def deliver_event(self, fact: DomainEvent, down: frozenset[str]) -> tuple[str, str | None]:
        """The notice's fate, and the address that was told now.

        Each patient hears of each event once, and not of a booking that has ended that it began.
        """
        is_told = fact.type in {"booking.confirmed", *ENDS} and fact.replaced_by is None
        if not is_told or fact.booking_id is None:
            return "not_due", None
        newest = self.newest_told.get(fact.booking_id, 0)
        self.newest_told[fact.booking_id] = max(newest, fact.version)
        booking = self.bookings[fact.booking_id]
        has_ended = fact.version < newest or booking.status is not BookingStatus.CONFIRMED
        if fact.type == "booking.confirmed" and has_ended:
            # News is only the end of the one that it replaced, if nothing else tells of that.
            is_news = fact.replaces is not None and booking.replaced_by is None
            return "superseded", self._tell_once(fact, down) if is_news else None
        address = self._tell_once(fact, down)
        return "sent" if address else "not_due", address

    def _tell_once(self, fact: DomainEvent, down: frozenset[str]) -> str | None:
        if (fact.id,) in self.delivered:
            return None
        patient = self.patients[fact.user_id]
        channel = patient.channel(patient.preferred, "sms", "email") or "email"
        if channel == "sms" and not self._may_send(patient, "sms"):
            channel = "email"  # costs nothing
            if patient.email is None:
                self.delivered.add((fact.id,))
                return None
        address = self._send(patient, channel, down)
        if channel == "sms":
            self._count(patient, channel)
        self.delivered.add((fact.id,))
        return address

    def _send(self, patient: Patient, channel: str, down: frozenset[str]) -> str:
        ways = ["sms", "email"] if channel == "sms" else ["email"]
        reached = patient.channel(*(way for way in ways if way not in down))
        if reached is None:
            raise Refused("unavailable", retry_in=5)
        return str(patient.address(reached))

    def _count(self, patient: Patient, channel: str) -> None:
        for who in [patient.id, *([patient.phone or ""] if channel == "sms" else [])]:
            self.codes_today[who] = self.codes_today.get(who, 0) + 1


def _by_version(notices: Sequence[Notice]) -> list[Notice]:
    """Those of one booking in order of version, in the places that they have together."""
    ordered = sorted(notices, key=lambda notice: notice.fact.version)
    of_each: dict[str, list[Notice]] = {}
    for notice in ordered:
        of_each.setdefault(notice.fact.aggregate_id, []).append(notice)
    return [of_each[notice.fact.aggregate_id].pop(0) for notice in notices]
