"""A Redis Cluster as one client: what is sent together goes to every node it concerns at once.

Why not by redis-py's own `RedisCluster` is told in docs/adr/0006-own-redis-cluster-client.md. Our
commands name one key each, so little is needed, and the time a call takes is bounded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.crc import key_slot
from redis.exceptions import AskError, AuthenticationError, ClusterDownError, MovedError, RedisError
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import TimeoutError as NoAnswerError

from slotkeeper.adapters.redis.cluster_share import Sent, Share
from slotkeeper.adapters.redis.slot_map import Address, SlotMap

ATTEMPTS = 3
NO_ATTEMPT_AFTER_SECONDS = 0.7
_SCRIPTS = {"EVAL", "EVALSHA"}


class Cluster(Redis):
    """`Redis` whose commands name one key each: it comes first, in scripts after `1`.

    What is sent together is no transaction. A command that its node did not answer, or sent on, is
    sent again to whoever holds its slot then, and so may be carried out twice (as by the client of
    one server). Nobody waits for a failover: until it is done, the slots it concerns raise.
    """

    def __init__(self, seeds: Sequence[Address], options: dict[str, Any]):
        """Connects at the first command, not here. `seeds` are nodes to find the others by;
        `options` are those of `Redis` but host, port and retry, socket_timeout among them."""
        self._map = SlotMap(seeds, options)
        self._seconds: float = options["socket_timeout"]
        super().__init__(host=seeds[0][0], port=seeds[0][1], **options)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        [answer] = self.send([(args, options)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:  # noqa: ARG002
        if transaction:
            raise RedisError("what is sent to a Cluster together is no transaction")
        return _SpanningPipeline(self)

    def ping(self, **_options: Any) -> bool:
        """Every slot has a master, and every master answers."""
        self._map.doubt()
        self._map.learn()
        if not self._map.is_whole:
            raise ClusterDownError("there are slots that nobody serves")
        pings = [Sent(("PING",), {}, pinned_to=master) for master in self._map.masters]
        for answer in self._answers(pings):
            if isinstance(answer, Exception):
                raise answer
        return True

    def masters(self) -> list[Redis]:
        self._map.learn()
        return [self._map.node(master) for master in self._map.masters]

    def scan_iter(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Of all masters, one after the other."""
        for master in self.masters():
            yield from master.scan_iter(*args, **options)

    def close(self) -> None:
        self._map.close()
        super().close()

    def send(self, commands: Sequence[tuple[tuple[Any, ...], dict[str, Any]]]) -> list[Any]:
        """The commands' answers in order; an exception where there is none."""
        return self._answers([Sent(args, how, slot=self._slot_of(args)) for args, how in commands])

    def _slot_of(self, args: Sequence[Any]) -> int:
        name = str(args[0]).upper()
        if name in _SCRIPTS and int(args[2]) != 1:
            raise RedisError(f"{name} names one key, or it cannot be on one node")
        at = 3 if name in _SCRIPTS else 1
        if len(args) <= at:
            raise RedisError(f"{name} names no key, so no node of the Cluster")
        encoder: Any = self.get_encoder()
        return key_slot(encoder.encode(args[at]))

    def _answers(self, all_sent: Sequence[Sent]) -> list[Any]:
        began = time.monotonic()
        due = all_sent
        for _ in range(ATTEMPTS):
            try:
                self._map.learn()
            except NoConnectionError as error:
                for sent in due:
                    sent.answer = error
                break
            self._attempt(due)
            due = [sent for sent in due if _is_due(sent)]
            if not due or time.monotonic() - began > NO_ATTEMPT_AFTER_SECONDS:
                break
        return [sent.answer for sent in all_sent]

    def _attempt(self, due: Sequence[Sent]) -> None:
        """Send each to its node, then read what all of them answer."""
        shares: dict[Address, Share] = {}
        for sent in due:
            holder = sent.asks or sent.pinned_to or self._map.master_of(sent.slot)
            if holder is None:
                sent.answer = NoConnectionError("nobody serves the slot")
            else:
                shares.setdefault(holder, Share(self._map.node(holder))).append(sent)
        with ExitStack() as stack:
            for share in shares.values():
                stack.callback(share.close)
                share.send()
            ends_at = time.monotonic() + self._seconds
            for share in shares.values():
                share.read(ends_at, self.response_callbacks)
        for address, share in shares.items():
            self._map.heard(address, answered=share.answered)
        better = [_told(sent.answer) for sent in due if isinstance(sent.answer, MovedError)]
        if better or any(isinstance(sent.answer, _NO_ANSWER) for sent in due):
            self._map.doubt(better)


class _SpanningPipeline(Pipeline):
    """Commands for any nodes, sent at `execute`."""

    def __init__(self, cluster: Cluster):
        super().__init__(
            cluster.connection_pool, cluster.response_callbacks, transaction=False, shard_hint=None
        )
        self._cluster = cluster

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        try:
            answers = self._cluster.send(self.command_stack)
        finally:
            self.reset()
        for answer in answers:
            if raise_on_error and isinstance(answer, Exception):
                raise answer
        return answers


_NO_ANSWER = (NoConnectionError, NoAnswerError, ClusterDownError)


def _is_due(sent: Sent) -> bool:
    """Whether to send it again; where to is noted if it is not the master of its slot."""
    is_moving = isinstance(sent.answer, AskError) and not isinstance(sent.answer, MovedError)
    sent.asks = _told(sent.answer) if is_moving else None
    if isinstance(sent.answer, AuthenticationError):
        return False
    return isinstance(sent.answer, (NoConnectionError, NoAnswerError, AskError))


def _told(error: AskError) -> Address:
    return error.host, error.port
