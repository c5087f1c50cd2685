"""Watches the database while faults are done to it: what must be so at every instant."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from chaos.findings import Finding
from chaos.ground import Ground
from slotkeeper.adapters.mongo.documents import BOOKINGS, SLOTS
from slotkeeper.domain.booking import BookingStatus

EVERY_SECONDS = 1.0
MOST_SLOTS = 5_000
_MAJORITY = ReadConcern("majority")


class Observer:
    """A thread that reads what a majority has, from whoever leads, past the proxies.

    Each look sees all that the one before it saw (a causal session carried from member to member),
    so that a version which went back is one that was lost.
    """

    def __init__(self, ground: Ground):
        self._ground = ground
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._versions: dict[str, int] = {}
        self._seen: ClientSession | None = None
        self.findings: list[Finding] = []
        self.looks = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            leads = self._ground.primary()
            if leads is None:
                continue
            try:
                with self._ground.mongo(leads) as client:
                    self.look(client)
            except PyMongoError:
                continue  # it is what faults are done to

    def look(self, client: MongoClient[dict[str, Any]]) -> None:
        """One look at what this member's majority has."""
        database = client.get_database("slotkeeper", read_concern=_MAJORITY)
        with client.start_session(causal_consistency=True) as session:
            if self._seen is not None and self._seen.operation_time is not None:
                session.advance_cluster_time(self._seen.cluster_time or {})
                session.advance_operation_time(self._seen.operation_time)
            slots = list(
                database[SLOTS]
                .find({"version": {"$gt": 1}}, {"version": 1}, session=session)
                .limit(MOST_SLOTS)
            )
            confirmed = {"$match": {"status": BookingStatus.CONFIRMED.value}}
            by_slot = {"$group": {"_id": "$slotId", "bookings": {"$push": "$_id"}}}
            several = {"$match": {"bookings.1": {"$exists": True}}}
            twice = list(
                database[BOOKINGS].aggregate([confirmed, by_slot, several], session=session)
            )
            self._seen = session
        self.compare(slots, twice)

    def compare(
        self, slots: Sequence[Mapping[str, Any]], twice: Sequence[Mapping[str, Any]]
    ) -> None:
        """Note slots whose version went back, and slots with two confirmed bookings."""
        self.looks += 1
        for slot in slots:
            known = self._versions.get(slot["_id"], 0)
            if slot["version"] < known:
                went = f"version {known}, then {slot['version']}"
                self.findings.append(Finding("version_went_back", slot["_id"], went))
            self._versions[slot["_id"]] = slot["version"]
        for slot in twice:
            told = ", ".join(map(str, slot["bookings"]))
            self.findings.append(Finding("confirmed_twice", str(slot["_id"]), told))
