"""Lists, the catalogue and the profile, over HTTP."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlencode

import pytest
from pymongo.database import Database
from redis import Redis

from local import identity
from local.api import Answer, Patient, call
from local.config import Config
from tests.support.deployed import NewPatient, NextSlot

Database_ = Database[dict[str, Any]]
Headers = Any  # Any: a mapping, which `**query` may not be taken for


def get(who: Patient, path: str, headers: Headers = None, **query: object) -> Answer:
    names = {name.rstrip("_"): value for name, value in query.items()}
    url = f"{who.api_url}{path}" + (f"?{urlencode(names)}" if names else "")
    return call("GET", url, token=who.token, headers=headers)


def put_me(who: Patient, **fields: object) -> Answer:
    return call("PUT", f"{who.api_url}/me", token=who.token, body=fields)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [item["id"] for item in answer.json["items"]]


def _somebody(system: Config, stack: dict[str, Any], role: str) -> Patient:
    [person] = identity.sign_in(system, [identity.anybody(role)])
    return Patient(stack["api_url"], system, person.token, person.phone)


@pytest.fixture
def staff(system: Config, stack: dict[str, Any]) -> Patient:
    """Somebody of the demo clinic."""
    return _somebody(system, stack, "staff")


@pytest.fixture
def admin(system: Config, stack: dict[str, Any]) -> Patient:
    return _somebody(system, stack, "admin")


@pytest.fixture(scope="module")
def booker(new_patient: NewPatient, next_slot: NextSlot) -> Patient:
    """A patient with three bookings, the last of them cancelled."""
    patient = new_patient()
    for _ in range(3):
        booking = patient.book(next_slot())
    patient.cancel(booking["id"])
    return patient


# --- bookings -------------------------------------------------------------------------------------


def test_a_patient_s_bookings_are_listed_page_by_page(booker: Patient) -> None:
    everything = get(booker, "/bookings")
    first = get(booker, "/bookings", limit=2)
    second = get(booker, "/bookings", limit=2, page=2)
    after = get(booker, "/bookings", limit=2, cursor=first.json["pageInfo"]["nextCursor"])

    assert [item["startTime"] for item in everything.json["items"]] == sorted(
        item["startTime"] for item in everything.json["items"]
    )
    assert ids(first) + ids(second) == ids(first) + ids(after) == ids(everything)
    assert everything.json["pageInfo"] == {
        "page": 1,
        "limit": 20,
        "totalPages": 1,
        "totalItems": 3,
        "nextCursor": None,
    }
    assert everything.json["items"][0] == booker.booking(ids(everything)[0]).json


def test_bookings_are_filtered_by_status_and_by_start(booker: Patient) -> None:
    rows = get(booker, "/bookings").json["items"]
    middle = rows[1]["startTime"]

    confirmed = get(booker, "/bookings", status="confirmed")
    cancelled = get(booker, "/bookings", status="cancelled")

    assert len(ids(confirmed)) == 2
    assert len(ids(cancelled)) == 1
    early = [row["id"] for row in rows if row["startTime"] < middle]
    late = [row["id"] for row in rows if row["startTime"] >= middle]
    assert ids(get(booker, "/bookings", to=middle)) == early
    assert ids(get(booker, "/bookings", from_=middle)) == late


def test_nobody_sees_another_patient_s_bookings(alice: Patient, booker: Patient) -> None:
    assert ids(get(alice, "/bookings")) == []
    assert get(alice, "/bookings", userId="somebody").status == 400


def test_staff_see_their_clinic_s_bookings_and_an_admin_all(
    staff: Patient, admin: Patient, booker: Patient, deployed_mongo: Database_
) -> None:
    theirs = set(ids(get(booker, "/bookings")))
    stranger = _in_another_clinic(deployed_mongo)

    of_staff = _walk(staff, "/bookings")
    of_admin = _walk(admin, "/bookings")

    assert theirs <= set(of_staff)
    assert stranger not in of_staff
    assert {*theirs, stranger} <= set(of_admin)
    assert len(of_admin) == len(set(of_admin))


def _in_another_clinic(database: Database_) -> str:
    """A booking with a doctor of a clinic that nobody here works for."""
    doctor, booking = (f"e2e-{secrets.token_hex(6)}" for _ in range(2))
    database["doctors"].insert_one(
        {
            "_id": doctor,
            "clinicId": f"clinic-{doctor}",
            "name": f"Dr. {doctor}",
            "specialty": f"of {doctor}",
            "timeZone": "UTC",
            "version": 1,
        }
    )
    known = database["bookings"].find_one()
    assert known is not None
    database["bookings"].insert_one(
        {**known, "_id": booking, "attemptId": booking, "slotId": booking, "doctorId": doctor}
    )
    return booking


def _walk(who: Patient, path: str, **query: object) -> list[str]:
    found: list[str] = []
    cursor: dict[str, object] = {}
    while True:
        answer = get(who, path, limit=7, **query, **cursor)
        found += ids(answer)
        if answer.json["pageInfo"]["nextCursor"] is None:
            return found
        cursor = {"cursor": answer.json["pageInfo"]["nextCursor"]}


def test_a_cursor_of_another_list_is_refused(
    alice: Patient, booker: Patient, stack: dict[str, Any]
) -> None:
    mine = get(booker, "/bookings", limit=1).json["pageInfo"]["nextCursor"]
    doctors = get(alice, "/doctors", limit=1).json["pageInfo"]["nextCursor"]
    slots_of = f"/doctors/{stack['doctors'][1]}/slots"
    slots = get(alice, slots_of, limit=1).json["pageInfo"]["nextCursor"]
    other = f"/doctors/{stack['doctors'][0]}/slots"

    refused = [
        get(alice, "/bookings", cursor=mine),
        get(booker, "/bookings", cursor=mine, status="confirmed"),
        get(alice, "/doctors", cursor=doctors, specialty="cardiology"),
        get(alice, "/doctors", cursor=slots),
        get(alice, slots_of, cursor=slots, date="2099-01-01"),
        get(alice, other, cursor=slots),
        get(alice, "/bookings", cursor="garbage"),
    ]

    assert [(answer.status, answer.json["code"]) for answer in refused] == [
        (400, "invalid_request")
    ] * len(refused)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "101"},
        {"limit": "ten"},
        {"limit": "1.0"},
        {"page": "0"},
        {"page": "100000"},
        {"from": "2026-03-03T09:00:00"},
        {"to": "2026-03-03"},
        {"from": "9999-12-31T23:59:59-23:00"},
        {"status": "maybe"},
        {"nobody": "knows"},
    ],
    ids=str,
)
def test_bad_parameters_are_refused(alice: Patient, query: dict[str, str]) -> None:
    answer = get(alice, "/bookings", **query)

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.json["errors"]] == list(query)


# --- doctors --------------------------------------------------------------------------------------


def test_doctors_are_listed_by_name_and_by_specialty(alice: Patient, stack: dict[str, Any]) -> None:
    everybody = get(alice, "/doctors", limit=100).json["items"]
    one = next(doctor for doctor in everybody if doctor["id"] == stack["doctors"][0])

    assert {doctor["id"] for doctor in everybody} >= set(stack["doctors"])
    assert [doctor["name"] for doctor in everybody] == sorted(d["name"] for d in everybody)
    assert _walk(alice, "/doctors") == [doctor["id"] for doctor in everybody]
    same = [d["id"] for d in everybody if d["specialty"] == one["specialty"]]
    assert ids(get(alice, "/doctors", specialty=one["specialty"], limit=100)) == same
    assert ids(get(alice, "/doctors", specialty="alchemy")) == []


def test_a_doctor_has_a_version_and_is_not_sent_twice(
    alice: Patient, stack: dict[str, Any]
) -> None:
    path = f"/doctors/{stack['doctors'][0]}"

    doctor = get(alice, path)
    again = get(alice, path, {"If-None-Match": doctor.headers["ETag"]})

    assert doctor.status == 200
    assert doctor.headers["ETag"] == f'"{doctor.json["version"]}"'
    assert set(doctor.json) == {
        *("id", "name", "specialty", "timeZone", "consultationFee", "version")
    }
    assert (again.status, again.text) == (304, "")
    assert get(alice, "/doctors/dr-nobody").status == 404


def test_staff_see_their_clinic_s_doctors_only(
    staff: Patient, alice: Patient, deployed_mongo: Database_, booker: Patient
) -> None:
    booking = deployed_mongo["bookings"].find_one({"_id": _in_another_clinic(deployed_mongo)})
    assert booking is not None
    stranger = booking["doctorId"]

    assert get(staff, f"/doctors/{stranger}").status == 404
    assert ids(get(staff, "/doctors", specialty=f"of {stranger}")) == []
    assert get(alice, f"/doctors/{stranger}").status == 200
    assert ids(get(alice, "/doctors", specialty=f"of {stranger}")) == [stranger]


# --- availability ---------------------------------------------------------------------------------


def test_a_page_that_has_not_changed_is_not_sent_again(
    alice: Patient, stack: dict[str, Any]
) -> None:
    path = f"/doctors/{stack['doctors'][0]}/slots"
    page = get(alice, path, limit=3)
    tag = page.headers["ETag"]

    for tags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = get(alice, path, {"If-None-Match": tags}, limit=3)
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
    for tags in ('"other"', "garbage", ""):
        assert get(alice, path, {"If-None-Match": tags}, limit=3).text == page.text
    assert page.headers["Cache-Control"] == "private, no-cache"
    assert page.headers["Content-Type"] == "application/json"


def test_a_hold_and_its_release_show_in_the_next_read(alice: Patient, next_slot: NextSlot) -> None:
    slot = next_slot()
    path = f"/doctors/{slot.rpartition('_')[0]}/slots"
    before = get(alice, path, limit=100)
    assert slot in ids(before)

    attempt = alice.hold(slot).json["attemptId"]
    held = get(alice, path, {"If-None-Match": before.headers["ETag"]}, limit=100)
    alice.release(attempt)
    after = get(alice, path, limit=100)

    assert slot not in ids(held)
    assert ids(after) == ids(before)


# --- the profile ----------------------------------------------------------------------------------


def test_a_profile_is_replaced_as_a_whole(alice: Patient) -> None:
    fields = {
        "phone": "+15550123",
        "email": "alice@example.org",
        "preferredChannel": "email",
        "locale": "en-GB",
        "timeZone": "Europe/London",
    }

    put = put_me(alice, **fields)
    got = get(alice, "/me")
    again = put_me(alice, phone="+15550123", email=None)

    assert (put.status, again.status) == (200, 200)
    assert (
        put.json
        == got.json
        == {
            "id": put.json["id"],
            "clinicId": None,
            "lastViewed": None,
            **fields,
        }
    )
    gone = {"email": None, "preferredChannel": None, "locale": None, "timeZone": "UTC"}
    assert again.json == {**put.json, **gone}


def test_nobody_sets_what_is_not_theirs_to_set(staff: Patient) -> None:
    clinic = get(staff, "/me").json["clinicId"]

    for name, value in {"clinicId": "clinic-9", "role": "admin", "id": "bob"}.items():
        assert put_me(staff, **{name: value}).status == 400
    put = put_me(staff, email="staff@example.org")

    assert clinic is not None
    assert put.json["clinicId"] == clinic


def test_a_channel_without_an_address_is_refused(alice: Patient) -> None:
    answer = put_me(alice, phone="+15550123", preferredChannel="email")

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["field"] == "preferredChannel"
    assert get(alice, "/me").json["email"] is not None


def test_a_put_without_a_body_removes_nothing(alice: Patient) -> None:
    answer = call("PUT", f"{alice.api_url}/me", token=alice.token)

    assert answer.status in {400, 415}
    assert get(alice, "/me").json["phone"] == alice.phone


def test_what_was_viewed_last_is_told(alice: Patient, stack: dict[str, Any]) -> None:
    doctor = stack["doctors"][0]

    get(alice, "/doctors", specialty="cardiology")
    get(alice, f"/doctors/{doctor}/slots", date="2099-01-05")

    filters = {"date": "2099-01-05", "specialty": "cardiology"}
    assert get(alice, "/me").json["lastViewed"] == {"doctorId": doctor, "filters": filters}


def test_reads_go_on_where_redis_holds_garbage(
    alice: Patient, stack: dict[str, Any], deployed_redis: Redis
) -> None:
    doctor = stack["doctors"][0]
    before = get(alice, f"/doctors/{doctor}/slots")

    deployed_redis.set(f"local:cache:slots:{doctor}", "no hash")
    after = get(alice, f"/doctors/{doctor}/slots")
    deployed_redis.delete(f"local:cache:slots:{doctor}")

    assert json.loads(after.text) == json.loads(before.text)
