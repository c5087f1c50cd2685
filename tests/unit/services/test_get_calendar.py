from __future__ import annotations

import pytest

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.errors import NotFound, Unavailable
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.get_calendar import get_calendar
from tests.support.fakes import (
    ALICE,
    BOB,
    DOCTOR,
    FakeCatalogue,
    FakeDoctors,
    FakeLedger,
    FakeUsers,
    a_booking,
)


class PlainCalendars:
    def file_of(self, booking: Booking, *, doctor_name: str | None) -> str:
        return f"{booking.id} {doctor_name}"


ADA = Doctor(
    id=DOCTOR,
    clinic_id="clinic_1",
    name="Dr. Ada Example",
    specialty="cardiology",
    time_zone="Europe/Berlin",
    consultation_fee=None,
    version=1,
)


def get(user: str, *, catalogue: FakeCatalogue | None = None) -> tuple[Booking, str]:
    return get_calendar(
        booking_id="bk_1",
        caller=Caller(user_id=user, role=Role.PATIENT),
        ledger=FakeLedger(a_booking()),
        doctors=FakeDoctors({DOCTOR: "clinic_1"}),
        catalogue=catalogue or FakeCatalogue(ADA),
        users=FakeUsers(),
        calendars=PlainCalendars(),
    )


def test_a_patient_gets_their_own_booking_with_the_doctors_name() -> None:
    booking, text = get(ALICE)

    assert booking == a_booking()
    assert text == "bk_1 Dr. Ada Example"


def test_another_patients_booking_is_not_found_and_its_doctor_not_asked_for() -> None:
    catalogue = FakeCatalogue(ADA)

    with pytest.raises(NotFound):
        get(BOB, catalogue=catalogue)

    assert catalogue.calls == []


def test_a_doctor_who_is_no_more_has_no_name() -> None:
    assert get(ALICE, catalogue=FakeCatalogue())[1] == "bk_1 None"


def test_doctors_down_is_unavailable() -> None:
    catalogue = FakeCatalogue(ADA)
    catalogue.down = {"doctor"}

    with pytest.raises(Unavailable):
        get(ALICE, catalogue=catalogue)
