"""What goes wrong in `make demo-ops`, and how it is put right: each undone whatever happens."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local import aws
from local.config import HOST, Config
from local.processes import Server
from local.progress import LocalError
from slotkeeper.adapters.mongo.documents import SLOTS

POLICY = "demo-ops-no-sms"
CONTROLS = "controls"
_DENY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "sns:Publish", "Resource": "*"}],
}
GONE_SECONDS = 10.0
PRIMARY_SECONDS = 60.0


class SmsOutage:
    """SNS refuses the function that sends: by a policy on its role, beside those it has."""

    def __init__(self, config: Config, function: str):
        self._iam = aws.client(config, "iam")
        role = aws.client(config, "lambda").get_function_configuration(FunctionName=function)
        self._role = role["Role"].rpartition("/")[2]

    def begin(self) -> None:
        policy = json.dumps(_DENY)
        self._iam.put_role_policy(RoleName=self._role, PolicyName=POLICY, PolicyDocument=policy)

    def end(self) -> None:
        with suppress(self._iam.exceptions.NoSuchEntityException):
            self._iam.delete_role_policy(RoleName=self._role, PolicyName=POLICY)


@contextmanager
def controls_kept(config: Config) -> Iterator[None]:
    """What operators have switched is as before when the block is over."""
    with MongoClient[dict[str, Any]](config.mongo_uri) as client:
        controls = client.get_default_database()[CONTROLS]
        before = list(controls.find())
    try:
        yield
    finally:
        with MongoClient[dict[str, Any]](config.mongo_uri) as client:
            controls = client.get_default_database()[CONTROLS]
            controls.delete_many({"_id": {"$nin": [row["_id"] for row in before]}})
            for row in before:
                controls.replace_one({"_id": row["_id"]}, row, upsert=True)


def attempt_on(config: Config, slot: str) -> str | None:
    """The attempt that holds the slot, if one does."""
    with MongoClient[dict[str, Any]](config.mongo_uri) as client:
        row = client.get_default_database()[SLOTS].find_one({"_id": slot}) or {}
    hold = row.get("hold") or {}
    attempt: str | None = hold.get("attemptId")
    return attempt


def primary(config: Config) -> str | None:
    """The name of the mongod that is the primary now."""
    for name, port in config.mongo_ports.items():
        uri = f"mongodb://{HOST}:{port}/?directConnection=true"
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=500) as client:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return name
            except PyMongoError:
                continue
    return None


def wait_for_primary(config: Config) -> str:
    """Raises LocalError: none was elected."""
    ends_at = time.monotonic() + PRIMARY_SECONDS
    while (found := primary(config)) is None:
        if time.monotonic() > ends_at:
            raise LocalError("no mongod became the primary")
        time.sleep(0.2)
    return found


def kill(server: Server) -> None:
    """As the machine under it would: without a word. Raises LocalError: it does not go."""
    pid = server.pid
    if pid is None:
        raise LocalError(f"{server.name} does not run")
    os.kill(pid, signal.SIGKILL)
    ends_at = time.monotonic() + GONE_SECONDS
    while server.is_running():
        if time.monotonic() > ends_at:
            raise LocalError(f"{server.name} (pid {pid}) does not go")
        time.sleep(0.05)


def restart(lost: Sequence[Server]) -> None:
    """Start those that do not run, and wait for all."""
    for server in lost:
        server.start()
    for server in lost:
        server.wait_ready()
