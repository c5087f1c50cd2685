"""A doctor, as the catalogue shows them."""

from __future__ import annotations

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
