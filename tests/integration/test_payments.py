"""Paying for a booking, on real stores and against the simulator over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient

from local.payment_simulator import Simulator, running
from local.simulated_payments import Fault, SimulatedPayments
from slotkeeper.adapters.mongo.documents import SAGAS, SLOTS
from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import (
    BookingNotConfirmed,
    HoldExpired,
    InvalidRequest,
    OtpInvalid,
    PaymentDeclined,
    RequestInProgress,
    Unavailable,
)
from slotkeeper.domain.payment import LatePayment, PaymentStatus, Price
from slotkeeper.domain.user import Caller, Role
from tests.support.explained import explained
from tests.support.house import House
from tests.support.paying import DECLINED, FEE, VISA, Died, Life, Shop

PRICE: dict[str, Any] = {"amount": FEE, "currency": "eur"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running(SimulatedPayments()) as server:
        yield server


@pytest.fixture
def shop(house: House, simulator: Simulator) -> Shop:
    return Shop.open(house, simulator)


@pytest.fixture
def late_shop(house: House, simulator: Simulator) -> Shop:
    return Shop.open(house, simulator, late=LatePayment.IF_STILL_FREE)


def _cancel(shop: Shop, booking: Booking) -> None:
    shop.house.cancel(booking.id, Caller(user_id=shop.alice, role=Role.PATIENT))


# --- as it should go ------------------------------------------------------------------------------


def test_a_fee_is_paid_with_the_booking(shop: Shop) -> None:
    confirmation = shop.verify()

    [payment] = shop.simulator.payments.payments()
    assert confirmation.is_new
    assert confirmation.booking.payment == Price(**PRICE)
    assert (payment["status"], payment["captured"]) == ("succeeded", FEE)
    assert (shop.saga["state"], shop.saga["paymentId"]) == ("captured", payment["id"])
    assert payment["attemptId"] == shop.attempt
    [stored], [entry] = shop.house.bookings(), shop.house.audit()
    assert stored["payment"] == entry["payment"] == PRICE
    assert shop.imbalances() == []


def test_a_paid_booking_leaves_no_lock_seed_or_place_and_wakes_the_relay(shop: Shop) -> None:
    shop.verify()

    assert shop.house.redis_keys() == ["booking:attempt:"]
    assert shop.house.waker.woken == 1


def test_the_same_call_again_answers_the_same_booking_and_pays_nothing(shop: Shop) -> None:
    first = shop.verify()

    again = shop.verify()

    assert not again.is_new
    assert again.booking == first.booking
    assert len(shop.simulator.payments.payments()) == 1


def test_a_doctor_without_a_fee_asks_for_no_payment(house: House, simulator: Simulator) -> None:
    paying = Shop.open(house, simulator).house
    slot, alice = paying.slot(paying.doctor()), paying.patient()

    booking = paying.book(slot, alice)

    assert booking.payment is None
    assert "payment" not in paying.bookings()[0]
    assert simulator.payments.payments() == []
    assert paying.database[SAGAS].count_documents({}) == 0


def test_without_payment_a_fee_is_only_shown(house: House) -> None:
    slot, alice = house.slot(house.doctor(fee=FEE)), house.patient()

    booking = house.book(slot, alice, method=VISA)

    assert booking.payment is None
    assert house.database[SAGAS].count_documents({}) == 0


def test_without_a_payment_method_nothing_is_counted_and_nothing_left(shop: Shop) -> None:
    before = shop.house.document(shop.slot)

    with pytest.raises(InvalidRequest) as refused:
        shop.verify(None)

    assert refused.value.errors[0][0] == "paymentMethod"
    assert shop.house.document(shop.slot) == before
    assert shop.house.database[SAGAS].count_documents({}) == 0
    assert shop.verify().is_new


def test_a_wrong_code_moves_no_money_and_is_counted(shop: Shop) -> None:
    wrong = shop.house.wrong_code(shop.attempt, shop.alice)

    with pytest.raises(OtpInvalid):
        shop.house.verify(shop.attempt, shop.alice, wrong, VISA)

    assert shop.simulator.payments.payments() == []
    document = shop.house.document(shop.slot)
    assert document["hold"]["otp"]["tries"] == 1
    assert "acceptedAt" not in document["hold"]


def test_a_price_is_settled_when_the_payment_begins(shop: Shop) -> None:
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()
    shop.house.database["doctors"].update_many({}, {"$set": {"consultationFee": 99}})

    booking = shop.verify().booking

    assert booking.payment == Price(**PRICE)
    assert shop.imbalances() == []


# --- declined -------------------------------------------------------------------------------------


def test_a_declined_payment_leaves_hold_and_code_good(shop: Shop) -> None:
    with pytest.raises(PaymentDeclined):
        shop.verify(DECLINED)

    assert shop.saga["state"] == "declined"
    assert shop.house.document(shop.slot)["status"] == "reserved"
    assert (shop.kept, shop.reserved) == (0, 0)
    assert shop.verify(VISA).is_new
    assert (shop.saga["state"], shop.saga["try"]) == ("captured", 2)
    assert shop.imbalances() == []


def test_a_method_that_is_none_is_declined(shop: Shop) -> None:
    with pytest.raises(PaymentDeclined):
        shop.verify("pm_nonsense")

    assert shop.imbalances() == []


def test_a_declined_payment_is_no_business_of_the_sweep(shop: Shop) -> None:
    with pytest.raises(PaymentDeclined):
        shop.verify(DECLINED)

    shop.settle()

    assert shop.saga["state"] == "declined"


def test_a_hold_whose_code_was_accepted_is_not_booked_unpaid(shop: Shop) -> None:
    with pytest.raises(PaymentDeclined):
        shop.verify(DECLINED)

    refused = shop.house.slots.confirm(
        shop.slot,
        attempt_id=shop.attempt,
        user_id=shop.alice,
        send_number=1,
        booking_id=booking_id(shop.attempt),
        request_id="r",
    )

    assert (refused.made, refused.event) == (False, None)
    assert shop.house.document(shop.slot)["status"] == "reserved"


def test_a_hold_is_not_booked_paid_before_its_code_was_accepted(shop: Shop) -> None:
    till = shop.house.till
    assert till is not None
    shop.verify_until_told()
    saga = till.sagas.find(shop.attempt)
    assert saga is not None
    slot = shop.house.document(shop.slot)
    shop.house.database[SLOTS].replace_one(
        {"_id": shop.slot}, {**slot, "status": "reserved", "hold": _hold_without_code(shop, slot)}
    )

    decision = till.slots.confirm(saga, request_id="r")

    assert decision.slot.status == "reserved"


def _hold_without_code(shop: Shop, slot: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    otp = {"channel": None, "sends": 1, "sentAt": now, "expiresAt": now, "tries": 0}
    return {
        "attemptId": shop.attempt,
        "userId": shop.alice,
        "version": slot["version"],
        "placedAt": now,
        "expiresAt": now + timedelta(minutes=5),
        "otp": otp,
    }


# --- no answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.UNANSWERED, Fault.ERROR_AFTER])
def test_an_authorisation_whose_answer_is_lost_is_found_again(shop: Shop, fault: Fault) -> None:
    shop.simulator.payments.fail("authorise", fault)

    with pytest.raises(Unavailable) as unknown:
        shop.verify()
    confirmation = shop.verify()

    assert unknown.value.retry_after_seconds
    assert confirmation.is_new
    [payment] = shop.simulator.payments.payments()
    assert payment["authorisations"] == 1
    assert shop.imbalances() == []


def test_the_sweep_books_what_was_authorised_without_an_answer(shop: Shop) -> None:
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()

    settlement = shop.house.settle()

    assert dict(settlement.settled) == {"captured": 1}
    assert shop.house.document(shop.slot)["status"] == "booked"
    assert not shop.verify().is_new
    assert shop.imbalances() == []


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.ERROR])
def test_the_sweep_asks_for_no_money_that_was_not_reserved(shop: Shop, fault: Fault) -> None:
    shop.simulator.payments.fail("authorise", fault)
    with pytest.raises(Unavailable):
        shop.verify()

    shop.house.settle()

    assert shop.saga["state"] == "voided"
    assert [p["status"] for p in shop.simulator.payments.payments()] == ["canceled"]
    assert shop.verify().is_new
    assert shop.imbalances() == []


def test_an_authorisation_that_arrives_late_finds_its_payment_cancelled(shop: Shop) -> None:
    shop.simulator.payments.fail("authorise", Fault.LATE)
    with pytest.raises(Unavailable):
        shop.verify()
    confirmation = shop.verify()

    arrived = shop.simulator.payments.deliver()

    assert arrived == 1
    assert confirmation.is_new
    assert sorted(p["status"] for p in shop.simulator.payments.payments()) == [
        "canceled",
        "succeeded",
    ]
    assert shop.imbalances() == []


def test_control_without_the_cancellation_it_would_be_reserved_twice(shop: Shop) -> None:
    payments = shop.simulator.payments
    payments.fail("authorise", Fault.LATE)
    with pytest.raises(Unavailable):
        shop.verify()
    # Whoever takes silence for a no, and tries anew.
    shop.house.database[SAGAS].update_one(
        {"_id": shop.attempt}, {"$set": {"state": "declined"}, "$unset": {"dueAt": ""}}
    )
    shop.verify()

    payments.deliver()

    assert shop.reserved == FEE
    assert shop.imbalances() != []


def test_a_request_that_arrives_twice_is_one_payment(shop: Shop) -> None:
    for step in ("open", "authorise", "capture"):
        shop.simulator.payments.fail(step, Fault.TWICE)

    assert shop.verify().is_new

    assert len(shop.simulator.payments.payments()) == 1
    assert shop.imbalances() == []


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED, Fault.ERROR, Fault.ERROR_AFTER])
def test_a_booking_stands_while_its_capture_is_not_known(shop: Shop, fault: Fault) -> None:
    shop.simulator.payments.fail("capture", fault)

    confirmation = shop.verify()

    assert confirmation.is_new
    assert shop.saga["state"] == "capturing"
    shop.settle()
    assert shop.saga["state"] == "captured"
    assert shop.imbalances() == []


def test_a_booking_whose_payment_is_gone_is_ended_and_its_patient_told(shop: Shop) -> None:
    shop.simulator.payments.fail("capture", Fault.ERROR)
    booking = shop.verify().booking
    shop.simulator.payments.fail("capture", Fault.GONE)

    shop.settle()
    shop.house.relay()

    [stored] = shop.house.bookings()
    assert stored["status"] == "cancelled"
    assert shop.house.document(shop.slot)["status"] == "active"
    told = [event.type for event in shop.house.queue.events if event.booking_id == booking.id]
    assert told == ["booking.confirmed", "booking.cancelled"]
    assert shop.saga["state"] == "voided"
    assert shop.imbalances() == []


def test_a_provider_that_is_down_leaves_no_charge_and_no_booking(shop: Shop) -> None:
    for step in ("open", "authorise", "find", "cancel"):
        shop.simulator.payments.fail(step, Fault.ERROR, times=10)

    with pytest.raises(Unavailable):
        shop.verify()
    assert shop.house.settle().waiting == 0  # nothing was asked for yet: nothing to wait for

    shop.simulator.payments.heal()
    assert (shop.kept, shop.reserved) == (0, 0)
    assert shop.verify().is_new
    assert shop.imbalances() == []


def test_an_authorisation_of_another_amount_is_given_back(shop: Shop) -> None:
    till = shop.house.till
    assert till is not None
    provider = till.provider()
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()
    shop.house.database[SAGAS].update_one({"_id": shop.attempt}, {"$set": {"amount": FEE - 1}})

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert provider.find(shop.saga["paymentId"]).status is PaymentStatus.CANCELLED
    assert shop.house.bookings() == []


# --- too late -------------------------------------------------------------------------------------


def _authorised_when_the_hold_was_over(shop: Shop) -> None:
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()
    shop.house.end_hold(shop.slot)


def test_a_payment_after_the_hold_goes_back(shop: Shop) -> None:
    _authorised_when_the_hold_was_over(shop)

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert shop.house.bookings() == []
    assert shop.imbalances() == []


def test_a_payment_after_the_hold_books_a_slot_that_is_still_free(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)

    shop.settle()

    [booking] = shop.house.bookings()
    assert (booking["status"], booking["payment"]) == ("confirmed", PRICE)
    assert shop.saga["state"] == "captured"
    assert shop.imbalances() == []


def test_a_late_booking_ends_its_hold_first(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)
    shop.end_leases()

    shop.house.settle()
    shop.house.relay()

    told = [(entry["type"], entry["from"], entry["to"]) for entry in shop.house.audit()]
    assert told == [
        ("hold.expired", "reserved", "active"),
        ("booking.confirmed", "active", "booked"),
    ]
    versions = [entry["version"] for entry in shop.house.audit()]
    assert versions == [shop.house.document(shop.slot)["version"] - 1, versions[0] + 1]


def test_a_late_payment_does_not_take_the_slot_from_who_has_it(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)
    shop.house.lose_redis()
    bob = shop.house.patient()
    shop.house.hold(shop.slot, bob)

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert shop.house.document(shop.slot)["hold"]["userId"] == bob
    assert shop.imbalances() == []


def test_a_late_payment_does_not_book_a_slot_that_has_begun(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)
    shop.house.database[SLOTS].update_one(
        {"_id": shop.slot}, {"$set": {"startTime": datetime.now(UTC) - timedelta(minutes=1)}}
    )

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert shop.imbalances() == []


def test_a_late_payment_does_not_book_what_its_patient_let_go(late_shop: Shop) -> None:
    shop = late_shop
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()
    shop.house.release(shop.attempt, shop.alice)

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert shop.house.document(shop.slot)["status"] == "active"
    assert shop.imbalances() == []


def test_a_late_payment_does_not_book_a_second_appointment_at_that_time(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)
    shop.house.lose_redis()
    shop.house.book(shop.house.slot(), shop.alice)

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert shop.imbalances() == []


def test_a_slot_that_the_clinic_removed_meanwhile_is_paid_back(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)
    shop.house.sweep()
    shop.house.database[SLOTS].delete_one({"_id": shop.slot})

    shop.settle()

    assert shop.saga["state"] == "voided"
    assert shop.imbalances() == []


def test_who_asks_while_a_late_payment_is_open_is_asked_to_wait(late_shop: Shop) -> None:
    shop = late_shop
    _authorised_when_the_hold_was_over(shop)

    with pytest.raises(RequestInProgress):
        shop.verify()
    shop.settle()

    assert shop.verify().booking.payment is not None


def test_after_a_late_payment_went_back_the_attempt_is_over(shop: Shop) -> None:
    _authorised_when_the_hold_was_over(shop)
    shop.settle()

    with pytest.raises(HoldExpired):
        shop.verify()


# --- the end of a paid booking --------------------------------------------------------------------


def test_a_cancelled_booking_is_refunded(shop: Shop) -> None:
    booking = shop.verify().booking

    _cancel(shop, booking)
    ended = shop.saga["state"]
    shop.settle()

    assert (ended, shop.saga["state"]) == ("refunding", "refunded")
    [payment] = shop.simulator.payments.payments()
    assert (payment["captured"], payment["refunded"]) == (FEE, FEE)
    assert shop.imbalances() == []


def test_a_rescheduled_booking_is_refunded(shop: Shop) -> None:
    booking = shop.verify().booking

    shop.house.reschedule(booking.id, Caller(user_id=shop.alice, role=Role.PATIENT))
    shop.settle()

    assert shop.saga["state"] == "refunded"
    assert shop.imbalances() == []


def test_a_booking_that_replaces_another_pays_its_own_fee(shop: Shop) -> None:
    house, old = shop.house, shop.verify().booking
    slot = house.slot(house.doctor(fee=2_000), starts_in=timedelta(days=4))

    new = house.book(slot, shop.alice, replaces=old.id, method=VISA)
    shop.settle()

    assert new.payment == Price(amount=2_000, currency="eur")
    assert shop.saga["state"] == "refunded"
    assert shop.kept == 2_000
    assert shop.imbalances() == []


def test_a_replacement_that_cannot_be_made_costs_nothing(shop: Shop) -> None:
    house, old = shop.house, shop.verify().booking
    slot = house.slot(house.doctor(fee=2_000), starts_in=timedelta(days=4))
    attempt = house.hold(slot, shop.alice, replaces=old.id)
    _cancel(shop, old)

    with pytest.raises(BookingNotConfirmed):
        house.verify(attempt, shop.alice, method=VISA)
    shop.settle()

    assert (shop.kept, shop.reserved) == (0, 0)
    assert shop.imbalances() == []


def test_a_cancellation_while_the_capture_is_under_way_gives_all_back(shop: Shop) -> None:
    shop.simulator.payments.fail("capture", Fault.LATE)
    booking = shop.verify().booking

    _cancel(shop, booking)
    ended = shop.saga["state"]
    shop.simulator.payments.deliver()
    shop.settle()

    assert (ended, shop.saga["state"]) == ("voiding", "refunded")
    assert shop.imbalances() == []


def test_a_capture_that_comes_after_the_cancellation_takes_nothing(shop: Shop) -> None:
    shop.simulator.payments.fail("capture", Fault.LATE)
    booking = shop.verify().booking

    _cancel(shop, booking)
    shop.settle()
    shop.simulator.payments.deliver()

    assert shop.saga["state"] == "voided"
    assert shop.imbalances() == []


def test_a_refund_that_fails_is_made_again(shop: Shop) -> None:
    booking = shop.verify().booking
    shop.simulator.payments.fail("refund", Fault.FAILED, times=3)

    _cancel(shop, booking)
    shop.settle()

    assert shop.saga["state"] == "refunded"
    assert shop.imbalances() == []


def test_trying_in_vain_does_not_hide_since_when_a_payment_is_stuck(shop: Shop) -> None:
    shop.simulator.payments.fail("capture", Fault.ERROR, times=20)
    shop.verify()
    stuck = shop.saga

    shop.settle()

    assert stuck["state"] == shop.saga["state"] == "capturing"
    assert shop.saga["updatedAt"] == stuck["updatedAt"]
    assert shop.saga["version"] > stuck["version"]


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED, Fault.ERROR_AFTER, Fault.TWICE])
def test_a_refund_whose_answer_is_lost_is_one_refund(shop: Shop, fault: Fault) -> None:
    booking = shop.verify().booking
    shop.simulator.payments.fail("refund", fault)

    _cancel(shop, booking)
    shop.settle()

    [payment] = shop.simulator.payments.payments()
    assert payment["refunded"] == FEE
    assert shop.imbalances() == []


def test_an_end_that_is_recorded_again_refunds_nothing_again(shop: Shop) -> None:
    booking = shop.verify().booking
    _cancel(shop, booking)
    facts = [fact for _, fact in shop.house.slots.unrecorded(limit=10)]
    shop.settle()

    shop.house.ledger.record(bookings=[], facts=facts)

    assert shop.saga["state"] == "refunded"
    assert "dueAt" not in shop.saga


def test_an_end_that_only_the_sweep_records_is_refunded(shop: Shop) -> None:
    booking = shop.verify().booking
    life = Life(at=2)  # found, decided in the slot, and dead

    with pytest.raises(Died):
        shop.mortal(life).cancel(booking.id, Caller(user_id=shop.alice, role=Role.PATIENT))
    assert shop.house.bookings()[0]["status"] == "confirmed"
    shop.settle()

    assert shop.house.bookings()[0]["status"] == "cancelled"
    assert shop.saga["state"] == "refunded"
    assert shop.imbalances() == []


# --- the sweep ------------------------------------------------------------------------------------


def test_a_payment_that_somebody_is_at_work_on_is_left_alone(shop: Shop) -> None:
    life = Life(at=6)
    with pytest.raises(Died):
        shop.verify(house=shop.mortal(life))
    before = shop.saga

    settlement = shop.house.settle()

    assert dict(settlement.settled) == {}
    assert shop.saga == before


def test_one_bad_saga_keeps_no_other_from_being_settled(shop: Shop) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    shop.house.database[SAGAS].insert_many(
        [
            {"_id": "at_nonsense", "dueAt": past, "version": 1},
            {**_saga("at_unknown"), "paymentId": "pi_unknown", "dueAt": past},
        ]
    )
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()
    shop.end_leases()

    settlement = shop.house.settle()

    assert sorted(settlement.set_aside) == [
        ("at_nonsense", "unreadable"),
        ("at_unknown", "BrokenInvariant"),
    ]
    assert shop.saga["state"] == "captured"
    assert shop.house.settle().set_aside == ()  # not every minute


def test_a_provider_that_is_down_is_not_asked_for_every_payment(shop: Shop) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    shop.house.database[SAGAS].insert_many(
        [{**_saga(f"at_{n}"), "paymentId": f"pi_{n}", "dueAt": past} for n in range(10)]
    )
    shop.simulator.payments.fail("find", Fault.ERROR, times=100)

    settlement = shop.house.settle()

    assert settlement.waiting == 3


def test_payments_read_no_saga_but_those_they_are_about(
    shop: Shop, mongo: MongoClient[dict[str, Any]]
) -> None:
    sagas = shop.house.database[SAGAS]
    sagas.insert_many([{**_saga(f"at_{n}"), "state": "captured"} for n in range(2_000)])
    with explained(mongo) as found:
        shop.simulator.payments.fail("capture", Fault.LOST)
        booking = shop.verify().booking
        shop.settle()
        _cancel(shop, booking)
        shop.settle()

    assert shop.saga["state"] == "refunded"
    of_sagas = [plan for plan in found.plans if SAGAS in plan.statement.values()]
    assert len(of_sagas) > 10
    assert [plan for plan in of_sagas if not plan.is_bounded] == []


def _saga(attempt: str) -> dict[str, Any]:
    return {
        "_id": attempt,
        "slotId": "dr_20990101T0900Z",
        "doctorId": "dr",
        "userId": "u",
        "bookingId": "bk_x",
        **PRICE,
        "state": "authorising",
        "try": 1,
        "version": 1,
        "createdAt": datetime.now(UTC),
        "updatedAt": datetime.now(UTC),
    }


# --- whatever the provider does, wherever the function dies ---------------------------------------

_FAULTS = [
    None,
    *[("open", fault) for fault in (Fault.LOST, Fault.LATE)],
    *[("authorise", fault) for fault in (Fault.LOST, Fault.UNANSWERED, Fault.LATE, Fault.ERROR)],
    ("authorise", Fault.ERROR_AFTER),
    *[("capture", fault) for fault in (Fault.UNANSWERED, Fault.LATE, Fault.ERROR, Fault.GONE)],
    ("cancel", Fault.LATE),
]
_ENDS = {
    "hold lives": (False, LatePayment.REFUND),
    "hold is over, refund": (True, LatePayment.REFUND),
    "hold is over, if_still_free": (True, LatePayment.IF_STILL_FREE),
}


@pytest.mark.parametrize(("is_over", "late"), _ENDS.values(), ids=_ENDS)
@pytest.mark.parametrize("fault", _FAULTS, ids=str)
def test_what_is_kept_is_what_live_bookings_cost_wherever_the_function_dies(
    house: House,
    simulator: Simulator,
    fault: tuple[str, Fault] | None,
    is_over: bool,
    late: LatePayment,
) -> None:
    at, died = 0, True
    while died:
        shop = Shop.open(house, simulator, late=late)
        if fault:
            simulator.payments.fail(*fault)
        life = Life(at=at)
        died = _dies(partial(shop.verify, house=shop.mortal(life)))
        if is_over:
            shop.house.end_hold_if_any(shop.slot)
        else:
            shop.end_leases()
            shop.verify_until_told()
        shop.settle()
        simulator.payments.deliver()
        shop.settle()

        assert shop.imbalances() == [], (at, life.calls)
        simulator.payments.heal()
        at += 1
    assert at > 5


def _dies(act: Callable[[], object]) -> bool:
    try:
        act()
    except Died:
        return True
    except Unavailable:
        pass
    return False


def _authorised(shop: Shop) -> None:
    shop.simulator.payments.fail("authorise", Fault.UNANSWERED)
    with pytest.raises(Unavailable):
        shop.verify()


def _asked_in_vain(shop: Shop) -> None:
    shop.simulator.payments.fail("authorise", Fault.LOST)
    with pytest.raises(Unavailable):
        shop.verify()


def _not_captured(shop: Shop) -> None:
    shop.simulator.payments.fail("capture", Fault.LOST)
    shop.verify()


def _gone(shop: Shop) -> None:
    _not_captured(shop)
    shop.simulator.payments.fail("capture", Fault.GONE)


def _cancelled(shop: Shop) -> None:
    _cancel(shop, shop.verify().booking)


def _cancelled_uncaptured(shop: Shop) -> None:
    shop.simulator.payments.fail("capture", Fault.LATE)
    _cancel(shop, shop.verify().booking)


_STUCK: dict[str, tuple[Callable[[Shop], None], str]] = {
    "authorising, authorised": (_authorised, "captured"),
    "authorising, lost": (_asked_in_vain, "voided"),
    "authorising, too late": (_authorised_when_the_hold_was_over, "voided"),
    "capturing": (_not_captured, "captured"),
    "capturing, gone": (_gone, "voided"),
    "refunding": (_cancelled, "refunded"),
    "voiding": (_cancelled_uncaptured, "voided"),
}


@pytest.mark.parametrize(("stick", "rests"), _STUCK.values(), ids=_STUCK)
def test_the_sweep_finishes_what_is_stuck_wherever_it_dies(
    house: House, simulator: Simulator, stick: Callable[[Shop], None], rests: str
) -> None:
    at, died = 0, True
    while died:
        shop = Shop.open(house, simulator)
        stick(shop)
        shop.end_leases()
        died = _dies(shop.mortal(Life(at=at)).settle)
        shop.settle()
        simulator.payments.deliver()
        shop.settle()

        assert shop.saga["state"] == rests
        assert shop.imbalances() == [], at
        at += 1
    assert at > 3


def test_control_without_the_sweep_deaths_leave_money_behind(
    house: House, simulator: Simulator
) -> None:
    found = []
    for at in range(12):
        shop = Shop.open(house, simulator)
        _dies(partial(shop.verify, house=shop.mortal(Life(at=at))))
        shop.house.end_hold_if_any(shop.slot)
        shop.house.sweep()
        shop.house.relay()
        found += shop.imbalances()

    assert any("reserved" in told and "reserved 0" not in told for told in found)
