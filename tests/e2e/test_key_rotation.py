"""The rotation of codes' keys on the deployed stack, under which codes are sent and checked.

The emulator has Secrets Manager and runs functions as their roles, but never calls a rotation's
function: the test takes the steps in its place, as Secrets Manager does. Nor can the functions'
clocks be moved: what lies hours back is made so in the secret.
"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from pymongo.database import Database
from redis import Redis

from local import aws
from local.api import Answer, Patient
from local.config import ENVIRONMENT, Config
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.contracts.otp_secret import read_ring, text_of
from slotkeeper.domain.key_ring import KeyRing, OtpKey
from slotkeeper.domain.policy import BookingPolicy
from tests.support.containers import maker_of
from tests.support.deployed import NewPatient, NextSlot
from tests.support.fakes import FakeClock
from tests.support.secrets_manager import CURRENT, PENDING, STEPS, SecretsManager

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Secret:
    """The deployed secret of the keys, and the function that rotates it."""

    name: str
    manager: Any  # generated client types
    functions: Any
    rotation: str

    @property
    def text(self) -> str:
        return str(self.manager.get_secret_value(SecretId=self.name)["SecretString"])

    @property
    def ring(self) -> KeyRing:
        return read_ring(self.text)

    def put(self, *keys: OtpKey) -> None:
        text = text_of(KeyRing(keys))
        self.manager.put_secret_value(SecretId=self.name, SecretString=text)

    def stage(self, **what: str) -> str:
        """A version that is about to take over; as Secrets Manager stages it, it holds nothing."""
        version = str(uuid.uuid4())
        self.manager.put_secret_value(
            SecretId=self.name, ClientRequestToken=version, VersionStages=[PENDING], **what
        )
        return version

    def stages(self) -> Any:  # Any: free JSON
        return self.manager.describe_secret(SecretId=self.name)["VersionIdsToStages"]

    def step(self, name: str, version: str) -> str:
        """Have the function take that step; what it failed by, if it did."""
        arn = self.manager.describe_secret(SecretId=self.name)["ARN"]
        event = {"Step": name, "SecretId": arn, "ClientRequestToken": version}
        answer = self.functions.invoke(FunctionName=self.rotation, Payload=json.dumps(event))
        told = answer["Payload"].read().decode()
        return told if "FunctionError" in answer else ""

    def rotate(self) -> str:
        """A whole rotation; the version that is current by then, which its new key is named by."""
        version = self.stage()
        assert [self.step(name, version) for name in STEPS] == [""] * len(STEPS)
        assert CURRENT in self.stages()[version]
        return version


@dataclass(frozen=True)
class Records:
    """What Redis has of codes."""

    redis: Redis
    mongo: Database[dict[str, Any]]

    def key_of(self, attempt: str) -> str | None:
        found = self._codes.find(user_id=self._user(attempt), attempt_id=attempt)
        return found.key_id if found else None

    def name_key(self, attempt: str, key_id: str) -> None:
        """Let the attempt's code be made with that key: as if another process had settled it."""
        where = Keys(ENVIRONMENT).code(self._user(attempt), attempt)
        assert self.redis.hset(where, "keyId", key_id) == 0  # one was settled before

    def code(self, attempt: str, key: OtpKey) -> str:
        """The attempt's code, were it made with that key."""
        record = self._codes.find(user_id=self._user(attempt), attempt_id=attempt)
        assert record is not None
        manager = SecretsManager("any", text_of(KeyRing((key,))))
        return maker_of(manager, FakeClock()).code(structs.replace(record, key_id=key.id))

    @property
    def _codes(self) -> RedisCodes:
        return RedisCodes(self.redis, Keys(ENVIRONMENT), BookingPolicy())

    def _user(self, attempt: str) -> str:
        slot = self.mongo["slots"].find_one({"hold.attemptId": attempt})
        assert slot is not None
        return str(slot["hold"]["userId"])


@pytest.fixture
def secret(system: Config, stack: dict[str, Any]) -> Secret:
    """Keys that a test adds stay there: processes may go by them, and ends of theirs are near."""
    return Secret(
        name=f"{stack['stack_name']}/otp-keys",
        manager=aws.client(system, "secretsmanager"),
        functions=aws.client(system, "lambda"),
        rotation=stack["functions"]["rotate_otp_keys"],
    )


@pytest.fixture
def records(deployed_redis: Redis, deployed_mongo: Database[dict[str, Any]]) -> Records:
    return Records(deployed_redis, deployed_mongo)


def longest_running(system: Config, function: str) -> tuple[int, int]:
    """The process that has served the function for longest: its id, and when it was started."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            folder = str((place / "cwd").readlink())
            if folder.startswith(str(system.state)) and f"-{function}-" in folder:
                told = (place / "stat").read_text().rpartition(")")[2].split()
                found.append((int(told[19]), int(place.name)))
    assert found
    started, process = min(found)
    return process, started


def running(system: Config, stack: dict[str, Any]) -> dict[str, Any]:
    """By what codes are sent and checked: processes, and what was deployed when."""
    functions = aws.client(system, "lambda")
    named = {folder: stack["functions"][folder] for folder in ("send_notification", "verify_otp")}
    return {
        folder: (
            longest_running(system, name),
            functions.get_function_configuration(FunctionName=name)["LastModified"],
        )
        for folder, name in named.items()
    }


def answered(ask: Callable[[], Answer]) -> Answer:
    """The answer, asked for again where keys were read anew a moment ago for another's sake."""
    for _ in range(5):
        answer = ask()
        if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
            return answer
        time.sleep(int(answer.headers["Retry-After"]))
    raise AssertionError(answer.text)


