"""A clinic blocks, frees or removes a doctor's time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from slotkeeper.domain.booking import booking_of
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.slot import CONFIRM
from slotkeeper.domain.timetable import Asked, Period, TimeChange, TimeChanged
from slotkeeper.services.access import ensure_manages

if TYPE_CHECKING:
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.clinic import DoctorStore, Timetables
    from slotkeeper.ports.pages import SlotPages
    from slotkeeper.ports.people import UserStore
    from slotkeeper.ports.slots import SlotStore

_TRIES = 10
_PART = timedelta(days=3)


def change_calendar(
    *,
    doctor_id: str,
    period: Period,
    change: TimeChange,
    caller: Caller,
    asked: Asked,
    timetables: Timetables,
    slots: SlotStore,
    ledger: Ledger,
    doctors: DoctorStore,
    users: UserStore,
    pages: SlotPages,
) -> TimeChanged:
    """Change the period's slots that are nobody's; how many, and those that stay as they are.

    In parts, each all or nothing: patients who hold and let go meanwhile make a long one start over
    again and again. Sent again, the request goes on where it was.

    Raises:
        NotFound: no such doctor, or another clinic's.
        Unavailable: MongoDB did not answer, or the slots never came to rest; some may be changed.
    """
    ensure_manages(caller, doctor_id, doctors=doctors, users=users)

    def change_part(part: Period) -> TimeChanged:
        for _ in range(_TRIES):
            done = timetables.change(doctor_id, part, change, asked)
            pages.forget(doctor_id)
            if done is not None:
                return done
            # What happened to a slot is told before it is gone, and with it what it remembers.
            settled = timetables.settle(doctor_id, part, request_id=asked.request_id)
            facts = [fact for _, fact in settled]
            confirmed = [(slot, fact) for slot, fact in settled if fact.type == CONFIRM.event]
            ledger.record(bookings=[booking_of(*both) for both in confirmed], facts=facts)
            if facts:
                slots.mark_recorded(facts)
        raise Unavailable

    parts = [change_part(part) for part in period.parts(_PART)]
    kept = {slot.id: slot for part in parts for slot in part.kept}
    return TimeChanged(changed=sum(part.changed for part in parts), kept=list(kept.values()))
