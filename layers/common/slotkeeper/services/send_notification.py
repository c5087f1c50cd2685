"""Tell a patient something, once, by SMS or email."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from slotkeeper.domain.booking import CANCEL, RESCHEDULE, Booking, BookingStatus
from slotkeeper.domain.errors import RateLimited, Unavailable
from slotkeeper.domain.slot import CONFIRM
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.codes import CodeMaker, CodeQuota, CodeRecord, CodeStore, KeyGone
from slotkeeper.ports.notifications import (
    AddressRefused,
    CodeJob,
    Deliveries,
    NobodyAsked,
    Notifier,
    Turn,
    Unwatched,
    Watch,
)
from slotkeeper.services.code_quota import counted
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.people import UserStore


class Post(Value, kw_only=True):
    """The way to a person: once by `key`, by SMS or email, by email where SMS is down."""

    deliveries: Deliveries
    notifier: Notifier
    fallback_to_email: bool
    watch: Watch = msgspec.field(default_factory=Unwatched)

    def send_once(
        self,
        key: str,
        user: User,
        channel: Channel,
        subject: str,
        text: str,
        *,
        permit: AbstractContextManager[None] | None = None,
        instead: Channel | None = None,
    ) -> bool:
        """Whether it was sent now; False if it was before, or there is no address that takes it.

        `instead` is the channel for what `permit` does not allow.

        Raises:
            Unavailable: no provider took it, or another worker is at it.
            RateLimited: `permit` does not allow it, now or ever, and there is no `instead`.
        """
        if not self.deliveries.claim(key):
            return False
        try:
            try:
                with permit or nullcontext():
                    message_id = self._send(user, channel, subject, text)
            except RateLimited:
                if instead is None:
                    raise
                message_id = self._send(user, instead, subject, text)
        except Unavailable:
            self.deliveries.give_up(key)
            raise
        except RateLimited:
            self.deliveries.mark_sent(key, None)
            raise
        self.deliveries.mark_sent(key, message_id)
        return message_id is not None

    def _send(self, user: User, channel: Channel, subject: str, text: str) -> str | None:
        may_fall_back = channel is Channel.SMS and self.fallback_to_email
        channels = [channel, Channel.EMAIL] if may_fall_back else [channel]
        failed: Unavailable | None = None
        for way in channels:
            address = user.address(way)
            if address is None:
                continue
            try:
                message_id = self.notifier.send(way, address, subject, text)
            except AddressRefused:
                continue  # for good: where no other way is left, there is nobody to send to
            except Unavailable as error:
                failed = error if failed is None or isinstance(failed, NobodyAsked) else failed
                continue
            if way is not channel:
                self.watch.fell_back()
            return message_id
        if failed is not None:
            raise failed
        return None


class CodeFate(StrEnum):
    SENT = "sent"
    NOT_DUE = "not_due"
    """Superseded, over, sent before, or nobody to send it to."""
    CAPPED = "capped"
    """The user or the number was sent as many as may be in a day."""


def send_code(
    job: CodeJob,
    *,
    codes: CodeStore,
    maker: CodeMaker,
    users: UserStore,
    quota: CodeQuota,
    post: Post,
) -> CodeFate:
    """Compute the code and send it, unless it is not due or the day's codes are used up.

    The sender of a seed's first code settles its key, the one in use by then: whoever delivers it
    again, or checks it, goes by that.

    Raises:
        Unavailable: try again later.
    """
    record = _settled(job, codes, maker)
    if record is None or record.send_number != job.send_number:
        return CodeFate.NOT_DUE
    try:
        code = maker.code(record)
    except KeyGone:
        # Taken away since, so that no code made with it works: the next one is of another key.
        record = _settled(job, codes, maker, instead_of=record.key_id)
        if record is None or record.send_number != job.send_number:
            return CodeFate.NOT_DUE
        code = maker.code(record)
    # A seed that replaced a lost one makes another code: the key tells the two apart.
    seed = hashlib.sha256(record.seed.encode()).hexdigest()[:16]
    user = users.get(job.user_id)
    try:
        was_sent = post.send_once(
            f"{job.attempt_id}-{job.send_number}-{seed}",
            user,
            job.channel,
            "Your code",
            f"{code} is your code to confirm the appointment. Never share it.",
            permit=counted(quota, user, job.channel),
        )
    except RateLimited:
        return CodeFate.CAPPED
    return CodeFate.SENT if was_sent else CodeFate.NOT_DUE


def _settled(
    job: CodeJob, codes: CodeStore, maker: CodeMaker, *, instead_of: str | None = None
) -> CodeRecord | None:
    return codes.settle_key(
        user_id=job.user_id,
        attempt_id=job.attempt_id,
        send_number=job.send_number,
        key_id=maker.key_in_use(),
        instead_of=instead_of,
    )


class NoticeFate(StrEnum):
    SENT = "sent"
    NOT_DUE = "not_due"
    """Nothing patients are told of, told before, or nobody to tell."""
    SUPERSEDED = "superseded"
    """The booking has ended since: who reads it now would be misled."""


def tell_event(
    event: DomainEvent, *, ledger: Ledger, users: UserStore, quota: CodeQuota, post: Post
) -> NoticeFate:
    """Tell the patient of this event if it is one they are told of, and still so.

    Events arrive in any order, and again. What is told goes by the booking as it is now, one at a
    time for each booking: that it was confirmed is not told once it has ended, or its end was told.
    An SMS counts among the day's codes, for it costs as much; where they are used up, by email.

    Raises:
        Unavailable: try again later.
    """
    kind = _kind_of(event)
    if kind is None or event.booking_id is None:
        return NoticeFate.NOT_DUE
    with _turn(event.booking_id, event.version, post.deliveries) as turn:
        booking = _there(event.booking_id, ledger)
        if kind in _BEGINS and (turn.is_late or booking.status is not BookingStatus.CONFIRMED):
            return _tell_superseded(
                event, booking, ledger=ledger, users=users, quota=quota, post=post
            )
        was_sent = _tell(event, kind, booking, users=users, quota=quota, post=post)
    return NoticeFate.SENT if was_sent else NoticeFate.NOT_DUE


def _tell_superseded(
    event: DomainEvent,
    booking: Booking,
    *,
    ledger: Ledger,
    users: UserStore,
    quota: CodeQuota,
    post: Post,
) -> NoticeFate:
    """Of a booking that is over before it was told of, only what it took the place of is news."""
    if event.replaces is not None and booking.replaced_by is None:
        earlier = _there(event.replaces, ledger)
        _tell(event, _GIVEN_UP, earlier, users=users, quota=quota, post=post)
    return NoticeFate.SUPERSEDED


def _tell(
    event: DomainEvent,
    kind: str,
    booking: Booking,
    *,
    users: UserStore,
    quota: CodeQuota,
    post: Post,
) -> bool:
    user = users.get(event.user_id)
    choices = [user.preferred_channel, Channel.SMS, Channel.EMAIL]
    channel = next((c for c in choices if c and user.address(c)), Channel.EMAIL)
    subject, text = _WORDS[kind]
    text = text.format(time=_local_time(booking, user))
    if channel is Channel.EMAIL:
        return post.send_once(event.id, user, channel, subject, text)
    permit = counted(quota, user, channel)
    return post.send_once(
        event.id, user, channel, subject, text, permit=permit, instead=Channel.EMAIL
    )


@contextmanager
def _turn(booking_id: str, version: int, deliveries: Deliveries) -> Iterator[Turn]:
    turn = deliveries.take_turn(booking_id, version)
    try:
        yield turn
    finally:
        # A turn that cannot be ended is over by itself.
        with suppress(Unavailable):
            deliveries.end_turn(turn)


def _there(booking_id: str, ledger: Ledger) -> Booking:
    """The booking. Raises Unavailable while it is not there: ahead of it, or never to come."""
    booking = ledger.booking(booking_id)
    if booking is None:
        raise Unavailable
    return booking


_MOVED = "booking.moved"
_GIVEN_UP = "booking.given_up"
_BEGINS = {CONFIRM.event, _MOVED}
_WORDS = {
    CONFIRM.event: (
        "Your appointment is confirmed",
        "Your appointment is confirmed: {time}.",
    ),
    _MOVED: (
        "Your appointment was moved",
        "Your appointment was moved. It is now: {time}.",
    ),
    CANCEL.event: (
        "Your appointment is cancelled",
        "Your appointment is cancelled: {time}.",
    ),
    RESCHEDULE.event: (
        "Your appointment was given up",
        "Your appointment was given up, so that you can book another time: {time}.",
    ),
    _GIVEN_UP: (
        "Your appointment was given up",
        "Your earlier appointment no longer stands: {time}.",
    ),
}
"""What patients are told of, and how."""


def _kind_of(event: DomainEvent) -> str | None:
    """What the event is told as; None: not at all."""
    if event.type == RESCHEDULE.event and event.replaced_by is not None:
        return None  # the booking that took its place tells of both
    if event.type == CONFIRM.event and event.replaces is not None:
        return _MOVED
    return event.type if event.type in _WORDS else None


def _local_time(booking: Booking, user: User) -> str:
    try:
        zone = ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{booking.start_time.astimezone(zone):%a %d %b %Y, %H:%M} ({zone.key})"
