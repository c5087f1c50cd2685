"""A patient books, over HTTP, on the deployed template."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from pymongo.database import Database
from redis import Redis

from local import aws
from local.api import Answer, Patient, call
from local.config import Config
from tests.support.deployed import NewPatient, NextSlot

Database_ = Database[dict[str, Any]]


def test_a_patient_books_an_appointment(alice: Patient, next_slot: NextSlot) -> None:
    slot = next_slot()
    held = alice.hold(slot)
    attempt = held.json["attemptId"]

    booked = alice.verify(attempt, alice.code())
    again = alice.verify(attempt, alice.code())
    read = alice.booking(booked.json["id"])

    assert (held.status, booked.status, again.status, read.status) == (202, 201, 200, 200)
    assert booked.json == again.json == read.json
    assert read.headers["ETag"] == '"1"'
    assert set(booked.json) == {
        *("id", "slotId", "doctorId", "userId", "date", "startTime", "endTime"),
        *("status", "version", "createdAt", "updatedAt"),
    }
    assert (booked.json["slotId"], booked.json["status"]) == (slot, "confirmed")
    assert alice.wait_for(1, r"Your appointment is confirmed: .*")


def test_the_answer_to_a_hold_is_as_the_contract_says(alice: Patient, next_slot: NextSlot) -> None:
    held = alice.hold(next_slot())

    body = held.json
    assert set(body) == {"attemptId", "slotId", "expiresAt", "serverTime", "otp"}
    assert set(body["otp"]) == {"channel", "destination", "expiresAt", "resendAt"}
    assert body["expiresAt"].endswith("Z")
    expires = datetime.fromisoformat(body["expiresAt"])
    assert abs((parsedate_to_datetime(held.headers["Expires"]) - expires).total_seconds()) < 1
    assert held.headers["X-Request-Id"]
    assert alice.phone not in held.text


def test_a_replay_is_byte_equal_and_says_so(alice: Patient, next_slot: NextSlot) -> None:
    slot = next_slot()
    first = alice.hold(slot, "replay-key-0123456789")
    bare = alice.hold(slot, "replay-key-0123456789")
    quoted = alice.hold(slot, '"replay-key-0123456789"')

    assert first.text == bare.text == quoted.text
    assert first.headers.get("Idempotent-Replayed") is None
    assert bare.headers["Idempotent-Replayed"] == quoted.headers["Idempotent-Replayed"] == "true"
    assert len(alice.wait_for(1, r"\b\d{6}\b")) == 1


def test_the_same_key_with_another_body_is_refused(alice: Patient, next_slot: NextSlot) -> None:
    slot = next_slot()
    alice.hold(slot, "reused-key-0123456789")

    other_slot = alice.hold(next_slot(), "reused-key-0123456789")
    other_channel = alice.hold(slot, "reused-key-0123456789", channel="email")

    for answer in (other_slot, other_channel):
        assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")


def test_a_code_by_email_is_sent_by_email(
    alice: Patient, next_slot: NextSlot, system: Config
) -> None:
    held = alice.hold(next_slot(), channel="email")

    assert held.json["otp"]["channel"] == "email"
    assert re.fullmatch(r".\*\*\*@example\.com", held.json["otp"]["destination"])
    assert alice.messages() == []


def test_a_resend_brings_a_code_that_works(alice: Patient, next_slot: NextSlot) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]
    alice.code(1)

    resent = alice.resend(attempt)

    assert resent.status == 202
    assert set(resent.json) == {"otp"}
    assert alice.verify(attempt, alice.code(2)).status == 201


def test_only_three_resends_are_given(alice: Patient, next_slot: NextSlot) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]

    answers = [alice.resend(attempt) for _ in range(4)]

    assert [answer.status for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].json["code"] == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_five_wrong_codes_lock_the_attempt(alice: Patient, next_slot: NextSlot) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]
    code = alice.code()
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    guesses = [alice.verify(attempt, wrong) for _ in range(5)]
    locked = alice.verify(attempt, code)

    assert [answer.json["attemptsRemaining"] for answer in guesses] == [4, 3, 2, 1, 0]
    assert {(answer.status, answer.json["code"]) for answer in guesses} == {(422, "otp_invalid")}
    assert (locked.status, locked.json["code"]) == (429, "otp_locked")
    assert int(locked.headers["Retry-After"]) > 0


def test_a_released_slot_is_free_for_others(
    alice: Patient, bob: Patient, next_slot: NextSlot
) -> None:
    slot = next_slot()
    attempt = alice.hold(slot).json["attemptId"]

    released = alice.release(attempt)
    after = alice.verify(attempt, "123456")
    taken = bob.hold(slot)

    assert (released.status, released.text) == (204, "")
    assert (after.status, after.json["code"]) == (410, "hold_expired")
    assert taken.status == 202


def test_an_expired_hold_is_freed_by_the_sweep(
    alice: Patient,
    bob: Patient,
    next_slot: NextSlot,
    deployed_mongo: Database_,
    system: Config,
    stack: dict[str, Any],
) -> None:
    slot = next_slot()
    attempt = alice.hold(slot).json["attemptId"]
    deployed_mongo["slots"].update_one(
        {"_id": slot}, [{"$set": {"hold.expiresAt": {"$subtract": ["$$NOW", 1]}}}]
    )

    swept = _invoke(system, stack["functions"]["expire_locks"])

    assert swept["expired"] >= 1
    found = deployed_mongo["slots"].find_one({"_id": slot})
    assert found is not None
    assert found["status"] == "active"
    assert alice.verify(attempt, "123456").json["code"] == "hold_expired"
    assert bob.hold(slot).status == 202


def test_another_patient_s_attempt_and_booking_look_absent(
    alice: Patient, bob: Patient, next_slot: NextSlot
) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]
    booking = alice.verify(attempt, alice.code()).json["id"]

    foreign = [
        bob.verify(attempt, "123456"),
        bob.resend(attempt),
        bob.release(attempt),
        bob.booking(booking),
    ]
    unknown = [
        bob.verify("at_unknown", "123456"),
        bob.resend("at_unknown"),
        bob.release("at_unknown"),
        bob.booking("bk_unknown"),
    ]

    for one, other in zip(foreign, unknown, strict=True):
        assert (one.status, one.json["code"]) == (404, "not_found")
        assert {**one.json, "requestId": ""} == {**other.json, "requestId": ""}


def test_fifty_patients_at_once_get_one_hold(
    new_patient: NewPatient, next_slot: NextSlot, deployed_redis: Redis
) -> None:
    slot, patients = next_slot(), [new_patient() for _ in range(50)]

    answers = _at_once([lambda p=p: p.hold(slot) for p in patients])

    assert sorted(answer.status for answer in answers) == [202] + [409] * 49
    refused = [answer for answer in answers if answer.status == 409]
    assert {answer.json["code"] for answer in refused} == {"slot_held"}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    [attempt] = [answer.json["attemptId"] for answer in answers if answer.status == 202]
    assert deployed_redis.get(f"local:lock:slot:{slot}") == attempt


def test_twenty_verifies_at_once_make_one_booking(
    alice: Patient, next_slot: NextSlot, deployed_mongo: Database_
) -> None:
    slot = next_slot()
    attempt = alice.hold(slot).json["attemptId"]
    code = alice.code()

    answers = _at_once([lambda: alice.verify(attempt, code) for _ in range(20)])

    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    booked = {"slotId": slot, "status": "confirmed"}
    assert deployed_mongo["bookings"].count_documents(booked) == 1
    fact = {"bookingId": answers[0].json["id"], "type": "booking.confirmed"}
    assert deployed_mongo["outbox"].count_documents(fact) == 1
    assert deployed_mongo["audit_logs"].count_documents(fact) == 1
    assert len(alice.wait_for(1, r"is confirmed")) == 1


def test_no_code_number_or_address_is_kept_or_logged(
    alice: Patient, next_slot: NextSlot, system: Config, stack: dict[str, Any]
) -> None:
    attempt = alice.hold(next_slot()).json["attemptId"]
    code = alice.code()
    alice.verify(attempt, code)
    alice.wait_for(1, r"is confirmed")

    logs = aws.client(system, "logs")
    written = "".join(
        event["message"]
        for name in stack["functions"].values()
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}"
        )
        for event in page["events"]
    )

    assert attempt.removeprefix("at_") in written or "invocation.completed" in written
    assert alice.phone not in written
    assert alice.token not in written
    assert not re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", written)


def test_health_tells_the_state_of_each_dependency(stack: dict[str, Any]) -> None:
    answer = call("GET", f"{stack['api_url']}/health")

    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "mode": "active",
        "dependencies": {"mongodb": "ok", "redis": "ok", "sqs": "ok"},
    }


def _at_once(calls: list[Any]) -> list[Answer]:
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return [future.result() for future in [pool.submit(one) for one in calls]]


def _invoke(config: Config, function: str) -> dict[str, Any]:
    answer = aws.client(config, "lambda").invoke(FunctionName=function, Payload=b"{}")
    assert "FunctionError" not in answer
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


@pytest.mark.parametrize("queue", ["notification_dlq_url"])
def test_nothing_was_set_aside(stack: dict[str, Any], system: Config, queue: str) -> None:
    attributes = aws.client(system, "sqs").get_queue_attributes(
        QueueUrl=stack[queue], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]

    assert attributes["ApproximateNumberOfMessages"] == "0"
