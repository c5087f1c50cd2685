"""The ports in memory, and builders of what goes through them.

Every fake notes its `calls`, refuses those named in `down` (before doing anything) and those named
in `answers_lost` (after doing it, as a time-out does).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from slotkeeper.domain.attempt import attempt_id, request_key
from slotkeeper.domain.booking import (
    ENDS,
    RESCHEDULE,
    Booking,
    BookingChange,
    BookingStatus,
    booking_of,
    changed,
)
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.errors import NotFound, PaymentDeclined, Unauthenticated, Unavailable
from slotkeeper.domain.events import SYSTEM, DomainEvent, event_id
from slotkeeper.domain.limits import RateLimit
from slotkeeper.domain.payment import (
    NEXT,
    Payment,
    PaymentStatus,
    Price,
    Saga,
    SagaState,
)
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.provider import State
from slotkeeper.domain.slot import (
    CONFIRM,
    EXPIRE,
    RELEASE,
    FreeSlot,
    Hold,
    Slot,
    SlotStatus,
    Transition,
    slot_id,
)
from slotkeeper.domain.user import Caller, Channel, Role, User
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.clinic import DoctorFilter
from slotkeeper.ports.codes import CodeRecord, CodeTaken, CodeTry, KeyGone
from slotkeeper.ports.holds import Admission, HoldTicket
from slotkeeper.ports.notifications import (
    AddressRefused,
    CodeJob,
    Leave,
    NobodyAsked,
    Outcome,
    Turn,
)
from slotkeeper.ports.pages import KeptPage, LastView, Position, View
from slotkeeper.ports.payments import DueSagas
from slotkeeper.ports.people import CodesToday
from slotkeeper.ports.requests import Allowance, RequestState
from slotkeeper.ports.slots import SlotDecision, SlotFilter, Swap

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
START = NOW + timedelta(days=1)
DOCTOR = "doc_1"
SLOT = slot_id(DOCTOR, START)
ALICE = "alice"
BOB = "bob"
KEY = "key-0123456789abcdef"
ATTEMPT = attempt_id(ALICE, KEY, SLOT)
SEED = "JBSWY3DPEHPK3PXP"
POLICY = BookingPolicy()


# --- builders -------------------------------------------------------------------------------------


def a_slot(
    *, status: SlotStatus = SlotStatus.ACTIVE, start: datetime = START, hold: Hold | None = None
) -> Slot:
    return Slot(
        id=slot_id(DOCTOR, start),
        doctor_id=DOCTOR,
        date=f"{start:%Y-%m-%d}",
        start_time=start,
        end_time=start + timedelta(minutes=30),
        status=SlotStatus.RESERVED if hold else status,
        version=1,
        hold=hold,
    )


def as_free(slot: Slot) -> FreeSlot:
    return FreeSlot(**{name: getattr(slot, name) for name in FreeSlot.__struct_fields__})


def a_hold(*, attempt: str = ATTEMPT, user: str = ALICE, placed_at: datetime = NOW) -> Hold:
    return Hold(
        attempt_id=attempt,
        user_id=user,
        placed_at=placed_at,
        expires_at=placed_at + POLICY.hold,
        channel=None,
        sends=1,
        sent_at=placed_at,
        code_expires_at=placed_at + POLICY.code_lifetime,
        tries=0,
    )


def a_user(
    id_: str = ALICE, *, phone: str | None = "+15550100", email: str | None = "alice@example.org"
) -> User:
    return User(id=id_, phone=phone, email=email)


def a_ticket(
    *,
    user: str = ALICE,
    key: str = KEY,
    slot: str = SLOT,
    request: str = "request-1",
    seed: str = SEED,
    fingerprint: str = "same body",
) -> HoldTicket:
    return HoldTicket(
        request_key=request_key(user, key),
        attempt_id=attempt_id(user, key, slot),
        slot_id=slot,
        user_id=user,
        fingerprint=fingerprint,
        request_id=request,
        seed=seed,
    )


def a_record(*, send_number: int = 1, seed: str = SEED) -> CodeRecord:
    return CodeRecord(slot_id=SLOT, seed=seed, key_id="k1", send_number=send_number)


def a_doctor(
    id_: str = DOCTOR,
    *,
    name: str = "Dr. Ada",
    clinic: str = "clinic_1",
    specialty: str = "cardiology",
) -> Doctor:
    return Doctor(
        id=id_,
        clinic_id=clinic,
        name=name,
        specialty=specialty,
        time_zone="Europe/Berlin",
        consultation_fee=None,
        version=1,
    )


def a_booking(*, id_: str = "bk_1", user: str = ALICE, doctor: str = DOCTOR) -> Booking:
    return Booking(
        id=id_,
        attempt_id=ATTEMPT,
        slot_id=SLOT,
        doctor_id=doctor,
        user_id=user,
        date="2026-03-03",
        start_time=START,
        end_time=START + timedelta(minutes=30),
        status=BookingStatus.CONFIRMED,
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


def an_event(
    number: int = 1, *, type_: str = CONFIRM.event, booking: str | None = "bk_1"
) -> DomainEvent:
    return DomainEvent(
        id=event_id(SLOT, number),
        type=type_,
        aggregate_id=booking or ATTEMPT,
        slot_id=SLOT,
        doctor_id=DOCTOR,
        user_id=ALICE,
        attempt_id=ATTEMPT,
        booking_id=booking,
        from_status=SlotStatus.RESERVED,
        to_status=SlotStatus.BOOKED,
        version=number,
        actor=ALICE,
        request_id="request-1",
        at=NOW,
    )


# --- the fakes ------------------------------------------------------------------------------------


class Fake:
    """Notes every call, and fails those it is told to fail."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.down: set[str] = set()
        self.answers_lost: set[str] = set()

    @contextmanager
    def _called(self, name: str) -> Iterator[None]:
        self.calls.append(name)
        if name in self.down:
            raise Unavailable
        yield
        if name in self.answers_lost:
            raise Unavailable


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


def one_by_one(*calls: Callable[[], Any]) -> list[Any]:
    """`Together` in this thread: all calls are made, then the first error is raised."""
    results: list[Any] = []
    errors: list[Exception] = []
    for call in calls:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  # raised again below
            errors.append(error)
    if errors:
        raise errors[0]
    return results


