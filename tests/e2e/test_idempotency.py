"""Every route that honours an idempotency key: one effect, one answer, over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from pymongo.database import Database
from redis import Redis

from local import openapi
from local.api import Answer, Patient, call
from local.config import ENVIRONMENT, Config
from slotkeeper.adapters.mongo.documents import DOCTORS
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.domain.attempt import request_key
from tests.support.clinic import Clinic, close_clinic, found_clinic
from tests.support.deployed import NewPatient

Body = dict[str, Any]  # Any: JSON

AT_ONCE = 20
OWN = {"x-request-id", "idempotent-replayed", "date", "x-amzn-requestid", "x-amz-request-id"}
"""Headers of an answer that are its own, with those that begin as `RATE`."""
RATE = "ratelimit"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Who asks, and what about."""

    clinic: Clinic
    patient: Patient
    patient_id: str
    free: Iterator[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request that has an effect; `other` is a body that asks for something else."""

    method: str
    path: str
    body: Body | None = None
    other: Body | None = None
    as_staff: bool = False


@dataclass(slots=True, kw_only=True)
class Done:
    """A request that was sent once, with a key."""

    ask: Ask
    token: str
    api_url: str
    key: str
    memory: str
    first: Answer

    def again(self, key: str | None = None, **changes: Any) -> Answer:  # Any: parts of a call
        sent = {"path": self.ask.path, "body": self.ask.body, "token": self.token, **changes}
        return call(
            self.ask.method,
            self.api_url + sent["path"],
            token=sent["token"],
            body=sent["body"],
            headers={"Idempotency-Key": key or self.key},
        )


# --- the routes -----------------------------------------------------------------------------------


def verify(world: World) -> Ask:
    number = len(world.patient.codes()) + 1
    attempt = world.patient.hold(next(world.free)).json["attemptId"]
    code = world.patient.code(number)
    return Ask(
        method="POST",
        path=f"/bookings/{attempt}/verify-otp",
        body={"code": code},
        other={"code": f"{(int(code) + 1) % 10**6:06}"},
    )


def resend(world: World) -> Ask:
    attempt = world.patient.hold(next(world.free)).json["attemptId"]
    return Ask(method="POST", path=f"/bookings/{attempt}/resend-otp")


def _change(what: str) -> Callable[[World], Ask]:
    def ask(world: World) -> Ask:
        booking = world.patient.book(next(world.free))
        return Ask(
            method="PATCH",
            path=f"/bookings/{booking['id']}/{what}",
            body={"reason": "a cold"},
            other={"reason": "another"},
        )

    return ask


def post_doctor(world: World) -> Ask:
    body = {"name": f"Dr. {secrets.token_hex(4)}", "specialty": "surgery", "timeZone": "UTC"}
    return Ask(
        method="POST", path="/doctors", body=body, other={**body, "name": "Dr. No"}, as_staff=True
    )


def patch_doctor(world: World) -> Ask:
    return Ask(
        method="PATCH",
        path=f"/doctors/{world.clinic.doctor}",
        body={"name": f"Dr. {secrets.token_hex(4)}"},
        other={"name": "Dr. No"},
        as_staff=True,
    )


def post_schedule(world: World) -> Ask:
    body = {
        "weekly": [{"day": "monday", "start": "09:00", "end": "12:00"}],
        "slotMinutes": 30,
        "from": "2099-01-01",
        "to": "2099-01-31",
    }
    return Ask(
        method="POST",
        path=f"/doctors/{world.clinic.doctor}/schedules",
        body=body,
        other={**body, "slotMinutes": 60},
        as_staff=True,
    )


def patch_slots(world: World) -> Ask:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    body = {
        "from": f"{start + timedelta(hours=15):%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{start + timedelta(hours=16):%Y-%m-%dT%H:%M:%SZ}",
        "status": "blocked",
    }
    return Ask(
        method="PATCH",
        path=f"/doctors/{world.clinic.doctor}/slots",
        body=body,
        other={**body, "status": "active"},
        as_staff=True,
    )


def patch_slot(world: World) -> Ask:
    return Ask(
        method="PATCH",
        path=f"/slots/{world.clinic.slots[-1]}",
        body={"status": "blocked"},
        other={"status": "active"},
        as_staff=True,
    )


ROUTES: Mapping[str, Callable[[World], Ask]] = {
    "verify": verify,
    "resend": resend,
    "cancel": _change("cancel"),
    "reschedule": _change("reschedule"),
    "post_doctor": post_doctor,
    "patch_doctor": patch_doctor,
    "post_schedule": post_schedule,
    "patch_slots": patch_slots,
    "patch_slot": patch_slot,
}


def test_every_route_that_honours_a_key_is_tried_here() -> None:
    honoured = {o.name for o in openapi.operations() if o.idempotency == "honoured"}

    assert set(ROUTES) == honoured


# --- one request of each, sent once ---------------------------------------------------------------


def _with(patient: Patient, clinic: Clinic, free: Iterator[str]) -> World:
    me = call("GET", f"{patient.api_url}/me", token=patient.token).json["id"]
    return World(clinic=clinic, patient=patient, patient_id=me, free=free)


@pytest.fixture(scope="module")
def world(
    system: Config, new_patient: NewPatient, deployed_mongo: Database[dict[str, Any]]
) -> Iterator[World]:
    clinic = found_clinic(system, deployed_mongo)
    yield _with(new_patient(), clinic, iter(clinic.slots))
    close_clinic(deployed_mongo, clinic)


@pytest.fixture(scope="module", params=sorted(ROUTES))
def done(
    request: pytest.FixtureRequest, world: World, new_patient: NewPatient, stack: dict[str, Any]
) -> Done:
    # A patient of its own: another route's code may still be on its way.
    world = _with(new_patient(), world.clinic, world.free)
    ask = ROUTES[request.param](world)
    staff = world.clinic.staff
    token, user = (
        (staff.token, staff.user_id) if ask.as_staff else (world.patient.token, world.patient_id)
    )
    key = f"{request.param}-{secrets.token_hex(8)}"
    sent = Done(
        ask=ask,
        token=token,
        api_url=stack["api_url"],
        key=key,
        memory=Keys(ENVIRONMENT).request(request_key(user, key)),
        first=Answer(0, {}, ""),
    )
    sent.first = sent.again()
    assert sent.first.status in {200, 201, 202}, sent.first.text
    return sent


def _lasting(answer: Answer) -> dict[str, str]:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {n: v for n, v in headers.items() if n not in OWN and not n.startswith(RATE)}


def _is_replay(answer: Answer) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


def test_a_repeated_request_is_answered_the_same_byte_for_byte(done: Done) -> None:
    answers = [done.again(), done.again(f'"{done.key}"')]

    assert not _is_replay(done.first)
    for answer in answers:
        assert _is_replay(answer)
        assert (answer.status, answer.text) == (done.first.status, done.first.text)
        assert _lasting(answer) == _lasting(done.first)


def test_its_answer_is_kept_for_a_day(done: Done, deployed_redis: Redis) -> None:
    left = deployed_redis.pttl(done.memory)

    assert 23 * 3_600_000 < left <= 24 * 3_600_000


def test_its_key_stands_for_no_other_request(done: Done) -> None:
    elsewhere = "/".join([*done.ask.path.split("/")[:2], "another", *done.ask.path.split("/")[3:]])
    others = [done.again(body=done.ask.other)] if done.ask.other else []
    if elsewhere.count("/") == done.ask.path.count("/"):
        others.append(done.again(path=elsewhere))

    assert others
    for other in others:
        assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


def test_its_key_in_other_hands_is_another_key(done: Done, new_patient: NewPatient) -> None:
    stranger = done.again(token=new_patient().token)

    assert stranger.status in {403, 404}
    assert not _is_replay(stranger)


def test_while_it_is_under_way_its_repetition_waits_and_then_finds_its_effect(
    done: Done, deployed_redis: Redis
) -> None:
    deployed_redis.hdel(done.memory, "answer")  # as after a crash, the effect there, no answer kept
    deployed_redis.pexpire(done.memory, 20_000)

    busy = done.again()
    deployed_redis.delete(done.memory)  # the lease is over
    found = done.again()

    assert (busy.status, busy.json["code"]) == (409, "request_in_progress")
    assert 1 <= int(busy.headers["Retry-After"]) <= 20
    assert found.status in {done.first.status, 200}
    assert not _is_replay(found)
    assert found.json == done.first.json
    assert _is_replay(done.again())


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", sorted(set(ROUTES) - {"post_doctor"}))
def test_what_is_refused_keeps_no_key(
    route: str, world: World, stack: dict[str, Any], deployed_redis: Redis
) -> None:
    [operation] = [o for o in openapi.operations() if o.name == route]
    staff = world.clinic.staff
    is_staffs = "patient" not in operation.roles
    token, user = (
        (staff.token, staff.user_id) if is_staffs else (world.patient.token, world.patient_id)
    )
    body = {
        "verify": {"code": "123456"},
        "patch_doctor": {"name": "Dr. No"},
        "post_schedule": post_schedule(world).body,
        "patch_slots": patch_slots(world).body,
        "patch_slot": {"status": "blocked"},
    }.get(route)
    key = secrets.token_hex(16)

    refused = call(
        operation.method,
        stack["api_url"] + operation.path.replace("{id}", "not-there"),
        token=token,
        body=body,
        headers={"Idempotency-Key": key},
    )

    assert refused.status == 404
    assert not deployed_redis.exists(Keys(ENVIRONMENT).request(request_key(user, key)))


# --- at once --------------------------------------------------------------------------------------


def test_of_twenty_same_requests_at_once_one_has_an_effect(
    world: World, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> None:
    ask = post_doctor(world)
    key = secrets.token_hex(16)
    everybody = Barrier(AT_ONCE)

    def send(_: int) -> Answer:
        everybody.wait()
        return call(
            ask.method,
            stack["api_url"] + ask.path,
            token=world.clinic.staff.token,
            body=ask.body,
            headers={"Idempotency-Key": key},
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))

    made = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert made
    assert len({answer.text for answer in made}) == 1
    assert sum(not _is_replay(answer) for answer in made) == 1
    assert {(a.status, a.json["code"]) for a in refused} <= {(409, "request_in_progress")}
    assert ask.body is not None
    assert deployed_mongo[DOCTORS].count_documents({"name": ask.body["name"]}) == 1


def test_control_requests_with_keys_of_their_own_have_an_effect_each(
    world: World, stack: dict[str, Any], deployed_mongo: Database[dict[str, Any]]
) -> None:
    ask = post_doctor(world)

    for _ in range(3):
        call(
            ask.method,
            stack["api_url"] + ask.path,
            token=world.clinic.staff.token,
            body=ask.body,
            headers={"Idempotency-Key": secrets.token_hex(16)},
        )

    assert ask.body is not None
    assert deployed_mongo[DOCTORS].count_documents({"name": ask.body["name"]}) == 3
