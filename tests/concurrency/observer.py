"""Somebody who looks at slots all the time while others fight for them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from slotkeeper.adapters.mongo.documents import BOOKINGS, SLOTS
from slotkeeper.domain.booking import BookingStatus
from tests.concurrency.lost import Lost
from tests.support.house import House

TWO_BOOKINGS = "two confirmed bookings of one slot were seen"
BACKWARDS = "a slot's version was seen to fall"


class Observer:
    """Reads with majority concern for as long as the block runs, and once after it.

    At every instant a slot has at most one confirmed booking, and its version never falls. In one
    causally consistent session: what is read later is no older.
    """

    def __init__(self, house: House, slots: Sequence[str]):
        self._database = house.database
        self._slots = list(slots)
        self._has_looked = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)
        self._versions: dict[str, int] = {}
        self.looks = 0
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._has_looked.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        if kind is None:
            assert self.looks > 1  # before, and after
            if self.seen:
                raise Lost(self.seen[0])

    def _look_on(self) -> None:
        with self._database.client.start_session(causal_consistency=True) as session:
            while True:
                is_last = self._is_over.is_set()
                found = self._database[SLOTS].find(
                    {"_id": {"$in": self._slots}}, {"version": 1}, session=session
                )
                for slot in found:
                    if slot["version"] < self._versions.get(slot["_id"], 0):
                        self.seen.append(BACKWARDS)
                    self._versions[slot["_id"]] = slot["version"]
                confirmed = self._database[BOOKINGS].find(
                    {"slotId": {"$in": self._slots}, "status": BookingStatus.CONFIRMED.value},
                    {"slotId": 1},
                    session=session,
                )
                if any(count > 1 for count in Counter(b["slotId"] for b in confirmed).values()):
                    self.seen.append(TWO_BOOKINGS)
                self._has_looked.set()
                self.looks += 1
                if is_last:
                    return
