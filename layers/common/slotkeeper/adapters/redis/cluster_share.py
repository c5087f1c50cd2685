"""What is sent to one node of a Cluster, and what it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from redis import Redis
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as NoAnswerError

if TYPE_CHECKING:
    from slotkeeper.adapters.redis.slot_map import Address

_ASKING = ("ASKING",)
LEAST_SECONDS = 0.01


class Sent(msgspec.Struct):
    """A command on its way; `answer` is an exception where it got none."""

    args: tuple[Any, ...]
    options: dict[str, Any]
    slot: int = 0
    pinned_to: Address | None = None
    """The node it is for, whatever the map says."""
    asks: Address | None = None
    """Where its slot is moving to: the node there answers if it is told that we know (ASKING)."""
    answer: Any = None


class Share:
    """The commands for one node: sent at once, answered in their order."""

    def __init__(self, node: Redis):
        self._pool = node.connection_pool
        self._connection: Any = None
        self._commands: list[Sent] = []
        self._unread = 0
        self.answered = False
        """Whether the node said anything."""

    def append(self, sent: Sent) -> None:
        self._commands.append(sent)

    def send(self) -> None:
        packed = []
        for sent in self._commands:
            packed += [_ASKING, sent.args] if sent.asks else [sent.args]
        try:
            self._connection = self._pool.get_connection()
            self._connection.send_packed_command(self._connection.pack_commands(packed))
        except (NoConnectionError, NoAnswerError) as error:
            self._fail(self._commands, error)
        else:
            self._unread = len(self._commands)

    def read(self, ends_at: float, callbacks: Mapping[str, Callable[..., Any]]) -> None:
        """Read all answers, waiting no longer than until `ends_at` (monotonic)."""
        while self._unread:
            sent = self._commands[-self._unread]
            try:
                sent.answer = self._answer(sent, ends_at, callbacks)
            except ResponseError as error:
                sent.answer = error
            except (NoConnectionError, NoAnswerError) as error:
                self._fail(self._commands[-self._unread :], error)
                return
            self.answered = True
            self._unread -= 1

    def close(self) -> None:
        """Give the connection back; one with answers still to come would give them to others."""
        if self._connection is not None:
            if self._unread:
                self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = None

    def _answer(
        self, sent: Sent, ends_at: float, callbacks: Mapping[str, Callable[..., Any]]
    ) -> Any:
        if sent.asks:
            self._read(ends_at)
        told = self._read(ends_at)
        callback = callbacks.get(sent.args[0])
        # redis-py notes the keys for a cache of its own.
        how = {name: value for name, value in sent.options.items() if name != "keys"}
        return callback(told, **how) if callback else told

    def _read(self, ends_at: float) -> Any:
        left = max(LEAST_SECONDS, ends_at - time.monotonic())
        return self._connection.read_response(timeout=left)

    def _fail(self, commands: list[Sent], error: Exception) -> None:
        for sent in commands:
            sent.answer = error
