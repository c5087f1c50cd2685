"""The specification: what Slotkeeper answers and what is stored then, in plain Python.

One thing happens after the other, so every answer follows from what happened before. The model
takes ids from the domain (`attempt_id`, `booking_id`) and its value types for what is answered and
told (`Booking`, `DomainEvent`); rules are written down here once more, in other words.

Whether Redis or MongoDB refuses shows in what is left afterwards and, where they know different
ends, in Retry-After; so the model has what Redis knows too (`Memory`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.policy import BookingPolicy
from tests.model.memory import Admitted, Code, Memory, Ticket
from tests.model.refused import Refused, seconds

LEASE = timedelta(seconds=60)
"""What a relay took and could not send is left alone for so long."""
ENDS = {"booking.cancelled", "booking.rescheduled"}


@dataclass(frozen=True)
class Patient:
    id: str
    phone: str | None = None
    email: str | None = None
    preferred: str | None = None

    def address(self, channel: str | None) -> str | None:
        return {"sms": self.phone, "email": self.email}.get(channel or "")

    def channel(self, *wanted: str | None) -> str | None:
        """The first of them by which the patient can be reached."""
        return next((one for one in wanted if self.address(one)), None)

    def channel_for_code(self, wanted: str | None) -> str:
        channel = self.channel(*([wanted] if wanted else [self.preferred, "sms", "email"]))
        if channel is None:
            raise Refused("invalid_request")
        return channel


@dataclass
class Hold:
    user: str
    attempt: str
    until: datetime
    channel: str | None
    replaces: str | None
    sent_at: datetime
    code_until: datetime
    sends: int = 1
    tries: int = 0
    resend_key: str | None = None
    previous: tuple[datetime, datetime] | None = None
    """When the code before the newest was sent, and until when it worked."""


@dataclass
class Slot:
    id: str
    doctor: str
    start: datetime
    end: datetime
    status: str = "active"
    version: int = 1
    hold: Hold | None = None
    booking: str | None = None
    facts: list[DomainEvent] = field(default_factory=list)
    """Decided here, not yet known to be told."""

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.start < end and start < self.end

    def live_hold(self, now: datetime) -> Hold | None:
        return self.hold if self.hold and now < self.hold.until else None

    def told(self, type_: str, **of: str) -> DomainEvent | None:
        found = (fact for fact in self.facts if fact.type == type_)
        return next((f for f in found if all(getattr(f, k) == v for k, v in of.items())), None)


@dataclass
class Notice:
    """An event in the outbox."""

    fact: DomainEvent
    is_sent: bool = False
    leased_until: datetime | None = None


@dataclass(frozen=True)
class Held:
    attempt: str
    slot: str
    until: datetime
    at: datetime
    sent: tuple[str, datetime, datetime]
    """By which channel the code went, until when it works, when the next may be asked for."""


@dataclass(frozen=True)
class CodeMessage:
    attempt: str
    user: str
    channel: str
    number: int


class Model:
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
        self._seeds = 0
        self.lose_redis()

    # --- time and misfortune

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

    # --- holding a slot

    def ticket(
        self, user: str, slot_id: str, key: str, channel: str | None, replaces: str | None
    ) -> Ticket:
        attempt = attempt_id(user, key, slot_id)
        self.owners[attempt] = user
        return Ticket(user, key, slot_id, attempt, asked=(slot_id, channel, replaces))

    def hold(
        self,
        user: str,
        slot_id: str,
        key: str,
        channel: str | None = None,
        replaces: str | None = None,
        *,
        queue_is_up: bool = True,
    ) -> Held:
        ticket = self.ticket(user, slot_id, key, channel, replaces)
        got = self.memory.admit(ticket, self.now)
        if got.request is not None and got.request.asked == ticket.asked and got.request.answer:
            self.memory.withdraw(ticket, got)
            answer: Held = got.request.answer
            return answer
        try:
            self.memory.refuse_unless_admitted(ticket, got, self.now)
            return self._hold(ticket, got, channel, replaces, queue_is_up=queue_is_up)
        except Refused:
            self.memory.withdraw(ticket, got)
            raise

    def _hold(
        self,
        ticket: Ticket,
        got: Admitted,
        channel: str | None,
        replaces: str | None,
        *,
        queue_is_up: bool,
    ) -> Held:
        slot = self.slots.get(ticket.slot)
        if slot is None:
            raise Refused("not_found")
        made = self._place(slot, ticket, channel, replaces)
        hold = slot.live_hold(self.now)
        if hold is None or hold.user != ticket.user:
            raise self._not_to_be_had(slot)
        try:
            self._ensure_may_hold(slot, hold, ticket, got, replaces)
            patient = self.patients[ticket.user]
            by = patient.channel_for_code(hold.channel)
            if made:
                self._ensure_codes_left(patient, by)
            # A seed that outlived a request that died: its code was perhaps never queued.
            if made or (hold.attempt == ticket.attempt and not got.took_code):
                if not queue_is_up:
                    raise Refused("unavailable", retry_in=5)
                self.codes_queued.append(CodeMessage(hold.attempt, ticket.user, by, hold.sends))
        except Refused:
            if made:
                slot.status, slot.hold = "active", None
                slot.version += 1
            raise
        answer = Held(hold.attempt, slot.id, hold.until, self.now, self._sent(hold, by))
        if hold.attempt == ticket.attempt:
            self.memory.complete(ticket, answer, hold.until, self.now)
        else:
            # Their own slot again, under another key: the same attempt, with its old end.
            self.memory.answered(ticket, answer, self.now)
            self.memory.give_back(ticket, got)
        return answer

    def _place(self, slot: Slot, ticket: Ticket, channel: str | None, replaces: str | None) -> bool:
        if not self._is_free(slot) or slot.start <= self.now:
            return False
        self._lapse(slot)
        slot.status = "reserved"
        slot.version += 1
        slot.hold = Hold(
            user=ticket.user,
            attempt=ticket.attempt,
            until=self.now + self.policy.hold,
            channel=channel,
            replaces=replaces,
            sent_at=self.now,
            code_until=self.now + min(self.policy.code_lifetime, self.policy.hold),
        )
        return True

    def _is_free(self, slot: Slot) -> bool:
        """A hold that is over is free to the next patient, whether or not the sweep has run."""
        return slot.status == "active" or self._is_lapsed(slot)

    def _is_lapsed(self, slot: Slot) -> bool:
        return slot.status == "reserved" and slot.live_hold(self.now) is None

    def _not_to_be_had(self, slot: Slot) -> Refused:
        if slot.start <= self.now:
            return Refused("slot_in_past")
        return self._is_somebody_s(slot) or Refused("slot_unavailable")

    def _is_somebody_s(self, slot: Slot) -> Refused | None:
        hold = slot.live_hold(self.now)
        return Refused("slot_held", retry_in=seconds(hold.until - self.now)) if hold else None

    def _ensure_may_hold(
        self, slot: Slot, hold: Hold, ticket: Ticket, got: Admitted, replaces: str | None
    ) -> None:
        if hold.attempt == ticket.attempt and booking_id(ticket.attempt) in self.bookings:
            raise Refused("idempotency_key_reused")
        if hold.replaces != replaces:
            raise Refused("slot_held", retry_in=seconds(hold.until - self.now))
        if replaces is not None:
            old = self.bookings.get(replaces)
            if old is None or old.user_id != ticket.user:
                raise Refused("not_found")
            if old.status is not BookingStatus.CONFIRMED:
                raise Refused("booking_not_confirmed")
            if old.start_time - self.now <= self.policy.reschedule_window:
                raise Refused("too_late")
        booked = [
            (booking.start_time, booking.end_time)
            for booking in self.bookings.values()
            if booking.user_id == ticket.user
            and booking.status is BookingStatus.CONFIRMED
            and booking.id != replaces
        ]
        # What else they hold only Redis knows: lost with it, as the cap on holds is.
        others = [self.slots[id_] for id_ in got.others if id_ in self.slots and id_ != slot.id]
        held = [(other.start, other.end) for other in others]
        if any(slot.overlaps(start, end) for start, end in booked + held):
            raise Refused("slot_unavailable")

    def _sent(self, hold: Hold, channel: str) -> tuple[str, datetime, datetime]:
        return channel, hold.code_until, min(hold.sent_at + self.policy.resend_wait, hold.until)

    def hold_and_die(self, user: str, slot_id: str, key: str) -> None:
        """A function that dies as soon as MongoDB has decided."""
        ticket = self.ticket(user, slot_id, key, None, None)
        got = self.memory.admit(ticket, self.now)
        if got.request is None and got.took_lock and got.took_place and slot_id in self.slots:
            self._place(self.slots[slot_id], ticket, None, None)

    # --- proving oneself

    def verify(self, user: str, attempt: str, *, is_right: bool) -> Booking:
        """The booking; `is_right` of the code that is computed from what Redis has."""
        self._ensure_theirs(user, attempt)
        code = self.memory.codes.get(attempt)
        if code is None:
            # Booked, over, or lost with Redis: whatever the code, nothing is told of it.
            slot = self._slot_of(attempt)
            self._complete(slot, attempt)
            return self._booked_or_refused(slot, attempt)
        code.calls += 1
        failures = self.memory.failures.get(user)
        if failures and failures.count >= self.policy.max_failures_per_user:
            raise Refused("otp_locked", retry_in=seconds(failures.until - self.now))
        if code.calls > self.policy.max_calls:
            raise Refused("otp_locked", retry_in=seconds(code.until - self.now))
        slot = self.slots.get(code.slot)
        hold = self._live_hold_of(attempt, slot)
        is_counted = False
        if not is_right:
            self.memory.fail(user, self.now)
            if hold is not None:
                is_counted = hold.tries < self.policy.max_tries
                hold.tries = min(hold.tries, self.policy.max_tries) + 1
        else:
            if slot is not None and hold is not None:
                self._confirm(slot, hold, code)
            self._complete(slot, attempt)
        return self._booked_or_refused(slot, attempt, is_counted=is_counted)

    def _confirm(self, slot: Slot, hold: Hold, code: Code) -> None:
        """The hold becomes a booking, together with the end of the one it replaces."""
        if hold.replaces is not None:
            self._record(slot, [fact for fact in slot.facts if fact.type in ENDS])
        is_good = code.number == hold.sends and self.now < hold.code_until
        if not is_good or hold.tries >= self.policy.max_tries:
            return
        new_id = booking_id(hold.attempt)
        if hold.replaces is not None:
            old = self.bookings[hold.replaces]
            old_slot = self.slots.get(old.slot_id)
            if old_slot is None or old_slot.booking != old.id:
                raise Refused("booking_not_confirmed")
            if not self._is_ahead(old_slot, self.policy.reschedule_window):
                raise Refused("too_late")
            ended = self._give_back(
                old_slot, old, "rescheduled", hold.user, hold.attempt, replaced_by=new_id
            )
            self._record(old_slot, [ended])
        slot.status, slot.booking, slot.hold = "booked", new_id, None
        slot.version += 1
        self._tell(
            slot, "booking.confirmed", ("reserved", "booked"), hold, booking=new_id, actor=hold.user
        )

    def _complete(self, slot: Slot | None, attempt: str) -> None:
        """A confirmation, made now or by a function that died since, is followed by all else."""
        confirmed = slot and slot.told("booking.confirmed", attempt_id=attempt)
        if slot and confirmed:
            # The end of the slot's earlier booking goes first, if that is still untold.
            self._record(slot, [f for f in slot.facts if f == confirmed or f.type in ENDS])
            self.memory.forget(confirmed.user_id, slot.id, attempt)

    def _booked_or_refused(
        self, slot: Slot | None, attempt: str, *, is_counted: bool = False
    ) -> Booking:
        hold = self._live_hold_of(attempt, slot)
        if hold is None:
            if booking_id(attempt) not in self.bookings:
                raise Refused("hold_expired")
            return self.bookings[booking_id(attempt)]
        if hold.tries >= self.policy.max_tries and not is_counted:
            raise Refused("otp_locked", retry_in=seconds(hold.until - self.now))
        raise Refused("otp_invalid", tries_left=self.policy.max_tries - hold.tries)

    def confirm_and_die(self, attempt: str) -> None:
        """A function that dies as soon as the slot is booked."""
        code = self.memory.codes[attempt]
        slot = self.slots.get(code.slot)
        hold = self._live_hold_of(attempt, slot)
        if slot is not None and hold is not None:
            self._confirm(slot, hold, code)

    def resend(
        self, user: str, attempt: str, key: str, *, queue_is_up: bool = True
    ) -> tuple[str, datetime, datetime]:
        self._ensure_theirs(user, attempt)
        known = self.memory.codes.get(attempt)
        slot = self.slots.get(known.slot) if known else self._slot_of(attempt)
        hold = self._live_hold_of(attempt, slot)
        if slot is None or hold is None:
            raise Refused("hold_expired")
        if hold.resend_key != key:
            self._ensure_may_resend(hold)
            hold.previous = hold.sent_at, hold.code_until
            hold.sends += 1
            hold.resend_key = key
            hold.sent_at = self.now
            hold.code_until = min(self.now + self.policy.code_lifetime, hold.until)
        patient = self.patients[user]
        by = patient.channel_for_code(hold.channel)
        seed = known.seed if known else self._new_seed()
        code = Code(user, slot.id, seed, hold.sends, hold.code_until)
        try:
            self._ensure_codes_left(patient, by)
            self.memory.put_code(attempt, code, self.now)
            if not queue_is_up:
                raise Refused("unavailable", retry_in=5)
        except Refused:
            # The earlier code is the newest again, and may be followed by another at once. So too
            # where the request is a repeated one, which may never have come so far before.
            put = self.memory.codes.get(attempt)
            if put is not None and put.number == hold.sends:
                put = replace(put, seed=seed, number=hold.sends - 1, until=hold.code_until)
                self.memory.put_code(attempt, put, self.now)
            hold.sends, hold.resend_key = hold.sends - 1, None
            assert hold.previous is not None
            hold.sent_at, hold.code_until = hold.previous
            raise
        self.codes_queued.append(CodeMessage(attempt, user, by, hold.sends))
        return self._sent(hold, by)

    def _ensure_may_resend(self, hold: Hold) -> None:
        if hold.tries >= self.policy.max_tries:
            raise Refused("otp_locked", retry_in=seconds(hold.until - self.now))
        if hold.sends >= self.policy.max_sends:
            raise Refused("rate_limited", retry_in=seconds(hold.until - self.now))
        again_at = hold.sent_at + self.policy.resend_wait
        if self.now < again_at:
            raise Refused("rate_limited", retry_in=seconds(again_at - self.now))

    def release(self, user: str, attempt: str) -> None:
        self._ensure_theirs(user, attempt)
        slot = self._slot_of(attempt)
        hold = self._live_hold_of(attempt, slot)
        if slot is None or hold is None:
            raise Refused("hold_expired")
        slot.status, slot.hold = "active", None
        slot.version += 1
        released = self._tell(slot, "hold.released", ("reserved", "active"), hold, actor=user)
        self._record(slot, [f for f in slot.facts if f == released or f.type in ENDS])
        self.memory.forget(user, slot.id, attempt)

    def _ensure_theirs(self, user: str, attempt: str) -> None:
        if self.owners.get(attempt) != user:
            raise Refused("not_found")

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

    # --- ending a booking

    def cancel(self, caller: str, id_: str, expected: int | None, key: str) -> Booking:
        booking = self._seen(caller, id_)
        if booking.status is BookingStatus.CANCELLED:
            if expected not in {None, booking.version, booking.version - 1}:
                raise Refused("precondition_failed")
            return booking
        ahead = self.policy.cancel_window if caller in self.patients else None
        return self._end(caller, booking, "cancelled", ahead, expected, key)

    def reschedule(self, caller: str, id_: str, expected: int | None, key: str) -> Booking:
        booking = self._seen(caller, id_)
        if booking.status is BookingStatus.RESCHEDULED and booking.changed_by == key:
            return booking
        ahead = self.policy.reschedule_window
        ended = self._end(caller, booking, "rescheduled", ahead, expected, key)
        if ended.changed_by != key:
            raise Refused("booking_not_confirmed")
        return ended

    def _seen(self, caller: str, id_: str) -> Booking:
        booking = self.bookings.get(id_)
        if booking is None:
            raise Refused("not_found")
        is_clinic_s = self.clinics.get(caller) == self.clinics[booking.doctor_id]
        if booking.user_id != caller and not is_clinic_s:
            raise Refused("not_found")
        return booking

    def _end(
        self,
        caller: str,
        booking: Booking,
        status: str,
        ahead: timedelta | None,
        expected: int | None,
        key: str,
    ) -> Booking:
        if expected not in {None, booking.version}:
            raise Refused("precondition_failed")
        if booking.status is not BookingStatus.CONFIRMED:
            raise Refused("booking_not_confirmed")
        slot = self.slots.get(booking.slot_id)
        if slot is None:
            raise Refused("booking_not_confirmed")
        if slot.booking == booking.id:
            if not self._is_ahead(slot, ahead):
                raise Refused("too_late")
            self._give_back(slot, booking, status, caller, key)
        if slot.told(f"booking.{status}", booking_id=booking.id) is None:
            raise Refused("booking_not_confirmed")
        self._record(slot, [fact for fact in slot.facts if fact.booking_id == booking.id])
        return self.bookings[booking.id]

    def end_and_die(self, caller: str, id_: str, status: str, key: str) -> None:
        """A function that dies as soon as the slot is given back."""
        booking = self.bookings[id_]
        slot = self.slots.get(booking.slot_id)
        if slot is not None and slot.booking == id_:
            self._give_back(slot, booking, status, caller, key)

    def _is_ahead(self, slot: Slot, ahead: timedelta | None) -> bool:
        return ahead is None or slot.start - self.now > ahead

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

    # --- the clinic

    def block(self, caller: str, slot_id: str, *, is_blocked: bool) -> str:
        """The slot's status then."""
        doctor, _, _ = slot_id.rpartition("_")
        slot = self.slots.get(slot_id)
        if self.clinics.get(caller) != self.clinics[doctor] or slot is None:
            raise Refused("not_found")
        held = self._is_somebody_s(slot)
        if held is not None:
            raise held
        if slot.status == "booked":
            raise Refused("slot_unavailable")
        told: list[DomainEvent] = [fact for fact in slot.facts if fact.type in ENDS]
        if is_blocked and slot.status != "blocked":
            if self._lapse(slot):
                slot.version += 1
            slot.status, slot.hold = "blocked", None
            slot.version += 1
            told.append(self._fact(slot, "slot.blocked", ("active", "blocked"), caller))
            slot.facts.append(told[-1])
        elif not is_blocked and slot.status == "blocked":
            slot.status = "active"
            slot.version += 1
            told.append(self._fact(slot, "slot.unblocked", ("blocked", "active"), caller))
            slot.facts.append(told[-1])
        self._record(slot, told)
        return "blocked" if is_blocked else "active"

    def change_time(
        self, caller: str, doctor: str, change: str, start: datetime, end: datetime
    ) -> tuple[int, list[str]]:
        """How many slots of the time were changed, and which are somebody's."""
        if self.clinics.get(caller) != self.clinics[doctor]:
            raise Refused("not_found")
        theirs = [
            slot
            for slot in self.slots.values()
            if slot.doctor == doctor and slot.overlaps(start, end)
        ]
        match change:
            case "blocked":
                changed = [slot for slot in theirs if self._is_free(slot)]
                for slot in changed:
                    self._lapse(slot)
                    slot.status, slot.hold = "blocked", None
                    slot.version += 1
            case "active":
                changed = [slot for slot in theirs if slot.status == "blocked"]
                for slot in changed:
                    slot.status = "active"
                    slot.version += 1
            case "removed":
                self._settle(theirs)
                changed = [slot for slot in theirs if slot.status in {"active", "blocked"}]
                for slot in changed:
                    del self.slots[slot.id]
                newest = max((slot.version for slot in changed), default=0)
                before = self.newest_removed.get(doctor, 0)
                self.newest_removed[doctor] = max(before, newest)
        left = sorted(
            (slot for slot in theirs if slot not in changed), key=lambda slot: (slot.start, slot.id)
        )
        kept = [s.id for s in left if s.status == "booked" or s.live_hold(self.now)]
        return len(changed), kept

    def _settle(self, slots: Sequence[Slot]) -> None:
        """Nothing of a slot may be untold when it goes."""
        is_needed = any(
            self._is_lapsed(slot) or (slot.facts and slot.status in {"active", "blocked"})
            for slot in slots
        )
        for slot in slots if is_needed else []:
            if self._is_lapsed(slot):
                self._expire(slot)
            if slot.status in {"active", "blocked"}:
                self._record(slot, slot.facts)
                slot.facts = []

    def fill(self, slot: Slot) -> tuple[int, int]:
        """The clinic makes one slot; how many were made and left out."""
        if slot.id in self.slots:
            return 0, 1
        # Facts are known by slot and version: a slot made again must not repeat them.
        version = self.newest_removed.get(slot.doctor, 0) + 1
        self.slots[slot.id] = replace(slot, version=version, facts=[])
        return 1, 0

    # --- what the schedules do

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

    # --- telling patients

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

    def _ensure_codes_left(self, patient: Patient, channel: str) -> None:
        if not self._may_send(patient, channel):
            tomorrow = (self.now + timedelta(days=1)).replace(hour=0, minute=0, second=0)
            raise Refused("rate_limited", retry_in=seconds(tomorrow - self.now))

    def _may_send(self, patient: Patient, channel: str) -> bool:
        of_user = self.codes_today.get(patient.id, 0) < self.policy.max_codes_per_user
        of_phone = self.codes_today.get(patient.phone or "", 0) < self.policy.max_codes_per_phone
        return of_user and (of_phone or channel != "sms")

    def _count(self, patient: Patient, channel: str) -> None:
        for who in [patient.id, *([patient.phone or ""] if channel == "sms" else [])]:
            self.codes_today[who] = self.codes_today.get(who, 0) + 1

    # --- what patients see

    def free(self, doctor: str) -> list[str]:
        found = (slot for slot in self.slots.values() if slot.doctor == doctor)
        free = [slot for slot in found if self._is_free(slot) and self.now < slot.start]
        return [slot.id for slot in sorted(free, key=lambda slot: slot.start)]

    def has_to_sweep(self) -> bool:
        return any(self._is_lapsed(slot) or slot.facts for slot in self.slots.values())

    def has_to_relay(self) -> bool:
        untold = any(slot.facts for slot in self.slots.values())
        return untold or any(not notice.is_sent for notice in self.outbox.values())

    def live_hold(self, slot_id: str) -> Hold | None:
        return self.slots[slot_id].live_hold(self.now)

    def hold_of(self, attempt: str) -> Hold | None:
        return self._live_hold_of(attempt, self._slot_of(attempt))

    def is_confirmed(self, id_: str) -> bool:
        booking = self.bookings.get(id_)
        return booking is not None and booking.status is BookingStatus.CONFIRMED

    # --- facts

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

    def _tell_all(self) -> list[DomainEvent]:
        told = []
        for slot in self.slots.values():
            told += slot.facts
            self._record(slot, slot.facts)
            slot.facts = []
        for fact in told:
            # What an attempt that is over has in Redis; also where the same one began again since.
            if fact.type in {"booking.confirmed", "hold.released", "hold.expired"}:
                self.memory.forget(fact.user_id, fact.slot_id, fact.attempt_id)
        return told

    def _record(self, slot: Slot, facts: Sequence[DomainEvent]) -> None:
        """Booking, outbox event and audit entry of each: once, however often it is told."""
        for fact in facts:
            if fact.type == "booking.confirmed":
                self._follow_confirmation(slot, fact)
            elif fact.type in ENDS:
                self._follow_end(fact)
            self.outbox.setdefault(fact.id, Notice(fact))
            self.audit.setdefault(fact.id, fact)

    def _follow_confirmation(self, slot: Slot, fact: DomainEvent) -> None:
        assert fact.booking_id is not None
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


def _by_version(notices: Sequence[Notice]) -> list[Notice]:
    """Those of one booking in order of version, in the places that they have together."""
    ordered = sorted(notices, key=lambda notice: notice.fact.version)
    of_each: dict[str, list[Notice]] = {}
    for notice in ordered:
        of_each.setdefault(notice.fact.aggregate_id, []).append(notice)
    return [of_each[notice.fact.aggregate_id].pop(0) for notice in notices]
