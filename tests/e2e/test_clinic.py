"""A clinic makes a doctor and their slots, and patients see and book them, over HTTP."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import identity
from local.api import Answer, Patient, call
from local.config import Config
from ops.demo_clinic import CLINIC

Body = dict[str, Any]


def _somebody(system: Config, stack: Body, role: str) -> Patient:
    [person] = identity.sign_in(system, [identity.anybody(role)])
    return Patient(stack["api_url"], system, person.token, person.phone)


@pytest.fixture(scope="module")
def staff(system: Config, stack: Body) -> Patient:
    return _somebody(system, stack, "staff")


@pytest.fixture(scope="module")
def admin(system: Config, stack: Body) -> Patient:
    return _somebody(system, stack, "admin")


def send(who: Patient, method: str, path: str, body: Body, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(method, f"{who.api_url}{path}", token=who.token, body=body, headers=named)


def a_doctor(**fields: object) -> Body:
    return {
        "name": "Dr. Grace",
        "specialty": f"testing {secrets.token_hex(4)}",
        "timeZone": "Europe/Berlin",
        "consultationFee": 5_000,
        **fields,
    }


def day(ahead: int = 7) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).date().isoformat()


def a_schedule(**fields: object) -> Body:
    """Every morning of three days, eighteen half hours."""
    weekly = [{"day": number, "start": "09:00", "end": "12:00"} for number in range(1, 8)]
    return {"weekly": weekly, "slotMinutes": 30, "from": day(7), "to": day(9), **fields}


@pytest.fixture
def doctor(staff: Patient) -> str:
    made = send(staff, "POST", "/doctors", a_doctor())
    assert made.status == 201, made.text
    return str(made.json["id"])


@pytest.fixture
def slots(staff: Patient, doctor: str) -> list[str]:
    made = send(staff, "POST", f"/doctors/{doctor}/schedules", a_schedule())
    assert (made.status, made.json) == (201, {"created": 18, "skipped": 0}), made.text
    return [slot["id"] for slot in staff.free_slots(doctor, limit=100)]


def free(who: Patient, doctor: str) -> list[str]:
    return [slot["id"] for slot in who.free_slots(doctor, limit=100)]


def test_a_new_doctor_is_in_the_catalogue_where_location_says(staff: Patient) -> None:
    asked = a_doctor()

    made = send(staff, "POST", "/doctors", asked)

    assert made.status == 201
    assert made.json == {**asked, "id": made.json["id"], "version": 1}
    assert made.headers["ETag"] == '"1"'
    url = f"{staff.api_url}/{made.headers['Location']}"
    assert call("GET", url, token=staff.token).json == made.json
    listed = f"{staff.api_url}/doctors?specialty={asked['specialty'].replace(' ', '%20')}"
    assert call("GET", listed, token=staff.token).json["items"] == [made.json]


def test_a_doctor_is_made_once_by_a_request_sent_twice(staff: Patient) -> None:
    key, asked = secrets.token_hex(16), a_doctor()

    first = send(staff, "POST", "/doctors", asked, Idempotency_Key=key)
    again = send(staff, "POST", "/doctors", asked, Idempotency_Key=key)

    assert first.text == again.text
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


def test_a_doctor_changes_if_they_are_as_the_caller_saw_them(staff: Patient, doctor: str) -> None:
    path = f"/doctors/{doctor}"

    changed = send(staff, "PATCH", path, {"name": "Dr. Hopper"}, If_Match='"1"')
    stale = send(staff, "PATCH", path, {"name": "Dr. Stale"}, If_Match='"1"')
    free_of_charge = send(staff, "PATCH", path, {"consultationFee": None})

    assert (changed.status, changed.json["name"], changed.headers["ETag"]) == (
        *(200, "Dr. Hopper", '"2"'),
    )
    assert (stale.status, stale.json["code"]) == (412, "precondition_failed")
    assert (free_of_charge.json["consultationFee"], free_of_charge.json["version"]) == (None, 3)
    read = call("GET", f"{staff.api_url}{path}", token=staff.token)
    assert read.json == free_of_charge.json


def test_a_schedule_s_slots_are_listed_and_booked(
    alice: Patient, staff: Patient, doctor: str, slots: list[str]
) -> None:
    assert len(slots) == 18

    held = alice.hold(slots[0])
    booked = alice.verify(held.json["attemptId"], alice.code(), paymentMethod="pm_card_visa")

    assert (booked.status, booked.json["doctorId"]) == (201, doctor)
    assert free(alice, doctor) == slots[1:]
    again = send(staff, "POST", f"/doctors/{doctor}/schedules", a_schedule())
    assert (again.status, again.json) == (201, {"created": 0, "skipped": 18})


def test_schedules_sent_at_once_make_no_slots_that_overlap(staff: Patient, doctor: str) -> None:
    def send_one(minutes: int) -> Answer:
        asked = a_schedule(slotMinutes=minutes)
        return send(staff, "POST", f"/doctors/{doctor}/schedules", asked)

    with ThreadPoolExecutor(max_workers=6) as pool:
        answers = list(pool.map(send_one, range(20, 26)))

    assert {answer.status for answer in answers} == {201}
    listed = staff.free_slots(doctor, limit=100)
    assert sum(answer.json["created"] for answer in answers) == len(listed)
    ends = [slot["endTime"] for slot in listed[:-1]]
    assert all(end <= slot["startTime"] for end, slot in zip(ends, listed[1:], strict=True))


def test_ten_thousand_slots_are_made_in_one_request_and_no_more(
    staff: Patient, doctor: str
) -> None:
    weekly = [{"day": number, "start": "00:00", "end": "24:00"} for number in range(1, 8)]
    asked = a_schedule(weekly=weekly, slotMinutes=5, timeZone="UTC")

    made = send(staff, "POST", f"/doctors/{doctor}/schedules", {**asked, "to": day(40)})
    refused = send(staff, "POST", f"/doctors/{doctor}/schedules", {**asked, "to": day(42)})

    assert (made.status, made.json["created"]) == (201, 34 * 288)
    assert (refused.status, refused.json["code"]) == (400, "invalid_request")


def test_a_blocked_slot_is_listed_again_when_it_is_freed(
    alice: Patient, staff: Patient, doctor: str, slots: list[str]
) -> None:
    path = f"/slots/{slots[0]}"

    blocked = send(staff, "PATCH", path, {"status": "blocked"})
    refused = alice.hold(slots[0])
    listed = free(alice, doctor)
    freed = send(staff, "PATCH", path, {"status": "active"})

    assert (blocked.status, blocked.json["status"]) == (200, "blocked")
    assert (refused.status, refused.json["code"]) == (409, "slot_unavailable")
    assert slots[0] not in listed
    assert (freed.status, freed.json["status"]) == (200, "active")
    assert free(alice, doctor) == slots


def test_a_held_slot_is_not_blocked(alice: Patient, staff: Patient, slots: list[str]) -> None:
    alice.hold(slots[0])

    refused = send(staff, "PATCH", f"/slots/{slots[0]}", {"status": "blocked"})

    assert (refused.status, refused.json["code"]) == (409, "slot_held")
    assert int(refused.headers["Retry-After"]) > 0


def test_time_that_is_removed_leaves_the_booked_and_names_them(
    alice: Patient, staff: Patient, doctor: str, slots: list[str]
) -> None:
    attempt = alice.hold(slots[4]).json["attemptId"]
    booking = alice.verify(attempt, alice.code(), paymentMethod="pm_card_visa").json
    period = {"from": f"{day(6)}T00:00:00Z", "to": f"{day(10)}T00:00:00+01:00"}
    path = f"/doctors/{doctor}/slots"

    blocked = send(staff, "PATCH", path, {**period, "status": "blocked"})
    none_left = free(alice, doctor)
    freed = send(staff, "PATCH", path, {**period, "status": "active"})
    all_back = free(alice, doctor)
    removed = send(staff, "PATCH", path, {**period, "status": "removed"})

    kept = {name: booking[name] for name in ("startTime", "endTime")}
    kept |= {"id": slots[4], "status": "booked", "bookingId": booking["id"]}
    for answer in (blocked, freed, removed):
        assert (answer.status, answer.json) == (200, {"changed": 17, "kept": [kept]})
    assert none_left == []
    assert all_back == [slot for slot in slots if slot != slots[4]]
    assert free(alice, doctor) == []
    assert alice.booking(booking["id"]).json["status"] == "confirmed"


def test_another_clinic_s_doctor_is_not_found_by_staff(staff: Patient, admin: Patient) -> None:
    made = send(admin, "POST", "/doctors", a_doctor(clinicId="clinic-elsewhere"))
    doctor = made.json["id"]
    send(admin, "POST", f"/doctors/{doctor}/schedules", a_schedule())
    [slot, *_] = free(admin, doctor)
    period = {"from": f"{day(6)}T00:00:00Z", "to": f"{day(10)}T00:00:00Z"}

    answers = [
        send(staff, "PATCH", f"/doctors/{doctor}", {"name": "Dr. Mine"}),
        send(staff, "POST", f"/doctors/{doctor}/schedules", a_schedule()),
        send(staff, "PATCH", f"/doctors/{doctor}/slots", {**period, "status": "removed"}),
        send(staff, "PATCH", f"/slots/{slot}", {"status": "blocked"}),
    ]

    assert {(answer.status, answer.json["code"]) for answer in answers} == {(404, "not_found")}
    assert len(free(admin, doctor)) == 18


def test_who_may_add_doctors_and_where(alice: Patient, staff: Patient, admin: Patient) -> None:
    elsewhere = a_doctor(clinicId="clinic-elsewhere")

    answers = [
        send(alice, "POST", "/doctors", a_doctor()),
        send(staff, "POST", "/doctors", elsewhere),
        send(staff, "POST", "/doctors", a_doctor(clinicId=CLINIC)),
        send(admin, "POST", "/doctors", elsewhere),
        send(admin, "POST", "/doctors", a_doctor()),
    ]

    assert [answer.status for answer in answers] == [403, 403, 201, 201, 400]
