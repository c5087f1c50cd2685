"""What a clinic does to doctors and slots, on the real stores of a house."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from slotkeeper.adapters.mongo.blocks import MongoSlotBlocks
from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
from slotkeeper.adapters.mongo.doctor_file import MongoDoctorFile
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.adapters.mongo.timetables import MongoTimetables
from slotkeeper.adapters.together import together
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.schedule import Hours, WeeklySchedule
from slotkeeper.domain.slot import Slot
from slotkeeper.domain.timetable import Asked, Filled, Period, TimeChange, TimeChanged
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.pages import KeptPage, View
from slotkeeper.services.block_slot import block_slot
from slotkeeper.services.change_calendar import change_calendar
from slotkeeper.services.create_doctor import create_doctor
from slotkeeper.services.create_schedule import create_schedule
from slotkeeper.services.update_doctor import update_doctor
from tests.support.house import House, NoPages

CLINIC = "clinic-1"
ADMIN = Caller(user_id="root", role=Role.ADMIN)


def in_days(days: int, hour: int = 9) -> datetime:
    """A whole hour (UTC) of a day to come."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days, hours=hour)


def day_schedule(
    days: int = 3,
    *,
    hours: tuple[int, int] = (9, 17),
    past: int = 0,
    minutes: int = 30,
    lasts: int = 1,
) -> WeeklySchedule:
    """The same hours (UTC) of each day, `past` minutes late, from the `days`-th from today on."""
    first = in_days(days).date()
    return WeeklySchedule(
        time_zone="UTC",
        weekly=(Hours(start=hours[0] * 60 + past, end=hours[1] * 60),),
        slot_minutes=minutes,
        first=first,
        last=first + timedelta(days=lasts - 1),
    )


@dataclass
class NoDoctorPages:
    """`DoctorPages` that keep nothing; how often they were told to forget is noted."""

    forgotten: int = 0

    def read(self, asked: str, make: Callable[[], KeptPage], view: View | None) -> KeptPage:
        return make()

    def forget(self) -> None:
        self.forgotten += 1


@dataclass
class Managing:
    """A clinic at work, for one caller."""

    house: House
    caller: Caller = ADMIN
    pages: NoPages = field(default_factory=NoPages)
    doctor_pages: NoDoctorPages = field(default_factory=NoDoctorPages)

    def __post_init__(self) -> None:
        database = self.house.database
        self.catalogue = MongoCatalogue(database)
        self.file = MongoDoctorFile(database)
        self.timetables = MongoTimetables(database)
        self.blocks = MongoSlotBlocks(database)

    def as_staff(self, clinic_id: str | None = CLINIC) -> Managing:
        user_id = self.house.patient(clinicId=clinic_id)
        return replace(self, caller=Caller(user_id=user_id, role=Role.STAFF))

    def add_doctor(self, key: str | None = None, **fields: Any) -> Doctor:
        known = {
            "name": "Dr. Ada",
            "specialty": "cardiology",
            "time_zone": "Europe/Berlin",
            "consultation_fee": 5_000,
            "clinic_id": CLINIC,
        }
        return create_doctor(
            **{**known, **fields},
            caller=self.caller,
            asked=self._asked(key),
            file=self.file,
            users=self.house.users,
            pages=self.doctor_pages,
        )

    def change_doctor(
        self,
        doctor_id: str,
        *,
        key: str | None = None,
        expected: frozenset[int] | None = None,
        **fields: Any,
    ) -> Doctor:
        return update_doctor(
            doctor_id=doctor_id,
            change=lambda doctor: structs.replace(doctor, **fields),
            caller=self.caller,
            expected=expected,
            asked=self._asked(key),
            catalogue=self.catalogue,
            file=self.file,
            doctors=self.house.doctors,
            users=self.house.users,
            doctor_pages=self.doctor_pages,
            slot_pages=self.pages,
        )

    def fill(self, doctor_id: str, schedule: WeeklySchedule, key: str | None = None) -> Filled:
        return create_schedule(
            doctor_id=doctor_id,
            schedule_in=lambda _: schedule,
            details={"slotMinutes": schedule.slot_minutes},
            caller=self.caller,
            asked=self._asked(key),
            timetables=self.timetables,
            doctors=self.house.doctors,
            users=self.house.users,
            pages=self.pages,
        )

    def block(self, slot_id: str, *, is_blocked: bool = True) -> Slot:
        return block_slot(
            slot_id=slot_id,
            is_blocked=is_blocked,
            caller=self.caller,
            request_id=uuid.uuid4().hex,
            blocks=self.blocks,
            ledger=self.house.ledger,
            doctors=self.house.doctors,
            users=self.house.users,
            pages=self.pages,
            together=together,
        )

    def change_time(
        self,
        doctor_id: str,
        change: TimeChange,
        start: datetime,
        end: datetime,
        key: str | None = None,
    ) -> TimeChanged:
        return change_calendar(
            doctor_id=doctor_id,
            period=Period(start=start, end=end),
            change=change,
            caller=self.caller,
            asked=self._asked(key),
            timetables=self.timetables,
            slots=self.house.slots,
            ledger=self.house.ledger,
            doctors=self.house.doctors,
            users=self.house.users,
            pages=self.pages,
        )

    def slots(self, doctor_id: str) -> list[dict[str, Any]]:
        """The doctor's slots as they are stored, by start."""
        found = self.house.database[SLOTS].find({"doctorId": doctor_id})
        return list(found.sort([("startTime", 1), ("_id", 1)]))

    def overlaps(self, doctor_id: str) -> int:
        """Pairs of the doctor's slots that follow each other and overlap."""
        pairs = itertools.pairwise(self.slots(doctor_id))
        return sum(earlier["endTime"] > later["startTime"] for earlier, later in pairs)

    def _asked(self, key: str | None) -> Asked:
        request = uuid.uuid4().hex
        return Asked(actor=self.caller.user_id, request_id=request, request_key=key or request)
