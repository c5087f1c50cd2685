from __future__ import annotations

import pytest

from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import NotFound, Unavailable
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.services.get_booking import get_booking
from tests.support.fakes import ALICE, BOB, DOCTOR, FakeDoctors, FakeLedger, FakeUsers, a_booking

CLINIC = "clinic_1"


def get(
    user: str, role: Role, *, clinic: str | None = None, doctors: FakeDoctors | None = None
) -> Booking:
    return get_booking(
        booking_id="bk_1",
        caller=Caller(user_id=user, role=role),
        ledger=FakeLedger(a_booking()),
        doctors=doctors or FakeDoctors({DOCTOR: CLINIC}),
        users=FakeUsers(User(id=user, clinic_id=clinic)),
    )


def test_patient_sees_their_own_booking() -> None:
    assert get(ALICE, Role.PATIENT) == a_booking()


def test_another_patients_booking_is_not_found() -> None:
    with pytest.raises(NotFound):
        get(BOB, Role.PATIENT)


def test_staff_see_their_clinics_bookings() -> None:
    assert get("carol", Role.STAFF, clinic=CLINIC) == a_booking()


@pytest.mark.parametrize("clinic", ["clinic_2", None, ""])
def test_another_clinics_booking_is_not_found(clinic: str | None) -> None:
    with pytest.raises(NotFound):
        get("carol", Role.STAFF, clinic=clinic)


def test_staff_without_a_clinic_do_not_see_a_doctor_without_one() -> None:
    with pytest.raises(NotFound):
        get("carol", Role.STAFF, clinic=None, doctors=FakeDoctors())


def test_staff_do_not_see_their_own_appointment_at_another_clinic_as_staff() -> None:
    with pytest.raises(NotFound):
        get(ALICE, Role.STAFF, clinic="clinic_2")


def test_admin_sees_any_booking() -> None:
    assert get("root", Role.ADMIN) == a_booking()


@pytest.mark.parametrize("role", list(Role))
def test_absent_booking_is_not_found(role: Role) -> None:
    with pytest.raises(NotFound):
        get_booking(
            booking_id="bk_2",
            caller=Caller(user_id=ALICE, role=role),
            ledger=FakeLedger(a_booking()),
            doctors=FakeDoctors(),
            users=FakeUsers(),
        )


def test_absent_and_foreign_are_told_apart_by_nothing() -> None:
    answers = []
    for booking_id in ("bk_1", "bk_2"):
        with pytest.raises(NotFound) as refused:
            get_booking(
                booking_id=booking_id,
                caller=Caller(user_id=BOB, role=Role.PATIENT),
                ledger=FakeLedger(a_booking()),
                doctors=FakeDoctors(),
                users=FakeUsers(),
            )
        answers.append((refused.value.code, refused.value.detail))

    assert answers[0] == answers[1]


def test_ledger_down_is_unavailable() -> None:
    ledger = FakeLedger(a_booking())
    ledger.down = {"booking"}

    with pytest.raises(Unavailable):
        get_booking(
            booking_id="bk_1",
            caller=Caller(user_id=ALICE, role=Role.PATIENT),
            ledger=ledger,
            doctors=FakeDoctors(),
            users=FakeUsers(),
        )