class FakeSlots(Fake):
    """`SlotStore`: its clock is the database's."""

    def __init__(self, *slots: Slot, clock: FakeClock, policy: BookingPolicy = POLICY) -> None:
        super().__init__()
        self.clock = clock
        self.policy = policy
        self.slots = {slot.id: slot for slot in slots}
        self.placed_by: dict[str, str] = {}
        self.shared: set[str] = set()
        self.sent_by: dict[str, str] = {}
        self.accepted: set[str] = set()
        self.pending: list[DomainEvent] = []
        self.refused: list[DomainEvent] = []

    def place_hold(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        channel: Channel | None,
        request_id: str,
        replaces: str | None = None,
    ) -> SlotDecision:
        with self._called("place_hold"):
            slot, now = self._get(slot_id), self.clock.now()
            lapsed = slot.status is SlotStatus.RESERVED and slot.live_hold(now) is None
            if (slot.status is SlotStatus.ACTIVE or lapsed) and slot.start_time > now:
                if lapsed:
                    self._fact(slot, EXPIRE, actor=SYSTEM, request_id=request_id)
                hold = Hold(
                    attempt_id=attempt_id,
                    user_id=user_id,
                    placed_at=now,
                    expires_at=now + self.policy.hold,
                    channel=channel,
                    sends=1,
                    sent_at=now,
                    code_expires_at=now + min(self.policy.code_lifetime, self.policy.hold),
                    tries=0,
                    replaces=replaces,
                )
                self._put(slot, status=SlotStatus.RESERVED, hold=hold)
                self.placed_by[slot_id] = request_id
            return self._decision(slot_id, made=self.placed_by.get(slot_id) == request_id)

    def share_hold(self, slot_id: str, *, attempt_id: str) -> bool:
        with self._called("share_hold"):
            hold = self._get(slot_id).hold
            is_there = hold is not None and hold.attempt_id == attempt_id
            if is_there:
                self.shared.add(attempt_id)
            return is_there

    def undo_hold(self, slot_id: str, *, attempt_id: str, request_id: str) -> bool:
        with self._called("undo_hold"):
            slot = self._get(slot_id)
            is_there = slot.hold is not None and slot.hold.attempt_id == attempt_id
            if not is_there or self.placed_by.get(slot_id) != request_id:
                return True
            if attempt_id in self.shared:
                return False
            self._put(slot, status=SlotStatus.ACTIVE, hold=None)
            return True

    def find_attempt(self, attempt_id: str) -> SlotDecision | None:
        with self._called("find_attempt"):
            for slot in self.slots.values():
                event = self._event_of(slot.id, CONFIRM, attempt_id)
                if event or (slot.hold is not None and slot.hold.attempt_id == attempt_id):
                    return self._decision(slot.id, made=False, event=event)
            return None

    def count_try(self, slot_id: str, *, attempt_id: str, user_id: str) -> SlotDecision:
        with self._called("count_try"):
            slot = self._get(slot_id)
            hold = self._live_hold_of(slot, attempt_id, user_id)
            if hold and hold.tries <= self.policy.max_tries:
                hold = replace(hold, tries=hold.tries + 1)
                self.slots[slot_id] = replace(slot, hold=hold)
            made = hold is not None and hold.tries <= self.policy.max_tries
            return self._decision(slot_id, made=made)

    def count_send(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_key: str
    ) -> SlotDecision:
        with self._called("count_send"):
            slot, now = self._get(slot_id), self.clock.now()
            hold = self._live_hold_of(slot, attempt_id, user_id)
            if (
                hold
                and hold.tries < self.policy.max_tries
                and hold.sends < self.policy.max_sends
                and hold.sent_at + self.policy.wait_after(hold.sends) <= now
                and self.sent_by.get(slot_id) != request_key
            ):
                hold = replace(
                    hold,
                    sends=hold.sends + 1,
                    sent_at=now,
                    code_expires_at=min(now + self.policy.code_lifetime, hold.expires_at),
                )
                self.slots[slot_id] = replace(slot, hold=hold)
                self.sent_by[slot_id] = request_key
            return self._decision(slot_id, made=self.sent_by.get(slot_id) == request_key)

    def undo_send(self, slot_id: str, *, attempt_id: str, sends: int) -> None:
        with self._called("undo_send"):
            slot = self._get(slot_id)
            hold = slot.hold
            if hold and (hold.attempt_id, hold.sends) == (attempt_id, sends):
                self.slots[slot_id] = replace(slot, hold=replace(hold, sends=sends - 1))
                self.sent_by.pop(slot_id, None)

    def confirm(
        self,
        slot_id: str,
        *,
        attempt_id: str,
        user_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
    ) -> SlotDecision:
        with self._called("confirm"):
            return self.confirm_hold(
                slot_id, attempt_id, user_id, send_number, booking_id, request_id, None
            )

    def confirm_hold(
        self,
        slot_id: str,
        attempt_id: str,
        user_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
        replaces: str | None,
    ) -> SlotDecision:
        slot = self._get(slot_id)
        hold = self._live_hold_of(slot, attempt_id, user_id)
        if (
            hold
            and hold.replaces == replaces
            and hold.sends == send_number
            and hold.tries < self.policy.max_tries
            and hold.code_expires_at > self.clock.now()
        ):
            self._fact(slot, CONFIRM, actor=user_id, request_id=request_id, booking=booking_id)
            self.pending[-1] = replace(self.pending[-1], replaces=replaces)
            self._put(slot, status=SlotStatus.BOOKED, hold=None, booking_id=booking_id)
        return self._decided(slot_id, CONFIRM, attempt_id, request_id)

    def confirm_paid(self, saga: Saga, request_id: str) -> SlotDecision:
        slot = self._get(saga.slot_id)
        hold = self._live_hold_of(slot, saga.id, saga.user_id)
        if hold and hold.replaces == saga.replaces and saga.id in self.accepted:
            self._fact(
                slot, CONFIRM, actor=saga.user_id, request_id=request_id, booking=saga.booking_id
            )
            self.pending[-1] = replace(self.pending[-1], replaces=saga.replaces, payment=saga.price)
            self._put(slot, status=SlotStatus.BOOKED, hold=None, booking_id=saga.booking_id)
        return self._decided(saga.slot_id, CONFIRM, saga.id, request_id)

    def release(
        self, slot_id: str, *, attempt_id: str, user_id: str, request_id: str, actor: str
    ) -> SlotDecision:
        with self._called("release"):
            slot = self._get(slot_id)
            if self._live_hold_of(slot, attempt_id, user_id):
                self._fact(slot, RELEASE, actor=actor, request_id=request_id)
                self._put(slot, status=SlotStatus.ACTIVE, hold=None)
            return self._decided(slot_id, RELEASE, attempt_id, request_id)

    def expire_due(self, *, limit: int, request_id: str) -> int:
        with self._called("expire_due"):
            now = self.clock.now()
            due = [
                slot
                for slot in self.slots.values()
                if slot.status is SlotStatus.RESERVED and slot.live_hold(now) is None
            ][:limit]
            for slot in due:
                self._fact(slot, EXPIRE, actor=SYSTEM, request_id=request_id)
                self._put(slot, status=SlotStatus.ACTIVE, hold=None)
            return len(due)

    def unrecorded(self, *, limit: int) -> Sequence[tuple[Slot, DomainEvent]]:
        with self._called("unrecorded"):
            return [(self.slots[fact.slot_id], fact) for fact in self.pending[:limit]]

    def mark_recorded(self, facts: Sequence[DomainEvent]) -> None:
        with self._called("mark_recorded"):
            recorded = {fact.id for fact in facts}
            self.pending = [fact for fact in self.pending if fact.id not in recorded]

    def set_refused_aside(self, facts: Sequence[DomainEvent]) -> None:
        with self._called("set_refused_aside"):
            self.refused = [*self.refused, *facts]

    def find(self, slot_ids: Sequence[str]) -> Sequence[Slot]:
        with self._called("find"):
            return [self.slots[slot_id] for slot_id in slot_ids if slot_id in self.slots]

    def free_slots(
        self, wanted: SlotFilter, *, now: datetime, after: Position | None, skip: int, limit: int
    ) -> Sequence[FreeSlot]:
        with self._called("free_slots"):
            found = self._free(wanted, now)
            if after is not None:
                place = (after.key, after.id)
                found = [slot for slot in found if (slot.start_time, slot.id) > place]
            return [as_free(slot) for slot in found[skip : skip + limit]]

    def count_free(self, wanted: SlotFilter, *, now: datetime) -> int:
        with self._called("count_free"):
            return len(self._free(wanted, now))

    def first_release(self, wanted: SlotFilter, *, now: datetime) -> datetime | None:
        with self._called("first_release"):
            held = [slot.live_hold(now) for slot in self.slots.values()]
            return min((hold.expires_at for hold in held if hold), default=None)

    def _free(self, wanted: SlotFilter, now: datetime) -> list[Slot]:
        found = [
            slot
            for slot in self.slots.values()
            if slot.doctor_id == wanted.doctor_id
            and slot.start_time > now
            and slot.status in {SlotStatus.ACTIVE, SlotStatus.RESERVED}
            and slot.live_hold(now) is None
            and wanted.date in {None, slot.date}
            and (wanted.start is None or wanted.start <= slot.start_time)
            and (wanted.end is None or slot.start_time < wanted.end)
        ]
        return sorted(found, key=lambda slot: (slot.start_time, slot.id))

    def _get(self, slot_id: str) -> Slot:
        if slot_id not in self.slots:
            raise NotFound
        return self.slots[slot_id]

    def _put(
        self, slot: Slot, *, status: SlotStatus, hold: Hold | None, booking_id: str | None = None
    ) -> None:
        self.slots[slot.id] = replace(
            slot, status=status, hold=hold, booking_id=booking_id, version=slot.version + 1
        )

    def _live_hold_of(self, slot: Slot, attempt_id: str, user_id: str) -> Hold | None:
        hold = slot.live_hold(self.clock.now())
        is_ours = hold is not None and (hold.attempt_id, hold.user_id) == (attempt_id, user_id)
        return hold if is_ours else None

    def _fact(
        self,
        slot: Slot,
        transition: Transition,
        *,
        actor: str,
        request_id: str,
        booking: str | None = None,
    ) -> None:
        assert slot.hold is not None
        self.pending.append(
            DomainEvent(
                id=event_id(slot.id, slot.version + 1),
                type=transition.event,
                aggregate_id=booking or slot.hold.attempt_id,
                slot_id=slot.id,
                doctor_id=slot.doctor_id,
                user_id=slot.hold.user_id,
                attempt_id=slot.hold.attempt_id,
                booking_id=booking,
                from_status=transition.source,
                to_status=transition.target,
                version=slot.version + 1,
                actor=actor,
                request_id=request_id,
                at=self.clock.now(),
            )
        )

    def _event_of(
        self, slot_id: str, transition: Transition, attempt_id: str
    ) -> DomainEvent | None:
        for fact in self.pending:
            if (fact.slot_id, fact.type, fact.attempt_id) == (
                slot_id,
                transition.event,
                attempt_id,
            ):
                return fact
        return None

    def _decided(
        self, slot_id: str, transition: Transition, attempt_id: str, request_id: str
    ) -> SlotDecision:
        event = self._event_of(slot_id, transition, attempt_id)
        made = event is not None and event.request_id == request_id
        return self._decision(slot_id, made=made, event=event)

    def _decision(
        self, slot_id: str, *, made: bool, event: DomainEvent | None = None
    ) -> SlotDecision:
        return SlotDecision(
            slot=self.slots[slot_id],
            now=self.clock.now(),
            made=made,
            event=event,
            facts=[fact for fact in self.pending if fact.slot_id == slot_id],
        )


