"""A doctor, as the catalogue shows them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
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


def doctor_id(request_key: str) -> str:
    """The id of the doctor whom this request makes: the same, if it is repeated."""
    return "dr_" + hashlib.sha256(f"doctor\x00{request_key}".encode()).hexdigest()[:32]
