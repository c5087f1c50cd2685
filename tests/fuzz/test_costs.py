"""The most that one request of each route may cost (OWASP API4), counted, not timed.

Asked where there is more than one answer may tell: a doctor with more slots, a patient and a clinic
with more bookings, a catalogue with more doctors than are counted (10,000).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from bench.trips import counted
from slotkeeper import bootstrap
from slotkeeper.adapters.mongo.documents import BOOKINGS, DOCTORS, SLOTS, slot_document
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id
from slotkeeper.ports.pages import MAX_TOTAL
from tests.fuzz.ground import Ground
from tests.fuzz.requests import ROUTES
from tests.fuzz.scale import IS_LONG
from tests.fuzz.wire import Sent
from tests.support.examined import examined

KIB = 1024
MINUTES = 5 if IS_LONG else 15
"""Of a slot: five is the shortest that a schedule makes."""
DAYS = 92
"""As long as a time that one request changes."""
MANY = max(MAX_TOTAL + 500, DAYS * 24 * 60 // MINUTES + 100)
CLINIC = 250
"""Doctors of the clinic that staff ask for: of more than a hundred several lists are merged."""
SPECIALTY = "\u00e9" * 100
FIRST = datetime(2098, 1, 1, tzinfo=UTC)
LAST_PAGE = f"limit=100&page={MAX_TOTAL // 100 + 1}"
LONG_REASON = {"reason": "\U0001f600" * 500}


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """The request of a route that costs most, and what it may cost."""

    query: str = ""
    body: Mapping[str, Any] | None = None
    role: str = ""
    """Who asks where it is not who else does."""
    trips: int = 10
    """To MongoDB and Redis together."""
    redis: int = 4
    documents: int = 4
    keys: int = 10
    """That MongoDB examines: documents, keys of its indexes."""
    size: int = KIB
    """Bytes of the answer."""
    items: int | None = None
    refused: int = 0
    """With which status, if it is no success that costs most."""


A_HUNDRED_MORE = MAX_TOTAL + 120
"""Keys: what is skipped, what is shown."""
MOST: Mapping[str, Most] = {
    "GET /doctors": Most(
        query=f"{LAST_PAGE}&specialty={quote(SPECIALTY)}",
        documents=105,
        keys=A_HUNDRED_MORE + MAX_TOTAL,
        size=60 * KIB,
        items=100,
    ),
    "GET /doctors/{id}/slots": Most(
        query=LAST_PAGE, documents=105, keys=A_HUNDRED_MORE + MAX_TOTAL, size=24 * KIB, items=100
    ),
    "GET /bookings": Most(
        query=LAST_PAGE, documents=105, keys=A_HUNDRED_MORE + MAX_TOTAL, size=40 * KIB, items=100
    ),
    "GET /bookings (staff)": Most(
        query=LAST_PAGE,
        role="staff",
        # Each hundred doctors are one list, read in batches; each doctor may cost one key more.
        trips=20,
        documents=105,
        keys=3 * A_HUNDRED_MORE + MAX_TOTAL + 6 * CLINIC,
        size=40 * KIB,
        items=100,
    ),
    "GET /bookings (admin)": Most(
        query=f"{LAST_PAGE}&status=completed",
        role="admin",
        documents=105,
        keys=A_HUNDRED_MORE + MAX_TOTAL,
        size=40 * KIB,
        items=100,
    ),
    "PATCH /bookings/{id}/reschedule": Most(
        query="limit=100&page=1",
        body=LONG_REASON,
        documents=110,
        keys=A_HUNDRED_MORE,
        size=24 * KIB,
    ),
    "PATCH /bookings/{id}/cancel": Most(body=LONG_REASON),
    "GET /me/export": Most(query="limit=100", trips=20, documents=400, keys=600, size=200 * KIB),
    # All that are to come of one person; here ten thousand that will have been completed.
    "DELETE /me": Most(refused=409, documents=10, keys=MANY + 100),
    "POST /doctors/{id}/schedules": Most(
        body={
            "weekly": [{"day": day, "start": "00:00", "end": "13:00"} for day in range(1, 8)],
            "slotMinutes": 15,
            "from": "2097-01-01",
            "to": "2097-07-11",
        },
        # Ten thousand slots are written a thousand at a time.
        trips=20,
    ),
    "PATCH /doctors/{id}/slots": Most(
        body={
            "from": FIRST.isoformat().replace("+00:00", "Z"),
            "to": (FIRST + timedelta(days=DAYS)).isoformat().replace("+00:00", "Z"),
            "status": "removed",
        },
        # In parts of three days, each a transaction; a slot is looked at three times at most.
        trips=400,
        redis=35,
        documents=3 * MANY + 1_000,
        keys=3 * MANY + 1_000,
    ),
    "PATCH /doctors/{id}": Most(
        body={"timeZone": "Pacific/Kiritimati"},
        # Whatever is still to come of the doctor is dated anew: slots and bookings.
        trips=20,
        documents=4 * MANY,
        keys=4 * MANY,
    ),
    "POST /doctors": Most(
        body={"name": "\u00e9" * 100, "specialty": "\u00e9" * 100, "timeZone": "UTC"}
    ),
}
"""Of the others there is but one request."""


@pytest.fixture(scope="module")
def crowd(ground: Ground) -> Ground:
    """More of everything than one answer tells."""
    database, people = ground.database, ground.people
    doctors = [f"dr-more-{n}" for n in range(MANY)]
    slots = [
        Slot(
            id=slot_id(people.doctor, start),
            doctor_id=people.doctor,
            date=f"{start:%Y-%m-%d}",
            start_time=start,
            end_time=start + timedelta(minutes=MINUTES),
            status=SlotStatus.ACTIVE,
            version=1,
        )
        for start in (FIRST + n * timedelta(minutes=MINUTES) for n in range(MANY))
    ]
    database[SLOTS].insert_many([slot_document(slot) for slot in slots])
    [known] = database[BOOKINGS].find({"userId": people.ids["patient"]}).limit(1)
    database[BOOKINGS].insert_many(
        {
            **known,
            "_id": f"bk_more_{n}",
            "attemptId": f"at_more_{n}",
            "slotId": f"more-{n}",
            "doctorId": people.doctor if n % 2 else doctors[n % CLINIC],
            "startTime": slots[n].start_time,
            "endTime": slots[n].end_time,
            "status": "completed",
        }
        for n in range(MANY)
    )
    database[DOCTORS].insert_many(
        {
            "_id": doctor,
            "clinicId": "clinic-1" if n < CLINIC else "clinic-3",
            "name": "\u00e9" * 90 + f"{n:05}",
            "specialty": SPECIALTY,
            "timeZone": "America/Argentina/ComodRivadavia",
            "consultationFee": 1_000_000_000,
            "version": 1,
        }
        for n, doctor in enumerate(doctors)
    )
    return ground


def _ask(ground: Ground, name: str) -> Sent:
    """The most expensive request of the route, by who may send it."""
    most = MOST.get(name, Most())
    route, people = ROUTES[name.partition(" (")[0]], ground.people
    body = most.body
    ids = {
        "doctor": people.doctor,
        "slot": people.slots[-1],
        "attempt": people.attempts[0] if route.method != "DELETE" else people.attempts[1],
        "booking": people.bookings[1 if name.endswith("reschedule") else 0],
    }
    if body is None and name == "POST /bookings":
        body = {"slotId": people.slots[-2], "channel": "sms"}
    if name.endswith("verify-otp"):
        body = {"code": ground.house.code(people.attempts[0], people.ids["patient"])}
    token = None if route.is_public else people.tokens[most.role or route.role]
    key = re.sub(r"\W", "-", name).ljust(128, "x") if route.takes_key else None
    sent = route.sent(token, ids.get(route.kind, ""), key=key, body=body)
    return replace(sent, target=f"{sent.target}?{most.query}" if most.query else sent.target)


LAST = ("verify", "cancel", "/slots")
ORDER = sorted(
    {*ROUTES, *MOST}, key=lambda name: (any(word in name for word in LAST), "PATCH" in name, name)
)
"""What ends a booking or an attempt, or takes slots away, goes last."""


@pytest.mark.parametrize("name", ORDER)
def test_the_most_expensive_request_of_a_route_costs_a_bounded_amount(
    name: str, crowd: Ground
) -> None:
    most = MOST.get(name, Most())
    crowd.gateway(Sent(method="GET", target="/health"))  # connected

    with examined(crowd.database) as read, counted(bootstrap.redis()) as trips:
        answer = crowd.gateway(_ask(crowd, name))

    redis = len(trips.of("redis"))
    print(
        f"\n{name}: {len(trips.seen)} trips, {redis} of them to Redis; {read.documents} documents,"
        f" {read.keys} keys; {len(answer.body)} bytes"
    )
    assert answer.status == most.refused or 200 <= answer.status < 300, answer.text
    assert len(trips.seen) <= most.trips
    assert redis <= most.redis
    assert read.documents <= most.documents
    assert read.keys <= most.keys
    assert len(answer.body) <= most.size
    if most.items is not None:
        assert len(answer.json["items"]) == most.items


def test_control_what_is_read_of_mongodb_is_counted(crowd: Ground) -> None:
    with examined(crowd.database) as read:
        crowd.database[DOCTORS].count_documents({"timeZone": "nobody's"})
        crowd.database[DOCTORS].count_documents({"specialty": SPECIALTY}, hint="by_specialty")

    assert read.statements == 2
    assert read.documents > MANY
    assert read.keys > MANY


def test_a_schedule_of_more_slots_than_one_request_may_make_is_refused(crowd: Ground) -> None:
    sent = _ask(crowd, "POST /doctors/{id}/schedules")
    before = crowd.database[SLOTS].count_documents({})
    longer = {**json.loads(sent.body), "to": "2097-12-31"}

    answer = crowd.gateway(
        replace(
            sent,
            headers=sent.with_header("Idempotency-Key", None),
            body=json.dumps(longer).encode(),
        )
    )

    assert answer.status == 400, answer.text
    assert crowd.database[SLOTS].count_documents({}) == before


def test_a_time_longer_than_one_request_may_change_is_refused(crowd: Ground) -> None:
    sent = _ask(crowd, "PATCH /doctors/{id}/slots")
    end = FIRST + timedelta(days=DAYS, seconds=1)
    longer = {**json.loads(sent.body), "to": end.isoformat().replace("+00:00", "Z")}

    answer = crowd.gateway(
        replace(
            sent,
            headers=sent.with_header("Idempotency-Key", None),
            body=json.dumps(longer).encode(),
        )
    )

    assert answer.status == 400, answer.text