class FakeBookedSlots(Fake):
    """`BookedSlots`, on the slots of a `FakeSlots`."""

    def __init__(self, slots: FakeSlots, ledger: FakeLedger) -> None:
        super().__init__()
        self.slots = slots
        self.ledger = ledger

    def give_back(
        self, booking: Booking, asked: BookingChange, *, ahead: timedelta | None
    ) -> SlotDecision:
        with self._called("give_back"):
            return self._give_back(booking, asked, ahead, None)

    def swap(
        self,
        slot_id: str,
        old: Booking,
        *,
        attempt_id: str,
        send_number: int,
        booking_id: str,
        request_id: str,
    ) -> Swap:
        with self._called("swap"):
            before = (dict(self.slots.slots), list(self.slots.pending))
            new = self.slots.confirm_hold(
                slot_id, attempt_id, old.user_id, send_number, booking_id, request_id, old.id
            )
            return self._swapped(new, before, old, attempt_id, booking_id, request_id)

    def swap_paid(self, saga: Saga, old: Booking, *, request_id: str) -> Swap:
        with self._called("swap_paid"):
            before = (dict(self.slots.slots), list(self.slots.pending))
            new = self.slots.confirm_paid(saga, request_id)
            return self._swapped(new, before, old, saga.id, saga.booking_id, request_id)

    def _swapped(
        self,
        new: SlotDecision,
        before: tuple[dict[str, Slot], list[DomainEvent]],
        old: Booking,
        attempt_id: str,
        booking_id: str,
        request_id: str,
    ) -> Swap:
        if not new.made or new.event is None:
            return Swap(new=new, old=None)
        asked = BookingChange(
            transition=RESCHEDULE,
            actor=old.user_id,
            request_id=request_id,
            request_key=attempt_id,
            reason=None,
        )
        given_back = self._give_back(old, asked, self.slots.policy.reschedule_window, booking_id)
        if not given_back.made:
            self.slots.slots, self.slots.pending = before
            return Swap(new=None, old=given_back)
        facts = [f for f in (new.event, given_back.event) if f is not None]
        self.ledger.apply([booking_of(new.slot, new.event)], facts)
        return Swap(new=new, old=given_back)

    def _give_back(
        self,
        booking: Booking,
        asked: BookingChange,
        ahead: timedelta | None,
        replaced_by: str | None,
    ) -> SlotDecision:
        slots, now = self.slots, self.slots.clock.now()
        slot = slots.slots[booking.slot_id]
        if slot.is_booked_by(booking.id) and (ahead is None or slot.start_time > now + ahead):
            status = SlotStatus.ACTIVE if slot.start_time > now else SlotStatus.BLOCKED
            slots.pending.append(
                DomainEvent(
                    id=event_id(slot.id, slot.version + 1),
                    type=asked.transition.event,
                    aggregate_id=booking.id,
                    slot_id=slot.id,
                    doctor_id=slot.doctor_id,
                    user_id=booking.user_id,
                    attempt_id=booking.attempt_id,
                    booking_id=booking.id,
                    from_status=BookingStatus.CONFIRMED,
                    to_status=asked.transition.target,
                    version=slot.version + 1,
                    actor=asked.actor,
                    request_id=asked.request_id,
                    at=now,
                    request_key=asked.request_key,
                    replaced_by=replaced_by,
                    reason=asked.reason,
                )
            )
            slots._put(slot, status=status, hold=None)
        event = next(
            (
                fact
                for fact in slots.pending
                if (fact.type, fact.booking_id) == (asked.transition.event, booking.id)
            ),
            None,
        )
        made = event is not None and event.request_id == asked.request_id
        return slots._decision(booking.slot_id, made=made, event=event)


