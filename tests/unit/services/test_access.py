"""What access.py decides is decided nowhere else; what it decides: tests/integration/test_access.py
and the tests of the use cases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slotkeeper.domain.attempt import Attempt, attempt_id
from slotkeeper.domain.errors import Forbidden, InvalidRequest, NotFound
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.services import access
from tests.support.fakes import ALICE, ATTEMPT, BOB, DOCTOR, FakeDoctors, FakeUsers, a_booking

SERVICES = Path(access.__file__).parent
SOURCES = sorted(path for path in SERVICES.glob("*.py") if path.name != "access.py")
CAROL = Caller(user_id="carol", role=Role.STAFF)
ADMIN = Caller(user_id="root", role=Role.ADMIN)

DECIDES = re.compile(
    r"clinic_of\(|clinic_id (==|!=|in|not in|is)|ids_of\(|\.role (is|==|in|!=)|match caller"
    r"|user_id (==|!=)|is_attempt_of\("
)
"""How a service would tell whose a thing is."""
NOT_ACCESS = {
    "cancel_booking.py": 1,  # until when a patient may cancel, and that staff always may
    "erase_person.py": 1,  # whether what was found a moment ago is still theirs
    "hold_slot.py": 2,  # whose lock and whose hold it is: a slot is every patient's to ask for
    "list_doctors.py": 1,  # a page without doctors, for staff that are shown none
}


def test_whose_a_thing_is_is_told_in_one_place() -> None:
    found = {path.name: len(DECIDES.findall(path.read_text())) for path in SOURCES}

    assert {name: count for name, count in found.items() if count} == NOT_ACCESS


def test_that_place_is_found_by_the_same_words() -> None:
    assert len(DECIDES.findall(Path(access.__file__).read_text())) > 8


def test_attempt_is_its_patients_alone() -> None:
    access.ensure_own(Attempt(id=ATTEMPT, user_id=ALICE, request_id="r"))

    with pytest.raises(NotFound):
        access.ensure_own(Attempt(id=ATTEMPT, user_id=BOB, request_id="r"))


@pytest.mark.parametrize("id_", ["", "at_", "x", attempt_id("nobody", "k" * 16, "s")])
def test_attempt_of_nobody_is_refused_as_a_foreign_one(id_: str) -> None:
    with pytest.raises(NotFound):
        access.ensure_own(Attempt(id=id_, user_id=ALICE, request_id="r"))


def test_booking_to_be_replaced_is_its_patients_alone() -> None:
    assert access.own_booking(a_booking(), ALICE) == a_booking()

    for booking, user in ((a_booking(), BOB), (None, ALICE)):
        with pytest.raises(NotFound):
            access.own_booking(booking, user)


@pytest.mark.parametrize(
    ("clinic", "doctors"),
    [
        ("clinic_2", {DOCTOR: "clinic_1"}),
        (None, {DOCTOR: "clinic_1"}),
        ("clinic_1", {}),
        (None, {}),
    ],
)
def test_staff_manage_no_doctor_but_their_clinics(
    clinic: str | None, doctors: dict[str, str]
) -> None:
    users = FakeUsers(User(id="carol", clinic_id=clinic))

    with pytest.raises(NotFound):
        access.ensure_manages(CAROL, DOCTOR, doctors=FakeDoctors(doctors), users=users)


def test_patient_manages_nothing_even_where_their_profile_names_a_clinic() -> None:
    users = FakeUsers(User(id=ALICE, clinic_id="clinic_1"))
    doctors = FakeDoctors({DOCTOR: "clinic_1"})

    with pytest.raises(NotFound):
        access.ensure_manages(
            Caller(user_id=ALICE, role=Role.PATIENT), DOCTOR, doctors=doctors, users=users
        )


def test_new_doctor_is_of_ones_own_clinic() -> None:
    users = FakeUsers(User(id="carol", clinic_id="clinic_1"))

    assert access.clinic_to_add_to(CAROL, None, users) == "clinic_1"
    assert access.clinic_to_add_to(CAROL, "clinic_1", users) == "clinic_1"
    assert access.clinic_to_add_to(ADMIN, "clinic_2", users) == "clinic_2"
    with pytest.raises(Forbidden):
        access.clinic_to_add_to(CAROL, "clinic_2", users)
    with pytest.raises(Forbidden):
        access.clinic_to_add_to(CAROL, None, FakeUsers())
    with pytest.raises(InvalidRequest):
        access.clinic_to_add_to(ADMIN, None, users)
