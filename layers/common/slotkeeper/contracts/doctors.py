"""Bodies and parameters of /doctors."""

from __future__ import annotations

from slotkeeper.contracts.paging import PageInfo, PageQuery
from slotkeeper.contracts.shapes import Shape
from slotkeeper.contracts.texts import Line
from slotkeeper.domain.doctor import Doctor
from slotkeeper.ports.clinic import DoctorFilter
from slotkeeper.ports.pages import KeptPage, Page, View


class ListDoctorsQuery(PageQuery):
    specialty: Line | None = None

    def wanted(self) -> DoctorFilter:
        return DoctorFilter(specialty=self.specialty)

    def view(self, user_id: str) -> View:
        """What whoever asks so looks at."""
        return View(user_id=user_id, doctor_id=None, filters={"specialty": self.specialty})


def doctor_view(user_id: str, doctor_id: str) -> View:
    """A user looks at one doctor, by no filter of the slots'."""
    filters = dict.fromkeys(("date", "from", "to"))
    return View(user_id=user_id, doctor_id=doctor_id, filters=filters)


class DoctorResponse(Shape):
    id: str
    name: str
    specialty: str
    time_zone: str
    consultation_fee: int | None
    version: int

    @classmethod
    def of(cls, doctor: Doctor) -> DoctorResponse:
        return cls.model_validate({name: getattr(doctor, name) for name in cls.model_fields})

    @classmethod
    def with_etag(cls, doctor: Doctor) -> tuple[str, dict[str, str]]:
        """The body, and the headers that name its version."""
        return cls.of(doctor).to_text(), {"ETag": f'"{doctor.version}"'}

    @classmethod
    def page_of(cls, doctor: Doctor) -> KeptPage:
        """The body under its version, as it may be kept."""
        text, headers = cls.with_etag(doctor)
        return KeptPage(text=text, etag=headers["ETag"])


class DoctorPageResponse(Shape):
    items: list[DoctorResponse]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[Doctor], query: PageQuery, wanted: DoctorFilter) -> DoctorPageResponse:
        return cls(
            items=[DoctorResponse.of(doctor) for doctor in page.items],
            page_info=PageInfo.of(page, query, wanted),
        )
