"""What a person is told of their own data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from slotkeeper.contracts.bookings import BookingResponse, PaymentResponse
from slotkeeper.contracts.cursor import decode_cursor, encode_cursor
from slotkeeper.contracts.paging import MAX_CURSOR, MAX_LIMIT, Limit
from slotkeeper.contracts.profile import LastViewedResponse
from slotkeeper.contracts.shapes import Instant, Request, Shape
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.events import SYSTEM, DomainEvent
from slotkeeper.domain.slot import Slot
from slotkeeper.domain.user import Channel
from slotkeeper.ports.pages import Position
from slotkeeper.ports.personal import Message, OwnBooking
from slotkeeper.services.export_person import Current, Export, Place

_BOOKINGS, _HISTORY = "export/bookings", "export/history"
_HISTORY_BEGINS = "history"


class ExportQuery(Request):
    """Which page: the first, or the one where `cursor` stands."""

    limit: Limit = MAX_LIMIT
    cursor: Annotated[
        str | None, Field(min_length=1, max_length=MAX_CURSOR, pattern=r"^[A-Za-z0-9_-]+$")
    ] = None

    def place(self, user_id: str) -> Place | None:
        """Raises InvalidRequest: a cursor of another list, or another person's."""
        if self.cursor is None:
            return None
        if self.cursor == _HISTORY_BEGINS:
            return Place(in_history=True)
        try:
            position = decode_cursor(self.cursor, f"{_BOOKINGS}/{user_id}")
        except InvalidRequest:
            position = decode_cursor(self.cursor, f"{_HISTORY}/{user_id}")
            return Place(in_history=True, after=position)
        return Place(after=position)


def _cursor_of(place: Place | None, user_id: str) -> str | None:
    match place:
        case None:
            return None
        case Place(after=Position() as after):
            name = _HISTORY if place.in_history else _BOOKINGS
            return encode_cursor(after, f"{name}/{user_id}")
    return _HISTORY_BEGINS


class OwnProfile(Shape):
    phone: str | None
    email: str | None
    preferred_channel: Channel | None
    locale: str | None
    time_zone: str
    clinic_id: str | None


class OwnHold(Shape):
    attempt_id: str
    slot_id: str
    placed_at: Instant
    expires_at: Instant
    codes_sent: int
    wrong_codes: int
    replaces: str | None

    @classmethod
    def of(cls, slots: Sequence[Slot]) -> list[OwnHold]:
        return [
            cls(
                attempt_id=slot.hold.attempt_id,
                slot_id=slot.id,
                placed_at=slot.hold.placed_at,
                expires_at=slot.hold.expires_at,
                codes_sent=slot.hold.sends,
                wrong_codes=slot.hold.tries,
                replaces=slot.hold.replaces,
            )
            for slot in slots
            if slot.hold is not None
        ]


class OwnMessage(Shape):
    """`messageId` is what the provider knows it by."""

    id: str
    sent_at: Instant | None
    message_id: str | None


class OwnPayment(Shape):
    attempt_id: str
    booking_id: str
    payment_id: str | None
    state: str
    price: PaymentResponse
    created_at: Instant
    updated_at: Instant


class OwnRemembered(Shape):
    answers: int
    wrong_codes: int


class ExportedBooking(BookingResponse):
    reason: str | None = None
    """What you gave, or the clinic did, for its end."""


class Fact(Shape):
    """`by` is `you`, `clinic` or `system`."""

    id: str
    type: str
    slot_id: str
    attempt_id: str
    booking_id: str | None
    from_status: str
    to_status: str
    by: str
    at: Instant
    request_id: str


class CurrentData(Shape):
    profile: OwnProfile
    codes_today: int
    holds: list[OwnHold]
    payments: list[OwnPayment]
    codes_sent: list[OwnMessage]
    last_viewed: LastViewedResponse | None
    remembered: OwnRemembered | None

    @classmethod
    def told(cls, current: Current) -> CurrentData:
        payments = [
            OwnPayment(
                attempt_id=saga.id,
                booking_id=saga.booking_id,
                payment_id=saga.payment_id,
                state=saga.state.value,
                price=PaymentResponse(amount=saga.price.amount, currency=saga.price.currency),
                created_at=saga.created_at,
                updated_at=saga.updated_at,
            )
            for saga in current.payments
        ]
        return cls.model_validate(
            {
                "profile": current.user,
                "codes_today": current.codes_today.of_user,
                "holds": OwnHold.of(current.holds),
                "payments": payments,
                "codes_sent": _messages(current.codes),
                "last_viewed": current.last_viewed,
                "remembered": current.remembered,
            }
        )


class ExportResponse(Shape):
    user_id: str
    at: Instant
    current: CurrentData | None
    bookings: list[ExportedBooking]
    history: list[Fact]
    notices: list[OwnMessage]
    next_cursor: str | None

    @classmethod
    def text_of(cls, export: Export) -> str:
        return cls(
            user_id=export.user_id,
            at=export.at,
            current=CurrentData.told(export.current) if export.current else None,
            bookings=[_booking(one) for one in export.bookings],
            history=[_fact(fact, export.user_id) for fact in export.history],
            notices=_messages(export.notices),
            next_cursor=_cursor_of(export.next, export.user_id),
        ).to_text()


def _booking(own: OwnBooking) -> ExportedBooking:
    shown = BookingResponse.of(own.booking)
    return ExportedBooking(**{**dict(shown), "reason": own.reason})


def _fact(fact: DomainEvent, user_id: str) -> Fact:
    # Who of the clinic it was is that person's data.
    by = {user_id: "you", SYSTEM: "system"}.get(fact.actor, "clinic")
    known = {name: getattr(fact, name) for name in Fact.model_fields if name != "by"}
    return Fact(**known, by=by)


def _messages(messages: Sequence[Message]) -> list[OwnMessage]:
    return [OwnMessage.model_validate(one) for one in messages]
