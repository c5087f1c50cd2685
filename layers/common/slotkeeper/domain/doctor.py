"""A doctor, as the catalogue shows them."""

from __future__ import annotations

import hashlib

from slotkeeper.value import Value


class Doctor(Value, kw_only=True):
    """`time_zone` is an IANA name; `consultation_fee` in minor units, None where there is none."""

    id: str
    clinic_id: str
    name: str
    specialty: str
    time_zone: str
    consultation_fee: int | None
    version: int
    changed_by: str | None = None
    """The request that made or changed it last, by its key: so a repeated one finds its effect."""


def doctor_id(request_key: str, *about: object) -> str:
    """The id of the doctor whom this request makes as it says: the same, if it is repeated."""
    made_of = "\x00".join(["doctor", request_key, *map(repr, about)])
    return "dr_" + hashlib.sha256(made_of.encode()).hexdigest()[:32]
