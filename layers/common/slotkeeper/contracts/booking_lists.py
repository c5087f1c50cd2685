"""Lists of bookings."""

from __future__ import annotations

from slotkeeper.contracts.bookings import BookingResponse, StatusName
from slotkeeper.contracts.paging import PageInfo, PageQuery, StartsQuery
from slotkeeper.contracts.shapes import Shape
from slotkeeper.domain.booking import Booking
from slotkeeper.ports.bookings import BookingFilter
from slotkeeper.ports.pages import Page


class ListBookingsQuery(StartsQuery):
    status: StatusName | None = None

    def wanted(self) -> BookingFilter:
        return BookingFilter(status=self.status, start=self.from_, end=self.to)


class BookingPageResponse(Shape):
    items: list[BookingResponse]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[Booking], query: PageQuery, wanted: object) -> BookingPageResponse:
        return cls(
            items=[BookingResponse.of(booking) for booking in page.items],
            page_info=PageInfo.of(page, query, wanted),
        )
