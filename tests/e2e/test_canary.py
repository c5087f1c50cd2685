"""Planted values go through every flow of the deployed system; then all it wrote is searched.

Each may be only where docs/privacy.md says that such a value is held; codes, tokens, keys, names
and what clients put into headers and paths may be nowhere at all.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database
from redis import Redis

from local import aws, identity
from local.api import Answer, Patient, call
from local.config import ENVIRONMENT, STACK, Config
from local.identity import Person
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.domain.user import Channel, masked
from tests.support.clinic import Clinic, close_clinic, found_clinic
from tests.support.leaks import Planted, Written, log_files, others_in, written

SETTLED_SECONDS = 60


def eventually(is_so: Callable[[], bool], seconds: float = SETTLED_SECONDS) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, "it never was"
        time.sleep(0.2)


@dataclass
class Canary:
    """Somebody all of whose values are planted; what they were answered is kept."""

    person: Person
    patient: Patient
    answers: list[Answer] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    tag: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def phone(self) -> str:
        return self.person.phone

    @property
    def reason(self) -> str:
        return f'reason-{self.tag}{{"level":"ERROR"}}'

    @property
    def key(self) -> str:
        return f"key-{self.tag}-"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        sent = {
            "User-Agent": f"agent-{self.tag}",
            "X-Forwarded-For": f"forwarded-{self.tag}",
            "X-Request-Id": f"request-{self.tag}",
            "Cookie": f"cookie-{self.tag}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        url = self.patient.api_url + path
        answer = call(method, url, token=self.patient.token, body=body, headers=sent)
        self.answers.append(answer)
        return answer

    def hold(self, slot: str, **more: object) -> Answer:
        key = self.key + secrets.token_hex(4)
        return self.ask("POST", "/bookings", {"slotId": slot, **more}, Idempotency_Key=key)

    def code(self, number: int) -> str:
        code = self.patient.code(number)
        self.codes.add(code)
        return code

    @property
    def planted(self) -> list[Planted]:
        """In the order that leaks are told by."""
        person = self.person
        viewed = frozenset({"redis cache:viewed"})
        return [
            Planted(person.phone, "phone"),
            Planted(person.email, "email"),
            Planted(masked(Channel.SMS, person.phone), "masked"),
            Planted(masked(Channel.EMAIL, person.email), "masked"),
            Planted(person.user_id, "subject"),
            Planted(f"reason-{self.tag}", "reason"),
            Planted(person.name),
            Planted(person.token.rpartition(".")[2]),
            *(Planted(code) for code in sorted(self.codes)),
            *(Planted(f"{what}-{self.tag}") for what in NEVER),
            Planted(f"filter-{self.tag}", also=viewed),
        ]


NEVER = (
    *("key", "etag", "agent", "forwarded", "request", "cookie", "path", "query"),
    *("wrong", "unknown", "body", "poison", "bearer", "driver"),
)
"""What clients send and the system has no use for, or keeps a hash of."""


@pytest.fixture(scope="module")
def clinic(
    system: Config, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> Iterator[Clinic]:
    made = found_clinic(system, deployed_mongo, slots=12)
    yield made
    close_clinic(deployed_mongo, made)


def somebody(system: Config, stack: dict[str, Any], digits: int) -> Canary:
    """With a number of so many digits: a mask keeps the length, and so is nobody else's."""
    email = f"{secrets.token_hex(6)}@{secrets.token_hex(6)}.example.com"
    phone = f"+1557{secrets.randbelow(10 ** (digits - 4)):0{digits - 4}}"
    planted = replace(identity.anybody("patient"), email=email, phone=phone)
    [person] = identity.sign_in(system, [planted])
    return Canary(person, Patient(stack["api_url"], system, person.token, person.phone))


@dataclass(frozen=True)
class Stage:
    """What was played, and how to look at all that was written meanwhile."""

    alice: Canary
    bob: Canary
    forgotten: Canary
    look: Callable[[], Written]


