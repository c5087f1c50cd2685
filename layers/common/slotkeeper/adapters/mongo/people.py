"""Users and doctors, as far as booking needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import (
    DOCTORS,
    QUOTAS,
    TODAY,
    USERS,
    Document,
    phone_quota_id,
    user_document,
    user_failures_id,
    user_of,
    user_quota_id,
)
from slotkeeper.adapters.mongo.fields import Fields
from slotkeeper.ports.people import CodesToday

if TYPE_CHECKING:
    from slotkeeper.domain.user import User


class MongoUsers:
    """`UserStore` on the collection `users`."""

    def __init__(self, database: Database[Document]):
        self._users = database[USERS]
        self._quotas = database[QUOTAS]
        # Just after it was elected, a primary may not know yet that what it has is on a majority,
        # and read without it. A profile written a moment ago must not be taken for none.
        self._surely = self._users.with_options(read_concern=ReadConcern("linearizable"))

    def get(self, user_id: str) -> User:
        with call():
            return user_of(user_id, self._users.find_one({"_id": user_id}))

    def put(self, user: User) -> User:
        own = user_document(user)
        known = {name: value for name, value in own.items() if value is not None}
        gone = {name: "" for name in own if name not in known}
        changes = {"$set": known, "$unset": gone}
        with call():
            document = self._users.find_one_and_update(
                {"_id": user.id},
                {operator: fields for operator, fields in changes.items() if fields},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return user_of(user.id, document)

    def get_for_code(self, user_id: str) -> tuple[User, CodesToday]:
        # A profile without a number must not match the quotas that have none.
        of_phone = {"$ifNull": ["$phoneKey", ""]}
        pipeline: list[Document] = [
            {"$match": {"_id": user_id}},
            {
                "$set": {
                    "quotaId": user_quota_id(user_id),
                    "quotaPhone": of_phone,
                    "failuresId": user_failures_id(user_id),
                    "today": TODAY,
                    "now": "$$NOW",
                }
            },
            _quotas("quotaId", into="ofUser"),
            _quotas("quotaPhone", into="ofPhone"),
            _quotas("failuresId", into="failures"),
        ]
        with call():
            found = list(self._users.aggregate(pipeline)) or list(self._surely.aggregate(pipeline))
            if not found:
                return user_of(user_id, None), CodesToday()
            user = user_of(user_id, found[0])
            key = phone_quota_id(user.phone) if user.phone else None
            if key != found[0].get("phoneKey"):
                # A profile that came from elsewhere than `put`.
                found[0]["ofPhone"] = list(self._quotas.find({"_id": key}))
        return user, _codes_today(found[0])


def _quotas(local: str, *, into: str) -> Document:
    return {"$lookup": {"from": QUOTAS, "localField": local, "foreignField": "_id", "as": into}}


def _codes_today(found: Document) -> CodesToday:
    now: datetime = found["now"]
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def count(quotas: Sequence[Document]) -> int:
        todays = [quota for quota in quotas if quota.get("day") == found["today"]]
        return sum(Fields(QUOTAS, quota).number("count") for quota in todays)

    wrong = next((Fields(QUOTAS, row) for row in found["failures"]), None)
    late_ends_in = (wrong.time("windowEndsAt") - now).total_seconds() if wrong else 0
    return CodesToday(
        failures_in_a_row=wrong.number("inARow") if wrong else 0,
        failures_of_late=wrong.number("inWindow") if wrong and late_ends_in > 0 else 0,
        of_late_ends_in=math.ceil(late_ends_in),
        of_user=count(found["ofUser"]),
        of_phone=count(found["ofPhone"]),
        day_ends_in=math.ceil((tomorrow - now).total_seconds()),
    )


class MongoDoctors:
    """`DoctorStore` and `Fees` on the collection `doctors`."""

    def __init__(self, database: Database[Document]):
        self._doctors = database[DOCTORS]

    def exists(self, doctor_id: str) -> bool:
        with call():
            return self._doctors.find_one({"_id": doctor_id}, {"_id": 1}) is not None

    def clinic_of(self, doctor_id: str) -> str | None:
        with call():
            doctor = self._doctors.find_one({"_id": doctor_id}, {"clinicId": 1})
        return Fields(DOCTORS, doctor).text_or_none("clinicId") if doctor else None

    def fee_of(self, doctor_id: str) -> int | None:
        """`Fees`: nothing or less is no fee. Raises Corrupted: what it says is no number."""
        with call():
            doctor = self._doctors.find_one({"_id": doctor_id}, {"consultationFee": 1})
        fee = Fields(DOCTORS, doctor).number_or_none("consultationFee") if doctor else None
        return fee if fee and fee > 0 else None
