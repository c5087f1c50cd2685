"""The catalogue of doctors, for patients and for the staff of a clinic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from slotkeeper.domain.errors import NotFound
from slotkeeper.ports.pages import DoctorPages, KeptPage, Page, Position, View
from slotkeeper.services.access import clinic_shown_to, ensure_of_clinic
from slotkeeper.services.kept import kept

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.clinic import Catalogue, DoctorFilter
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.people import UserStore


def list_doctors(
    *,
    wanted: DoctorFilter,
    asked: str,
    caller: Caller,
    skip: int,
    limit: int,
    after: Position | None,
    view: View,
    to_text: Callable[[Page[Doctor]], str],
    catalogue: Catalogue,
    users: UserStore,
    pages: DoctorPages,
    together: Together,
) -> KeptPage:
    """The doctors that are `wanted`, by name; staff are shown their clinic's.

    `asked` names everything that the answer's text depends on but the caller and the doctors.

    Raises:
        Unavailable: MongoDB did not answer, and no such page was kept.
    """
    clinic_id = clinic_shown_to(caller, users)
    wanted = replace(wanted, clinic_id=clinic_id)

    def make() -> KeptPage:
        if clinic_id == "":
            return kept(to_text(Page(items=[], total=0, next=None)))
        found, total = together(
            lambda: catalogue.page(wanted, after=after, skip=skip, limit=limit + 1),
            lambda: catalogue.count(wanted),
        )
        page = Page.cut(found, limit, total, lambda d: Position(key=d.name, id=d.id))
        return kept(to_text(page))

    return pages.read(repr((wanted, asked)), make, view)


def get_doctor(
    *,
    doctor_id: str,
    caller: Caller,
    view: View,
    to_page: Callable[[Doctor], KeptPage],
    catalogue: Catalogue,
    users: UserStore,
    pages: DoctorPages,
) -> KeptPage:
    """One doctor; staff see their clinic's.

    Raises:
        NotFound: absent, or another clinic's.
        Unavailable: MongoDB did not answer, and the doctor was not kept.
    """
    clinic_id = clinic_shown_to(caller, users)

    def make() -> KeptPage:
        doctor = catalogue.doctor(doctor_id)
        if doctor is None:
            raise NotFound
        ensure_of_clinic(doctor, clinic_id)
        return to_page(doctor)

    return pages.read(repr((doctor_id, clinic_id)), make, view)