class FakePaidSlots(Fake):
    """`PaidSlots`, on the slots of a `FakeSlots`."""

    def __init__(self, slots: FakeSlots) -> None:
        super().__init__()
        self.slots = slots

    def accept(
        self, slot_id: str, *, attempt_id: str, user_id: str, send_number: int, request_id: str
    ) -> SlotDecision:
        with self._called("accept"):
            slots = self.slots
            hold = slots._live_hold_of(slots._get(slot_id), attempt_id, user_id)
            made = bool(
                hold
                and hold.sends == send_number
                and hold.tries < slots.policy.max_tries
                and (hold.code_expires_at > slots.clock.now() or attempt_id in slots.accepted)
            )
            if made:
                slots.accepted.add(attempt_id)
            event = slots._event_of(slot_id, CONFIRM, attempt_id)
            return slots._decision(slot_id, made=made, event=event)

    def confirm(self, saga: Saga, *, request_id: str) -> SlotDecision:
        with self._called("confirm"):
            return self.slots.confirm_paid(replace(saga, replaces=None), request_id)

    def confirm_late(self, saga: Saga, *, version: int, request_id: str) -> SlotDecision:
        with self._called("confirm_late"):
            slots, now = self.slots, self.slots.clock.now()
            slot = slots._get(saga.slot_id)
            lapsed = slot.status is SlotStatus.RESERVED and slot.live_hold(now) is None
            is_free = slot.status is SlotStatus.ACTIVE or lapsed
            if is_free and slot.start_time > now and slot.version == version:
                if lapsed:
                    slots._fact(slot, EXPIRE, actor=SYSTEM, request_id=request_id)
                    slots._put(slot, status=SlotStatus.ACTIVE, hold=None)
                slot = slots._get(saga.slot_id)
                held = replace(slot, hold=a_hold(attempt=saga.id, user=saga.user_id))
                slots._fact(
                    held,
                    CONFIRM,
                    actor=saga.user_id,
                    request_id=request_id,
                    booking=saga.booking_id,
                )
                slots.pending[-1] = replace(slots.pending[-1], payment=saga.price)
                slots._put(slot, status=SlotStatus.BOOKED, hold=None, booking_id=saga.booking_id)
            return slots._decided(saga.slot_id, CONFIRM, saga.id, request_id)


