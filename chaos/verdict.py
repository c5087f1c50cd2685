"""Whether what clients were told is true: the history of a run against the truth after it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import pairwise

from chaos.findings import Finding
from chaos.history import Fate, History, Request
from chaos.truth import Truth
from slotkeeper.domain.booking import CANCEL, RESCHEDULE
from slotkeeper.domain.slot import CONFIRM

SWEEP = timedelta(seconds=90)
"""A minute to the next sweep, and what it takes: the emulator looks at its schedules every ten
seconds."""
ENDS = {"cancel": "cancelled", "reschedule": "rescheduled"}
MAY_BE = frozenset({Fate.DONE, Fate.UNKNOWN})


def judge(history: History, truth: Truth) -> Iterator[Finding]:
    """Everything that clients were told, or may have caused, and that is not so."""
    yield from _confirmations(history, truth)
    yield from _ends(history, truth)
    yield from _causes(history, truth)
    yield from _repeated(history)
    yield from _told_twice(history)
    yield from _holds(truth)
    yield from _messages(truth)


def duplicates(truth: Truth) -> int:
    """Texts about bookings that a patient got more than once.

    Documented (docs/reliability.md): a sender that dies between sending and noting so sends again.
    """
    return sum(max(0, received - most) for _, _, received, _, most in _received_and_due(truth))


def _confirmations(history: History, truth: Truth) -> Iterator[Finding]:
    """Each acknowledged confirmation is there, or was ended at its patient's wish."""
    ended_by = _asked_to_end(history)
    for told in _done(history, "verify"):
        id_ = str(told.answer["id"])
        booking = truth.bookings.get(id_)
        if booking is None:
            yield Finding("confirmation_lost", id_, f"acknowledged to {told.patient}")
            continue
        if booking["status"] == "confirmed":
            slot = truth.slots.get(booking["slotId"])
            if slot is None or slot["status"] != "booked" or slot.get("bookingId") != id_:
                yield Finding("slot_not_booked", booking["slotId"], f"but {id_} is confirmed")
        elif not ended_by[id_]:
            yield Finding("confirmation_ended", id_, f"{booking['status']}, unasked")
        old = told.about.get("replaces")
        if old is not None and truth.bookings.get(old, {}).get("replacedBy") != id_:
            yield Finding("not_replaced", old, f"though {id_} took its place")


def _ends(history: History, truth: Truth) -> Iterator[Finding]:
    """What was called off stays so."""
    for op, status in ENDS.items():
        for told in _done(history, op):
            id_ = told.about["bookingId"]
            found = truth.bookings.get(id_, {}).get("status")
            if found != status:
                yield Finding("end_undone", id_, f"{op} was acknowledged; it is {found}")


def _causes(history: History, truth: Truth) -> Iterator[Finding]:
    """Nothing happened that nobody asked for, or that everybody was told would not."""
    confirmed_by: dict[str, list[Request]] = defaultdict(list)
    for told in history.of("verify"):
        confirmed_by[told.about["attemptId"]].append(told)
    ended_by = _asked_to_end(history)
    for id_, booking in truth.bookings.items():
        asked = confirmed_by[booking["attemptId"]]
        if not asked:
            yield Finding("booking_unasked", id_, "nobody sent its code")
        elif not any(told.fate in MAY_BE for told in asked):
            yield Finding("refused_but_booked", id_, str(asked[-1].answer.get("code")))
        if booking["status"] not in {"confirmed", *ENDS.values()}:
            yield Finding("status_unasked", id_, str(booking["status"]))
        elif booking["status"] != "confirmed" and not ended_by[id_]:
            yield Finding("refused_but_ended", id_, str(booking["status"]))


def _asked_to_end(history: History) -> Mapping[str, list[Request]]:
    """By booking, the requests that may have ended it."""
    asked: dict[str, list[Request]] = defaultdict(list)
    for told in history.of(*ENDS):
        if told.fate in MAY_BE:
            asked[told.about["bookingId"]].append(told)
    for told in history.of("verify"):
        if told.fate in MAY_BE and "replaces" in told.about:
            asked[told.about["replaces"]].append(told)
    return asked


