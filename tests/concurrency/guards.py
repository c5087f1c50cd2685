"""Guards switched off, for controls: the product's own code, on stores that let it down.

Each takes one guard away where the drivers are called: services and adapters run as they are.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from msgspec import structs
from pymongo.collection import Collection
from pymongo.database import Database
from redis import Redis

from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    AUDIT_SEALS,
    BOOKINGS,
    DOCTORS,
    OUTBOX,
    QUOTAS,
    SCHEDULES,
    SLOTS,
    Document,
)
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.ports.codes import CodeRecord, CodeTry
from slotkeeper.ports.holds import Admission, HoldTicket
from tests.support.house import House

Filter = Mapping[str, Any]
Pipeline = list[Document]
Without = Callable[[House], House]
"""The house without one of its guards."""
Wrap = Callable[[Collection[Document]], Any]


class Replaced:
    """A database of which some collections, and the client, are not what they seem."""

    def __init__(
        self,
        database: Database[Document],
        collections: Mapping[str, Wrap],
        client: Any = None,
    ):
        self._database = database
        self._collections = {name: wrap(database[name]) for name, wrap in collections.items()}
        self.client = client or database.client

    def __getitem__(self, name: str) -> Any:
        return self._collections.get(name, self._database[name])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


def _on(house: House, collections: Mapping[str, Wrap], client: Any = None) -> House:
    """The house with every adapter on such a database."""
    database = cast("Database[Document]", Replaced(house.database, collections, client))
    return house.on_database(database)


class _Behind:
    """A collection that does as the one behind it in all it does not do itself."""

    def __init__(self, collection: Collection[Document]):
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)


# --- the condition of a conditional update --------------------------------------------------------


class DecidesOnARead(_Behind):
    """Updates as if they had no condition: it was judged by a read a moment before.

    A hold that was read is still taken for what it was then. In a transaction that the driver
    repeats, the first read counts. `between` runs after each read: by default a few calls to the
    database, as a function makes that looks before it acts. Only updates that `which` names do so
    at all: it is asked for the driver's method and the condition.
    """

    def __init__(
        self,
        collection: Collection[Document],
        which: Callable[[str, str], bool],
        between: Callable[[], None] | None,
    ):
        super().__init__(collection)
        self._which = which
        self._between = between or self._other_calls
        self._first: dict[tuple[int, str], list[Document]] = {}

    def find_one_and_update(
        self, key: Filter, pipeline: Pipeline, session: Any = None, **how: Any
    ) -> Any:
        condition = pipeline[0]["$set"]["decided"]
        if self._which("find_one_and_update", repr(condition)):
            asked = (threading.get_ident(), repr((key, condition)))
            found = self._first.get(asked) if session is not None else None
            if found is None:
                found = self._judged(key, condition)
            if session is not None:
                self._first[asked] = found
            pipeline = [_as_read(found), *pipeline[1:]]
        return self._collection.find_one_and_update(key, pipeline, session=session, **how)

    def update_many(self, key: Filter, pipeline: Pipeline, **how: Any) -> Any:
        first = pipeline[0]["$set"]
        if self._which("update_many", repr(first)):
            if "decided" in first:
                # Who calls has just read which documents are meant.
                self._between()
                pipeline = [{"$set": {"decided": True}}, *pipeline[1:]]
            else:
                found = self._judged(key, {"$literal": True})
                key = {"_id": {"$in": [row["_id"] for row in found]}}
        return self._collection.update_many(key, pipeline, **how)

    def delete_many(self, key: Filter, **how: Any) -> Any:
        ids = [row["_id"] for row in self._judged(key, {"$literal": True})]
        return self._collection.delete_many({"_id": {"$in": ids}})

    def _judged(self, key: Filter, condition: Any) -> list[Document]:
        """The documents of which the condition holds."""
        judge: Pipeline = [
            {"$match": key},
            {"$set": {"decided": condition}},
            {"$match": {"decided": True}},
        ]
        found = list(self._collection.aggregate(judge))
        self._between()
        return found

    def _other_calls(self) -> None:
        for _ in range(5):
            self._collection.database.command("ping")


def _as_read(found: list[Document]) -> Document:
    if not found:
        return {"$set": {"decided": False}}
    hold = found[0].get("hold")
    as_read = {"hold": {"$ifNull": ["$hold", {"$literal": hold}]}} if hold else {}
    return {"$set": {"decided": True, **as_read}}


def _all(_: str, __: str) -> bool:
    return True


def decides_on_a_read(
    house: House,
    *,
    which: Callable[[str, str], bool] = _all,
    between: Callable[[], None] | None = None,
) -> House:
    return _on(house, {SLOTS: lambda slots: DecidesOnARead(slots, which, between)})


class SweepsLate(_Behind):
    """Frees what was due when it looked; acts once somebody has come in between, if one does.

    (Left to chance, a busy machine may let nobody in between for forty rounds.)
    """

    _LOOKS = 100

    def update_many(self, key: Filter, pipeline: Pipeline, **how: Any) -> Any:
        if "decided" in pipeline[0]["$set"]:
            is_live = {"$expr": {"$gt": ["$hold.expiresAt", "$$NOW"]}}
            for _ in range(self._LOOKS):
                if self._collection.count_documents({**key, **is_live}):
                    break
            pipeline = [{"$set": {"decided": True}}, *pipeline[1:]]
        return self._collection.update_many(key, pipeline, **how)


def sweeps_on_a_read(house: House) -> House:
    return _on(house, {SLOTS: SweepsLate})


def confirms_and_holds_on_a_read(house: House) -> House:
    return decides_on_a_read(house, which=lambda method, _: method == "find_one_and_update")


def gives_back_on_a_read(house: House) -> House:
    """Also the booking that a replacement ends is ended whatever has become of it."""
    slots = decides_on_a_read(house, which=lambda _, condition: "$bookingId" in condition)
    return _on(slots, {BOOKINGS: AnyStatus})


class WritesBack(_Behind):
    """Updates that read a document, compute what it becomes, and write that back."""

    def find_one_and_update(self, key: Filter, pipeline: Pipeline, **how: Any) -> Any:
        found = list(self._collection.aggregate([{"$match": key}, *pipeline]))
        if found:
            self._collection.replace_one({"_id": found[0]["_id"]}, found[0])
        return found[0] if found else None


def writes_back(house: House, collection: str = SLOTS) -> House:
    return _on(house, {collection: WritesBack})


class CountsOnARead(_Behind):
    """Counts up what was read, and writes that back."""

    def update_one(self, key: Filter, pipeline: Any, upsert: bool = False, **how: Any) -> Any:
        found = list(self._collection.aggregate([{"$match": key}, *pipeline]))
        if not found:
            return self._collection.update_one(key, pipeline, upsert=upsert, **how)
        return self._collection.replace_one({"_id": found[0]["_id"]}, found[0])


def counts_failures_on_a_read(house: House) -> House:
    return _on(house, {QUOTAS: CountsOnARead})


# --- transactions, leases, turns, versions --------------------------------------------------------


class NoTransactions:
    """A client whose transactions are their statements, one by one."""

    @contextmanager
    def start_session(self) -> Iterator[NoTransactions]:
        yield self

    def with_transaction(self, work: Callable[[None], Any], **_: Any) -> Any:
        return work(None)


class AnyStatus(_Behind):
    """Bookings that one update ends whatever has become of them."""

    def update_one(self, key: Filter, change: Any, **how: Any) -> Any:
        return self._collection.update_one({"_id": key["_id"]}, change, **how)


def without_transactions(house: House) -> House:
    return _on(house, {}, NoTransactions())


def without_transactions_deciding_on_a_read(house: House) -> House:
    return without_transactions(decides_on_a_read(house))


class NoLeases(_Behind):
    """An outbox that leases a row to whoever asks."""

    def find(self, key: Filter, projection: Any = None, **how: Any) -> Any:
        key = {name: wanted for name, wanted in key.items() if name != "leaseId"}
        if projection and "isLeased" in projection:
            projection = {**projection, "isLeased": {"$literal": False}}
        return self._collection.find(key, projection, **how)

    def update_many(self, key: Filter, change: Any, **how: Any) -> Any:
        return self._collection.update_many(
            {name: wanted for name, wanted in key.items() if name != "$expr"}, change, **how
        )


def without_leases(house: House) -> House:
    return _on(house, {OUTBOX: NoLeases})


class NotInTurn(_Behind):
    """Doctors that are read and not written by who is about to change their timetable."""

    def find_one_and_update(self, key: Filter, _: Any, session: Any = None, **how: Any) -> Any:
        found = self._collection.find_one(key, session=session)
        return found and {**found, "calendarAt": None}


def not_in_turn(house: House) -> House:
    return _on(house, {DOCTORS: NotInTurn})


class AnyVersion(_Behind):
    """Doctors that are changed whatever version they have."""

    def find_one_and_update(self, key: Filter, change: Any, **how: Any) -> Any:
        return self._collection.find_one_and_update({"_id": key["_id"]}, change, **how)


def at_any_version(house: House) -> House:
    return _on(house, {DOCTORS: AnyVersion})


class ForgetsEntries(_Behind):
    """A collection that finds no entry again and knows none by its id."""

    def find_one(self, *_: Any, **__: Any) -> None:
        return None

    def insert_one(self, entry: Document, **how: Any) -> Any:
        return self._collection.insert_one({**entry, "_id": uuid.uuid4().hex}, **how)


def forgets_entries(house: House) -> House:
    return _on(house, {SCHEDULES: ForgetsEntries, AUDIT_LOGS: ForgetsEntries})


class WritesOver(_Behind):
    """A chain whose blocks are written, whoever has their number already."""

    def insert_one(self, block: Document, **how: Any) -> Any:
        return self._collection.replace_one({"_id": block["_id"]}, block, upsert=True)


def writes_over_blocks(house: House) -> House:
    return _on(house, {AUDIT_SEALS: WritesOver})


class NeverLooksBack(_Behind):
    """An audit log that shows the sealing only what is newer than the newest that was sealed."""

    def find(self, query: Any, *args: Any, **how: Any) -> Any:
        newest = self._collection.database[AUDIT_SEALS].find_one({}, sort=[("_id", -1)])
        if newest and newest["reached"] and query.get("recordedAt") is not None:
            query = {"recordedAt": {"$gt": newest["reached"]}}
        return self._collection.find(query, *args, **how)


def never_looks_back(house: House) -> House:
    return _on(house, {AUDIT_LOGS: NeverLooksBack})


# --- Redis ----------------------------------------------------------------------------------------


class GrantsEveryLock(RedisGate):
    """A gate that tells everybody that the slot's lock is theirs: as if Redis had lost it."""

    def admit(self, ticket: HoldTicket) -> Admission:
        return structs.replace(super().admit(ticket), lock_holder=ticket.attempt_id)