class FakeSagas(Fake):
    """`SagaStore`; `leased` are those that somebody holds."""

    def __init__(self) -> None:
        super().__init__()
        self.sagas: dict[str, Saga] = {}
        self.leased: set[str] = set()
        self.aside: set[str] = set()

    def find(self, attempt_id: str) -> Saga | None:
        with self._called("find"):
            return self.sagas.get(attempt_id)

    def begin(self, saga: Saga) -> Saga | None:
        with self._called("begin"):
            if saga.id in self.sagas:
                return None
            return self._put(saga)

    def take(self, saga: Saga) -> Saga | None:
        with self._called("take"):
            if saga.id in self.leased or not self._is_newest(saga):
                return None
            return self._put(saga)

    def move(
        self,
        saga: Saga,
        to: SagaState,
        *,
        payment_id: str | None = None,
        price: Price | None = None,
        replaces: str | None = None,
    ) -> Saga | None:
        with self._called(f"move to {to}"):
            assert to is saga.state or to in NEXT[saga.state]
            if not self._is_newest(saga):
                return None
            if to is SagaState.AUTHORISING and saga.state is not to:
                assert price is not None
                saga = replace(
                    saga,
                    price=price,
                    replaces=replaces,
                    payment_id=None,
                    try_=saga.try_ + 1,
                    is_withdrawn=False,
                )
            return self._put(replace(saga, state=to, payment_id=payment_id or saga.payment_id))

    def let_go(self, saga: Saga) -> None:
        with self._called("let_go"):
            if self._is_newest(saga):
                self._put(saga)
                self.leased.discard(saga.id)

    def set_aside(self, saga: Saga) -> None:
        with self._called("set_aside"):
            self.aside.add(saga.id)

    def withdraw(self, attempt_id: str) -> None:
        with self._called("withdraw"):
            if attempt_id in self.sagas:
                self._put(replace(self.sagas[attempt_id], is_withdrawn=True))

    def due(self, *, limit: int) -> DueSagas:
        with self._called("due"):
            found = [
                saga
                for saga in self.sagas.values()
                if not saga.is_resting and saga.id not in self.leased | self.aside
            ]
            return DueSagas(found[:limit])

    def _is_newest(self, saga: Saga) -> bool:
        return self.sagas[saga.id].version == saga.version

    def _put(self, saga: Saga) -> Saga:
        stored = replace(saga, version=saga.version + 1)
        self.sagas[saga.id] = stored
        (self.leased.discard if saga.is_resting else self.leased.add)(saga.id)
        return stored


class FakeProvider(Fake):
    """`PaymentProvider`: payments are declined that `declined` names the method of."""

    def __init__(self) -> None:
        super().__init__()
        self.payments: dict[str, Payment] = {}
        self.refunded: set[str] = set()
        self.declined = {"pm_declined"}
        self.lapsed = False
        """Whether what is reserved is gone when it is to be captured."""

    def open(self, saga: Saga) -> str:
        with self._called("open"):
            id_ = f"pi_{len(self.payments) + 1}"
            self.payments[id_] = Payment(id=id_, status=PaymentStatus.OPEN, price=saga.price)
            return id_

    def authorise(self, payment_id: str, *, method: str, key: str) -> Payment:
        with self._called("authorise"):
            is_open = self.payments[payment_id].status is PaymentStatus.OPEN
            if not is_open or method in self.declined:
                raise PaymentDeclined
            return self._now(payment_id, PaymentStatus.AUTHORISED)

    def find(self, payment_id: str) -> Payment:
        with self._called("find"):
            return self.payments[payment_id]

    def capture(self, payment_id: str) -> Payment:
        with self._called("capture"):
            if self.payments[payment_id].status is not PaymentStatus.AUTHORISED:
                return self.payments[payment_id]
            lapsed = PaymentStatus.CANCELLED if self.lapsed else PaymentStatus.CAPTURED
            return self._now(payment_id, lapsed)

    def cancel(self, payment_id: str) -> Payment:
        with self._called("cancel"):
            if self.payments[payment_id].status is PaymentStatus.CAPTURED:
                return self.payments[payment_id]
            return self._now(payment_id, PaymentStatus.CANCELLED)

    def refund(self, payment_id: str) -> None:
        with self._called("refund"):
            self.refunded.add(payment_id)

    def _now(self, payment_id: str, status: PaymentStatus) -> Payment:
        self.payments[payment_id] = replace(self.payments[payment_id], status=status)
        return self.payments[payment_id]


class FakeCodes(Fake):
    """`CodeStore`."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[tuple[str, str], CodeRecord] = {}
        self.lifetimes_ms: dict[tuple[str, str], int] = {}
        self.tries: dict[tuple[str, str], int] = {}
        self.failures: dict[str, int] = {}
        self.guesses: dict[tuple[str, str], list[list[str]]] = {}

    def count_try(self, *, user_id: str, attempt_id: str, marks: Sequence[str]) -> CodeTry:
        with self._called("count_try"):
            key = (user_id, attempt_id)
            record = self.records.get(key)
            guesses = self.guesses.setdefault(key, [])
            is_known = any(mark in known for mark in marks for known in guesses)
            may_compare = is_known or len(guesses) < POLICY.max_tries
            if record is not None:
                self.tries[key] = self.tries.get(key, 0) + 1
                if may_compare and not is_known:
                    guesses.append(list(marks))
            return CodeTry(
                record=record,
                number=self.tries[key] if record else 0,
                may_compare=may_compare,
                record_lapses_in=240,
                failures=self.failures.get(user_id, 0),
                failures_lapse_in=1800,
            )

    def count_failure(self, *, user_id: str) -> None:
        with self._called("count_failure"):
            self.failures[user_id] = self.failures.get(user_id, 0) + 1

    def find(self, *, user_id: str, attempt_id: str) -> CodeRecord | None:
        with self._called("find"):
            return self.records.get((user_id, attempt_id))

    def settle_key(
        self,
        *,
        user_id: str,
        attempt_id: str,
        send_number: int,
        key_id: str,
        instead_of: str | None = None,
    ) -> CodeRecord | None:
        with self._called("settle_key"):
            key = (user_id, attempt_id)
            record = self.records.get(key)
            is_newest = record is not None and record.send_number == send_number
            if record and is_newest and record.key_id in {None, instead_of}:
                self.records[key] = record = replace(record, key_id=key_id)
            return record

    def put(
        self,
        *,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        tries: int,
    ) -> None:
        with self._called("put"):
            self.records[user_id, attempt_id] = self._with_key(user_id, attempt_id, record)
            self.lifetimes_ms[user_id, attempt_id] = lifetime_ms
            guesses = self.guesses.setdefault((user_id, attempt_id), [])
            guesses += [[] for _ in range(tries - len(guesses))]

    def _with_key(self, user_id: str, attempt_id: str, record: CodeRecord) -> CodeRecord:
        known = self.records.get((user_id, attempt_id))
        is_same = known is not None and known.seed == record.seed
        return replace(record, key_id=known.key_id if known and is_same else None)

    def put_back(
        self,
        *,
        user_id: str,
        attempt_id: str,
        record: CodeRecord,
        lifetime_ms: int,
        instead_of: int,
    ) -> None:
        with self._called("put_back"):
            current = self.records.get((user_id, attempt_id))
            if current is not None and current.send_number == instead_of:
                self.records[user_id, attempt_id] = self._with_key(user_id, attempt_id, record)
                self.lifetimes_ms[user_id, attempt_id] = lifetime_ms


class FakeFailures(Fake):
    """`Failures`: how many each user's are."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, int] = {}

    def count(self, *, user_id: str) -> None:
        with self._called("count"):
            self.of[user_id] = self.of.get(user_id, 0) + 1


