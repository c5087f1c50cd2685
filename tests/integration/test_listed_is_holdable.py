"""Listed slots are exactly those that can be held, through the kept pages too."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.errors import SlotHeld, SlotInPast, SlotUnavailable
from slotkeeper.domain.slot import slot_id
from tests.support.house import House
from tests.support.reading import Reader

STATES = ("active", "held", "hold over", "booked", "blocked")
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Wanted:
    """A slot to be: `hours` from now, negative for the past."""

    hours: int
    state: str


SLOTS_OF_A_DOCTOR = st.lists(
    st.builds(
        Wanted,
        hours=st.integers(-3, 60).filter(bool),
        state=st.sampled_from(STATES),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda wanted: wanted.hours,
)


def _put(house: House, doctor: str, wanted: Wanted, now: datetime) -> str:
    start = (now + wanted.hours * HOUR).replace(second=0, microsecond=0)
    status = {"held": "reserved", "hold over": "reserved"}.get(wanted.state, wanted.state)
    document: dict[str, Any] = {
        "_id": slot_id(doctor, start),
        "doctorId": doctor,
        "date": start.date().isoformat(),
        "startTime": start,
        "endTime": start + HOUR / 2,
        "status": status,
        "version": 1,
    }
    if status == "reserved":
        ends = now + (HOUR if wanted.state == "held" else -HOUR)
        otp = {"channel": None, "sends": 1, "sentAt": now, "expiresAt": ends, "tries": 0}
        document["hold"] = {
            "attemptId": "at_somebody",
            "userId": "somebody",
            "placedAt": now - HOUR,
            "expiresAt": ends,
            "version": 1,
            "otp": otp,
        }
    house.database[SLOTS].insert_one(document)
    return str(document["_id"])


def _all_pages(reader: Reader, doctor: str, **query: str) -> list[str]:
    """The ids of all pages, read one after the other by their cursors."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = json.loads(reader.read(doctor, **query, **cursor).text)
        found += [slot["id"] for slot in page["items"]]
        if page["pageInfo"]["nextCursor"] is None:
            assert page["pageInfo"]["totalItems"] == len(found)
            return found
        cursor = {"cursor": page["pageInfo"]["nextCursor"]}


def _can_be_held(house: House, slot: str) -> bool:
    with suppress(SlotHeld, SlotUnavailable, SlotInPast):
        house.hold(slot, house.patient())
        return True
    return False


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wanted=SLOTS_OF_A_DOCTOR, limit=st.integers(1, 4), day=st.integers(0, 2))
def test_listed_slots_are_exactly_the_holdable_ones(
    house: House, wanted: list[Wanted], limit: int, day: int
) -> None:
    reader, doctor, now = Reader(house), house.doctor(), datetime.now(UTC)
    slots = sorted(
        (_put(house, doctor, one, now) for one in wanted),
        key=lambda slot: slot.rpartition("_")[2],
    )
    date = (now + timedelta(days=day)).date().isoformat()
    dates = {slot: str(house.document(slot)["date"]) for slot in slots}

    listed = _all_pages(reader, doctor, limit=str(limit))
    kept = _all_pages(reader, doctor, limit=str(limit))
    of_the_day = _all_pages(reader, doctor, limit=str(limit), date=date)
    held = [slot for slot in slots if _can_be_held(house, slot)]
    left = _all_pages(reader, doctor, limit=str(limit))

    assert listed == kept == held
    assert of_the_day == [slot for slot in held if dates[slot] == date]
    assert left == []