def _repeated(history: History) -> Iterator[Finding]:
    """A request repeated with its key was answered with the same attempt, the same booking."""
    for op, name in (("hold", "attemptId"), ("verify", "id")):
        answers: dict[tuple[str, str], set[str]] = defaultdict(set)
        for told in _done(history, op):
            answers[told.patient, told.key].add(str(told.answer[name]))
        for (_, key), found in answers.items():
            if len(found) > 1:
                yield Finding("second_effect", key, f"{op}: {', '.join(sorted(found))}")


def _told_twice(history: History) -> Iterator[Finding]:
    """No patient was told that a slot is theirs while another's confirmation of it stood."""
    slot_of = {
        str(told.answer["attemptId"]): str(told.answer["slotId"]) for told in _done(history, "hold")
    }
    ended_by = _asked_to_end(history)
    told_of: dict[str, dict[str, float]] = defaultdict(dict)
    for told in _done(history, "verify"):
        slot = slot_of.get(told.about["attemptId"])
        if slot is not None:
            told_of[slot].setdefault(str(told.answer["id"]), told.ended)
    for slot, by_booking in told_of.items():
        in_order = sorted(by_booking.items(), key=lambda known: known[1])
        for (first, _), (second, second_at) in pairwise(in_order):
            # It may have ended as soon as somebody asked for that.
            ended = min((r.began for r in ended_by[first]), default=float("inf"))
            if ended > second_at:
                yield Finding("told_twice", slot, f"{first}, then {second}")


def _holds(truth: Truth) -> Iterator[Finding]:
    """No slot is reserved beyond its hold and one sweep."""
    for id_, slot in truth.slots.items():
        if slot["status"] == "reserved":
            over = truth.at - slot["hold"]["expiresAt"]
            if over > SWEEP:
                yield Finding("held_too_long", id_, f"{over.total_seconds():.0f} s too long")


def _messages(truth: Truth) -> Iterator[Finding]:
    """Each patient was told of each change of their bookings."""
    for patient, text, received, at_least, _ in _received_and_due(truth):
        if received < at_least:
            yield Finding("not_told", patient, f"{received} of {at_least} times: {text}")


_TEXTS = {
    CONFIRM.event: "Your appointment is confirmed",
    "moved": "Your appointment was moved",
    CANCEL.event: "Your appointment is cancelled",
    RESCHEDULE.event: "Your appointment was given up",
}


_BEGINS = frozenset({_TEXTS[CONFIRM.event], _TEXTS["moved"]})


def _received_and_due(truth: Truth) -> Iterator[tuple[str, str, int, int, int]]:
    """By patient and kind of text: how many arrived, at least should have, and at most may have.

    That a booking began is not told any more once it has ended: it may have been, before.
    """
    at_least: Counter[tuple[str, str]] = Counter()
    at_most: Counter[tuple[str, str]] = Counter()
    for event in truth.events:
        kind = event["type"]
        if kind == CONFIRM.event and event.get("replaces"):
            kind = "moved"
        if kind not in _TEXTS or (kind == RESCHEDULE.event and event.get("replacedBy")):
            continue
        text = _TEXTS[kind]
        at_most[event["userId"], text] += 1
        booking = truth.bookings.get(event["bookingId"], {})
        if text not in _BEGINS or booking.get("status") == "confirmed":
            at_least[event["userId"], text] += 1
        elif kind == "moved":
            # Told, if at all then, as the end of the booking whose place it took.
            at_most[event["userId"], _TEXTS[RESCHEDULE.event]] += 1
    for patient, texts in truth.texts.items():
        for text in _TEXTS.values():
            received = sum(message.startswith(text) for message in texts)
            yield patient, text, received, at_least[patient, text], at_most[patient, text]


def _done(history: History, op: str) -> list[Request]:
    return [told for told in history.of(op) if told.fate is Fate.DONE]