class SeesNoOthers(RedisGate):
    """A gate that does not tell what else the patient is about to hold."""

    def admit(self, ticket: HoldTicket) -> Admission:
        return structs.replace(super().admit(ticket), other_slots=[])


class ForgetsRequests(RedisGate):
    """A gate that does not know a request again."""

    def admit(self, ticket: HoldTicket) -> Admission:
        known = super().admit(ticket)
        return structs.replace(known, answer=None, is_reused=False, busy_for_ms=None)


def grants_every_lock(house: House) -> House:
    return replace(house, gate=GrantsEveryLock(house.redis, house.keys, house.policy))


def sees_no_others(house: House) -> House:
    return replace(house, gate=SeesNoOthers(house.redis, house.keys, house.policy))


def forgets_requests(house: House) -> House:
    return replace(house, gate=ForgetsRequests(house.redis, house.keys, house.policy))


class CountsGuessesOnARead(RedisCodes):
    """Codes whose guesses are counted on a copy, as it was read, which is then written."""

    def count_try(self, *, user_id: str, attempt_id: str, marks: Sequence[str]) -> CodeTry:
        copy = f"{attempt_id}-{uuid.uuid4().hex}"
        own, copied = (self._keys.code(user_id, id_) for id_ in (attempt_id, copy))
        self._redis.copy(own, copied)
        tried = super().count_try(user_id=user_id, attempt_id=copy, marks=marks)
        self._redis.copy(copied, own, replace=True)
        self._redis.delete(copied)
        return tried


