from __future__ import annotations

import pytest

from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.errors import NotFound, Unavailable
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.ports.clinic import DoctorFilter
from slotkeeper.ports.pages import KeptPage, Page, Position, View
from slotkeeper.services.list_doctors import get_doctor, list_doctors
from tests.support.fakes import (
    ALICE,
    FakeCatalogue,
    FakeDoctorPages,
    FakeUsers,
    a_doctor,
    one_by_one,
)

ADA = a_doctor("doc_2", name="Dr. Ada")
EVE = a_doctor("doc_1", name="Dr. Eve", specialty="dermatology")
OTHER = a_doctor("doc_3", name="Dr. Zoe", clinic="clinic_2")
PATIENT = Caller(user_id=ALICE, role=Role.PATIENT)
STAFF = Caller(user_id="carol", role=Role.STAFF)
NOBODYS = Caller(user_id="dave", role=Role.STAFF)
ADMIN = Caller(user_id="root", role=Role.ADMIN)
VIEW = View(user_id=ALICE, doctor_id=None, filters={})


class World:
    """Two doctors of the clinic that Carol works for, one of another."""

    def __init__(self) -> None:
        self.catalogue = FakeCatalogue(EVE, OTHER, ADA)
        self.users = FakeUsers(User(id="carol", clinic_id="clinic_1"), User(id="dave"))
        self.pages = FakeDoctorPages()
        self.made: list[Page[Doctor]] = []

    def list(
        self,
        caller: Caller = PATIENT,
        *,
        specialty: str | None = None,
        skip: int = 0,
        limit: int = 10,
        after: Position | None = None,
    ) -> str:
        return list_doctors(
            wanted=DoctorFilter(specialty=specialty),
            asked=repr((specialty, skip, limit, after)),
            caller=caller,
            skip=skip,
            limit=limit,
            after=after,
            view=VIEW,
            to_text=self._text,
            catalogue=self.catalogue,
            users=self.users,
            pages=self.pages,
            together=one_by_one,
        ).text

    def _text(self, page: Page[Doctor]) -> str:
        self.made.append(page)
        return " ".join(doctor.id for doctor in page.items)

    def get(self, doctor_id: str, caller: Caller = PATIENT) -> str:
        return get_doctor(
            doctor_id=doctor_id,
            caller=caller,
            view=VIEW,
            to_page=lambda doctor: KeptPage(text=doctor.name, etag=f'"{doctor.version}"'),
            catalogue=self.catalogue,
            users=self.users,
            pages=self.pages,
        ).text


@pytest.mark.parametrize(
    ("caller", "seen"),
    [(PATIENT, "doc_2 doc_1 doc_3"), (ADMIN, "doc_2 doc_1 doc_3"), (STAFF, "doc_2 doc_1")],
)
def test_doctors_are_listed_by_name_to_who_may_see_them(caller: Caller, seen: str) -> None:
    assert World().list(caller) == seen


def test_staff_of_no_clinic_see_no_doctor() -> None:
    world = World()

    assert world.list(NOBODYS) == ""
    with pytest.raises(NotFound):
        world.get("doc_1", NOBODYS)


def test_a_page_kept_for_one_is_not_shown_to_who_sees_less() -> None:
    world = World()

    shown = [world.list(caller) for caller in (PATIENT, STAFF, NOBODYS, ADMIN)]

    assert shown == ["doc_2 doc_1 doc_3", "doc_2 doc_1", "", "doc_2 doc_1 doc_3"]


def test_specialty_filters() -> None:
    world = World()

    assert world.list(specialty="dermatology") == "doc_1"
    assert world.list(STAFF, specialty="alchemy") == ""


def test_pages_and_cursors_see_every_doctor_once() -> None:
    world = World()

    world.list(limit=2)
    after = world.made[0].next

    assert after == Position(key="Dr. Eve", id="doc_1")
    assert world.list(limit=2, after=after) == world.list(limit=2, skip=2) == "doc_3"
    assert [page.total for page in world.made] == [3, 3, 3]


def test_a_page_read_again_is_not_made_again_until_a_doctor_changes() -> None:
    world = World()
    world.list()

    world.list()
    assert len(world.made) == 1
    world.pages.forget()
    world.list()

    assert len(world.made) == 2


def test_a_doctor_is_shown_to_who_may_see_them() -> None:
    world = World()

    assert world.get("doc_3") == world.get("doc_3", ADMIN) == "Dr. Zoe"
    assert world.get("doc_1", STAFF) == "Dr. Eve"


@pytest.mark.parametrize("caller", [STAFF, NOBODYS])
def test_another_clinic_s_doctor_is_not_found_by_staff(caller: Caller) -> None:
    world = World()
    world.get("doc_3")

    with pytest.raises(NotFound):
        world.get("doc_3", caller)


def test_an_unknown_doctor_is_not_found() -> None:
    with pytest.raises(NotFound):
        World().get("doc_9")


def test_store_down_is_unavailable() -> None:
    world = World()
    world.catalogue.down = {"page", "doctor"}

    with pytest.raises(Unavailable):
        world.list()
    with pytest.raises(Unavailable):
        world.get("doc_1")
