"""Tell a person what is held about them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.pages import LastView, Position, Views
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.payment import Saga
    from slotkeeper.domain.slot import Slot
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.domain.user import User
    from slotkeeper.ports.common import Clock
    from slotkeeper.ports.people import CodesToday, UserStore
    from slotkeeper.ports.personal import (
        Message,
        OwnBooking,
        PersonalData,
        PersonalKeys,
        Remembered,
    )


class Current(Value, kw_only=True):
    """What is not told in pages. None: the server that knows did not answer."""

    user: User
    codes_today: CodesToday
    holds: Sequence[Slot]
    payments: Sequence[Saga]
    codes: Sequence[Message]
    last_viewed: LastView | None
    remembered: Remembered | None


class Place(Value, kw_only=True):
    """Where a page begins: in the bookings or, once they are told, in the history."""

    in_history: bool = False
    after: Position | None = None


class Export(Value, kw_only=True):
    """A page of what is held about a person; `current` is on the first alone."""

    user_id: str
    at: datetime
    current: Current | None
    bookings: Sequence[OwnBooking]
    history: Sequence[DomainEvent]
    notices: Sequence[Message]
    next: Place | None


def export_person(
    *,
    user_id: str,
    asked: Asked,
    place: Place | None,
    limit: int,
    data: PersonalData,
    kept: PersonalKeys,
    users: UserStore,
    views: Views,
    clock: Clock,
) -> Export:
    """The page of at most `limit` bookings or facts; the first (`place` None) also tells the rest.

    That somebody was told is noted in the audit log, once with the first page.

    Raises:
        Unavailable: MongoDB did not answer.
    """
    current = None
    if place is None:
        data.note_export(user_id, asked)
        current = _current(user_id, data=data, kept=kept, users=users, views=views)
        place = Place()
    bookings: Sequence[OwnBooking] = ()
    history: Sequence[DomainEvent] = ()
    following: Place | None = None
    if place.in_history:
        history, following = _history(user_id, place.after, limit, data)
    else:
        found = data.bookings(user_id, after=place.after, limit=limit + 1)
        bookings = found[:limit]
        if len(found) > limit:
            last = bookings[-1].booking
            following = Place(after=Position(key=last.start_time, id=last.id))
        elif room := limit - len(bookings):
            history, following = _history(user_id, None, room, data)
        else:
            following = Place(in_history=True)
    return Export(
        user_id=user_id,
        at=clock.now(),
        current=current,
        bookings=bookings,
        history=history,
        notices=data.notices([fact.id for fact in history]) if history else (),
        next=following,
    )


def _history(
    user_id: str, after: Position | None, limit: int, data: PersonalData
) -> tuple[Sequence[DomainEvent], Place | None]:
    found = data.history(user_id, after=after, limit=limit + 1)
    facts = found[:limit]
    if len(found) <= limit:
        return facts, None
    return facts, Place(in_history=True, after=Position(key=facts[-1].at, id=facts[-1].id))


def _current(
    user_id: str,
    *,
    data: PersonalData,
    kept: PersonalKeys,
    users: UserStore,
    views: Views,
) -> Current:
    user, codes_today = users.get_for_code(user_id)
    remembered = None
    with suppress(Unavailable):
        remembered = kept.remembered(user_id)
    return Current(
        user=user,
        codes_today=codes_today,
        holds=data.holds(user_id),
        payments=data.payments(user_id),
        codes=data.codes(user_id),
        last_viewed=views.last(user_id),
        remembered=remembered,
    )
