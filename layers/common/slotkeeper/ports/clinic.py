"""Doctors and their timetables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.domain.events import DomainEvent
    from slotkeeper.domain.slot import Slot
    from slotkeeper.domain.timetable import Asked, Filled, Period, TimeChange, TimeChanged
    from slotkeeper.ports.pages import Position


class DoctorStore(Protocol):
    def exists(self, doctor_id: str) -> bool: ...

    def clinic_of(self, doctor_id: str) -> str | None: ...


class DoctorFilter(Value, kw_only=True):
    """Doctors of a clinic, of a specialty (None: of any)."""

    clinic_id: str | None = None
    specialty: str | None = None


class Catalogue(Protocol):
    """Doctors as they are looked up; lists are ordered by (name, id)."""

    def doctor(self, doctor_id: str) -> Doctor | None: ...

    def page(
        self, wanted: DoctorFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Doctor]: ...

    def count(self, wanted: DoctorFilter) -> int: ...

    def ids_of(self, clinic_id: str) -> Sequence[str]:
        """All doctors of a clinic."""
        ...


class DoctorFile(Protocol):
    """Doctors as their clinic keeps them."""

    def add(self, doctor: Doctor, asked: Asked) -> Doctor:
        """Store the doctor, unless there is one of that id: the one that is there now.

        With an entry in the audit log, here and below.
        """
        ...

    def change(self, doctor: Doctor, asked: Asked, *, expected: int) -> bool:
        """Store the doctor if `expected` is still the version; whether it was.

        In a new time zone the dates of slots and bookings to come are those of that zone.
        """
        ...


class Timetables(Protocol):
    """A doctor's slots as a whole: whoever changes them so does it one after the other."""

    def fill(
        self,
        doctor_id: str,
        asked: Asked,
        details: Mapping[str, Any],
        make: Callable[[Doctor, int], Sequence[Slot]],
    ) -> Filled:
        """Add the slots that `make` makes (of the doctor as they are, at that version, by start)
        and that overlap none there; keep `details` of how. Once a request.

        What `make` raises is passed on, `make` may be asked again. Raises NotFound.
        """
        ...

    def settle(
        self, doctor_id: str, period: Period, *, request_id: str
    ) -> Sequence[tuple[Slot, DomainEvent]]:
        """End holds that are over; what free and blocked slots have to be recorded."""
        ...

    def change(
        self, doctor_id: str, period: Period, change: TimeChange, asked: Asked
    ) -> TimeChanged | None:
        """Block, free or remove all slots of the period that are nobody's. Once a request.

        None, with nothing changed, where a slot to be removed has facts to be recorded.
        Raises NotFound.
        """
        ...