@dataclass
class _Request:
    fingerprint: str
    owner: str
    answer: str | None = None


class FakeRequests(Fake):
    """`RequestMemory`: keys and what they were answered."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, _Request] = {}

    def begin(self, key: str, *, fingerprint: str, owner: str) -> RequestState:
        with self._called("begin"):
            known = self.known.get(key)
            if known is None or (known.owner == owner and known.answer is None):
                self.known[key] = _Request(fingerprint, owner)
                return RequestState()
            if known.fingerprint != fingerprint:
                return RequestState(is_reused=True)
            if known.answer is None:
                return RequestState(busy_for_ms=20_000)
            return RequestState(answer=known.answer)

    def complete(self, key: str, *, owner: str, answer: str) -> None:
        with self._called("complete"):
            if key in self.known and self.known[key].owner == owner:
                self.known[key].answer = answer

    def abandon(self, key: str, *, owner: str) -> None:
        with self._called("abandon"):
            if key in self.known and self.known[key].owner == owner:
                del self.known[key]


class FakeGate(Fake):
    """`HoldGate`; the seeds are in `codes`, as both are in one Redis."""

    LOCK_MS = 290_001

    def __init__(self, codes: FakeCodes, policy: BookingPolicy = POLICY) -> None:
        super().__init__()
        self.codes = codes
        self.policy = policy
        self.requests: dict[str, _Request] = {}
        self.locks: dict[str, str] = {}
        self.places: dict[str, set[str]] = {}
        self.slot_of: dict[str, str] = {}

    def admit(self, ticket: HoldTicket) -> Admission:
        with self._called("admit"):
            known = self.requests.setdefault(
                ticket.request_key, _Request(ticket.fingerprint, ticket.request_id)
            )
            is_reused = known.fingerprint != ticket.fingerprint
            answer = None if is_reused else known.answer
            is_busy = not is_reused and answer is None and known.owner != ticket.request_id
            holder = self.locks.get(ticket.slot_id)
            self.locks.setdefault(ticket.slot_id, ticket.attempt_id)
            places = self.places.setdefault(ticket.user_id, set())
            had_place = ticket.attempt_id in places
            is_full = not had_place and len(places) >= self.policy.max_live_holds
            others = [self.slot_of.get(o, "doc_2_other") for o in places - {ticket.attempt_id}]
            if not is_full:
                places.add(ticket.attempt_id)
                self.slot_of[ticket.attempt_id] = ticket.slot_id
            code_key = (ticket.user_id, ticket.attempt_id)
            took_code = code_key not in self.codes.records
            if took_code:
                self.codes.records[code_key] = CodeRecord(
                    slot_id=ticket.slot_id, seed=ticket.seed, send_number=1
                )
            return Admission(
                answer=answer,
                is_reused=is_reused,
                busy_for_ms=1_500 if is_busy else None,
                lock_holder=holder or ticket.attempt_id,
                lock_for_ms=self.LOCK_MS,
                took_lock=holder is None,
                took_place=not had_place and not is_full,
                place_in_ms=42_000 if is_full else None,
                other_slots=[] if is_full else others,
                took_code=took_code,
            )

    def withdraw(
        self,
        ticket: HoldTicket,
        admission: Admission,
        *,
        was_placed: bool = False,
        stays: bool = False,
    ) -> None:
        with self._called("withdraw"):
            if admission.busy_for_ms is not None:
                if admission.took_lock:
                    del self.locks[ticket.slot_id]
                return
            if not stays:
                self._return(ticket, admission)
            request = self.requests.get(ticket.request_key)
            if request and request.owner == ticket.request_id:
                del self.requests[ticket.request_key]

    def complete(
        self, ticket: HoldTicket, admission: Admission, *, hold: Hold, answer: str
    ) -> None:
        with self._called("complete"):
            self.requests[ticket.request_key].answer = answer
            if hold.attempt_id != ticket.attempt_id:
                self._return(ticket, admission)

    def forget(
        self,
        *,
        attempt_id: str,
        slot_id: str,
        user_id: str,
        changed: Sequence[str] = (),
        proved: bool = False,
    ) -> None:
        with self._called("forget"):
            if proved:
                self.codes.failures.pop(user_id, None)
            if self.locks.get(slot_id) == attempt_id:
                del self.locks[slot_id]
            self.codes.records.pop((user_id, attempt_id), None)
            self.places.get(user_id, set()).discard(attempt_id)

    def lapse(self, ticket: HoldTicket) -> None:
        """The request's lease is over, as after a crash: the key is free again."""
        del self.requests[ticket.request_key]

    def _return(self, ticket: HoldTicket, admission: Admission) -> None:
        if admission.took_lock:
            del self.locks[ticket.slot_id]
        if admission.took_place:
            self.places[ticket.user_id].discard(ticket.attempt_id)
        if admission.took_code:
            self.codes.records.pop((ticket.user_id, ticket.attempt_id), None)


class FakeCodeMaker(Fake):
    """`CodeMaker`: another seed, key or send number, another code. Keys in `gone` are not there."""

    def __init__(self) -> None:
        super().__init__()
        self.in_use = "k1"
        self.gone: set[str] = set()

    def key_in_use(self) -> str:
        with self._called("key_in_use"):
            return self.in_use

    def marks(self, attempt_id: str, guess: str) -> list[str]:
        with self._called("marks"):
            return [f"{attempt_id} {guess}"]

    def code(self, record: CodeRecord) -> str:
        with self._called("code"):
            if record.key_id is None or record.key_id in self.gone:
                raise KeyGone
            made_of = f"{record.seed} {record.key_id} {record.send_number}"
            return f"{zlib.crc32(made_of.encode()) % 1_000_000:06d}"

    def wrong_code(self, record: CodeRecord) -> str:
        return f"{(int(self.code(record)) + 1) % 1_000_000:06d}"


