"""Bodies of what a clinic changes: doctors, slots, a doctor's time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec.structs import replace
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from slotkeeper.contracts.profile import TimeZone
from slotkeeper.contracts.schedules import YEARS
from slotkeeper.contracts.shapes import Id, Instant, InstantText, Request, Shape
from slotkeeper.contracts.texts import Line
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.slot import Slot, SlotStatus
from slotkeeper.domain.timetable import Period, TimeChange, TimeChanged

MAX_PERIOD = timedelta(days=92)


def _planned(value: datetime) -> datetime:
    if value.year not in YEARS:
        raise ValueError(f"not in the years {YEARS[0]} to {YEARS[-1]}")
    return value


def _undefaulted(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


Fee = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""In minor units of the clinic's currency."""
PlannedInstant = Annotated[InstantText, AfterValidator(_planned)]
_LEFT_AS_IT_IS: Any = Field(default=None, json_schema_extra=_undefaulted)  # Any: of every type


class DoctorRequest(Request):
    """A new doctor; `clinicId` is needed of an admin, and for staff their own."""

    name: Line
    specialty: Line
    time_zone: TimeZone
    consultation_fee: Fee | None = None
    clinic_id: Id | None = None


class DoctorChangeRequest(Request):
    """What is to change of a doctor; only a fee can be null: there is none then."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    name: Line = _LEFT_AS_IT_IS
    specialty: Line = _LEFT_AS_IT_IS
    time_zone: TimeZone = _LEFT_AS_IT_IS
    consultation_fee: Fee | None = _LEFT_AS_IT_IS

    @model_validator(mode="after")
    def _something(self) -> DoctorChangeRequest:
        if not self.model_fields_set:
            raise ValueError("must change something")
        return self

    def change(self, doctor: Doctor) -> Doctor:
        return replace(doctor, **self.model_dump(include=self.model_fields_set))


class SlotStatusRequest(Request):
    status: Literal["blocked", "active"]


class TimeChangeRequest(Request):
    """What becomes of the free slots that share an instant with `[from, to)`."""

    from_: Annotated[PlannedInstant, Field(alias="from")]
    to: PlannedInstant
    status: Literal["blocked", "active", "removed"]

    @model_validator(mode="after")
    def _in_order(self) -> TimeChangeRequest:
        if not timedelta(0) < self.to - self.from_ <= MAX_PERIOD:
            raise ValueError(f"must end after it starts, {MAX_PERIOD.days} days later at most")
        return self

    @property
    def period(self) -> Period:
        return Period(start=self.from_, end=self.to)

    @property
    def time_change(self) -> TimeChange:
        return TimeChange(self.status)


class KeptSlotResponse(Shape):
    id: str
    start_time: Instant
    end_time: Instant
    status: SlotStatus
    booking_id: str | None

    @classmethod
    def of(cls, slot: Slot) -> KeptSlotResponse:
        return cls.model_validate({name: getattr(slot, name) for name in cls.model_fields})


class TimeChangeResponse(Shape):
    """How many slots changed, and those that stay because they are booked or held."""

    changed: int
    kept: list[KeptSlotResponse]

    @classmethod
    def text_of(cls, done: TimeChanged) -> str:
        kept = [KeptSlotResponse.of(slot) for slot in done.kept]
        return cls(changed=done.changed, kept=kept).to_text()
