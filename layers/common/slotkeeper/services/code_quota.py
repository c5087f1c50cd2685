"""Codes cost money: how many a user and a number are sent in a day (toll fraud).

The sender counts, for only it knows what is sent. Whoever asks for a code is told beforehand where
none is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import OtpLocked, RateLimited, Unavailable
from slotkeeper.domain.user import Channel, User

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy
    from slotkeeper.ports.codes import CodeQuota
    from slotkeeper.ports.people import CodesToday

_A_DAY = 86_400
"""When to look again for whom only an operator helps."""


def ensure_codes_left(codes_today: CodesToday, channel: Channel, policy: BookingPolicy) -> None:
    """Nothing, where a code can be sent by this channel.

    Raises:
        OtpLocked: too many wrong codes, in all of the user's attempts.
        RateLimited: until the day ends.
    """
    if codes_today.failures_in_a_row >= policy.max_failures_in_a_row:
        raise OtpLocked("Too many wrong codes. Ask the clinic.", retry_after_seconds=_A_DAY)
    if codes_today.failures_of_late >= policy.max_failures_per_user:
        raise OtpLocked(retry_after_seconds=codes_today.of_late_ends_in)
    no_more_for_phone = codes_today.of_phone >= policy.max_codes_per_phone
    if codes_today.of_user >= policy.max_codes_per_user or (
        channel is Channel.SMS and no_more_for_phone
    ):
        raise RateLimited("No more codes today.", retry_after_seconds=codes_today.day_ends_in)


@contextmanager
def counted(quota: CodeQuota, user: User, channel: Channel) -> Iterator[None]:
    """Count the code that the block sends; one it fails to send is given back.

    A sender that dies in the block has counted one that may not have been sent: the safe side.

    Raises:
        RateLimited: no more codes today; the block is not run.
    """
    phone = user.phone if channel is Channel.SMS else None
    taken = quota.take(user_id=user.id, phone=phone)
    if taken is None:
        raise RateLimited("No more codes today.")
    try:
        yield
    except Unavailable:
        with suppress(Unavailable):
            quota.give_back(taken)
        raise
