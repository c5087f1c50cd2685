"""Users and doctors, as far as booking needs them."""

from __future__ import annotations

from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import DOCTORS, USERS, Document, user_of
from slotkeeper.domain.user import User


class MongoUsers:
    """`UserStore` on the collection `users`."""

    def __init__(self, database: Database[Document]):
        self._users = database[USERS]

    def get(self, user_id: str) -> User:
        with call():
            return user_of(user_id, self._users.find_one({"_id": user_id}))


class MongoDoctors:
    """`DoctorStore` on the collection `doctors`."""

    def __init__(self, database: Database[Document]):
        self._doctors = database[DOCTORS]

    def exists(self, doctor_id: str) -> bool:
        with call():
            return self._doctors.find_one({"_id": doctor_id}, {"_id": 1}) is not None

    def clinic_of(self, doctor_id: str) -> str | None:
        with call():
            doctor = self._doctors.find_one({"_id": doctor_id}, {"clinicId": 1})
        return doctor["clinicId"] if doctor else None
