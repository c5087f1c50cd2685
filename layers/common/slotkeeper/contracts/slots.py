"""Bodies and parameters of a doctor's slots."""

from __future__ import annotations

from slotkeeper.contracts.paging import NumberedPageQuery, PageInfo, StartsQuery
from slotkeeper.contracts.shapes import CalendarDate, Instant, Shape, utc_text
from slotkeeper.domain.slot import FreeSlot, Slot, SlotStatus
from slotkeeper.ports.pages import Page, View
from slotkeeper.ports.slots import SlotFilter


class ListSlotsQuery(StartsQuery):
    date: CalendarDate | None = None

    def wanted(self, doctor_id: str) -> SlotFilter:
        return SlotFilter(doctor_id=doctor_id, date=self.date, start=self.from_, end=self.to)

    def view(self, user_id: str, doctor_id: str) -> View:
        """What whoever asks so looks at."""
        return View(
            user_id=user_id,
            doctor_id=doctor_id,
            filters={
                "date": self.date,
                "from": utc_text(self.from_) if self.from_ else None,
                "to": utc_text(self.to) if self.to else None,
            },
        )


class SlotResponse(Shape):
    id: str
    doctor_id: str
    date: str
    start_time: Instant
    end_time: Instant
    status: SlotStatus

    @classmethod
    def of(cls, slot: Slot) -> SlotResponse:
        return cls.model_validate({name: getattr(slot, name) for name in cls.model_fields})

    @classmethod
    def of_free(cls, slot: FreeSlot) -> SlotResponse:
        told = {name: getattr(slot, name) for name in FreeSlot.__struct_fields__}
        return cls.model_validate({**told, "status": SlotStatus.ACTIVE})


class SlotPageResponse(Shape):
    items: list[SlotResponse]
    page_info: PageInfo

    @classmethod
    def of(
        cls, page: Page[FreeSlot], query: NumberedPageQuery, wanted: SlotFilter
    ) -> SlotPageResponse:
        return cls(
            items=[SlotResponse.of_free(slot) for slot in page.items],
            page_info=PageInfo.of(page, query, wanted),
        )
