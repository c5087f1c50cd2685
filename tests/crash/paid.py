"""What is cut where a fee is paid: each step of a payment, and each way it may get stuck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from local.simulated_payments import Fault
from slotkeeper.domain.booking import CANCEL, BookingChange
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.payment_saga import resolved
from tests.crash.asking import LET_GO, TRIES, request, scenarios_of
from tests.crash.matrix import Scenario
from tests.crash.stage import Stage
from tests.support.aws_events import Event
from tests.support.paying import DECLINED, FEE, VISA

PAYING = {"PAYMENT_PROVIDER": "stripe"}
IF_STILL_FREE = {**PAYING, "PAYMENT_LATE": "if_still_free"}
UNDER_WAY = "409 "
"""A payment whose outcome is not known: asked again, it is found out."""
_PAY_TRIES = TRIES | {"try"}


def _held(stage: Stage, **hold: Any) -> tuple[str, str]:
    """An attempt that holds a slot with a fee, and its patient."""
    alice = stage.patient()
    return stage.house.hold(stage.slot("slot", stage.doctor(fee=FEE)), alice, **hold), alice


def _verify(stage: Stage, attempt: str, user: str, method: str = VISA) -> Event:
    body = {"code": stage.house.code(attempt, user), "paymentMethod": method}
    return request("POST", "/bookings/{id}/verify-otp", attempt, user=user, body=body)


def _tried(stage: Stage, attempt: str, user: str, method: str = VISA) -> None:
    """Verified, whatever came of it."""
    try:
        stage.paying.verify(attempt, user, method=method)
    except AppointmentError:
        return


# --- verify_otp


def verify(stage: Stage) -> Event:
    return _verify(stage, *_held(stage))


def verify_again(stage: Stage) -> Event:
    """By another request."""
    attempt, alice = _held(stage)
    event = _verify(stage, attempt, alice)
    _tried(stage, attempt, alice)
    return event


def verify_declined(stage: Stage) -> Event:
    return _verify(stage, *_held(stage), DECLINED)


def verify_with_another_card(stage: Stage) -> Event:
    attempt, alice = _held(stage)
    _tried(stage, attempt, alice, DECLINED)
    return _verify(stage, attempt, alice)


def verify_replacing(stage: Stage) -> Event:
    doctor, alice = stage.doctor(fee=FEE), stage.patient()
    old = stage.paying.book(stage.slot("old", doctor, days=4), alice, method=VISA)
    attempt = stage.house.hold(stage.slot("new", doctor, days=5), alice, replaces=old.id)
    return _verify(stage, attempt, alice)


def _with_fault(step: str, *faults: Fault) -> Callable[[Stage], Event]:
    def prepare(stage: Stage) -> Event:
        event = verify(stage)
        for fault in faults:
            stage.bank.fail(step, fault)
        return event

    return prepare


def verify_after_no_answer(stage: Stage) -> Event:
    """The payment was authorised; the patient asks again a minute later."""
    attempt, alice = _authorised(stage)
    stage.later()
    return _verify(stage, attempt, alice)


def verify_after_no_answer_too_late(stage: Stage) -> Event:
    attempt, alice = _held(stage)
    event = _verify(stage, attempt, alice)
    stage.bank.fail("authorise", Fault.UNANSWERED)
    _tried(stage, attempt, alice)
    stage.holds_end()
    return event


def verify_while_the_hold_ends(stage: Stage) -> Event:
    event = verify(stage)
    [slot] = [id_ for id_, name in stage.names.items() if name == "slot"]
    stage.bank.meanwhile = lambda: stage.house.end_hold(slot)
    return event


def verify_while_it_is_let_go(stage: Stage) -> Event:
    attempt, alice = _held(stage)
    event, paying = _verify(stage, attempt, alice), stage.paying
    stage.bank.meanwhile = lambda: paying.release(attempt, alice)
    return event


# --- stuck


def _authorised(stage: Stage, fault: Fault = Fault.UNANSWERED) -> tuple[str, str]:
    """The provider was asked, and did not answer."""
    attempt, alice = _held(stage)
    stage.bank.fail("authorise", fault)
    _tried(stage, attempt, alice)
    return attempt, alice


def _booked(stage: Stage, *capture: Fault) -> tuple[str, str]:
    """A booking and its patient; the capture fails as told."""
    alice = stage.patient()
    slot = stage.slot("slot", stage.doctor(fee=FEE), days=3)
    for fault in capture:
        stage.bank.fail("capture", fault)
    return stage.paying.book(slot, alice, method=VISA).id, alice


def _cancelled(stage: Stage, *capture: Fault) -> Event:
    booking, alice = _booked(stage, *capture)
    stage.paying.cancel(booking, Caller(user_id=alice, role=Role.PATIENT))
    return {}


def settle_authorised(stage: Stage) -> Event:
    _authorised(stage)
    return {}


def settle_lost(stage: Stage) -> Event:
    _authorised(stage, Fault.LOST)
    return {}


def settle_too_late(stage: Stage) -> Event:
    _authorised(stage)
    stage.holds_end()
    return {}


def settle_booked(stage: Stage) -> Event:
    """Who booked the slot died without saying so."""
    attempt, _ = _authorised(stage)
    till = stage.paying.till
    assert till is not None
    saga = till.sagas.find(attempt)
    assert saga is not None
    saga = till.sagas.take(saga)
    assert saga is not None
    till.slots.confirm(resolved(saga, till), request_id="died")
    stage.later()
    return {}


def settle_uncaptured(stage: Stage) -> Event:
    _booked(stage, Fault.LOST)
    stage.later()
    return {}


def settle_gone(stage: Stage) -> Event:
    _booked(stage, Fault.LOST, Fault.GONE)
    stage.later()
    return {}


def settle_refund(stage: Stage) -> Event:
    return _cancelled(stage)


def settle_void(stage: Stage) -> Event:
    return _cancelled(stage, Fault.LOST)


def relay_the_end(stage: Stage) -> Event:
    """Who cancelled it died when the slot was free again."""
    booking, alice = _booked(stage)
    found = stage.house.ledger.booking(booking)
    assert found is not None
    asked = BookingChange(
        transition=CANCEL, actor=alice, request_id="died", request_key="died", reason=None
    )
    stage.house.booked_slots.give_back(found, asked, ahead=None)
    return {}


# --- while it is paid, or when it was


def release(stage: Stage) -> Event:
    attempt, alice = _authorised(stage)
    return request("DELETE", "/bookings/{id}/hold", attempt, user=alice, key=None)


def cancel(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    return request("PATCH", "/bookings/{id}/cancel", booking, user=alice)


def cancel_uncaptured(stage: Stage) -> Event:
    booking, alice = _booked(stage, Fault.LOST)
    return request("PATCH", "/bookings/{id}/cancel", booking, user=alice)


def cancel_by_staff(stage: Stage) -> Event:
    booking, _ = _booked(stage)
    path = "/bookings/{id}/cancel"
    return request("PATCH", path, booking, user=stage.staff(), role="staff")


def reschedule(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    return request("PATCH", "/bookings/{id}/reschedule", booking, user=alice)


# --- all of them


def _verifying(
    rows: dict[str, Callable[[Stage], Event]], answer: str, *also: str, **more: Any
) -> list[Scenario]:
    # Booked by what died: the same booking again.
    also = ("200 ", *also)
    more = {"settings": PAYING, "loose": _PAY_TRIES, **more}
    return scenarios_of("verify_otp", "verify", rows, answer=answer, also=also, **more)


PAID: Sequence[Scenario] = [
    *_verifying(
        {
            "verify, paid": verify,
            "verify, paid, after a declined card": verify_with_another_card,
            "verify, paid, to replace a paid booking": verify_replacing,
            "verify, paid, capture fails": _with_fault("capture", Fault.ERROR),
            "verify, paid, nothing left to capture": _with_fault("capture", Fault.GONE),
            "verify, paid, asked for earlier": verify_after_no_answer,
        },
        "201 ",
    ),
    *_verifying({"verify, paid, again": verify_again}, "200 "),
    *_verifying({"verify, declined": verify_declined}, "422 "),
    *_verifying(
        {"verify, paid, no answer": _with_fault("authorise", Fault.UNANSWERED)}, "503 ", "201 "
    ),
    *_verifying({"verify, paid, hold over meanwhile": verify_while_the_hold_ends}, "410 "),
    *_verifying(
        {"verify, paid, hold over meanwhile, still free": verify_while_the_hold_ends},
        "201 ",
        settings=IF_STILL_FREE,
    ),
    *_verifying({"verify, paid, too late": verify_after_no_answer_too_late}, UNDER_WAY),
    *_verifying({"verify, paid, let go meanwhile": verify_while_it_is_let_go}, UNDER_WAY, LET_GO),
    *_verifying(
        {"verify, paid, let go meanwhile, still free": verify_while_it_is_let_go},
        *(UNDER_WAY, LET_GO),
        settings=IF_STILL_FREE,
    ),
    *scenarios_of(
        "release_hold",
        "release",
        {"release, payment under way": release},
        answer="204",
        also=[LET_GO],
        settings=PAYING,
    ),
    *scenarios_of(
        "release_hold",
        "release",
        {"release, payment under way, still free": release},
        answer="204",
        also=[LET_GO],
        settings=IF_STILL_FREE,
    ),
    *scenarios_of(
        "cancel",
        "cancel",
        {
            "cancel, paid": cancel,
            "cancel, paid, by staff": cancel_by_staff,
            "cancel, paid, not captured yet": cancel_uncaptured,
        },
        answer="200 ",
        settings=PAYING,
    ),
    *scenarios_of(
        "reschedule", "reschedule", {"reschedule, paid": reschedule}, answer="200 ", settings=PAYING
    ),
    *scenarios_of(
        "settle_payments",
        None,
        {
            "settle what was authorised": settle_authorised,
            "settle what nobody was asked for": settle_lost,
            "settle what was authorised too late": settle_too_late,
            "settle what was booked": settle_booked,
            "settle what is not captured": settle_uncaptured,
            "settle what is gone": settle_gone,
            "settle a refund": settle_refund,
            "settle a void": settle_void,
        },
        settings=PAYING,
    ),
    *scenarios_of(
        "settle_payments",
        None,
        {"settle what was authorised too late, still free": settle_too_late},
        settings=IF_STILL_FREE,
    ),
    *scenarios_of(
        "relay_outbox", None, {"relay the end of a paid booking": relay_the_end}, settings=PAYING
    ),
]
