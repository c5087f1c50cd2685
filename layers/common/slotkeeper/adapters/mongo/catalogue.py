"""Doctors as they are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymongo.database import Database

from slotkeeper.adapters.mongo import paging
from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import DOCTORS, Document, doctor_of
from slotkeeper.adapters.mongo.indexes import DOCTORS_BY

if TYPE_CHECKING:
    from slotkeeper.domain.doctor import Doctor
    from slotkeeper.ports.clinic import DoctorFilter
    from slotkeeper.ports.pages import Position

_KEY = "name"


class MongoCatalogue:
    """`Catalogue` on the collection `doctors`."""

    def __init__(self, database: Database[Document]):
        self._doctors = database[DOCTORS]

    def doctor(self, doctor_id: str) -> Doctor | None:
        with call():
            document = self._doctors.find_one({"_id": doctor_id})
        return doctor_of(document) if document else None

    def page(
        self, wanted: DoctorFilter, *, after: Position | None, skip: int, limit: int
    ) -> Sequence[Doctor]:
        query = _of(wanted)
        queries = paging.after(query, _KEY, {}, after) if after else [query]
        index = DOCTORS_BY[frozenset(query)]
        with call():
            return paging.page(
                self._doctors, queries, _KEY, doctor_of, index=index, skip=skip, limit=limit
            )

    def count(self, wanted: DoctorFilter) -> int:
        query = _of(wanted)
        with call():
            return paging.total(self._doctors, query, index=DOCTORS_BY[frozenset(query)])

    def ids_of(self, clinic_id: str) -> Sequence[str]:
        with call():
            found = self._doctors.find({"clinicId": clinic_id}, {"_id": 1})
            return [document["_id"] for document in found if isinstance(document["_id"], str)]


def _of(wanted: DoctorFilter) -> Document:
    fields = {"clinicId": wanted.clinic_id, "specialty": wanted.specialty}
    return {name: value for name, value in fields.items() if value is not None}
