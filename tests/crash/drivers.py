"""The drivers, watched: each effect of the current invocation, before it is sent and after.

Below our code, so that nothing we write can go round it: pymongo's command events, redis-py's
connections, botocore's requests, HTTP to the payment provider. Whoever adds another way out adds it
here; until then a connection to anywhere else is noted as a stranger's (`Life.strangers`) and fails
its scenario.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any
from unittest.mock import patch

import boto3
import pymongo.monitoring
from botocore.httpsession import URLLib3Session
from redis.connection import Connection

from slotkeeper.adapters.aws import signed
from slotkeeper.adapters.redis.client import script
from tests.crash.http_driver import watched_requests
from tests.crash.life import current

Answer = Callable[[Any], Any]
"""What AWS answers to a botocore request; None: whoever listens at its endpoint does."""


class _MongoCommands(pymongo.monitoring.CommandListener):
    """What it raises passes the driver, which only keeps a listener's `Exception` from the caller.

    An insert that is refused has succeeded as a command: its answer says so.
    """

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        life = current()
        if life is not None and not life.begins(_mongo_label(event)):
            life.ends()

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        _answered()

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        _answered()


def _answered() -> None:
    life = current()
    if life is not None and life.is_cut:
        life.ends()


# Listens to clients that are made later, for there is no way to give ours one; to others in vain.
pymongo.monitoring.register(_MongoCommands())


def _mongo_label(event: pymongo.monitoring.CommandStartedEvent) -> str:
    command = event.command
    collection = command.get("collection", command[event.command_name])
    label = f"mongo {event.command_name}"
    if isinstance(collection, str):
        label += f" {collection}"
    is_inside = command.get("autocommit") is False and isinstance(collection, str)
    return f"{label} (transaction)" if is_inside else label


class _Packed(list[Any]):
    """Commands packed to travel together, and what they are."""

    commands: Sequence[tuple[Any, ...]] = ()


_pack_commands = Connection.pack_commands
_send_packed = Connection.send_packed_command
_send_command = Connection.send_command


def _pack(self: Connection, commands: Sequence[tuple[Any, ...]]) -> _Packed:
    packed = _Packed(_pack_commands(self, commands))  # type: ignore[no-untyped-call]  # redis-py's
    packed.commands = list(commands)
    return packed


def _send_all(self: Connection, command: Any, check_health: bool = True) -> None:  # as it is called
    commands = command.commands if isinstance(command, _Packed) else []
    _watch_redis(self, commands)
    _send_packed(self, command, check_health)  # type: ignore[no-untyped-call]


def _send_one(self: Connection, *args: Any, **options: Any) -> None:
    _watch_redis(self, [args])
    _send_command(self, *args, **options)  # type: ignore[no-untyped-call]


def _watch_redis(connection: Connection, commands: Sequence[tuple[Any, ...]]) -> None:
    """Let the invocation die here, if it is to, with the first of the commands carried out."""
    life = current()
    if life is None or not commands:
        return
    allowed = life.begins(*(_redis_label(command) for command in commands))
    if not life.is_cut:
        return
    if allowed:
        packed = _pack_commands(connection, commands[:allowed])  # type: ignore[no-untyped-call]
        _send_packed(connection, packed)  # type: ignore[no-untyped-call]
        for _ in range(allowed):
            connection.read_response()
    connection.disconnect()  # type: ignore[no-untyped-call]
    life.ends()


@cache
def _script_names() -> dict[str, str]:
    found = files("slotkeeper.adapters.redis").joinpath("scripts").iterdir()
    names = [entry.name.removesuffix(".lua") for entry in found if entry.name.endswith(".lua")]
    return {script(name): name for name in names}


def _redis_label(command: Sequence[object]) -> str:
    words = [str(word) for word in command]
    if words[0] == "EVAL":
        words[:3] = [f"EVAL {_script_names()[words[1]]}"]
    key = words[1] if len(words) > 1 else ""
    # Without the environment before it and the ids after.
    kind = ":".join(key.split(":")[1:3])
    return f"redis {words[0]} {kind}".strip()


def _sends_aws(answer: Answer | None) -> Callable[..., Any]:
    def before_send(request: Any, event_name: str, **_: Any) -> Any:
        life = current()
        if life is not None:
            service_and_operation = event_name.split(".")[1:]
            if not life.begins(" ".join(service_and_operation)):
                life.ends()
        return answer(request) if answer else None

    return before_send


def _aws_answered(**_: Any) -> None:
    _answered()


def _signed(answer: Answer | None) -> type[URLLib3Session]:
    """What our own signed requests go through, which no client of botocore's makes."""

    class Watched(URLLib3Session):
        def send(self, request: Any) -> Any:
            service, operation = _signed_label(request)
            given = _sends_aws(answer)(request, f"before-send.{service}.{operation}")
            told = super().send(request) if given is None else given
            _answered()
            return told

    return Watched


def _signed_label(request: Any) -> tuple[str, str]:
    target = request.headers.get("X-Amz-Target")
    if target is None:
        return "lambda", "Invoke"
    text = target.decode() if isinstance(target, bytes) else target
    service, _, operation = text.partition(".")
    # As botocore's clients call it.
    return {"AmazonSQS": "sqs", "secretsmanager": "secrets-manager"}[service], operation


@contextmanager
def watched(*, ports: Collection[int], provider: int, aws: Answer | None = None) -> Iterator[None]:
    """Watch every driver; `ports` (of this machine) are those that a driver here speaks to.

    `provider` is the payment provider's.
    """
    connect = socket.socket.connect

    def connecting(self: socket.socket, address: Any) -> None:
        life = current()
        if life is not None and address[1] not in {*ports, provider}:
            life.strangers.append(f"{address[0]}:{address[1]}")
        connect(self, address)

    boto3.setup_default_session()
    assert boto3.DEFAULT_SESSION is not None
    events = boto3.DEFAULT_SESSION.events
    events.register("before-send", _sends_aws(aws))
    events.register("response-received", _aws_answered)
    with (
        patch.object(Connection, "pack_commands", _pack),
        patch.object(Connection, "send_packed_command", _send_all),
        patch.object(Connection, "send_command", _send_one),
        patch.object(socket.socket, "connect", connecting),
        patch.object(signed, "URLLib3Session", _signed(aws)),
        watched_requests(port=provider, answered=_answered),
    ):
        yield
    boto3.setup_default_session()