class SettlesOnARead(RedisCodes):
    """Codes whose key is looked for, and written where there was none."""

    def settle_key(
        self,
        *,
        user_id: str,
        attempt_id: str,
        send_number: int,
        key_id: str,
        instead_of: str | None = None,
    ) -> CodeRecord | None:
        known = self.find(user_id=user_id, attempt_id=attempt_id)
        if known is None or known.key_id is not None:
            return known
        self._redis.hset(self._keys.code(user_id, attempt_id), "keyId", key_id)
        return structs.replace(known, key_id=key_id)


def counts_guesses_on_a_read(house: House) -> House:
    return replace(house, codes=CountsGuessesOnARead(house.redis, house.keys, house.policy))


def compares_every_guess(house: House) -> House:
    policy: BookingPolicy = structs.replace(house.policy, max_tries=1_000)
    return replace(house, codes=RedisCodes(house.redis, house.keys, policy))


def settles_keys_on_a_read(house: House) -> House:
    return replace(house, codes=SettlesOnARead(house.redis, house.keys, house.policy))


def counts_no_places(house: House) -> House:
    policy: BookingPolicy = structs.replace(house.policy, max_live_holds=1_000)
    return replace(house, gate=RedisGate(house.redis, house.keys, policy))


class KeysWrittenBack:
    """A Redis whose scripts run on a copy of their key, as it was read, which is then written."""

    command_stack: tuple[()] = ()

    def __init__(self, redis: Redis):
        self._redis = redis

    @contextmanager
    def pipeline(self, **_: Any) -> Iterator[KeysWrittenBack]:
        yield KeysWrittenBack(self._redis)

    def eval(self, script: str, _: int, key: str, *args: Any) -> None:
        self._asked = (script, key, args)

    def execute(self, **_: Any) -> list[Any]:
        script, key, args = self._asked
        copy = f"{key}:{uuid.uuid4().hex}"
        self._redis.copy(key, copy)
        answer = self._redis.eval(script, 1, copy, *args)
        self._redis.copy(copy, key, replace=True)
        return [answer]
