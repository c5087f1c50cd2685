"""Which node of a Cluster holds what, as the Cluster last told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

Address = tuple[str, int]

ASK_SECONDS = 0.2
"""A node tells the map from memory; another is asked of one that does not."""
LEARN_SECONDS = 0.4


class SlotMap:
    """Where each hash slot's master is, and a client of each node. Safe to use by threads at once.

    Nothing is asked before it is needed; whoever finds the map wrong says so, and the next use
    learns it anew.
    """

    def __init__(self, seeds: Sequence[Address], options: dict[str, Any]):
        self._seeds = seeds
        self._options = options
        self._nodes: dict[Address, Redis] = {}
        self._masters: list[Address | None] = []
        self._is_right = False
        self._told: list[Address] = []
        self._silent: set[Address] = set()
        self._learning = threading.Lock()
        self._tries = 0

    def learn(self) -> None:
        """Learn the map, unless it is right as far as is known. If no node tells, what was known
        before has to do: it is right for most slots, and whom it is wrong for says so.

        Raises:
            redis.exceptions.ConnectionError: no node tells, and none ever did.
        """
        tries = self._tries
        if not self._is_right:
            with self._learning:
                # Whoever waited here has the answer of the one before, if that was no node's too.
                if not self._is_right and tries == self._tries:
                    self._ask_around()
                    self._tries += 1
            if not self._masters:
                raise NoConnectionError("no node of the Cluster tells who holds what")

    def doubt(self, told: Iterable[Address] = ()) -> None:
        """It was wrong, or a node did not answer; these were said to know better."""
        self._told = list(told)
        self._is_right = False

    def heard(self, address: Address, *, answered: bool) -> None:
        """Whether the node answered just now: who did not is asked after all others."""
        if answered:
            self._silent.discard(address)
        else:
            self._silent.add(address)

    def master_of(self, slot: int) -> Address | None:
        """None where nobody serves the slot."""
        return self._masters[slot]

    @property
    def masters(self) -> list[Address]:
        return sorted({master for master in self._masters if master})

    @property
    def is_whole(self) -> bool:
        """Whether every slot is served."""
        return None not in self._masters

    def node(self, address: Address) -> Redis:
        """A client that tries once: where to try again is for the map's user to decide."""
        known = self._nodes.get(address)
        if known is None:
            host, port = address
            made = Redis(host=host, port=port, retry=Retry(NoBackoff(), 0), **self._options)
            known = self._nodes.setdefault(address, made)
        return known

    def close(self) -> None:
        for node in self._nodes.values():
            node.close()

    def _ask_around(self) -> None:
        ends_at = time.monotonic() + LEARN_SECONDS
        others = [*self._nodes, *self._seeds]
        # So that one that hangs does not cost everybody its time.
        random.shuffle(others)  # nosemgrep: predictable-random  # an order, no secret
        others.sort(key=self._silent.__contains__)
        for address in dict.fromkeys([*self._told, *others]):
            if time.monotonic() > ends_at:
                break
            try:
                told = self._ask(address)
            except (RedisError, OSError):
                self.heard(address, answered=False)
                continue
            self.heard(address, answered=True)
            if told:
                self._note(told, address[0])
                return

    def _ask(self, address: Address) -> list[Any]:  # Any: rows of numbers and lists
        pool = self.node(address).connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_command("CLUSTER SLOTS")
            rows: list[Any] = connection.read_response(timeout=ASK_SECONDS)
            return rows
        finally:
            pool.release(connection)

    def _note(self, rows: list[Any], asked_host: str) -> None:
        masters: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, master, *_replicas in rows:
            # A node that does not know its own name is where it was asked.
            host = asked_host if master[0] in {None, "", "?"} else master[0]
            masters[first : last + 1] = [(host, master[1])] * (last + 1 - first)
        self._masters = masters
        self._is_right = True
