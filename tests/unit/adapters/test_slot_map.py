"""Whom the map of a Cluster asks, and what it does where nobody tells."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnectionError

from slotkeeper.adapters.redis.slot_map import Address, SlotMap

SEEDS = [("n", port) for port in range(1, 9)]
ROWS = [[0, 16383, ["n", 1, "id"]]]


class _Told(SlotMap):
    """A map whose nodes answer as they are told to."""

    def __init__(self) -> None:
        super().__init__(SEEDS, {})
        self.up = set(SEEDS)
        self.asked: list[Address] = []

    def _ask(self, address: Address) -> list[Any]:
        self.asked.append(address)
        if address not in self.up:
            raise NoConnectionError("it is not there")
        return ROWS


def test_a_node_that_did_not_answer_is_asked_after_all_others() -> None:
    known = _Told()
    silent = SEEDS[:7]
    for address in silent:
        known.heard(address, answered=False)

    known.learn()

    assert known.asked == [SEEDS[7]]


def test_who_was_silent_stays_so_until_it_answers() -> None:
    known = _Told()
    known.up = {SEEDS[7]}
    known.learn()
    for address in SEEDS[:7]:
        known.heard(address, answered=False)
    for _ in range(2):  # as when the others do not answer what is sent again either
        known.doubt()
    known.asked.clear()
    known.learn()
    assert known.asked == [SEEDS[7]]

    known.up = {SEEDS[0]}
    known.heard(SEEDS[0], answered=True)
    known.heard(SEEDS[7], answered=False)
    known.doubt()
    known.asked.clear()
    known.learn()

    assert known.asked == [SEEDS[0]]


def test_a_node_that_is_said_to_know_better_is_asked_first() -> None:
    known = _Told()
    known.heard(SEEDS[3], answered=False)
    known.doubt([SEEDS[3]])

    known.learn()

    assert known.asked == [SEEDS[3]]


def test_where_nobody_tells_what_was_known_has_to_do() -> None:
    known = _Told()
    known.learn()
    known.up = set()
    known.doubt()

    known.learn()

    assert known.master_of(0) == ("n", 1)


def test_where_nobody_ever_told_there_is_no_connection() -> None:
    known = _Told()
    known.up = set()

    with pytest.raises(NoConnectionError, match="no node"):
        known.learn()


def test_who_waits_for_one_that_asks_in_vain_does_not_ask_as_well() -> None:
    """Or each of them would wait for all before it."""
    is_asking, may_go_on = threading.Event(), threading.Event()

    class Slow(_Told):
        def _ask(self, address: Address) -> list[Any]:
            is_asking.set()
            may_go_on.wait()
            return super()._ask(address)

    known = Slow()
    known.up = set()
    failed: list[Exception] = []

    def learn() -> None:
        try:
            known.learn()
        except NoConnectionError as error:
            failed.append(error)

    first = threading.Thread(target=learn)
    first.start()
    is_asking.wait()
    waiting = _Waiting(known._learning)
    known._learning = waiting  # type: ignore[assignment]  # a lock that tells who waits
    second = threading.Thread(target=learn)
    second.start()
    waiting.is_waited_for.wait()
    may_go_on.set()
    first.join()
    second.join()

    assert len(failed) == 2
    assert len(known.asked) == len(SEEDS)


class _Waiting:
    def __init__(self, lock: threading.Lock):
        self._lock = lock
        self.is_waited_for = threading.Event()

    def __enter__(self) -> None:
        self.is_waited_for.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