@pytest.fixture(scope="module")
def stage(
    system: Config,
    stack: dict[str, Any],
    clinic: Clinic,
    deployed_mongo: Database[dict[str, Any]],
    deployed_redis: Redis,
) -> Stage:
    """Three people have gone through everything; the third then had themselves forgotten."""
    began, files = time.time_ns() // 1_000_000, log_files(system)
    alice, bob, forgotten = (somebody(system, stack, digits) for digits in (13, 14, 15))
    slots = iter(clinic.slots)

    full_life(alice, slots, clinic)
    staff_end(bob, next(slots), clinic)
    full_life(forgotten, slots, clinic)
    refusals(alice, clinic.slots[0])
    a_broken_booking(alice, deployed_mongo)
    a_drivers_own_words(alice, bob, deployed_mongo)
    poison(system, stack, alice)
    assert alice.ask("GET", "/me/export").status == 200
    assert forgotten.ask("GET", "/me/export").status == 200
    assert forgotten.ask("DELETE", "/me").status == 204

    def look() -> Written:
        return written(
            system,
            stack,
            deployed_mongo,
            deployed_redis,
            since_ms=began,
            file_ends={path: files.get(path, 0) for path in log_files(system)},
        )

    return Stage(alice, bob, forgotten, look)


# --- the flows ------------------------------------------------------------------------------------


def full_life(who: Canary, slots: Iterator[str], clinic: Clinic) -> None:
    """A profile, holds by either channel, codes right and wrong, an appointment and its end."""
    profile = {"phone": who.phone, "email": who.person.email, "preferredChannel": "sms"}
    assert who.ask("PUT", "/me", profile).status == 200
    assert who.ask("GET", "/me").status == 200
    assert who.ask("GET", f"/doctors?specialty=filter-{who.tag}").status == 200
    assert who.ask("GET", f"/doctors/{clinic.doctor}/slots").status == 200
    held = who.hold(next(slots))
    assert held.status == 202, held.text
    attempt = held.json["attemptId"]
    right = who.code(1)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    who.codes.add(wrong)
    verify = f"/bookings/{attempt}/verify-otp"
    assert who.ask("POST", verify, {"code": wrong}).status == 422
    assert who.ask("POST", verify, {"code": f"wrong-{who.tag}"}).status == 400
    assert who.ask("POST", f"/bookings/{attempt}/resend-otp").status == 202
    booked = who.ask("POST", verify, {"code": who.code(2)})
    assert booked.status == 201, booked.text
    id_ = booked.json["id"]
    for path in (f"/bookings/{id_}", f"/bookings/{id_}/calendar.ics", "/bookings"):
        assert who.ask("GET", path).status == 200
    who.patient.wait_for(1, "is confirmed")
    cancel = f"/bookings/{id_}/cancel"
    split = who.ask("PATCH", cancel, {"reason": f"{who.reason}\r\n\x1b[31m"})
    assert split.status == 400
    stale = who.ask("PATCH", cancel, {"reason": who.reason}, If_Match=f'"etag-{who.tag}"')
    assert stale.status == 412
    done = who.ask("PATCH", cancel, {"reason": who.reason}, Idempotency_Key=who.key + "cancel")
    assert done.status == 200, done.text
    by_email = who.hold(next(slots), channel="email")
    assert by_email.status == 202, by_email.text
    assert who.ask("DELETE", f"/bookings/{by_email.json['attemptId']}/hold").status == 204
    assert who.hold(next(slots)).status == 202
    who.code(3)


def staff_end(who: Canary, slot: str, clinic: Clinic) -> None:
    """The clinic looks at an appointment and ends it, saying why."""
    held = who.hold(slot)
    path = f"/bookings/{held.json['attemptId']}/verify-otp"
    booked = who.ask("POST", path, {"code": who.code(1)})
    assert booked.status == 201
    url = f"{who.patient.api_url}/bookings/{booked.json['id']}/cancel"
    ended = call("PATCH", url, token=clinic.staff.token, body={"reason": who.reason})
    assert ended.status == 200, ended.text
    assert who.ask("GET", f"/bookings/{booked.json['id']}").status == 200


