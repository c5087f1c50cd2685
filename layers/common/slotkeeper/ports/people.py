"""Users, and who they are by their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.user import Caller, User


class CodesToday(Value, kw_only=True):
    """How many codes a user and a phone were sent since midnight UTC, and when that day ends.

    And how many wrong ones the user sent: with none right between them, and of late.
    """

    of_user: int = 0
    of_phone: int = 0
    day_ends_in: int = 86_400
    failures_in_a_row: int = 0
    failures_of_late: int = 0
    of_late_ends_in: int = 0


class UserStore(Protocol):
    def get(self, user_id: str) -> User:
        """The user's profile; an empty one for somebody who never filled it in."""
        ...

    def put(self, user: User) -> User:
        """Make these the user's own fields; the clinic stays what it is, and is in the answer."""
        ...

    def get_for_code(self, user_id: str) -> tuple[User, CodesToday]:
        """The user's profile, and the codes they and their phone were sent today; one trip."""
        ...


class Tokens(Protocol):
    def caller(self, authorization: str | None) -> Caller:
        """Who sends this `Authorization` header. Raises Unauthenticated."""
        ...
