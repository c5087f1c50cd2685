"""Who gets what from every route: the table. A route of the template without a row fails a test.

A row says, by role, what becomes of a request for one's own thing, a foreign one, and one that is
not there; or just what becomes of it, where it names no thing. Nobody (no token, or not a valid
one) gets 401 unless it says otherwise. Staff of no clinic (`stray`) get what staff get for foreign
things, and are shown nothing.

To add a route: add a row. Where it names a new kind of thing, let `World.ids_of` make one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.access_world import World

Body = Callable[["World", str], Any]
"""The request's body, by the thing's id."""

OWN, FOREIGN, ABSENT = range(3)
WHICH = ("own", "foreign", "absent")
ROLES = ("nobody", "patient", "staff", "stray", "admin")
BOOKING, ATTEMPT, DOCTOR, SLOT, CLINIC = "booking", "attempt", "doctor", "slot", "clinic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    route: str
    thing: str
    """The kind of thing that the request names, in its path or body; none if empty."""
    statuses: Mapping[str, tuple[int, ...]]
    body: Body | None = None
    shows: str = ""
    """The kind of things that a list shows, each to whom it is theirs; to admins, all."""
    shows_all_to: frozenset[str] = frozenset({"admin"})
    versions_may_rise: bool = False
    """Of a slot that was taken and given back before the refusal."""
    is_noted: bool = False
    """The audit log says that it was asked for, and Redis counts how often."""
    note: str = field(default="")

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2]

    @property
    def id(self) -> str:
        return f"{self.route} {self.note}".strip()

    def status(self, role: str, which: int) -> int:
        told = self.statuses[role]
        return told[which] if self.thing else told[0]


def row(
    route: str,
    thing: str = "",
    *,
    patient: str,
    staff: str,
    admin: str,
    nobody: str = "",
    **more: Any,
) -> Row:
    def read(text: str) -> tuple[int, ...]:
        return tuple(int(word) for word in text.split())

    count = 3 if thing else 1
    statuses = {
        "nobody": read(nobody) or (401,) * count,
        "patient": read(patient),
        "staff": read(staff),
        "admin": read(admin),
    }
    own, *others = statuses["staff"]
    statuses["stray"] = (others[0], *others) if others else (own,)
    assert {len(told) for told in statuses.values()} == {count}, route
    return Row(route=route, thing=thing, statuses=statuses, **more)


def _day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def _schedule(*_: object) -> Any:
    return {
        "weekly": [{"day": day, "start": "09:00", "end": "10:00"} for day in range(1, 8)],
        "slotMinutes": 30,
        "from": _day(30),
        "to": _day(31),
    }


def _time(*_: object) -> Any:
    return {"from": f"{_day(1)}T00:00:00Z", "to": f"{_day(9)}T00:00:00Z", "status": "blocked"}


def _doctor(_: World, clinic: str) -> Any:
    about = {"name": "Dr. New", "specialty": "cardiology", "timeZone": "Europe/Berlin"}
    return {**about, "clinicId": clinic}


ROWS: tuple[Row, ...] = (
    row("GET /health", nobody="200", patient="200", staff="200", admin="200"),
    # --- a patient's attempts
    row(
        *("POST /bookings", SLOT),
        patient="202 202 404",  # every clinic's slots are every patient's to hold
        staff="403 403 403",
        admin="403 403 403",
        body=lambda _, slot: {"slotId": slot},
    ),
    row(
        *("POST /bookings", BOOKING),
        note="in the place of a booking",
        patient="202 404 404",
        staff="403 403 403",
        admin="403 403 403",
        body=lambda world, booking: {"slotId": world.free_slot(), "replaces": booking},
        versions_may_rise=True,
    ),
    row(
        *("POST /bookings/{id}/verify-otp", ATTEMPT),
        patient="201 404 404",
        staff="403 403 403",
        admin="403 403 403",
        body=lambda world, attempt: {"code": world.code_of(attempt)},
    ),
    row(
        *("POST /bookings/{id}/resend-otp", ATTEMPT),
        patient="202 404 404",
        staff="403 403 403",
        admin="403 403 403",
    ),
    row(
        *("DELETE /bookings/{id}/hold", ATTEMPT),
        patient="204 404 404",
        staff="403 403 403",
        admin="403 403 403",
    ),
    # --- bookings
    row("GET /bookings", patient="200", staff="200", admin="200", shows=BOOKING),
    *(
        row(route, BOOKING, patient="200 404 404", staff="200 404 404", admin="200 200 404")
        for route in (
            "GET /bookings/{id}",
            "GET /bookings/{id}/calendar.ics",
            "PATCH /bookings/{id}/cancel",
            "PATCH /bookings/{id}/reschedule",
        )
    ),
    # --- the catalogue: all of it is every patient's to see
    row(
        "GET /doctors",
        patient="200",
        staff="200",
        admin="200",
        shows=DOCTOR,
        shows_all_to=frozenset({"patient", "admin"}),
    ),
    *(
        row(route, DOCTOR, patient="200 200 404", staff="200 404 404", admin="200 200 404")
        for route in ("GET /doctors/{id}", "GET /doctors/{id}/slots")
    ),
    # --- a clinic's own
    row(
        *("POST /doctors", CLINIC),
        patient="403 403 403",
        staff="201 403 403",
        admin="201 201 201",  # a clinic is there by its doctors
        body=_doctor,
    ),
    *(
        row(
            *(route, thing),
            patient="403 403 403",
            staff=f"{done} 404 404",
            admin=f"{done} {done} 404",
            body=body,
        )
        for route, thing, done, body in (
            ("PATCH /doctors/{id}", DOCTOR, 200, lambda *_: {"name": "Dr. Other"}),
            ("POST /doctors/{id}/schedules", DOCTOR, 201, _schedule),
            ("PATCH /doctors/{id}/slots", DOCTOR, 200, _time),
            ("PATCH /slots/{id}", SLOT, 200, lambda *_: {"status": "blocked"}),
        )
    ),
    # --- oneself
    row("GET /me", patient="200", staff="200", admin="200"),
    row(
        "PUT /me",
        patient="200",
        staff="200",
        admin="200",
        body=lambda *_: {"phone": "+15550199"},
    ),
    row("GET /me/export", patient="200", staff="200", admin="200", is_noted=True),
    row("DELETE /me", patient="204", staff="204", admin="204"),
)
