"""The corpus, requests by chance and schemathesis against the deployed stack.

The same as tests/fuzz does to the handlers, with a gateway, queues and schedules about them: fewer,
for each request is two functions of the emulator's. `make fuzz` asks more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from local import aws, identity
from local.api import Patient
from local.config import STACK, Config
from ops.check import check
from slotkeeper.adapters.mongo.documents import BOOKINGS, DOCTORS, SLOTS, USERS
from slotkeeper.adapters.redis.client import connect as connect_redis
from tests.fuzz import schema
from tests.fuzz.corpus import PLANTED, Case, Given, corpus
from tests.fuzz.faults import faults_of
from tests.fuzz.fronts import Tally
from tests.fuzz.mutate import Mutator, run
from tests.fuzz.scale import IS_LONG, SEED
from tests.fuzz.test_corpus import wrong_with
from tests.fuzz.wire import Answer, Sent, over_http
from tests.support.clinic import Clinic, close_clinic, found_clinic
from tests.support.deployed import NewPatient

EXAMPLES = 10 if IS_LONG else 1
CASES = 800 if IS_LONG else 100
MUTATED = 200 if IS_LONG else 60
WHO = ("patient", "staff") if IS_LONG else ("patient",)
AT_ONCE = 4
SECONDS = 900
NO_ROUTE = 27
OWN_STATUSES = {400, 403, 404, 413, 414, 431}
LEFT_OUT: Mapping[str, str] = {
    "two keys": "the emulator hands on one header of a name, API Gateway all (multiValueHeaders)",
    "two tokens": "as two keys",
}
"""Cases that the emulator does not hand on as API Gateway does; tests/fuzz asks them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Who calls, and what exists for them to find."""

    patient: Patient
    patient_id: str
    clinic: Clinic
    given: Given
    bookings: list[str]
    attempts: list[str]
    secrets: list[str]
    """Of somebody who never asks."""
    began_ms: int
    """Since when what is logged may be about this."""

    def ids(self) -> Mapping[str, list[str]]:
        return {
            "doctor": [self.clinic.doctor],
            "slot": list(self.clinic.slots),
            "booking": self.bookings,
            "attempt": self.attempts,
            "tag": ['"1"', '"1", W/"2"', "*"],
        }


@pytest.fixture(scope="module")
def world(
    system: Config, new_patient: NewPatient, deployed_mongo: Database[dict[str, Any]]
) -> Iterator[World]:
    began_ms = time.time_ns() // 1_000_000
    clinic, others = (found_clinic(system, deployed_mongo) for _ in range(2))
    [person, other, admin] = identity.sign_in(
        system, [identity.anybody(role) for role in ("patient", "patient", "admin")]
    )
    patient, stranger = (
        Patient(new_patient().api_url, system, one.token, one.phone) for one in (person, other)
    )
    bookings = [patient.book(slot)["id"] for slot in clinic.slots[:3]]
    attempts = [patient.hold(slot).json["attemptId"] for slot in clinic.slots[3:5]]
    theirs = stranger.book(others.slots[0])["id"]
    held = stranger.hold(others.slots[1]).json["attemptId"]
    # Held for as long as the runs take.
    later = datetime.now(UTC) + timedelta(hours=1)
    deployed_mongo[SLOTS].update_many(
        {"hold.attemptId": {"$in": [*attempts, held]}},
        {"$set": {"hold.expiresAt": later, "hold.codeExpiresAt": later}},
    )
    yield World(
        patient=patient,
        patient_id=person.user_id,
        clinic=clinic,
        given=Given(
            ids={
                "doctor": clinic.doctor,
                "slot": clinic.slots[5],
                "booking": bookings[0],
                "attempt": attempts[0],
            },
            others={
                "doctor": others.doctor,
                "slot": others.slots[2],
                "booking": theirs,
                "attempt": held,
            },
            tokens={
                "patient": f"Bearer {person.token}",
                "staff": f"Bearer {clinic.staff.token}",
                "admin": f"Bearer {admin.token}",
            },
        ),
        bookings=bookings,
        attempts=attempts,
        secrets=[other.phone, other.email],
        began_ms=began_ms,
    )
    for one in (clinic, others):
        close_clinic(deployed_mongo, one)


def _is_the_gateways_own(answer: Answer) -> bool:
    """Answered before there was a function to ask, in the emulator's words."""
    return (
        answer.status in OWN_STATUSES
        and answer.header("Content-Type") != "application/problem+json"
    )


# --- the corpus -----------------------------------------------------------------------------------


@pytest.mark.timeout(2 * SECONDS)
def test_bad_input_is_refused_as_the_contract_says_and_changes_nothing(
    world: World, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> None:
    cases = [case for case in corpus(world.given) if case.name not in LEFT_OUT]
    chance = random.Random(SEED)  # noqa: S311  # to be made again, not to be guessed
    chance.shuffle(cases)  # no route's limit is reached
    asked = cases[:CASES]
    ask = over_http(stack["api_url"])
    before = _theirs(deployed_mongo, world)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, [case.sent for case in asked]))

    found = [
        f"{case.row} {case.route} {case.name}: {wrong}"
        for case, answer in zip(asked, answers, strict=True)
        for wrong in _wrong(case, answer, world)
    ]
    print(f"{len(asked)} of {len(cases)} cases of the corpus")
    after = _theirs(deployed_mongo, world)
    assert not found, "\n".join(found)
    assert {
        place: (before.get(place), after.get(place)) for place in before.keys() ^ after.keys()
    } == {}
    assert {p: (before[p], after[p]) for p in before if before[p] != after[p]} == {}


