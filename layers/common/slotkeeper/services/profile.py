"""A user's own profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotkeeper.domain.errors import InvalidRequest

if TYPE_CHECKING:
    from slotkeeper.domain.user import User
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.pages import LastView, Views
    from slotkeeper.ports.people import UserStore


def get_profile(
    *, user_id: str, users: UserStore, views: Views, together: Together
) -> tuple[User, LastView | None]:
    """The user's profile, empty where it was never filled in, and what they looked at last.

    Raises:
        Unavailable: MongoDB did not answer.
    """
    user, viewed = together(lambda: users.get(user_id), lambda: views.last(user_id))
    return user, viewed


def put_profile(
    *, user: User, users: UserStore, views: Views, together: Together
) -> tuple[User, LastView | None]:
    """Make these the user's own fields: what is None is removed. Nobody sets their own clinic.

    Raises:
        InvalidRequest: prefers a channel without an address for it.
        Unavailable: MongoDB did not answer.
    """
    channel = user.preferred_channel
    if channel is not None and not user.address(channel):
        raise InvalidRequest([("preferredChannel", "needs an address on this channel")])
    stored, viewed = together(lambda: users.put(user), lambda: views.last(user.id))
    return stored, viewed