def refusals(who: Canary, slot: str) -> None:
    """What is refused at the door, with something of theirs in every part of it."""
    tag = who.tag
    tried = [
        who.ask("GET", f"/bookings/path-{tag}"),
        who.ask("GET", f"/bookings?status=query-{tag}"),
        who.ask("GET", f"/bookings?query-{tag}=1"),
        who.ask("POST", "/bookings", {"slotId": slot, f"unknown-{tag}": 1}),
        who.ask("POST", "/bookings", f"{{body-{tag}".encode()),
        who.ask("POST", "/bookings", {"slotId": slot}, Idempotency_Key=f"key-{tag}/no key"),
        who.ask("PUT", "/me", {"phone": f"body-{tag}"}),
        who.ask("PUT", "/me", {"email": f"body-{tag}\r\nX: 1"}),
        who.ask("GET", "/me", Authorization=f"Bearer bearer-{tag}.x.y"),
        who.ask("GET", f"/me/export?cursor=query-{tag}"),
        who.ask("GET", f"/doctors/{slot}/slots?cursor=query-{tag}"),
    ]
    assert {answer.status for answer in tried} <= {400, 401, 404}


def a_broken_booking(who: Canary, database: Database[dict[str, Any]]) -> None:
    """A document that cannot be read, with their number where it must not be: a 500."""
    id_ = f"bk_{secrets.token_hex(24)}"
    database["bookings"].insert_one({"_id": id_, "userId": {"phone": who.phone}, "slotId": 7})
    try:
        assert who.ask("GET", f"/bookings/{id_}").status == 500
    finally:
        database["bookings"].delete_one({"_id": id_})


def a_drivers_own_words(who: Canary, other: Canary, database: Database[dict[str, Any]]) -> None:
    """MongoDB refuses a write and quotes it: somebody else has the address already."""
    email = f"driver-{who.tag}@example.com"
    database["users"].create_index("email", unique=True, name="canary", sparse=True)
    try:
        taken = {"phone": other.phone, "email": email}
        url, token = f"{other.patient.api_url}/me", other.patient.token
        assert call("PUT", url, token=token, body=taken).status == 200
        refused = who.ask("PUT", "/me", {"phone": who.phone, "email": email})
        assert refused.status == 503
    finally:
        database["users"].drop_index("canary")
        profile = {"phone": other.phone, "email": other.person.email}
        assert other.ask("PUT", "/me", profile).status == 200


def poison(system: Config, stack: dict[str, Any], who: Canary) -> None:
    """Messages that are not ours, with values of theirs in them: they fail, and are logged."""
    sqs = aws.client(system, "sqs")
    broken = {"v": 1, "kind": "event", "id": f"poison-{who.tag}", "userId": {"phone": who.phone}}
    bodies = [f"poison-{who.tag} {who.phone}", json.dumps(broken)]
    logs = aws.client(system, "logs")
    group = f"/aws/lambda/{STACK}-send-notification"
    began = time.time_ns() // 1_000_000
    for body in bodies:
        sqs.send_message(QueueUrl=stack["notification_queue_url"], MessageBody=body)
        sqs.send_message(QueueUrl=stack["notification_dlq_url"], MessageBody=body)

    def told() -> int:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=began
        )
        return sum(
            "message.unreadable" in event["message"] for page in pages for event in page["events"]
        )

    eventually(lambda: told() >= len(bodies))


# --- what was written -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(stage: Stage) -> Written:
    return stage.look()


def test_everything_that_can_be_written_to_was_looked_at(found: Written) -> None:
    """The search finds what is there, in every kind of place: it would find it elsewhere too."""
    places = {place.partition(" ")[0] for place in found.by_place}

    assert places >= {"mongo", "redis", "message", "log", "metric", "file"}
    assert found.by_place["log message"].count("invocation.completed") > 50
    assert "message.unreadable" in found.by_place["log message"]
    assert "invocation.failed" in found.by_place["log message"]


