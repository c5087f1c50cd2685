"""What each kind of document must look like; which fields of one do not.

The code that writes them cannot make others; a hand, a restore or a fault of the storage can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DELIVERIES,
    OUTBOX,
    SAGAS,
    SLOTS,
)
from slotkeeper.domain.booking import CANCEL, RESCHEDULE, BookingStatus
from slotkeeper.domain.events import event_id
from slotkeeper.domain.payment import SagaState
from slotkeeper.domain.slot import CONFIRM, CONFIRM_LATE, EXPIRE, RELEASE, SlotStatus, slot_id
from slotkeeper.domain.timetable import BLOCK, UNBLOCK
from slotkeeper.domain.user import Channel

Fields = Mapping[str, Any]  # Any: whatever is stored
SET_ASIDE, FACTS_SET_ASIDE = "setAside", "setAsideEvents"
"""Marks of what the system could not read."""
Fits = Callable[[object], bool]

TRANSITIONS: Mapping[str, frozenset[tuple[str, str]]] = {
    **{
        how.event: frozenset({(how.source.value, how.target.value)})
        for how in (RELEASE, EXPIRE, BLOCK, UNBLOCK)
    },
    CONFIRM.event: frozenset(
        (how.source.value, how.target.value) for how in (CONFIRM, CONFIRM_LATE)
    ),
    **{
        how.event: frozenset({(BookingStatus.CONFIRMED.value, how.target.value)})
        for how in (CANCEL, RESCHEDULE)
    },
}
"""What each fact may tell: from which status to which."""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_text_or_empty(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or _is_text(value)


def _is_time(value: object) -> bool:
    return isinstance(value, datetime)


def _is_time_or_none(value: object) -> bool:
    return value is None or isinstance(value, datetime)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_version(value: object) -> bool:
    return _is_count(value) and value != 0


_SLOT: Mapping[str, Fits] = {
    **dict.fromkeys(("_id", "doctorId", "date"), _is_text),
    **dict.fromkeys(("startTime", "endTime"), _is_time),
    "status": lambda value: value in list(SlotStatus),
    "version": _is_version,
    "bookingId": _is_text_or_none,
}
_HOLD: Mapping[str, Fits] = {
    **dict.fromkeys(("attemptId", "userId"), _is_text),
    **dict.fromkeys(("placedAt", "expiresAt"), _is_time),
    "version": _is_version,
    "replaces": _is_text_or_none,
}
_OTP: Mapping[str, Fits] = {
    **dict.fromkeys(("sentAt", "expiresAt"), _is_time),
    **dict.fromkeys(("sends", "tries"), _is_count),
    "channel": lambda value: value is None or value in list(Channel),
}
_TOLD: Mapping[str, Fits] = {
    **dict.fromkeys(("attemptId", "userId"), _is_text_or_empty),
    **dict.fromkeys(("actor", "requestId", "from", "to"), _is_text),
    **dict.fromkeys(("bookingId", "replaces", "replacedBy"), _is_text_or_none),
    "type": lambda value: isinstance(value, str) and value in TRANSITIONS,
    "version": _is_version,
    "at": _is_time,
}
_FACT: Mapping[str, Fits] = {
    **_TOLD,
    **dict.fromkeys(("_id", "aggregateId", "slotId", "doctorId"), _is_text),
}
_BOOKING: Mapping[str, Fits] = {
    **dict.fromkeys(("_id", "attemptId", "slotId", "doctorId", "userId", "date"), _is_text),
    **dict.fromkeys(("startTime", "endTime", "createdAt", "updatedAt"), _is_time),
    **dict.fromkeys(("replaces", "replacedBy", "changedBy"), _is_text_or_none),
    "status": lambda value: value in list(BookingStatus),
    "version": _is_version,
}
_PRICE: Mapping[str, Fits] = {"amount": _is_count, "currency": _is_text}
_SAGA: Mapping[str, Fits] = {
    **dict.fromkeys(("_id", "slotId", "doctorId", "userId", "bookingId"), _is_text),
    **dict.fromkeys(("createdAt", "updatedAt"), _is_time),
    **_PRICE,
    "try": _is_count,
    "state": lambda value: value in list(SagaState),
    "paymentId": _is_text_or_none,
    "version": _is_version,
}
_DELIVERY: Mapping[str, Fits] = {
    "_id": _is_text,
    "at": _is_time,
    "leasedUntil": _is_time_or_none,
    "sentAt": _is_time_or_none,
}


def faults_of_slot(slot: Fields) -> list[str]:
    faults = _unfit(slot, _SLOT)
    hold = slot.get("hold")
    if hold is not None or slot.get("status") == SlotStatus.RESERVED:
        faults += _faults_of_hold(hold)
    pending = slot.get("pendingEvents", [])
    if not isinstance(pending, list) or any(_faults_of_told(one) for one in pending):
        faults.append("pendingEvents")
    if not faults:
        if slot["endTime"] <= slot["startTime"]:
            faults.append("endTime")
        if slot["_id"] != slot_id(slot["doctorId"], slot["startTime"]):
            faults.append("_id")
    return faults


def faults_of_booking(booking: Fields) -> list[str]:
    faults = _unfit(booking, _BOOKING)
    payment = booking.get("payment")
    if payment is not None and (not isinstance(payment, Mapping) or _unfit(payment, _PRICE)):
        faults.append("payment")
    return faults


def faults_of_audit(entry: Fields) -> list[str]:
    faults = _unfit(entry, _FACT) or _faults_of_told(entry)
    if not faults and entry["_id"] != event_id(entry["slotId"], entry["version"]):
        faults.append("_id")
    return faults


def faults_of_event(event: Fields) -> list[str]:
    faults = faults_of_audit(event)
    if "unsent" in event:
        # Whatever else stood there, the relay would not find it.
        faults += [] if event["unsent"] is True else ["unsent"]
    elif SET_ASIDE not in event and not _is_time(event.get("sentAt")):
        faults.append("sentAt")
    return faults


def faults_of_saga(saga: Fields) -> list[str]:
    return _unfit(saga, _SAGA)


def faults_of_delivery(delivery: Fields) -> list[str]:
    return _unfit(delivery, _DELIVERY)


FAULTS: Mapping[str, Callable[[Fields], list[str]]] = {
    SLOTS: faults_of_slot,
    BOOKINGS: faults_of_booking,
    AUDIT_LOGS: faults_of_audit,
    OUTBOX: faults_of_event,
    DELIVERIES: faults_of_delivery,
    SAGAS: faults_of_saga,
}


def _unfit(fields: Fields, shape: Mapping[str, Fits]) -> list[str]:
    return [name for name, fits in shape.items() if not fits(fields.get(name))]


def _faults_of_hold(hold: object) -> list[str]:
    if not isinstance(hold, Mapping):
        return ["hold"]
    otp = hold.get("otp")
    inner = _unfit(otp, _OTP) if isinstance(otp, Mapping) else [""]
    return [f"hold.{name}" for name in _unfit(hold, _HOLD)] + [
        f"hold.otp.{name}".rstrip(".") for name in inner
    ]


def _faults_of_told(told: object) -> list[str]:
    if not isinstance(told, Mapping):
        return [""]
    faults = _unfit(told, _TOLD)
    if not faults and (told["from"], told["to"]) not in TRANSITIONS[told["type"]]:
        faults += ["from", "to"]
    return faults
