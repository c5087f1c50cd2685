"""Bookings are cancelled, rescheduled and replaced, over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from local import identity
from local.api import Patient
from local.config import Config
from tests.support.deployed import NewPatient, NextSlot

Database_ = Database[dict[str, Any]]
LATER = timedelta(hours=48)


@pytest.fixture
def far_slot(deployed_mongo: Database_, next_slot: NextSlot) -> Callable[[], str]:
    """A free slot more than two days ahead."""

    def find() -> str:
        while True:
            slot = next_slot()
            document = deployed_mongo["slots"].find_one({"_id": slot})
            if document and document["startTime"] > datetime.now(UTC) + LATER:
                return slot

    return find


@pytest.fixture
def staff(system: Config, stack: dict[str, Any]) -> Patient:
    """Somebody of the demo clinic, with the same calls as a patient."""
    [person] = identity.sign_in(system, [identity.anybody("staff")])
    return Patient(stack["api_url"], system, person.token, person.phone)


FarSlot = Callable[[], str]


def test_a_booking_is_cancelled_and_its_slot_booked_by_another(
    alice: Patient, bob: Patient, far_slot: FarSlot
) -> None:
    slot = far_slot()
    booking = alice.book(slot)

    cancelled = alice.cancel(booking["id"])
    again = alice.cancel(booking["id"])
    theirs = bob.book(slot)

    assert (cancelled.status, cancelled.headers["ETag"]) == (200, '"2"')
    assert cancelled.json == {
        **booking,
        "status": "cancelled",
        "version": 2,
        "updatedAt": cancelled.json["updatedAt"],
    }
    assert (again.status, again.text) == (200, cancelled.text)
    assert alice.booking(booking["id"]).text == cancelled.text
    assert theirs["slotId"] == slot
    assert alice.wait_for(1, r"Your appointment is cancelled: .*")


def test_many_cancels_at_once_answer_alike_and_are_told_once(
    alice: Patient, far_slot: FarSlot
) -> None:
    booking = alice.book(far_slot())

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: alice.cancel(booking["id"]), range(10)))

    assert {(answer.status, answer.text) for answer in answers} == {(200, answers[0].text)}
    alice.wait_for(1, r"Your appointment is cancelled: .*")
    assert sum("is cancelled" in text for text in alice.messages()) == 1


def test_staff_cancel_for_their_clinic_and_strangers_find_nothing(
    alice: Patient, bob: Patient, staff: Patient, far_slot: FarSlot
) -> None:
    booking = alice.book(far_slot())

    refused = [bob.cancel(booking["id"]), bob.reschedule(booking["id"])]
    done = staff.cancel(booking["id"])

    assert [(r.status, r.json["code"]) for r in refused] == [(404, "not_found")] * 2
    assert (done.status, done.json["status"]) == (200, "cancelled")


def test_if_match_guards_a_change(alice: Patient, far_slot: FarSlot) -> None:
    booking = alice.book(far_slot())

    stale = alice.cancel(booking["id"], if_match='"2"')
    weak = alice.reschedule(booking["id"], if_match='W/"1"')
    malformed = alice.cancel(booking["id"], if_match="1")
    right = alice.cancel(booking["id"], if_match='"7", "1"')

    assert [(a.status, a.json["code"]) for a in (stale, weak)] == [(412, "precondition_failed")] * 2
    assert (malformed.status, malformed.json["code"]) == (400, "invalid_request")
    assert right.status == 200


def test_a_rescheduled_booking_answers_the_doctor_s_free_slots(
    alice: Patient, far_slot: FarSlot
) -> None:
    booking = alice.book(far_slot())
    key = secrets.token_hex(16)

    done = alice.reschedule(booking["id"], f"?limit=2&date={booking['date']}", idempotency_key=key)
    replayed = alice.reschedule(
        booking["id"], f"?limit=2&date={booking['date']}", idempotency_key=key
    )
    again = alice.reschedule(booking["id"])
    cancelled = alice.cancel(booking["id"])

    assert done.status == 200
    assert (done.json["booking"]["status"], done.json["booking"]["version"]) == ("rescheduled", 2)
    assert done.headers["ETag"] == '"2"'
    slots = done.json["slots"]
    assert set(slots["pageInfo"]) == {"page", "limit", "totalPages", "totalItems", "nextCursor"}
    assert {slot["doctorId"] for slot in slots["items"]} == {booking["doctorId"]}
    assert {slot["date"] for slot in slots["items"]} == {booking["date"]}
    assert (replayed.status, replayed.text) == (200, done.text)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert [(a.status, a.json["code"]) for a in (again, cancelled)] == [
        (409, "booking_not_confirmed")
    ] * 2


def test_within_24_hours_it_is_too_late_to_reschedule_and_after_the_start_to_cancel(
    alice: Patient, far_slot: FarSlot, deployed_mongo: Database_
) -> None:
    booking = alice.book(far_slot())

    _begins_in(deployed_mongo, booking, timedelta(hours=24))
    late = alice.reschedule(booking["id"])
    _begins_in(deployed_mongo, booking, timedelta(seconds=-1))
    later = alice.cancel(booking["id"])

    assert [(a.status, a.json["code"]) for a in (late, later)] == [(422, "too_late")] * 2
    assert alice.booking(booking["id"]).json["status"] == "confirmed"


def test_a_booking_is_kept_until_the_one_that_replaces_it_is_confirmed(
    alice: Patient, far_slot: FarSlot, deployed_mongo: Database_
) -> None:
    old_slot, new_slot = far_slot(), far_slot()
    old = alice.book(old_slot)

    held = alice.hold(new_slot, replaces=old["id"])
    kept = alice.booking(old["id"]).json
    new = alice.verify(held.json["attemptId"], alice.code(2))

    assert (held.status, new.status) == (202, 201)
    assert kept == old
    assert new.json["replaces"] == old["id"]
    replaced = alice.booking(old["id"]).json
    assert (replaced["status"], replaced["replacedBy"]) == ("rescheduled", new.json["id"])
    statuses = {
        slot["_id"]: slot["status"]
        for slot in deployed_mongo["slots"].find({"_id": {"$in": [old_slot, new_slot]}})
    }
    assert statuses == {old_slot: "active", new_slot: "booked"}
    assert alice.wait_for(1, r"Your appointment was moved\. It is now: .*")
    assert not any("given up" in text for text in alice.messages())


def test_what_cannot_be_replaced_is_refused(
    alice: Patient, new_patient: NewPatient, far_slot: FarSlot
) -> None:
    booking = alice.book(far_slot())
    slot = far_slot()

    foreign = new_patient().hold(slot, replaces=booking["id"])
    alice.cancel(booking["id"])
    ended = alice.hold(slot, replaces=booking["id"])
    malformed = alice.hold(slot, replaces={"$ne": None})

    assert (foreign.status, foreign.json["code"]) == (404, "not_found")
    assert (ended.status, ended.json["code"]) == (409, "booking_not_confirmed")
    assert (malformed.status, malformed.json["code"]) == (400, "invalid_request")
    assert new_patient().hold(slot).status == 202


def test_a_patient_cannot_hold_two_slots_at_a_time(
    alice: Patient, deployed_mongo: Database_, next_slot: NextSlot
) -> None:
    first = next_slot()
    document = deployed_mongo["slots"].find_one({"_id": first})
    assert document is not None
    other = f"dr-elsewhere_{secrets.token_hex(4)}"
    deployed_mongo["slots"].insert_one(
        {
            **document,
            "_id": other,
            "doctorId": "dr-elsewhere",
            "status": "active",
            "startTime": document["startTime"] + timedelta(minutes=10),
            "endTime": document["endTime"] + timedelta(minutes=10),
        }
    )
    alice.hold(first)

    refused = alice.hold(other)

    assert (refused.status, refused.json["code"]) == (409, "slot_unavailable")
    assert deployed_mongo["slots"].find_one({"_id": other})["status"] == "active"  # type: ignore[index]


@pytest.mark.parametrize("path", ["cancel", "reschedule"])
@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "x" * 501}, {"why": "x"}, []])
def test_a_malformed_change_is_refused_and_changes_nothing(
    alice: Patient, path: str, body: object
) -> None:
    answer = alice.change(f"/bookings/bk_1/{path}", body, {})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def _begins_in(database: Database_, booking: dict[str, Any], left: timedelta) -> None:
    start = datetime.now(UTC) + left
    for name, key in (("slots", booking["slotId"]), ("bookings", booking["id"])):
        database[name].update_one({"_id": key}, {"$set": {"startTime": start}})
