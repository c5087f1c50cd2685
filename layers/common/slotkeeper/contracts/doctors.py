"""Bodies and parameters of /doctors."""

from __future__ import annotations

from slotkeeper.contracts.shapes import Shape
from slotkeeper.domain.doctor import Doctor


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