def _wrong(case: Case, answer: Answer, world: World) -> list[str]:
    if case.at_gateway and _is_the_gateways_own(answer):
        return [word for word in [PLANTED, *world.secrets] if word in answer.text]
    if case.at_gateway and (answer.json or {}).get("code") == "not_found":
        # The path that it hands on is decoded, and no route of the function's any more.
        return faults_of(case.sent, answer, secrets=[PLANTED, *world.secrets])
    if case.at_gateway and case.row == NO_ROUTE and answer.status == 200:
        return faults_of(case.sent, answer, secrets=world.secrets)  # a route to this gateway
    return wrong_with(case, answer, secrets=[PLANTED, *world.secrets])


def _theirs(database: Database[dict[str, Any]], world: World) -> dict[str, Any]:
    """What is the clinic's and the patient's; others are at work in the same system.

    But for what the sweep may still have to record of what was done before, and that somebody asked
    well for what is held about them.
    """
    doctor = {"doctorId": world.clinic.doctor}
    wanted = {
        SLOTS: doctor,
        BOOKINGS: doctor,
        DOCTORS: {"clinicId": world.clinic.id},
        USERS: {"_id": {"$in": [world.patient_id, world.clinic.staff.user_id]}},
        "schedules": doctor,
        "audit_logs": {"actor": world.patient_id, "type": {"$ne": "user.exported"}},
    }
    return {
        f"{name} {document['_id']} {field}": value
        for name, query in wanted.items()
        for document in database[name].find(query)
        for field, value in document.items()
        if field != "pendingEvents"
    }


# --- by chance ------------------------------------------------------------------------------------


def test_requests_by_chance_break_nothing(world: World, stack: dict[str, Any]) -> None:
    mutator = Mutator(
        given=world.given,
        free=world.clinic.slots[5:],
        codes=lambda _: None,
        chance=random.Random(SEED),  # noqa: S311
    )
    found: list[str] = []
    tally = Tally()

    def saw(sent: Sent, answer: Answer) -> None:
        tally.add([{"route": sent.method, "status": answer.status, "ms": 0.0}])
        if not _is_the_gateways_own(answer):
            faults = faults_of(sent, answer, secrets=world.secrets)
            found.extend(f"{sent}: {fault}" for fault in faults)

    run(mutator, over_http(stack["api_url"]), MUTATED, saw)

    print(f"\n{tally.table()}\nseed {SEED}")
    assert not found, "\n".join(found)


# --- by the document ------------------------------------------------------------------------------


@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("role", WHO)
def test_every_answer_is_as_the_document_says(
    role: str, world: World, stack: dict[str, Any], tmp_path: Path
) -> None:
    document = schema.document_for(role)

    done = schema.fuzz(tmp_path, document, _run(role, world, stack))

    print(f"\nschemathesis as {role}: {schema.requests_of(done)} cases; seed {SEED}")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    operations = sum(len(item) for item in document["paths"].values())
    assert f"Tested: {operations}\n" in done.stdout


def test_control_a_document_that_is_wrong_is_found_out(
    world: World, stack: dict[str, Any], tmp_path: Path
) -> None:
    document = schema.document_for("patient")
    document["paths"] = {"/doctors/{id}": {"get": document["paths"]["/doctors/{id}"]["get"]}}
    document["components"]["schemas"]["DoctorResponse"]["properties"]["name"] = {"type": "integer"}

    done = schema.fuzz(tmp_path, document, _run("patient", world, stack, phases="fuzzing"))

    assert done.returncode == 1, done.stdout[-20_000:]
    assert "Response violates schema" in done.stdout


def _run(
    role: str, world: World, stack: dict[str, Any], phases: str = "examples,fuzzing"
) -> schema.Run:
    return schema.Run(
        role=role,
        token=world.given.tokens[role],
        ids=world.ids(),
        url=stack["api_url"],
        examples=EXAMPLES,
        seed=SEED,
        phases=phases,
        workers=2,
        seconds=SECONDS,
    )


# --- what is left ---------------------------------------------------------------------------------


def test_nothing_is_left_behind(
    world: World, system: Config, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> None:
    """After the others: stores in order, nothing failed for good, nothing told in a log."""
    sqs = aws.client(system, "sqs")
    letters = sqs.receive_message(QueueUrl=stack["notification_dlq_url"], MaxNumberOfMessages=10)
    environment = stack["environment"]
    with connect_redis(stack["redis_url"], stack["redis_mode"]) as redis:
        broken = list(
            check(deployed_mongo, redis, environment=environment, longest_hold=timedelta(hours=1))
        )
        endless = [k for k in redis.scan_iter(f"{environment}:*") if redis.pttl(k) == -1]

    assert [v for v in broken if world.clinic.doctor in str(v)] == []
    assert endless == []
    assert [
        letter["Body"]
        for letter in letters.get("Messages", [])
        if world.clinic.doctor in letter["Body"]
    ] == []
    told = _logged(system, world.began_ms)
    tokens = [token.rpartition(".")[2] for token in world.given.tokens.values()]
    for word in [PLANTED, world.patient.phone, *world.secrets, *tokens, "Traceback"]:
        assert word not in told


def _logged(system: Config, since_ms: int) -> str:
    """What all functions logged from then on."""
    logs = aws.client(system, "logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{STACK}")["logGroups"]
    lines = []
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], startTime=since_ms
        )
        lines += [event["message"] for page in pages for event in page["events"]]
    assert lines
    return "\n".join(lines)