def test_codes_go_on_through_a_rotation_and_nothing_restarts(
    system: Config,
    stack: dict[str, Any],
    secret: Secret,
    records: Records,
    new_patient: NewPatient,
    next_slot: NextSlot,
) -> None:
    alice, bob = new_patient(), new_patient()
    bob.book(next_slot())  # by now both functions know the keys
    attempt = alice.hold(next_slot()).json["attemptId"]
    code, its_key = alice.code(), records.key_of(attempt)
    before = running(system, stack)

    new = secret.rotate()

    ids = [key.id for key in secret.ring.keys]
    assert ids[-1] == new
    assert its_key in ids[:-1]
    assert secret.ring.current(datetime.now(UTC)).id != new
    assert alice.verify(attempt, code).status == HTTPStatus.CREATED
    *earlier, newest = secret.ring.keys
    newest = structs.replace(newest, since=datetime.now(UTC))
    secret.put(*earlier, newest)
    attempt, code = made_with(newest, new_patient, next_slot, records)
    assert code == records.code(attempt.id, newest)
    assert answered(lambda: attempt.by.verify(attempt.id, code)).status == HTTPStatus.CREATED
    assert running(system, stack) == before


@dataclass(frozen=True)
class Attempt:
    id: str
    by: Patient


def made_with(
    key: OtpKey, new_patient: NewPatient, next_slot: NextSlot, records: Records
) -> tuple[Attempt, str]:
    """An attempt whose code was made with that key, and the code.

    A process reads the keys again after minutes, or when it meets one that it does not know: whose
    code was still made with an earlier one asks for another, by a record that names the key.
    """
    for _ in range(5):
        patient = new_patient()
        attempt = patient.hold(next_slot()).json["attemptId"]
        code = patient.code()
        if records.key_of(attempt) == key.id:
            return Attempt(attempt, patient), code
        records.name_key(attempt, key.id)
        assert patient.resend(attempt).status == HTTPStatus.ACCEPTED
        code = patient.code(2)
        assert code == records.code(attempt, key)
        assert answered(lambda: patient.verify(attempt, code)).status == HTTPStatus.CREATED  # noqa: B023
    raise AssertionError("the key is never used")


def test_key_is_gone_once_its_codes_are_dead_and_not_before(
    secret: Secret, records: Records, new_patient: NewPatient, next_slot: NextSlot
) -> None:
    now = datetime.now(UTC)
    dead, dying = (
        OtpKey(id=f"{name}-{uuid.uuid4()}", key=secrets.token_hex(32), since=now - hours * HOUR)
        for name, hours in (("dead", 6), ("dying", 5))
    )
    kept = [structs.replace(key, since=max(key.since, now - HOUR)) for key in secret.ring.keys]
    secret.put(dead, dying, *kept)

    new = secret.rotate()

    assert [key.id for key in secret.ring.keys] == [dying.id, *(key.id for key in kept), new]
    assert dead.key not in secret.text
    answers = {}
    for key in (dead, dying):
        patient = new_patient()
        attempt = patient.hold(next_slot()).json["attemptId"]
        patient.code()
        records.name_key(attempt, key.id)
        code = records.code(attempt, key)
        answers[key.id] = answered(lambda: patient.verify(attempt, code))  # noqa: B023
    assert answers[dead.id].status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answers[dead.id].json["code"] == "otp_invalid"
    assert answers[dying.id].status == HTTPStatus.CREATED


def test_step_of_a_version_that_is_not_pending_is_refused(secret: Secret) -> None:
    before = secret.stages()

    refused = secret.step("createSecret", str(uuid.uuid4()))

    assert "NotPending" in refused
    assert secret.stages() == before


def test_version_that_would_lose_codes_does_not_take_over(secret: Secret) -> None:
    version = secret.stage(SecretString='{"k9": "only the new one"}')

    refused = secret.step("finishSecret", version)

    assert "NotSound" in refused
    assert "only the new one" not in refused
    assert CURRENT not in secret.stages()[version]


def test_rotation_alone_may_change_the_keys(system: Config, stack: dict[str, Any]) -> None:
    iam = aws.client(system, "iam")
    functions = aws.client(system, "lambda")
    may_change = set()
    for folder, function in stack["functions"].items():
        role = functions.get_function_configuration(FunctionName=function)["Role"].split("/")[-1]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            if "secretsmanager:PutSecretValue" in json.dumps(document):
                may_change.add(folder)

    assert may_change == {"rotate_otp_keys"}


def test_no_key_and_no_password_is_in_what_is_told_of_a_deployed_function(
    system: Config, stack: dict[str, Any], secret: Secret
) -> None:
    """Locally the stores have no passwords."""
    functions = aws.client(system, "lambda")
    known = [key.key for key in secret.ring.keys]

    for function in stack["functions"].values():
        told = functions.get_function_configuration(FunctionName=function)
        variables = told["Environment"]["Variables"]
        assert not [key for key in known if key in json.dumps(told, default=str)]
        assert not [name for name in ("MONGO_URI", "REDIS_URL") if "@" in variables.get(name, "")]
