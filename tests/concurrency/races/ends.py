"""Many who end a booking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.errors import BookingNotConfirmed
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.verify_otp import Confirmation
from tests.concurrency import guards
from tests.concurrency.lost import ensure
from tests.concurrency.race import THREADS, Control, Race, Results, Round, broken
from tests.concurrency.races.confirmations import answers_all
from tests.support.house import House

ENDED_TWICE = "one booking ended twice"
TWO_ENDS = "a booking ended in two ways"
BOTH_STAND = "a booking stands beside the one that took its place"
CONFIRMED_TWICE = "one replacement was confirmed twice"

_ON_A_READ = "the condition of the update"


def _booked(house: House) -> tuple[Booking, Caller]:
    alice = house.patient()
    return house.book(house.slot(), alice), Caller(user_id=alice, role=Role.PATIENT)


def _ended(house: House, booking: Booking) -> list[str]:
    """How the booking ended, by its events; each has its audit entry."""
    house.sweep()
    told = [e["type"] for e in house.events(bookingId=booking.id)]
    assert sorted(told) == sorted(e["type"] for e in house.audit(bookingId=booking.id))
    return [type_ for type_ in told if type_ != "booking.confirmed"]


def _of(results: Sequence[Any], kind: type[Any]) -> list[Any]:
    return [result for result in results if isinstance(result, kind)]


# --- cancel against cancel ------------------------------------------------------------------------


def _cancel_cancel(house: House, _: int) -> Round:
    booking, alice = _booked(house)

    def judge(results: Results) -> str:
        ended = _ended(house, booking)
        ensure(len(ended) <= 1, ENDED_TWICE, ended)
        assert set(results["cancel"]) == {house.ledger.booking(booking.id)}
        assert ended == ["booking.cancelled"]
        assert house.document(booking.slot_id)["version"] == 4
        return "cancelled"

    return Round(
        sides={"cancel": [partial(house.cancel, booking.id, alice)] * THREADS}, judge=judge
    )


CANCEL_CANCEL = Race(
    name="cancel/cancel",
    begin=_cancel_cancel,
    controls=[
        Control(guard=_ON_A_READ, off=guards.decides_on_a_read, harms=frozenset({ENDED_TWICE}))
    ],
    rounds=15,
    outcomes={"cancelled": 0},
)


# --- reschedule against reschedule ----------------------------------------------------------------


def _reschedule_reschedule(house: House, _: int) -> Round:
    booking, alice = _booked(house)

    def judge(results: Results) -> str:
        done, ended = _of(results["reschedule"], Booking), _ended(house, booking)
        ensure(len(done) <= 1 and len(ended) <= 1, ENDED_TWICE, ended)
        assert done == [house.ledger.booking(booking.id)]
        refused = _of(results["reschedule"], BookingNotConfirmed)
        assert len(refused) == THREADS - 1
        assert ended == ["booking.rescheduled"]
        return "rescheduled"

    calls = [partial(house.reschedule, booking.id, alice)] * THREADS
    return Round(sides={"reschedule": calls}, judge=judge)


RESCHEDULE_RESCHEDULE = Race(
    name="reschedule/reschedule",
    begin=_reschedule_reschedule,
    controls=[
        Control(guard=_ON_A_READ, off=guards.decides_on_a_read, harms=frozenset({ENDED_TWICE}))
    ],
    rounds=15,
    outcomes={"rescheduled": 0},
)


# --- cancel against reschedule --------------------------------------------------------------------


def _cancel_reschedule(house: House, _: int) -> Round:
    booking, alice = _booked(house)
    each = THREADS // 2

    def judge(results: Results) -> str:
        cancelled = _of(results["cancel"], Booking)
        rescheduled = _of(results["reschedule"], Booking)
        ended = _ended(house, booking)
        ensure(len(set(ended)) <= 1 and not (cancelled and rescheduled), TWO_ENDS, ended)
        ensure(len(ended) <= 1 and len(rescheduled) <= 1, ENDED_TWICE, ended)
        assert len(ended) == 1
        assert house.document(booking.slot_id)["status"] == SlotStatus.ACTIVE
        now = house.ledger.booking(booking.id)
        assert set(cancelled + rescheduled) == {now}
        refused = _of([*results["cancel"], *results["reschedule"]], BookingNotConfirmed)
        assert len(cancelled) + len(rescheduled) + len(refused) == THREADS
        if cancelled:
            assert len(cancelled) == each
            assert ended == ["booking.cancelled"]
        return now.status.value if now else "gone"

    return Round(
        sides={
            "cancel": [partial(house.cancel, booking.id, alice)] * each,
            "reschedule": [partial(house.reschedule, booking.id, alice)] * each,
        },
        judge=judge,
    )


CANCEL_RESCHEDULE = Race(
    name="cancel/reschedule",
    begin=_cancel_reschedule,
    controls=[Control(guard=_ON_A_READ, off=guards.decides_on_a_read, harms=frozenset({TWO_ENDS}))],
    rounds=20,
    outcomes={BookingStatus.CANCELLED.value: 1, BookingStatus.RESCHEDULED.value: -1},
    first="cancel",
)


# --- the confirmation of a replacement against the old booking's end ------------------------------


def _replacement(house: House) -> tuple[Booking, Caller, str, str]:
    """A booking, whose it is, and the attempt (with its code) that is to take its place."""
    doctor, alice = house.doctor(), house.patient()
    old = house.book(house.slot(doctor), alice)
    attempt = house.hold(house.slot(doctor, starts_in=timedelta(days=3)), alice, replaces=old.id)
    return old, Caller(user_id=alice, role=Role.PATIENT), attempt, house.code(attempt, alice)


def _replaces_cancel(house: House, _: int) -> Round:
    old, alice, attempt, code = _replacement(house)
    each = THREADS // 2

    def judge(results: Results) -> str:
        replaced = _of(results["verify"], Confirmation)
        cancelled = _of(results["cancel"], Booking)
        ended = _ended(house, old)
        statuses = sorted(b["status"] for b in house.bookings(userId=alice.user_id))
        ensure(len(set(ended)) <= 1, TWO_ENDS, ended)
        ensure(not (replaced and cancelled), BOTH_STAND, statuses)
        new = [e["type"] for e in house.events(attemptId=attempt)]
        ensure(not (new and cancelled), BOTH_STAND, new)
        ensure(len(ended) <= 1, ENDED_TWICE, ended)
        if replaced:
            assert (len(replaced), len(_of(results["cancel"], BookingNotConfirmed))) == (each, each)
            assert statuses == ["confirmed", "rescheduled"]
            assert (ended, new) == (["booking.rescheduled"], ["booking.confirmed"])
        else:
            assert set(cancelled) == {house.ledger.booking(old.id)}
            refused = _of(results["verify"], BookingNotConfirmed)
            assert (len(cancelled), len(refused)) == (each, each)
            assert statuses == ["cancelled"]
            assert (ended, new) == (["booking.cancelled"], [])
        return ended[0]

    return Round(
        sides={
            "verify": [partial(house.verify, attempt, alice.user_id, code)] * each,
            "cancel": [partial(house.cancel, old.id, alice)] * each,
        },
        judge=judge,
    )


REPLACES_CANCEL = Race(
    name="replaces/cancel",
    begin=_replaces_cancel,
    controls=[
        Control(
            guard="the conditions of the updates of slot and booking",
            off=guards.gives_back_on_a_read,
            harms=frozenset({TWO_ENDS}),
        ),
        Control(
            guard="the transaction",
            off=guards.without_transactions,
            harms=frozenset({BOTH_STAND}),
        ),
    ],
    rounds=15,
    outcomes={"booking.rescheduled": 1, "booking.cancelled": -1},
    first="verify",
)


def _replaces_replaces(house: House, _: int) -> Round:
    old, alice, attempt, code = _replacement(house)

    def judge(results: Results) -> str:
        done = _of(results["verify"], Confirmation)
        ended = _ended(house, old)
        new = [e["type"] for e in house.events(attemptId=attempt)]
        version = house.document(done[0].booking.slot_id)["version"] if done else 3
        is_once = sum(result.is_new for result in done) <= 1 and len(new) <= 1 and len(ended) <= 1
        is_once = is_once and version == 3 and not broken(results["verify"])
        ensure(is_once, CONFIRMED_TWICE, (new, ended, version))
        assert len(done) == THREADS
        assert len({result.booking for result in done}) == 1
        assert (new, ended) == (["booking.confirmed"], ["booking.rescheduled"])
        assert len(house.bookings(userId=alice.user_id)) == 2
        return "replaced"

    calls = [partial(house.verify, attempt, alice.user_id, code)] * THREADS
    return Round(sides={"verify": calls}, judge=judge)


REPLACES_REPLACES = Race(
    name="one replacement many times",
    begin=_replaces_replaces,
    house=answers_all,
    controls=[
        Control(
            guard="the transaction and the condition of the update",
            off=guards.without_transactions_deciding_on_a_read,
            harms=frozenset({CONFIRMED_TWICE}),
        )
    ],
    rounds=8,
    outcomes={"replaced": 0},
)
