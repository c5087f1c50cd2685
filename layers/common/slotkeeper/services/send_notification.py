"""Tell a patient something, once, by SMS or email."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.slot import CONFIRM
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports import (
    CodeJob,
    CodeMaker,
    CodeStore,
    Deliveries,
    Ledger,
    Notifier,
    UserStore,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The way to a person: once by `key`, by SMS or email, by email where SMS is down."""

    deliveries: Deliveries
    notifier: Notifier
    fallback_to_email: bool

    def send_once(self, key: str, user: User, channel: Channel, subject: str, text: str) -> bool:
        """Whether it was sent now; False if it was before, or there is no address.

        Raises:
            Unavailable: no provider took it, or another worker is at it.
        """
        if not self.deliveries.claim(key):
            return False
        try:
            message_id = self._send(user, channel, subject, text)
        except Unavailable:
            self.deliveries.give_up(key)
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


def send_code(
    job: CodeJob, *, codes: CodeStore, maker: CodeMaker, users: UserStore, post: Post
) -> bool:
    """Compute the code and send it, unless it is superseded, over, or sent; whether it was sent.

    Raises:
        Unavailable: try again later.
    """
    record = codes.find(user_id=job.user_id, attempt_id=job.attempt_id)
    if record is None or record.send_number != job.send_number:
        return False
    # A seed that replaced a lost one makes another code: the key tells the two apart.
    seed = hashlib.sha256(record.seed.encode()).hexdigest()[:16]
    return post.send_once(
        f"{job.attempt_id}-{job.send_number}-{seed}",
        users.get(job.user_id),
        job.channel,
        "Your code",
        f"{maker.code(record)} is your code to confirm the appointment. Never share it.",
    )


def tell_event(event: DomainEvent, *, ledger: Ledger, users: UserStore, post: Post) -> bool:
    """Tell the patient of this event if it is one they are told of; whether it was sent.

    Raises:
        Unavailable: try again later.
    """
    if event.type != CONFIRM.event or event.booking_id is None:
        return False
    booking = ledger.booking(event.booking_id)
    if booking is None:
        raise Unavailable
    user = users.get(event.user_id)
    choices = [user.preferred_channel, Channel.SMS, Channel.EMAIL]
    channel = next((c for c in choices if c and user.address(c)), Channel.EMAIL)
    return post.send_once(
        event.id,
        user,
        channel,
        "Your appointment is confirmed",
        f"Your appointment is confirmed: {_local_time(booking, user)}.",
    )


def _local_time(booking: Booking, user: User) -> str:
    try:
        zone = ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{booking.start_time.astimezone(zone):%a %d %b %Y, %H:%M} ({zone.key})"
