"""Parameters and answer of PATCH /bookings/{id}/reschedule."""

from __future__ import annotations

from slotkeeper.contracts.bookings import BookingResponse
from slotkeeper.contracts.paging import NumberedPageQuery
from slotkeeper.contracts.shapes import CalendarDate, Shape
from slotkeeper.contracts.slots import SlotPageResponse
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.slot import FreeSlot
from slotkeeper.ports.pages import Page
from slotkeeper.ports.slots import SlotFilter


class RescheduleQuery(NumberedPageQuery):
    """Which of the doctor's free slots to show; their cursor goes on at GET /doctors/{id}/slots."""

    date: CalendarDate | None = None

    def wanted(self, doctor_id: str) -> SlotFilter:
        return SlotFilter(doctor_id=doctor_id, date=self.date)


class RescheduleResponse(Shape):
    booking: BookingResponse
    slots: SlotPageResponse

    @classmethod
    def with_etag(
        cls, booking: Booking, page: Page[FreeSlot], query: RescheduleQuery, wanted: SlotFilter
    ) -> tuple[str, dict[str, str]]:
        """The body, and the headers that name the booking's version."""
        shown = cls(
            booking=BookingResponse.of(booking), slots=SlotPageResponse.of(page, query, wanted)
        )
        return shown.to_text(), {"ETag": f'"{booking.version}"'}
