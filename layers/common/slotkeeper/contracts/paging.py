"""Pages of lists: which one is asked for, and what is said of the one given."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from slotkeeper.contracts.cursor import decode_cursor, encode_cursor
from slotkeeper.contracts.shapes import InstantText, Request, Shape, whole_number
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.ports.pages import Page, Position

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_CURSOR = 1024
"""Characters: a cursor of the longest name has fewer."""
MAX_SKIP = 10_000
"""Items that pages may skip; a cursor reads on from anywhere at the same cost."""
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(whole_number)]
"""Items of a page."""


class NumberedPageQuery(Request):
    """Which page of a list: the `page`-th of `limit` items."""

    page: Annotated[int, Field(ge=1, le=MAX_SKIP), BeforeValidator(whole_number)] = 1
    limit: Limit = DEFAULT_LIMIT

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        # Here, so that nothing has been done by the time it is refused.
        if self.skip > MAX_SKIP:
            raise InvalidRequest([("page", f"skips more than {MAX_SKIP} items: use a cursor")])
        return self

    @property
    def skip(self) -> int:
        """Items before the page; not too many to be counted up to."""
        return (self.page - 1) * self.limit


class PageQuery(NumberedPageQuery):
    """Which page of a list: a numbered one, or the one where `cursor` stands."""

    cursor: Annotated[str | None, Field(pattern=rf"^[A-Za-z0-9_-]{{1,{MAX_CURSOR}}}$")] = None

    def after(self, wanted: object, key: type[datetime | str] = datetime) -> Position | None:
        """Where the page begins in the list that `wanted` filters and `key` orders.

        Raises:
            InvalidRequest: a cursor of another list.
        """
        return decode_cursor(self.cursor, repr(wanted), key) if self.cursor else None

    @property
    def skip(self) -> int:
        """Items before the page; none where a cursor says where it begins."""
        return 0 if self.cursor else super().skip


class StartsQuery(PageQuery):
    """A page of what starts in `[from, to)`."""

    from_: Annotated[InstantText | None, Field(alias="from")] = None
    to: InstantText | None = None

    @model_validator(mode="after")
    def _has_time(self) -> Self:
        if self.from_ and self.to and self.to <= self.from_:
            raise ValueError("to must be after from")
        return self


class PageInfo(Shape):
    page: int
    limit: int
    total_pages: int
    total_items: int
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Any], query: NumberedPageQuery, wanted: object) -> PageInfo:
        return cls(
            page=query.page,
            limit=query.limit,
            total_pages=-(-page.total // query.limit),
            total_items=page.total,
            next_cursor=encode_cursor(page.next, repr(wanted)) if page.next else None,
        )