def test_each_value_is_where_it_belongs(stage: Stage, found: Written) -> None:
    alice = stage.alice.planted

    assert "mongo users.phone" in found.places_of(alice[0])
    assert "mongo users.email" in found.places_of(alice[1])
    assert "redis booking:attempt" in found.places_of(alice[2])
    assert "log userId" in found.places_of(alice[4])
    assert found.places_of(alice[5]) == {"mongo bookings.reason"}


def test_no_value_is_where_it_does_not_belong(stage: Stage, found: Written) -> None:
    assert len(stage.alice.codes) >= 3
    assert found.leaks(stage.alice.planted) == []
    assert found.leaks(stage.bob.planted) == []


def test_of_who_was_forgotten_nothing_is_left_but_an_id(stage: Stage, found: Written) -> None:
    planted = stage.forgotten.planted
    theirs = [one for one in planted if one.kind != "subject"]

    assert [found.places_of(one) for one in theirs] == [set()] * len(theirs)
    assert found.leaks(planted) == []


def test_no_answer_has_anything_of_anybody_else(stage: Stage) -> None:
    for who, other in ((stage.alice, stage.bob), (stage.bob, stage.alice)):
        texts = [answer.text + str(dict(answer.headers)) for answer in who.answers]
        assert len(texts) > 3
        assert others_in(texts, other.planted) == []


def test_no_personal_answer_is_kept_on_its_way(stage: Stage) -> None:
    for answer in [*stage.alice.answers, *stage.bob.answers, *stage.forgotten.answers]:
        assert answer.headers["Cache-Control"] in {"no-store", "private, no-cache"}
    for path in ("/me", "/me/export", "/bookings"):
        assert stage.alice.ask("GET", path).headers["Cache-Control"] == "no-store"


# --- the control ----------------------------------------------------------------------------------


def test_control_a_leak_into_any_store_is_found(
    stage: Stage,
    system: Config,
    stack: dict[str, Any],
    deployed_mongo: Database[dict[str, Any]],
    deployed_redis: Redis,
) -> None:
    alice = stage.alice
    code = min(alice.codes)
    id_ = f"canary-{alice.tag}"
    redis_key = Keys(ENVIRONMENT).viewed(id_)
    log: Path = next(path for path in log_files(system) if "emulator" in path.name)
    logs = aws.client(system, "logs")
    group = f"/aws/lambda/{STACK}-profile"
    line = json.dumps({"message": "profile.changed", "why": f"of {alice.phone}"})
    job = {
        "v": 1,
        "kind": "otp.send",
        "attemptId": "at_x",
        "slotId": alice.person.email,
        "userId": "x",
        "channel": "sms",
        "sendNumber": 1,
        "requestId": "r",
    }
    try:
        deployed_mongo["deliveries"].insert_one({"_id": id_, "text": f"your code is {code}."})
        deployed_mongo["audit_logs"].insert_one({"_id": id_, "reason": alice.reason})
        deployed_redis.set(redis_key, alice.phone, px=60_000)
        aws.client(system, "sqs").send_message(
            QueueUrl=stack["notification_dlq_url"], MessageBody=json.dumps(job)
        )
        logs.create_log_stream(logGroupName=group, logStreamName=id_)
        logs.put_log_events(
            logGroupName=group,
            logStreamName=id_,
            logEvents=[{"timestamp": time.time_ns() // 1_000_000, "message": line}],
        )
        with log.open("ab") as file:
            file.write(f"{alice.person.token}\n".encode())

        leaks = {leak.partition(" in ")[2] for leak in stage.look().leaks(alice.planted)}
    finally:
        deployed_mongo["deliveries"].delete_one({"_id": id_})
        deployed_mongo["audit_logs"].delete_one({"_id": id_})
        deployed_redis.delete(redis_key)
        aws.client(system, "sqs").purge_queue(QueueUrl=stack["notification_dlq_url"])

    assert leaks == {
        "mongo deliveries.text",
        "mongo audit_logs.reason",
        "redis cache:viewed",
        "message otp.send.slotId",
        "log why",
        f"file {log.name}",
    }
