"""The shape of every document: field names live here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.events import DomainEvent, event_id
from slotkeeper.domain.payment import Price, Saga, SagaState
from slotkeeper.domain.slot import Hold, Slot, SlotStatus
from slotkeeper.domain.timetable import Asked
from slotkeeper.domain.user import Channel, User

Document = dict[str, Any]  # Any: BSON documents hold what BSON holds

SLOTS = "slots"
BOOKINGS = "bookings"
OUTBOX = "outbox"
AUDIT_LOGS = "audit_logs"
DOCTORS = "doctors"
USERS = "users"
DELIVERIES = "deliveries"
QUOTAS = "quotas"
SCHEDULES = "schedules"
SAGAS = "sagas"

TODAY = {"$dateToString": {"date": "$$NOW", "format": "%Y-%m-%d"}}
"""The day (UTC) by the database's clock, in a pipeline."""


def slot_of(document: Mapping[str, Any]) -> Slot:
    hold = document.get("hold")
    return Slot(
        id=document["_id"],
        doctor_id=document["doctorId"],
        date=document["date"],
        start_time=document["startTime"],
        end_time=document["endTime"],
        status=SlotStatus(document["status"]),
        version=document["version"],
        hold=hold_of(hold) if hold else None,
        booking_id=document.get("bookingId"),
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


def hold_of(document: Mapping[str, Any]) -> Hold:
    otp = document["otp"]
    return Hold(
        attempt_id=document["attemptId"],
        user_id=document["userId"],
        placed_at=document["placedAt"],
        expires_at=document["expiresAt"],
        channel=Channel(otp["channel"]) if otp.get("channel") else None,
        sends=otp["sends"],
        sent_at=otp["sentAt"],
        code_expires_at=otp["expiresAt"],
        tries=otp["tries"],
        replaces=document.get("replaces"),
    )


def pending_event_of(slot: Mapping[str, Any], pending: Mapping[str, Any]) -> DomainEvent:
    """A fact as its slot remembers it until it is recorded."""
    booking_id = pending.get("bookingId")
    return DomainEvent(
        id=event_id(slot["_id"], pending["version"]),
        type=pending["type"],
        aggregate_id=booking_id or pending["attemptId"] or slot["_id"],
        slot_id=slot["_id"],
        doctor_id=slot["doctorId"],
        user_id=pending["userId"],
        attempt_id=pending["attemptId"],
        booking_id=booking_id,
        from_status=pending["from"],
        to_status=pending["to"],
        version=pending["version"],
        actor=pending["actor"],
        request_id=pending["requestId"],
        at=pending["at"],
        request_key=pending.get("requestKey"),
        replaces=pending.get("replaces"),
        replaced_by=pending.get("replacedBy"),
        reason=pending.get("reason"),
        payment=price_of(pending.get("payment")),
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
            "reason": fact.reason,
        },
        "$inc": {"version": 1},
    }


def booking_of(document: Mapping[str, Any]) -> Booking:
    return Booking(
        id=document["_id"],
        attempt_id=document["attemptId"],
        slot_id=document["slotId"],
        doctor_id=document["doctorId"],
        user_id=document["userId"],
        date=document["date"],
        start_time=document["startTime"],
        end_time=document["endTime"],
        status=BookingStatus(document["status"]),
        version=document["version"],
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        replaces=document.get("replaces"),
        replaced_by=document.get("replacedBy"),
        changed_by=document.get("changedBy"),
        payment=price_of(document.get("payment")),
    )


def price_document(price: Price) -> Document:
    return {"amount": price.amount, "currency": price.currency}


def price_of(document: Mapping[str, Any] | None) -> Price | None:
    if document is None:
        return None
    return Price(amount=document["amount"], currency=document["currency"])


def _payment(price: Price | None) -> Document:
    # Only where there is one: what is not paid for is stored as it was before there were payments.
    return {} if price is None else {"payment": price_document(price)}


def outbox_document(event: DomainEvent) -> Document:
    """`unsent` exists until the event is on the queue; `sentAt` from then on (TTL)."""
    return {"unsent": True, "leasedUntil": None, **_event_fields(event)}


def audit_document(event: DomainEvent) -> Document:
    return {**_event_fields(event), "reason": event.reason, **_payment(event.payment)}


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
    return {
        "_id": id_,
        "type": event,
        "aggregateId": doctor_id,
        "doctorId": doctor_id,
        "actor": asked.actor,
        "requestId": asked.request_id,
        "at": at,
        "details": dict(details),
    }


def event_of(document: Mapping[str, Any]) -> DomainEvent:
    return DomainEvent(
        id=document["_id"],
        type=document["type"],
        aggregate_id=document["aggregateId"],
        slot_id=document["slotId"],
        doctor_id=document["doctorId"],
        user_id=document["userId"],
        attempt_id=document["attemptId"],
        booking_id=document["bookingId"],
        from_status=document["from"],
        to_status=document["to"],
        version=document["version"],
        actor=document["actor"],
        request_id=document["requestId"],
        at=document["at"],
        replaces=document.get("replaces"),
        replaced_by=document.get("replacedBy"),
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
    return Saga(
        id=document["_id"],
        slot_id=document["slotId"],
        doctor_id=document["doctorId"],
        user_id=document["userId"],
        booking_id=document["bookingId"],
        price=Price(amount=document["amount"], currency=document["currency"]),
        state=SagaState(document["state"]),
        payment_id=document.get("paymentId"),
        try_=document["try"],
        version=document["version"],
        created_at=document["createdAt"],
        updated_at=document["updatedAt"],
        replaces=document.get("replaces"),
        is_withdrawn=document.get("withdrawn", False),
    )


def doctor_of(document: Mapping[str, Any]) -> Doctor:
    return Doctor(
        id=document["_id"],
        # Doctors may have been imported with less than ours have.
        clinic_id=document.get("clinicId") or "",
        name=document.get("name") or "",
        specialty=document.get("specialty") or "",
        time_zone=document.get("timeZone") or "UTC",
        consultation_fee=document.get("consultationFee"),
        version=document.get("version") or 1,
        changed_by=document.get("changedBy"),
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


def user_document(user: User) -> Document:
    """The fields that are the user's own to set; None where there is none."""
    return {
        "phone": user.phone,
        "email": user.email,
        "preferredChannel": user.preferred_channel.value if user.preferred_channel else None,
        "locale": user.locale,
        "timeZone": user.time_zone,
    }


def user_of(user_id: str, document: Mapping[str, Any] | None) -> User:
    known = document or {}
    channel = known.get("preferredChannel")
    return User(
        id=user_id,
        phone=known.get("phone"),
        email=known.get("email"),
        preferred_channel=Channel(channel) if channel in list(Channel) else None,
        locale=known.get("locale"),
        time_zone=known.get("timeZone") or "UTC",
        clinic_id=known.get("clinicId"),
    )
