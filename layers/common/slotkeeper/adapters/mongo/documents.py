"""The shape of every document: field names live here and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bson.timestamp import Timestamp

from slotkeeper import tracing
from slotkeeper.adapters.mongo.fields import Fields
from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.events import DomainEvent, event_id
from slotkeeper.domain.payment import Price, Saga, SagaState
from slotkeeper.domain.slot import FreeSlot, Hold, Slot, SlotStatus
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.personal import Message, OwnBooking

if TYPE_CHECKING:
    from slotkeeper.domain.timetable import Asked

Document = dict[str, Any]  # Any: BSON documents hold what BSON holds

SLOTS = "slots"
BOOKINGS = "bookings"
OUTBOX = "outbox"
AUDIT_LOGS = "audit_logs"
AUDIT_SEALS = "audit_seals"
DOCTORS = "doctors"
USERS = "users"
DELIVERIES = "deliveries"
QUOTAS = "quotas"
SCHEDULES = "schedules"
SAGAS = "sagas"
CONTROLS = "controls"

FACT_VERSION = 1
"""Of the facts in slots that this code can read; one without a version is of this."""
OUTBOX_VERSION = 1
"""Of the rows that this code writes and can read; a row without one is of version 1."""

STAMP = Timestamp(0, 0)
"""In its place the server that stores a document puts its own clock's time, unlike any other."""

TODAY = {"$dateToString": {"date": "$$NOW", "format": "%Y-%m-%d"}}
"""The day (UTC) by the database's clock, in a pipeline."""


