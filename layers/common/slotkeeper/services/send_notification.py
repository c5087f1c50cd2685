"""Tell a patient something, once, by SMS or email."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slotkeeper.domain.booking import CANCEL, RESCHEDULE, Booking
from slotkeeper.domain.errors import RateLimited, Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import CONFIRM
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.bookings import Ledger
from slotkeeper.ports.codes import CodeMaker, CodeQuota, CodeStore
from slotkeeper.ports.notifications import CodeJob, Deliveries, Notifier
from slotkeeper.ports.people import UserStore
from slotkeeper.services.code_quota import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The way to a person: once by `key`, by SMS or email, by email where SMS is down."""

    deliveries: Deliveries
    notifier: Notifier
    fallback_to_email: bool

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
        """Whether it was sent now; False if it was before, or there is no address.

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
        refused: Unavailable | None = None
        for way in channels:
            address = user.address(way)
            if address is None:
                continue
            try:
                return self.notifier.send(way, address, subject, text)
            except Unavailable as error:
                refused = error
        if refused is not None:
            raise refused
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

    Raises:
        Unavailable: try again later.
    """
    record = codes.find(user_id=job.user_id, attempt_id=job.attempt_id)
    if record is None or record.send_number != job.send_number:
        return CodeFate.NOT_DUE
    # A seed that replaced a lost one makes another code: the key tells the two apart.
    seed = hashlib.sha256(record.seed.encode()).hexdigest()[:16]
    user = users.get(job.user_id)
    try:
        was_sent = post.send_once(
            f"{job.attempt_id}-{job.send_number}-{seed}",
            user,
            job.channel,
            "Your code",
            f"{maker.code(record)} is your code to confirm the appointment. Never share it.",
            permit=counted(quota, user, job.channel),
        )
    except RateLimited:
        return CodeFate.CAPPED
    return CodeFate.SENT if was_sent else CodeFate.NOT_DUE


def tell_event(
    event: DomainEvent, *, ledger: Ledger, users: UserStore, quota: CodeQuota, post: Post
) -> bool:
    """Tell the patient of this event if it is one they are told of; whether it was sent.

    An SMS counts among the day's codes, for it costs as much; where they are used up, by email.

    Raises:
        Unavailable: try again later.
    """
    words = _WORDS.get(_kind_of(event) or "")
    if words is None or event.booking_id is None:
        return False
    booking = ledger.booking(event.booking_id)
    if booking is None:
        raise Unavailable
    user = users.get(event.user_id)
    choices = [user.preferred_channel, Channel.SMS, Channel.EMAIL]
    channel = next((c for c in choices if c and user.address(c)), Channel.EMAIL)
    subject, text = words[0], words[1].format(time=_local_time(booking, user))
    if channel is Channel.EMAIL:
        return post.send_once(event.id, user, channel, subject, text)
    permit = counted(quota, user, channel)
    return post.send_once(
        event.id, user, channel, subject, text, permit=permit, instead=Channel.EMAIL
    )


_MOVED = "booking.moved"
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
}
"""What patients are told of, and how."""


def _kind_of(event: DomainEvent) -> str | None:
    if event.type == RESCHEDULE.event and event.replaced_by is not None:
        return None  # the booking that took its place tells of both
    return _MOVED if event.type == CONFIRM.event and event.replaces is not None else event.type


def _local_time(booking: Booking, user: User) -> str:
    try:
        zone = ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{booking.start_time.astimezone(zone):%a %d %b %Y, %H:%M} ({zone.key})"