class FakeUsers(Fake):
    """`UserStore`."""

    def __init__(self, *users: User) -> None:
        super().__init__()
        self.users = {user.id: user for user in users}
        self.codes_today = CodesToday()

    def get(self, user_id: str) -> User:
        with self._called("get"):
            return self.users.get(user_id, User(id=user_id))

    def put(self, user: User) -> User:
        with self._called("put"):
            known = self.users.get(user.id, user)
            self.users[user.id] = replace(user, clinic_id=known.clinic_id)
            return self.users[user.id]

    def get_for_code(self, user_id: str) -> tuple[User, CodesToday]:
        with self._called("get_for_code"):
            return self.users.get(user_id, User(id=user_id)), self.codes_today


class FakeDoctors(Fake):
    """`DoctorStore`: doctors' ids and their clinics'."""

    def __init__(self, clinics: dict[str, str] | None = None) -> None:
        super().__init__()
        self.clinics = clinics or {}

    def exists(self, doctor_id: str) -> bool:
        with self._called("exists"):
            return doctor_id in self.clinics

    def clinic_of(self, doctor_id: str) -> str | None:
        with self._called("clinic_of"):
            return self.clinics.get(doctor_id)


class FakeLedger(Fake):
    """`Ledger`: what is stored already is left as it is."""

    def __init__(self, *bookings: Booking) -> None:
        super().__init__()
        self.bookings = {booking.id: booking for booking in bookings}
        self.facts: dict[str, DomainEvent] = {}

    def record(self, *, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        with self._called("record"):
            self.apply(bookings, facts)
            for fact in facts:
                self.facts.setdefault(fact.id, fact)

    def apply(self, bookings: Sequence[Booking], facts: Sequence[DomainEvent]) -> None:
        for booking in bookings:
            self.bookings.setdefault(booking.id, booking)
        for fact in facts:
            old = self.bookings.get(fact.booking_id or "")
            if fact.type in ENDS and old is not None and old.status is BookingStatus.CONFIRMED:
                self.bookings[old.id] = changed(old, fact)

    def bearing_on_hold(
        self, user_id: str, *, ids: Sequence[str], around: datetime | None
    ) -> Sequence[Booking]:
        with self._called("bearing_on_hold"):
            return [
                booking
                for booking in self.bookings.values()
                if booking.id in ids
                or (booking.user_id, booking.status) == (user_id, BookingStatus.CONFIRMED)
            ]

    def booking(self, booking_id: str) -> Booking | None:
        with self._called("booking"):
            return self.bookings.get(booking_id)


class FakeCatalogue(Fake):
    """`Catalogue`."""

    def __init__(self, *doctors: Doctor) -> None:
        super().__init__()
        self.doctors = {doctor.id: doctor for doctor in doctors}

    def doctor(self, doctor_id: str) -> Doctor | None:
        with self._called("doctor"):
            return self.doctors.get(doctor_id)

    def page(
        self, wanted: DoctorFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Doctor]:
        with self._called("page"):
            found = self._of(wanted)
            if after is not None:
                found = [one for one in found if (one.name, one.id) > (after.key, after.id)]
            return found[skip : skip + limit]

    def count(self, wanted: DoctorFilter) -> int:
        with self._called("count"):
            return len(self._of(wanted))

    def ids_of(self, clinic_id: str) -> Sequence[str]:
        with self._called("ids_of"):
            return [doctor.id for doctor in self._of(DoctorFilter(clinic_id=clinic_id))]

    def _of(self, wanted: DoctorFilter) -> list[Doctor]:
        found = [
            doctor
            for doctor in self.doctors.values()
            if wanted.clinic_id in {None, doctor.clinic_id}
            and wanted.specialty in {None, doctor.specialty}
        ]
        return sorted(found, key=lambda doctor: (doctor.name, doctor.id))


class FakeBookingLists(Fake):
    """`BookingLists`."""

    def __init__(self, *bookings: Booking) -> None:
        super().__init__()
        self.bookings = bookings

    def page(
        self, wanted: BookingFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Booking]:
        with self._called("page"):
            found = self._of(wanted)
            if after is not None:
                place = (after.key, after.id)
                found = [one for one in found if (one.start_time, one.id) > place]
            return found[skip : skip + limit]

    def count(self, wanted: BookingFilter) -> int:
        with self._called("count"):
            return len(self._of(wanted))

    def _of(self, wanted: BookingFilter) -> list[Booking]:
        found = [
            one
            for one in self.bookings
            if wanted.user_id in {None, one.user_id}
            and (wanted.doctor_ids is None or one.doctor_id in wanted.doctor_ids)
            and wanted.status in {None, one.status}
            and (wanted.start is None or wanted.start <= one.start_time)
            and (wanted.end is None or one.start_time < wanted.end)
        ]
        return sorted(found, key=lambda one: (one.start_time, one.id))


class FakeSlotPages(Fake):
    """`SlotPages` that keep every page until it is forgotten or no longer true."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.pages: dict[tuple[str, str], KeptPage] = {}
        self.views: list[View] = []

    def read(
        self, doctor_id: str, asked: str, make: Callable[[], KeptPage], view: View
    ) -> KeptPage:
        with self._called("read"):
            self.views.append(view)
            page = self.pages.get((doctor_id, asked))
            if page is None or (page.valid_until and page.valid_until <= self.clock.now()):
                page = self.pages[doctor_id, asked] = make()
            return page

    def forget(self, *doctor_ids: str) -> None:
        with self._called("forget"):
            self.pages = {key: page for key, page in self.pages.items() if key[0] not in doctor_ids}


class FakeDoctorPages(Fake):
    """`DoctorPages` that keep every page until all are forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, KeptPage] = {}
        self.views: list[View | None] = []

    def read(self, asked: str, make: Callable[[], KeptPage], view: View | None) -> KeptPage:
        with self._called("read"):
            self.views.append(view)
            if asked not in self.pages:
                self.pages[asked] = make()
            return self.pages[asked]

    def forget(self) -> None:
        with self._called("forget"):
            self.pages = {}