def slot_of(document: Mapping[str, Any]) -> Slot:
    """The slot. Raises Corrupted, as all that read documents here do."""
    fields = Fields(SLOTS, document)
    status = fields.one_of("status", SlotStatus)
    is_held = status is SlotStatus.RESERVED or bool(document.get("hold"))
    return Slot(
        id=fields.own_id(),
        doctor_id=fields.text("doctorId"),
        date=fields.text("date"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        status=status,
        version=fields.number("version"),
        hold=_hold_of(fields.inner("hold")) if is_held else None,
        booking_id=fields.text_or_none("bookingId"),
    )


def free_slot_of(document: Mapping[str, Any]) -> FreeSlot:
    fields = Fields(SLOTS, document)
    return FreeSlot(
        id=fields.own_id(),
        doctor_id=fields.text("doctorId"),
        date=fields.text("date"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
    )


def slot_document(slot: Slot) -> Document:
    """A slot without a hold, as it is first stored."""
    return {
        "_id": slot.id,
        "doctorId": slot.doctor_id,
        "date": slot.date,
        "startTime": slot.start_time,
        "endTime": slot.end_time,
        "status": slot.status.value,
        "version": slot.version,
    }


def _hold_of(fields: Fields) -> Hold:
    otp = fields.inner("otp")
    channel = otp.text_or_none("channel")
    return Hold(
        attempt_id=fields.text("attemptId"),
        user_id=fields.text("userId"),
        placed_at=fields.time("placedAt"),
        expires_at=fields.time("expiresAt"),
        channel=otp.one_of("channel", Channel) if channel else None,
        sends=otp.number("sends"),
        sent_at=otp.time("sentAt"),
        code_expires_at=otp.time("expiresAt"),
        tries=otp.number("tries"),
        replaces=fields.text_or_none("replaces"),
    )


def pending_event_of(slot: Mapping[str, Any], pending: object) -> DomainEvent:
    """A fact as its slot remembers it until it is recorded."""
    slot_fields = Fields(SLOTS, slot)
    fields = Fields(SLOTS, {"pendingEvents": pending}).inner("pendingEvents")
    fields.id = slot_fields.id
    slot_id, version = slot_fields.own_id(), fields.number("version")
    attempt_id, booking_id = fields.text("attemptId"), fields.text_or_none("bookingId")
    return DomainEvent(
        id=event_id(slot_id, version),
        type=fields.text("type"),
        aggregate_id=booking_id or attempt_id or slot_id,
        slot_id=slot_id,
        doctor_id=slot_fields.text("doctorId"),
        user_id=fields.text("userId"),
        attempt_id=attempt_id,
        booking_id=booking_id,
        from_status=fields.text("from"),
        to_status=fields.text("to"),
        version=version,
        actor=fields.text("actor"),
        request_id=fields.text("requestId"),
        at=fields.time("at"),
        request_key=fields.text_or_none("requestKey"),
        replaces=fields.text_or_none("replaces"),
        replaced_by=fields.text_or_none("replacedBy"),
        reason=fields.text_or_none("reason"),
        payment=_price_or_none(fields),
    )


def booking_document(booking: Booking) -> Document:
    return {
        "_id": booking.id,
        "attemptId": booking.attempt_id,
        "slotId": booking.slot_id,
        "doctorId": booking.doctor_id,
        "userId": booking.user_id,
        "date": booking.date,
        "startTime": booking.start_time,
        "endTime": booking.end_time,
        "status": booking.status.value,
        "version": booking.version,
        "createdAt": booking.created_at,
        "updatedAt": booking.updated_at,
        "replaces": booking.replaces,
        **_payment(booking.payment),
    }


def booking_change(fact: DomainEvent) -> Document:
    """What a fact that ended a confirmed booking changes in it."""
    return {
        "$set": {
            "status": fact.to_status,
            "updatedAt": fact.at,
            "changedBy": fact.request_key,
            "replacedBy": fact.replaced_by,
            **({} if fact.reason is None else {"reason": fact.reason}),
        },
        "$inc": {"version": 1},
    }


def booking_of(document: Mapping[str, Any]) -> Booking:
    fields = Fields(BOOKINGS, document)
    return Booking(
        id=fields.own_id(),
        attempt_id=fields.text("attemptId"),
        slot_id=fields.text("slotId"),
        doctor_id=fields.text("doctorId"),
        user_id=fields.text("userId"),
        date=fields.text("date"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        status=fields.one_of("status", BookingStatus),
        version=fields.number("version"),
        created_at=fields.time("createdAt"),
        updated_at=fields.time("updatedAt"),
        replaces=fields.text_or_none("replaces"),
        replaced_by=fields.text_or_none("replacedBy"),
        changed_by=fields.text_or_none("changedBy"),
        payment=_price_or_none(fields),
    )


def price_document(price: Price) -> Document:
    return {"amount": price.amount, "currency": price.currency}


def _price_or_none(fields: Fields) -> Price | None:
    return _price_of(fields.inner("payment")) if fields.has("payment") else None


def _price_of(fields: Fields) -> Price:
    return Price(amount=fields.number("amount"), currency=fields.text("currency"))


def _payment(price: Price | None) -> Document:
    # Only where there is one: what is not paid for is stored as it was before there were payments.
    return {} if price is None else {"payment": price_document(price)}


def outbox_document(event: DomainEvent) -> Document:
    """`unsent` exists until the event is on the queue; `sentAt` from then on (TTL)."""
    return {
        "v": OUTBOX_VERSION,
        "unsent": True,
        "leasedUntil": None,
        **_event_fields(event),
        **_traced(event),
    }


def _traced(event: DomainEvent) -> Document:
    # Where it is not traced, an event is stored as it was before there was tracing.
    context = tracing.of_request(event.request_id)
    return {} if context is None else {tracing.TRACEPARENT: context}


def audit_document(event: DomainEvent) -> Document:
    """An entry is kept for ever: it holds ids, and nothing that a person wrote (docs/audit.md)."""
    return {**_event_fields(event), "recordedAt": STAMP, **_payment(event.payment)}


def _event_fields(event: DomainEvent) -> Document:
    return {
        "_id": event.id,
        "type": event.type,
        "aggregateId": event.aggregate_id,
        "slotId": event.slot_id,
        "doctorId": event.doctor_id,
        "userId": event.user_id,
        "attemptId": event.attempt_id,
        "bookingId": event.booking_id,
        "from": event.from_status,
        "to": event.to_status,
        "version": event.version,
        "actor": event.actor,
        "requestId": event.request_id,
        "at": event.at,
        "replaces": event.replaces,
        "replacedBy": event.replaced_by,
    }


def entry_document(
    id_: str,
    event: str,
    doctor_id: str,
    *,
    asked: Asked,
    at: datetime,
    details: Mapping[str, Any],
) -> Document:
    """What the audit log keeps of a clinic's request; one entry, however often it is repeated."""
    entry = _entry(id_, event, doctor_id, asked=asked, at=at)
    return {**entry, "doctorId": doctor_id, "details": dict(details)}


def person_entry(event: str, user_id: str, *, asked: Asked, at: datetime) -> Document:
    """What the audit log keeps of a request about a person's data; by their id alone."""
    return _entry(asked.entry_id(event, user_id), event, user_id, asked=asked, at=at)


def _entry(id_: str, event: str, about: str, *, asked: Asked, at: datetime) -> Document:
    return {
        "_id": id_,
        "type": event,
        "aggregateId": about,
        "actor": asked.actor,
        "requestId": asked.request_id,
        "at": at,
        "recordedAt": STAMP,
        "details": {},
    }


def control_entry(
    event: str, control: str, *, asked: Asked, at: datetime, details: Mapping[str, Any]
) -> Document:
    """What the audit log keeps of an operator's switch; figures alone, no word of theirs."""
    return {
        "_id": asked.entry_id(event, control),
        "type": event,
        "aggregateId": control,
        "actor": asked.actor,
        "requestId": asked.request_id,
        "at": at,
        "recordedAt": STAMP,
        "details": dict(details),
    }


def own_booking_of(document: Mapping[str, Any]) -> OwnBooking:
    reason = Fields(BOOKINGS, document).text_or_none("reason")
    return OwnBooking(booking=booking_of(document), reason=reason)


def message_of(document: Mapping[str, Any]) -> Message:
    fields = Fields(DELIVERIES, document)
    return Message(
        id=fields.own_id(),
        sent_at=fields.time("sentAt") if fields.has("sentAt") else None,
        message_id=fields.text_or_none("messageId"),
    )


def event_of(document: Mapping[str, Any]) -> DomainEvent:
    fields = Fields(OUTBOX, document)
    if document.get("v", OUTBOX_VERSION) != OUTBOX_VERSION:
        raise fields.wrong("v", "unknown value")
    return DomainEvent(
        id=fields.own_id(),
        type=fields.text("type"),
        aggregate_id=fields.text("aggregateId"),
        slot_id=fields.text("slotId"),
        doctor_id=fields.text("doctorId"),
        user_id=fields.text("userId"),
        attempt_id=fields.text("attemptId"),
        booking_id=fields.text_or_none("bookingId"),
        from_status=fields.text("from"),
        to_status=fields.text("to"),
        version=fields.number("version"),
        actor=fields.text("actor"),
        request_id=fields.text("requestId"),
        at=fields.time("at"),
        replaces=fields.text_or_none("replaces"),
        replaced_by=fields.text_or_none("replacedBy"),
        # One that is none keeps nobody from being told.
        traceparent=tracing.valid(document.get(tracing.TRACEPARENT)),
    )


def saga_document(saga: Saga) -> Document:
    """A saga as it begins, but for its times, which are the database's."""
    return {
        "slotId": saga.slot_id,
        "doctorId": saga.doctor_id,
        "userId": saga.user_id,
        "bookingId": saga.booking_id,
        **price_document(saga.price),
        "state": saga.state.value,
        "paymentId": saga.payment_id,
        "try": saga.try_,
        "version": saga.version,
        "replaces": saga.replaces,
    }


def saga_of(document: Mapping[str, Any]) -> Saga:
    fields = Fields(SAGAS, document)
    return Saga(
        id=fields.own_id(),
        slot_id=fields.text("slotId"),
        doctor_id=fields.text("doctorId"),
        user_id=fields.text("userId"),
        booking_id=fields.text("bookingId"),
        price=_price_of(fields),
        state=fields.one_of("state", SagaState),
        payment_id=fields.text_or_none("paymentId"),
        try_=fields.number("try"),
        version=fields.number("version"),
        created_at=fields.time("createdAt"),
        updated_at=fields.time("updatedAt"),
        replaces=fields.text_or_none("replaces"),
        is_withdrawn=document.get("withdrawn") is True,
    )


def doctor_of(document: Mapping[str, Any]) -> Doctor:
    fields = Fields(DOCTORS, document)
    return Doctor(
        id=fields.own_id(),
        # Doctors may have been imported with less than ours have.
        clinic_id=fields.text_or_none("clinicId") or "",
        name=fields.text_or_none("name") or "",
        specialty=fields.text_or_none("specialty") or "",
        time_zone=fields.text_or_none("timeZone") or "UTC",
        consultation_fee=fields.number_or_none("consultationFee"),
        version=fields.number_or_none("version") or 1,
        changed_by=fields.text_or_none("changedBy"),
    )


def doctor_document(doctor: Doctor) -> Document:
    return {
        "_id": doctor.id,
        "clinicId": doctor.clinic_id,
        "name": doctor.name,
        "specialty": doctor.specialty,
        "timeZone": doctor.time_zone,
        "consultationFee": doctor.consultation_fee,
        "version": doctor.version,
        "changedBy": doctor.changed_by,
    }


def user_quota_id(user_id: str) -> str:
    return f"user/{user_id}"


def phone_quota_id(phone: str) -> str:
    """What a number's codes are counted under: the number itself is the profile's alone."""
    return f"phone/{hashlib.sha256(phone.encode()).hexdigest()[:32]}"


def user_failures_id(user_id: str) -> str:
    return f"failures/{user_id}"


def user_document(user: User) -> Document:
    """The fields that are the user's own to set; None where there is none."""
    return {
        "phone": user.phone,
        # So that its codes of today can be looked up in the same trip as the profile.
        "phoneKey": phone_quota_id(user.phone) if user.phone else None,
        "email": user.email,
        "preferredChannel": user.preferred_channel.value if user.preferred_channel else None,
        "locale": user.locale,
        "timeZone": user.time_zone,
    }


def user_of(user_id: str, document: Mapping[str, Any] | None) -> User:
    fields = Fields(USERS, {"_id": user_id, **(document or {})})
    channel = fields.text_or_none("preferredChannel")
    return User(
        id=user_id,
        phone=fields.text_or_none("phone"),
        email=fields.text_or_none("email"),
        preferred_channel=Channel(channel) if channel in list(Channel) else None,
        locale=fields.text_or_none("locale"),
        time_zone=fields.text_or_none("timeZone") or "UTC",
        clinic_id=fields.text_or_none("clinicId"),
    )
