"""One good request for every route, as clients send them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.fuzz.wire import Headers, Sent

JSON: Headers = (("Content-Type", "application/json"),)
KEY = "Idempotency-Key"
ZONE = "Europe/Berlin"
SCHEDULE: Mapping[str, Any] = {
    "weekly": [{"day": "mon", "start": "09:00", "end": "12:00"}],
    "slotMinutes": 30,
    "breaks": [{"start": "10:00", "end": "10:30", "day": 1}],
    "holidays": ["2099-01-12"],
    "from": "2099-01-01",
    "to": "2099-01-31",
}
PERIOD = {"from": "2099-01-05T00:00:00Z", "to": "2099-01-06T00:00:00Z", "status": "removed"}
PROFILE = {
    "phone": "+15550100",
    "email": "alice@example.com",
    "preferredChannel": "sms",
    "locale": "en-GB",
    "timeZone": ZONE,
}
DOCTOR = {
    "name": "Dr. Ana Silva",
    "specialty": "pediatrics",
    "timeZone": ZONE,
    "consultationFee": 4500,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`kind` is whose id stands in the path; `role` who may ask it."""

    name: str
    role: str = "patient"
    kind: str = ""
    query: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    takes_key: bool = False
    takes_if_match: bool = False
    may_lack_body: bool = False

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.name.partition(" ")[2]

    @property
    def is_public(self) -> bool:
        return self.path == "/health"

    def target(self, id_: str, *, is_raw: bool = False) -> str:
        return self.path.replace("{id}", id_ if is_raw else quote(id_, safe=""))

    def sent(
        self,
        token: str | None,
        id_: str = "",
        *,
        key: str | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Sent:
        """The request, good but for what the caller makes of it."""
        headers: Headers = () if token is None else (("Authorization", token),)
        headers += ((KEY, key),) if key is not None else ()
        value = self.body if body is None else body
        if value is not None:
            headers += JSON
        return Sent(
            method=self.method,
            target=self.target(id_),
            headers=headers,
            body=b"" if value is None else json.dumps(value).encode(),
        )


PAGE = ("page=1", "limit=5")
ROUTES: Mapping[str, Route] = {
    route.name: route
    for route in (
        Route(name="GET /health"),
        Route(name="GET /me"),
        Route(name="PUT /me", body=PROFILE),
        Route(name="GET /me/export", query=("limit=5",)),
        Route(name="DELETE /me"),
        Route(name="GET /doctors", query=(*PAGE, "specialty=cardiology")),
        Route(name="GET /doctors/{id}", kind="doctor"),
        Route(
            name="GET /doctors/{id}/slots",
            kind="doctor",
            query=(*PAGE, "date=2028-02-29", "from=2027-01-01T09:00:00%2B01:00"),
        ),
        Route(name="GET /bookings", query=(*PAGE, "status=confirmed", "to=2030-01-01T00:00:00Z")),
        Route(name="GET /bookings/{id}", kind="booking"),
        Route(name="GET /bookings/{id}/calendar.ics", kind="booking"),
        Route(name="POST /bookings", body={"slotId": "", "channel": "sms"}, takes_key=True),
        Route(
            name="POST /bookings/{id}/verify-otp",
            kind="attempt",
            body={"code": "000000", "paymentMethod": "pm_card"},
            takes_key=True,
        ),
        Route(name="POST /bookings/{id}/resend-otp", kind="attempt", takes_key=True),
        Route(name="DELETE /bookings/{id}/hold", kind="attempt"),
        Route(
            name="PATCH /bookings/{id}/cancel",
            kind="booking",
            body={"reason": "a cold"},
            takes_key=True,
            takes_if_match=True,
            may_lack_body=True,
        ),
        Route(
            name="PATCH /bookings/{id}/reschedule",
            kind="booking",
            body={"reason": "a cold"},
            query=("page=1", "limit=5", "date=2028-02-29"),
            takes_key=True,
            takes_if_match=True,
            may_lack_body=True,
        ),
        Route(name="POST /doctors", role="staff", body=DOCTOR, takes_key=True),
        Route(
            name="PATCH /doctors/{id}",
            role="staff",
            kind="doctor",
            body={"specialty": "cardiology"},
            takes_key=True,
            takes_if_match=True,
        ),
        Route(
            name="POST /doctors/{id}/schedules",
            role="staff",
            kind="doctor",
            body=SCHEDULE,
            takes_key=True,
        ),
        Route(
            name="PATCH /doctors/{id}/slots",
            role="staff",
            kind="doctor",
            body=PERIOD,
            takes_key=True,
        ),
        Route(
            name="PATCH /slots/{id}",
            role="staff",
            kind="slot",
            body={"status": "blocked"},
            takes_key=True,
        ),
    )
}