class FakeViews(Fake):
    """`Views`."""

    def __init__(self, **viewed: LastView) -> None:
        super().__init__()
        self.viewed = viewed

    def last(self, user_id: str) -> LastView | None:
        with self._called("last"):
            return self.viewed.get(user_id)


class FakeOutbox(Fake):
    """`Outbox` of one relay: what it has leased is not claimed again."""

    def __init__(self, *unsent: DomainEvent) -> None:
        super().__init__()
        self.unsent = list(unsent)
        self.leased: set[str] = set()

    def claim(self, *, limit: int) -> Sequence[DomainEvent]:
        with self._called("claim"):
            claimed = [event for event in self.unsent if event.id not in self.leased][:limit]
            self.leased.update(event.id for event in claimed)
            return claimed

    def mark_sent(self, events: Sequence[DomainEvent]) -> None:
        with self._called("mark_sent"):
            sent = {event.id for event in events}
            self.unsent = [event for event in self.unsent if event.id not in sent]


class FakeJobs(Fake):
    """`JobQueue`; events whose ids are in `refused` are not taken."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[CodeJob] = []
        self.events: list[DomainEvent] = []
        self.refused: set[str] = set()

    def send_code(self, job: CodeJob) -> None:
        with self._called("send_code"):
            self.codes.append(job)

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        with self._called("send_events"):
            taken = [event for event in events if event.id not in self.refused]
            self.events += taken
            return taken


class FakeRelay(Fake):
    """`RelayWaker`."""

    def wake(self) -> None:
        with self._called("wake"):
            pass


class FakeDeliveries(Fake):
    """`Deliveries`: key to provider's message id (None: nobody to send to), or under way."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str | None] = {}
        self.under_way: set[str] = set()
        self.told: dict[str, int] = {}
        self.turns: set[str] = set()

    def take_turn(self, booking_id: str, version: int) -> Turn:
        with self._called("take_turn"):
            if booking_id in self.turns:
                raise Unavailable
            self.turns.add(booking_id)
            before = self.told.get(booking_id, version)
            self.told[booking_id] = max(before, version)
            return Turn(booking_id=booking_id, lease="lease", is_late=before > version)

    def end_turn(self, turn: Turn) -> None:
        with self._called("end_turn"):
            self.turns.discard(turn.booking_id)

    def claim(self, key: str) -> bool:
        with self._called("claim"):
            if key in self.sent:
                return False
            if key in self.under_way:
                raise Unavailable
            self.under_way.add(key)
            return True

    def mark_sent(self, key: str, message_id: str | None) -> None:
        with self._called("mark_sent"):
            self.under_way.discard(key)
            self.sent[key] = message_id

    def give_up(self, key: str) -> None:
        with self._called("give_up"):
            self.under_way.discard(key)


@dataclass(frozen=True)
class Sent:
    channel: Channel
    address: str
    subject: str
    text: str


class FakeNotifier(Fake):
    """`Notifier`; a channel's name in `down` is a provider that fails, in `rest` one that is not
    asked, in `refuses` one that sends nothing to this address."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []
        self.refuses: set[str] = set()
        self.rest: set[str] = set()

    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        with self._called(channel.value):
            if channel.value in self.refuses:
                raise AddressRefused
            if channel.value in self.rest:
                raise NobodyAsked
            self.sent.append(Sent(channel, address, subject, text))
            return f"message-{len(self.sent)}"


class FakeCarrier:
    """`Provider` that takes everything, but for the error it is told to raise."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.taken: list[str] = []
        self.asked = 0

    def send(self, address: str, subject: str, text: str) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        self.taken.append(address)
        return f"{self.name}-{len(self.taken)}"


class FakeBreakers:
    """`Breakers` that keep those in `open` from being asked."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.told: list[tuple[str, Outcome]] = []

    def ask(self, provider: str) -> Leave:
        return Leave(is_given=provider not in self.open)

    def tell(self, provider: str, leave: Leave, outcome: Outcome) -> State:
        self.told.append((provider, outcome))
        return State.OPEN if provider in self.open else State.CLOSED


class FakeWatch:
    """`Watch` that notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Outcome | None, State]] = []
        self.fallbacks = 0

    def told(self, provider: str, outcome: Outcome | None, state: State, why: str = "") -> None:
        self.seen.append((provider, outcome, state))

    def fell_back(self) -> None:
        self.fallbacks += 1


class FakeQuota(Fake):
    """`CodeQuota` of one day, for users and numbers alike."""

    def __init__(self, left: int = 1_000) -> None:
        super().__init__()
        self.cap = left
        self.taken: dict[str, int] = {}

    def take(self, *, user_id: str, phone: str | None) -> CodeTaken | None:
        with self._called("take"):
            whose = [who for who in (user_id, phone) if who is not None]
            if any(self.taken.get(who, 0) >= self.cap for who in whose):
                return None
            for who in whose:
                self.taken[who] = self.taken.get(who, 0) + 1
            return CodeTaken(user_id=user_id, phone=phone, day="2026-03-02")

    def give_back(self, taken: CodeTaken) -> None:
        with self._called("give_back"):
            for who in (taken.user_id, taken.phone):
                if who is not None:
                    self.taken[who] -= 1


class FakeLimiter(Fake):
    """`RateLimiter` whose requests do not come back."""

    NEXT_IN = 7

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[tuple[str, str], int] = {}

    def take(self, limit: RateLimit, *, route: str, who: str) -> Allowance:
        with self._called("take"):
            used = self.taken.get((route, who), 0)
            is_allowed = used < limit.requests
            if is_allowed:
                self.taken[route, who] = used = used + 1
            return Allowance(
                limit=limit,
                is_allowed=is_allowed,
                remaining=limit.requests - used,
                reset_seconds=used if is_allowed else self.NEXT_IN,
            )


class FakeTokens(Fake):
    """`Tokens`: "Bearer alice" is Alice's."""

    def caller(self, authorization: str | None) -> Caller:
        with self._called("caller"):
            scheme, _, name = (authorization or "").partition(" ")
            if scheme != "Bearer":
                raise Unauthenticated
            return Caller(user_id=name, role=Role.PATIENT)


class FakeDependency(Fake):
    """`Dependency`; with "check" in `down` it cannot serve."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def check(self) -> None:
        with self._called("check"):
            pass
