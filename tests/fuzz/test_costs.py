"""The most that one request of each route may cost (OWASP API4): trips, and bytes sent back.

Asked where there is much: a doctor with a thousand slots, a patient with a hundred bookings, a
catalogue of a hundred doctors. What a query examines is told by tests/integration/test_explain.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slotkeeper import bootstrap
from slotkeeper.adapters.mongo.documents import BOOKINGS, DOCTORS, SLOTS, slot_document
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id
from tests.fuzz.ground import Ground
from tests.fuzz.requests import ROUTES
from tests.fuzz.wire import Answer, Sent
from tests.support.trips import counted

KIB = 1024
MANY = 1_000
LONGEST: Mapping[str, tuple[str, Mapping[str, Any] | None]] = {
    "GET /doctors": ("limit=100&page=2", None),
    "GET /doctors/{id}/slots": ("limit=100&page=9", None),
    "GET /bookings": ("limit=100", None),
    "PATCH /bookings/{id}/reschedule": ("limit=100&page=1", {"reason": "\U0001f600" * 500}),
    "PATCH /bookings/{id}/cancel": ("", {"reason": "\U0001f600" * 500}),
    "POST /doctors/{id}/schedules": (
        "",
        {
            "weekly": [{"day": day, "start": "00:00", "end": "13:00"} for day in range(1, 8)],
            "slotMinutes": 15,
            "from": "2097-01-01",
            "to": "2097-07-11",
        },
    ),
    "PATCH /doctors/{id}/slots": (
        "",
        {"from": "2097-01-01T00:00:00Z", "to": "2097-04-03T00:00:00Z", "status": "removed"},
    ),
    "PATCH /doctors/{id}": ("", {"timeZone": "Pacific/Kiritimati"}),
    "POST /doctors": ("", {"name": "é" * 100, "specialty": "é" * 100, "timeZone": "UTC"}),
}
"""Of each route the request that costs most; the others have but one."""
TRIPS: Mapping[str, int] = {
    # A stretch of time is changed in parts of three days, each a transaction.
    "POST /doctors/{id}/schedules": 20,
    "PATCH /doctors/{id}/slots": 400,
    "PATCH /doctors/{id}": 20,
    "POST /doctors": 10,
}
USUAL_TRIPS = 12
BYTES: Mapping[str, int] = {
    "GET /doctors": 64 * KIB,
    "GET /doctors/{id}/slots": 32 * KIB,
    "GET /bookings": 48 * KIB,
    "PATCH /bookings/{id}/reschedule": 32 * KIB,
}
USUAL_BYTES = 2 * KIB


@pytest.fixture(scope="module")
def crowd(ground: Ground) -> Ground:
    """Much of everything."""
    house, people = ground.house, ground.people
    first = datetime(2098, 1, 1, tzinfo=UTC)
    slots = [
        Slot(
            id=slot_id(people.doctor, start),
            doctor_id=people.doctor,
            date=f"{start:%Y-%m-%d}",
            start_time=start,
            end_time=start + timedelta(minutes=15),
            status=SlotStatus.ACTIVE,
            version=1,
        )
        for start in (first + n * timedelta(minutes=15) for n in range(MANY))
    ]
    ground.database[SLOTS].insert_many([slot_document(slot) for slot in slots])
    [known] = ground.database[BOOKINGS].find({"userId": people.ids["patient"]}).limit(1)
    ground.database[BOOKINGS].insert_many(
        {
            **known,
            "_id": f"bk_more_{n}",
            "attemptId": f"at_more_{n}",
            "slotId": f"{slots[n].id}",
            "status": "completed",
        }
        for n in range(150)
    )
    ground.database[DOCTORS].insert_many(
        {
            "_id": f"dr-more-{n}",
            "clinicId": "clinic-3",
            "name": "é" * 90 + f"{n:03}",
            "specialty": "é" * 100,
            "timeZone": "America/Argentina/ComodRivadavia",
            "consultationFee": 1_000_000_000,
            "version": 1,
        }
        for n in range(250)
    )
    house.redis.ping()
    return ground


def _ask(ground: Ground, name: str) -> Sent:
    """The longest request of the route, by who may send it."""
    route, people = ROUTES[name], ground.people
    query, body = LONGEST.get(name, ("", None))
    ids = {
        "doctor": people.doctor,
        "slot": people.slots[-1],
        "attempt": people.attempts[0] if route.method != "DELETE" else people.attempts[1],
        "booking": people.bookings[1 if name.endswith("reschedule") else 0],
    }
    if body is None and name == "POST /bookings":
        body = {"slotId": people.slots[-2], "channel": "sms"}
    if name.endswith("verify-otp"):
        record = ground.house.codes.find(
            user_id=people.ids["patient"], attempt_id=people.attempts[0]
        )
        assert record is not None
        body = {"code": ground.house.maker.code(record)}
    token = None if route.is_public else people.tokens[route.role]
    key = re.sub(r"\W", "-", name).ljust(128, "x") if route.takes_key else None
    sent = route.sent(token, ids.get(route.kind, ""), key=key, body=body)
    return replace(sent, target=f"{sent.target}?{query}" if query else sent.target)


def _asked(ground: Ground, name: str) -> tuple[Answer, int]:
    """The answer to the longest request, and how many trips it took."""
    ground.gateway(replace(_ask(ground, name), method="GET", target="/health"))  # connected
    with counted(bootstrap.redis()) as trips:
        answer = ground.gateway(_ask(ground, name))
    return answer, len(trips.seen)


ORDER = sorted(ROUTES, key=lambda name: ("cancel" in name, "verify" in name, name))
"""What ends a booking or an attempt goes last."""


@pytest.mark.parametrize("name", ORDER)
def test_the_most_expensive_request_of_a_route_costs_a_bounded_amount(
    name: str, crowd: Ground
) -> None:
    answer, trips = _asked(crowd, name)

    assert 200 <= answer.status < 300, answer.text
    assert trips <= TRIPS.get(name, USUAL_TRIPS)
    assert len(answer.body) <= BYTES.get(name, USUAL_BYTES)


@pytest.mark.parametrize("name", ["GET /doctors", "GET /doctors/{id}/slots", "GET /bookings"])
def test_a_list_answers_a_hundred_items_at_most_and_the_test_asks_for_them(
    name: str, crowd: Ground
) -> None:
    answer, _ = _asked(crowd, name)

    assert len(answer.json["items"]) == 100


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
