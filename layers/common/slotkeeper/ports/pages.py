"""Lists in pages, and pages kept for the next reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from slotkeeper.value import Value


class Position(Value, kw_only=True):
    """A place in a list ordered by (key, id): a start time or a name; a page begins after it."""

    key: datetime | str
    id: str


Item = TypeVar("Item")


class Page(Value, Generic[Item], kw_only=True):
    """A part of a list, how many the whole has, and where the next page begins, if there is one.

    `total` is counted up to `MAX_TOTAL`, so that no count grows with a collection.
    """

    items: Sequence[Item]
    total: int
    next: Position | None

    @classmethod
    def cut(
        cls, found: Sequence[Item], limit: int, total: int, place: Callable[[Item], Position]
    ) -> Page[Item]:
        """The first `limit` of `found`, which holds one more where there is a next page."""
        items = found[:limit]
        return cls(items=items, total=total, next=place(items[-1]) if len(found) > limit else None)


MAX_TOTAL = 10_000


class KeptPage(Value, kw_only=True):
    """An answer as it is sent, its entity tag, and when it stops being true by itself, if ever."""

    text: str
    etag: str
    valid_until: datetime | None = None


class View(Value, kw_only=True):
    """What a user looks at: a doctor, or a list (None), by which filters (None: not filtered)."""

    user_id: str
    doctor_id: str | None
    filters: Mapping[str, str | None]


class LastView(Value, kw_only=True):
    """The doctor a user looked at last, and the filters last used, as they were sent."""

    doctor_id: str | None
    filters: Mapping[str, str]


class SlotPages(Protocol):
    """Pages of doctors' free slots. Does without its server: nothing here raises Unavailable."""

    def read(
        self, doctor_id: str, asked: str, make: Callable[[], KeptPage], view: View
    ) -> KeptPage:
        """The page that was kept for `asked`, or the one that `make` makes now; notes the view.

        Of readers who come at once, one makes it. What `make` raises is passed on.
        """
        ...

    def forget(self, *doctor_ids: str) -> None:
        """A slot of these doctors changed: the next reader sees it."""
        ...


class DoctorPages(Protocol):
    """Pages of the catalogue; as `SlotPages`."""

    def read(self, asked: str, make: Callable[[], KeptPage], view: View | None) -> KeptPage: ...

    def forget(self) -> None:
        """A doctor changed, or one more is there: the next reader sees it."""
        ...


class Views(Protocol):
    def last(self, user_id: str) -> LastView | None:
        """What the user looked at last; None if that is not known (any more)."""
        ...
