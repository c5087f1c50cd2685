"""What the verdict notices: each thing a run may get wrong, planted one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chaos import verdict
from chaos.history import Fate, History, Request
from chaos.truth import Truth
from slotkeeper.domain.booking import CANCEL
from slotkeeper.domain.slot import CONFIRM

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_clock = itertools.count(1_000)


def asked(
    op: str,
    fate: Fate = Fate.DONE,
    *,
    patient: str = "alice",
    key: str | None = None,
    answer: Mapping[str, Any] | None = None,
    **about: str,
) -> Request:
    """A request; each begins after those made before it ended."""
    began = float(next(_clock))
    return Request(
        id=f"request-{began}",
        patient=patient,
        op=op,
        key=key or f"key-{began}",
        about=about,
        began=began,
        ended=began + 0.5,
        fate=fate,
        answer=answer or {},
    )


def held(attempt: str, slot: str, **more: Any) -> Request:
    answer = {"attemptId": attempt, "slotId": slot}
    return asked("hold", answer=answer, slotId=slot, **more)


def confirmed(attempt: str, booking: str, **more: Any) -> Request:
    answer = {"id": booking, "status": "confirmed"}
    return asked("verify", answer=answer, attemptId=attempt, **more)


def booking(id_: str, attempt: str, slot: str, status: str = "confirmed") -> dict[str, Any]:
    return {"_id": id_, "attemptId": attempt, "slotId": slot, "status": status}


def booked(slot: str, booking_id: str) -> dict[str, Any]:
    return {"_id": slot, "status": "booked", "bookingId": booking_id}


def truth(*documents: Mapping[str, Any], **more: Any) -> Truth:
    by_kind: dict[str, dict[str, Any]] = {"bookings": {}, "slots": {}}
    for document in documents:
        kind = "bookings" if "attemptId" in document else "slots"
        by_kind[kind][document["_id"]] = document
    return Truth(at=NOW, bookings=by_kind["bookings"], slots=by_kind["slots"], **more)


def rules(history: list[Request], so: Truth) -> list[str]:
    told = History()
    for request in history:
        told.asked(request)
    return [finding.rule for finding in verdict.judge(told, so)]


ONE = [held("at_1", "s1"), confirmed("at_1", "bk_1")]
SO = truth(booking("bk_1", "at_1", "s1"), booked("s1", "bk_1"))


def test_a_confirmation_that_is_there_is_fine() -> None:
    assert rules(ONE, SO) == []


def test_a_confirmation_that_is_gone_is_lost() -> None:
    assert rules(ONE, truth()) == ["confirmation_lost"]


def test_a_confirmation_whose_slot_is_free_is_noticed() -> None:
    assert rules(ONE, truth(booking("bk_1", "at_1", "s1"))) == ["slot_not_booked"]


def test_a_confirmation_whose_slot_is_anothers_is_noticed() -> None:
    so = truth(booking("bk_1", "at_1", "s1"), booked("s1", "bk_other"))

    assert rules(ONE, so) == ["slot_not_booked"]


def test_a_booking_that_nobody_called_off_has_not_ended() -> None:
    so = truth(booking("bk_1", "at_1", "s1", "cancelled"))

    assert rules(ONE, so) == ["confirmation_ended", "refused_but_ended"]


@pytest.mark.parametrize("fate", [Fate.DONE, Fate.UNKNOWN])
def test_a_booking_may_have_ended_if_its_patient_may_have_called_it_off(fate: Fate) -> None:
    history = [*ONE, asked("cancel", fate, bookingId="bk_1")]

    assert rules(history, truth(booking("bk_1", "at_1", "s1", "cancelled"))) == []


def test_a_refused_cancel_that_was_carried_out_is_noticed() -> None:
    history = [*ONE, asked("cancel", Fate.REFUSED, bookingId="bk_1")]
    so = truth(booking("bk_1", "at_1", "s1", "cancelled"))

    assert "refused_but_ended" in rules(history, so)


def test_an_acknowledged_cancel_that_was_undone_is_noticed() -> None:
    history = [*ONE, asked("cancel", bookingId="bk_1")]

    assert rules(history, SO) == ["end_undone"]


def test_an_unknown_cancel_may_have_had_no_effect() -> None:
    history = [*ONE, asked("cancel", Fate.UNKNOWN, bookingId="bk_1")]

    assert rules(history, SO) == []


def test_a_booking_that_nobody_asked_for_is_noticed() -> None:
    assert rules([ONE[0]], SO) == ["booking_unasked"]


def test_a_booking_whose_code_was_refused_is_noticed() -> None:
    history = [ONE[0], asked("verify", Fate.REFUSED, attemptId="at_1")]

    assert rules(history, SO) == ["refused_but_booked"]


def test_a_booking_whose_confirmation_got_no_answer_may_be_there() -> None:
    history = [ONE[0], asked("verify", Fate.UNKNOWN, attemptId="at_1")]

    assert rules(history, SO) == []
    assert rules(history, truth()) == []


def test_one_key_with_two_attempts_is_a_second_effect() -> None:
    history = [held("at_1", "s1", key="k"), held("at_2", "s1", key="k")]

    assert rules(history, truth()) == ["second_effect"]


def test_one_key_with_two_bookings_is_a_second_effect() -> None:
    history = [*ONE, confirmed("at_1", "bk_2", key=ONE[1].key)]
    so = truth(*SO.bookings.values(), *SO.slots.values(), booking("bk_2", "at_1", "s2"))

    assert "second_effect" in rules(history, so)


def test_two_patients_told_that_one_slot_is_theirs_is_noticed() -> None:
    history = [
        *(held("at_1", "s1"), confirmed("at_1", "bk_1")),
        *(held("at_2", "s1", patient="bob"), confirmed("at_2", "bk_2", patient="bob")),
    ]

    assert "told_twice" in rules(history, SO)


def test_a_slot_may_be_confirmed_again_once_it_was_called_off() -> None:
    history = [
        *(held("at_1", "s1"), confirmed("at_1", "bk_1"), asked("cancel", bookingId="bk_1")),
        *(held("at_2", "s1", patient="bob"), confirmed("at_2", "bk_2", patient="bob")),
    ]
    so = truth(
        *(booking("bk_1", "at_1", "s1", "cancelled"), booking("bk_2", "at_2", "s1")),
        booked("s1", "bk_2"),
    )

    assert rules(history, so) == []


def test_a_booking_that_was_replaced_names_what_took_its_place() -> None:
    history = [
        *ONE,
        held("at_2", "s2", replaces="bk_1"),
        confirmed("at_2", "bk_2", replaces="bk_1"),
    ]
    old = booking("bk_1", "at_1", "s1", "rescheduled")
    new = [booking("bk_2", "at_2", "s2"), booked("s2", "bk_2")]

    assert rules(history, truth({**old, "replacedBy": "bk_2"}, *new)) == []
    assert rules(history, truth(old, *new)) == ["not_replaced"]


@pytest.mark.parametrize(
    ("over", "found"), [(timedelta(seconds=60), []), (timedelta(minutes=3), ["held_too_long"])]
)
def test_a_hold_may_outlast_its_time_by_one_sweep(over: timedelta, found: list[str]) -> None:
    slot = {"_id": "s1", "status": "reserved", "hold": {"expiresAt": NOW - over}}

    assert rules([], truth(slot)) == found


def told_of(*texts: str) -> Truth:
    event = {"type": CONFIRM.event, "userId": "alice", "bookingId": "bk_1"}
    return replace(SO, events=[event], texts={"alice": texts})


def test_a_patient_who_was_not_told_is_noticed() -> None:
    assert rules(ONE, told_of("123456 is your code to confirm the appointment.")) == ["not_told"]


@pytest.mark.parametrize("texts", [(), ("Your appointment is confirmed: today.",)])
def test_that_a_booking_began_need_not_be_told_once_it_has_ended(texts: tuple[str, ...]) -> None:
    history = [*ONE, asked("cancel", bookingId="bk_1")]
    ended = truth(booking("bk_1", "at_1", "s1", "cancelled"))
    so = replace(told_of(*texts), bookings=ended.bookings, slots={})

    assert rules(history, so) == []
    assert verdict.duplicates(so) == 0


def test_a_patient_who_was_told_once_is_fine() -> None:
    so = told_of("Your appointment is confirmed: today.")

    assert rules(ONE, so) == []
    assert verdict.duplicates(so) == 0


def test_texts_that_came_twice_are_counted() -> None:
    text = "Your appointment is confirmed: today."

    assert verdict.duplicates(told_of(text, text)) == 1


def test_a_replaced_booking_is_told_of_once_as_moved() -> None:
    moved = {"type": CONFIRM.event, "userId": "alice", "bookingId": "bk_2", "replaces": "bk_1"}
    left = {
        "type": "booking.rescheduled",
        "userId": "alice",
        "bookingId": "bk_1",
        "replacedBy": "bk_2",
    }
    so = truth(events=[moved, left], texts={"alice": ["Your appointment was moved. It is now: x."]})

    assert rules([], so) == []


def test_a_cancelled_booking_is_told_of() -> None:
    event = {"type": CANCEL.event, "userId": "alice", "bookingId": "bk_1"}

    assert rules([], truth(events=[event], texts={"alice": []})) == ["not_told"]
