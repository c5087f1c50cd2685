"""What there is, time, and what every part of the specification goes by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.policy import BookingPolicy
from tests.model.memory import Memory
from tests.model.refused import Refused, seconds
from tests.model.things import ENDS, CodeMessage, Hold, Notice, Patient, Row, Slot


class State:
    def __init__(
        self,
        now: datetime,
        policy: BookingPolicy,
        patients: Iterable[Patient],
        slots: Iterable[Slot],
        clinics: dict[str, str],
    ):
        self.now = now
        self.policy = policy
        self.patients = {patient.id: patient for patient in patients}
        self.slots = {slot.id: slot for slot in slots}
        self.clinics = clinics
        """The clinic of each doctor, and of each of the staff."""
        self.bookings: dict[str, Booking] = {}
        self.outbox: dict[str, Notice] = {}
        self.audit: dict[str, DomainEvent] = {}
        self.owners: dict[str, str] = {}
        self.newest_removed: dict[str, int] = {}
        self.codes_queued: list[CodeMessage] = []
        self.events_queued: list[DomainEvent] = []
        self.delivered: set[tuple[object, ...]] = set()
        self.newest_told: dict[str, int] = {}
        self.codes_today: dict[str, int] = {}
        self.rows: dict[str, Row] = {}
        """Of wrong codes."""
        self._seeds = 0
        self.lose_redis()

    def advance(self, by: timedelta) -> None:
        day = self.now.date()
        self.now += by
        self.memory.lapse(self.now)
        if self.now.date() != day:
            self.codes_today = {}

    def lose_redis(self) -> None:
        self.memory = Memory(self.policy, self._new_seed)

    def _new_seed(self) -> int:
        self._seeds += 1
        return self._seeds

    def _is_free(self, slot: Slot) -> bool:
        """A hold that is over is free to the next patient, whether or not the sweep has run."""
        return slot.status == "active" or self._is_lapsed(slot)

    def _is_lapsed(self, slot: Slot) -> bool:
        return slot.status == "reserved" and slot.live_hold(self.now) is None

    def _is_somebody_s(self, slot: Slot) -> Refused | None:
        hold = slot.live_hold(self.now)
        return Refused("slot_held", retry_in=seconds(hold.until - self.now)) if hold else None

    def _slot_of(self, attempt: str) -> Slot | None:
        """The slot that the attempt holds, or where something of it is still to be told."""
        for slot in self.slots.values():
            is_held = slot.hold is not None and slot.hold.attempt == attempt
            if is_held or any(fact.attempt_id == attempt for fact in slot.facts):
                return slot
        return None

    def _live_hold_of(self, attempt: str, slot: Slot | None) -> Hold | None:
        hold = slot.live_hold(self.now) if slot else None
        return hold if hold and hold.attempt == attempt else None

    def _ensure_theirs(self, user: str, attempt: str) -> None:
        if self.owners.get(attempt) != user:
            raise Refused("not_found")

    def _is_ahead(self, slot: Slot, ahead: timedelta | None) -> bool:
        return ahead is None or slot.start - self.now > ahead

    def _sent(self, hold: Hold, channel: str) -> tuple[str, datetime, datetime]:
        return channel, hold.code_until, min(hold.sent_at + self.wait_after(hold), hold.until)

    def wait_after(self, hold: Hold) -> timedelta:
        """Twice as long each time."""
        wait = self.policy.resend_wait
        for _ in range(hold.sends - 1):
            wait += wait
        return wait

    def resend_wait_of(self, attempt: str) -> timedelta:
        """How long until the attempt may have another code; nothing where it has no hold."""
        hold = self._live_hold_of(attempt, self._slot_of(attempt))
        return self.wait_after(hold) if hold else timedelta(0)

    def _fail(self, user: str) -> None:
        """A wrong code, counted where it is not lost with Redis."""
        row = self.rows.setdefault(user, Row(0, 0, self.now, self.now))
        row.in_a_row += 1
        if row.window_ends <= self.now:
            row.in_window, row.window_ends = 0, self.now + self.policy.failure_window
        row.in_window += 1
        row.failed_at = self.now

    def _ensure_codes_left(self, patient: Patient, channel: str) -> None:
        row = self.rows.get(patient.id)
        if row and row.in_a_row >= self.policy.max_failures_in_a_row:
            raise Refused("otp_locked", retry_in=86_400)
        is_of_late = row is not None and self.now < row.window_ends
        if row and is_of_late and row.in_window >= self.policy.max_failures_per_user:
            raise Refused("otp_locked", retry_in=seconds(row.window_ends - self.now))
        if not self._may_send(patient, channel):
            tomorrow = (self.now + timedelta(days=1)).replace(hour=0, minute=0, second=0)
            raise Refused("rate_limited", retry_in=seconds(tomorrow - self.now))

    def _may_send(self, patient: Patient, channel: str) -> bool:
        of_user = self.codes_today.get(patient.id, 0) < self.policy.max_codes_per_user
        of_phone = self.codes_today.get(patient.phone or "", 0) < self.policy.max_codes_per_phone
        return of_user and (of_phone or channel != "sms")

    def _give_back(
        self,
        slot: Slot,
        booking: Booking,
        status: str,
        actor: str,
        key: str,
        replaced_by: str | None = None,
    ) -> DomainEvent:
        slot.status = "active" if self.now < slot.start else "blocked"
        slot.booking = None
        slot.version += 1
        fact = self._fact(slot, f"booking.{status}", ("confirmed", status), actor)
        ended = replace(
            fact,
            aggregate_id=booking.id,
            booking_id=booking.id,
            user_id=booking.user_id,
            attempt_id=booking.attempt_id,
            request_key=key,
            replaced_by=replaced_by,
        )
        slot.facts.append(ended)
        return ended

    def _lapse(self, slot: Slot) -> bool:
        """A hold that is over is told by the change that takes its place, at its version."""
        hold = slot.hold
        if hold is None or not self._is_lapsed(slot):
            return False
        slot.version += 1
        self._tell(slot, "hold.expired", ("reserved", "active"), hold, actor="system")
        slot.version -= 1
        return True

    def _expire(self, slot: Slot) -> None:
        self._lapse(slot)
        slot.status, slot.hold = "active", None
        slot.version += 1

    def _tell(
        self,
        slot: Slot,
        type_: str,
        change: tuple[str, str],
        hold: Hold,
        *,
        actor: str,
        booking: str | None = None,
    ) -> DomainEvent:
        """What became of the hold."""
        fact = replace(
            self._fact(slot, type_, change, actor),
            aggregate_id=booking or hold.attempt,
            user_id=hold.user,
            attempt_id=hold.attempt,
            booking_id=booking,
            replaces=hold.replaces if booking else None,
        )
        slot.facts.append(fact)
        return fact

    def _fact(self, slot: Slot, type_: str, change: tuple[str, str], actor: str) -> DomainEvent:
        return DomainEvent(
            id=f"{slot.id}-{slot.version}",
            type=type_,
            aggregate_id=slot.id,
            slot_id=slot.id,
            doctor_id=slot.doctor,
            user_id="",
            attempt_id="",
            booking_id=None,
            from_status=change[0],
            to_status=change[1],
            version=slot.version,
            actor=actor,
            request_id="",
            at=self.now,
        )

    def _record(self, slot: Slot, facts: Sequence[DomainEvent], *, is_booked: bool = False) -> None:
        """Booking, outbox event and audit entry of each: once, however often it is told.

        `is_booked` where the booking is known to be stored, and its patient's row to have ended.
        """
        for fact in facts:
            if fact.type == "booking.confirmed" and not is_booked:
                self._follow_confirmation(slot, fact)
            elif fact.type in ENDS:
                self._follow_end(fact)
            self.outbox.setdefault(fact.id, Notice(fact))
            self.audit.setdefault(fact.id, fact)

    def _follow_confirmation(self, slot: Slot, fact: DomainEvent) -> None:
        assert fact.booking_id is not None
        row = self.rows.get(fact.user_id)
        if row and row.failed_at <= fact.at:
            del self.rows[fact.user_id]
        self.bookings.setdefault(
            fact.booking_id,
            Booking(
                id=fact.booking_id,
                attempt_id=fact.attempt_id,
                slot_id=slot.id,
                doctor_id=slot.doctor,
                user_id=fact.user_id,
                date=f"{slot.start:%Y-%m-%d}",
                start_time=slot.start,
                end_time=slot.end,
                status=BookingStatus.CONFIRMED,
                version=1,
                created_at=fact.at,
                updated_at=fact.at,
                replaces=fact.replaces,
            ),
        )

    def _follow_end(self, fact: DomainEvent) -> None:
        booking = self.bookings[fact.booking_id or ""]
        if booking.status is BookingStatus.CONFIRMED:
            self.bookings[booking.id] = replace(
                booking,
                status=BookingStatus(fact.to_status),
                version=booking.version + 1,
                updated_at=fact.at,
                changed_by=fact.request_key,
                replaced_by=fact.replaced_by,
            )
