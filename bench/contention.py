"""Many at one slot: what losing costs, and that exactly one wins.

The product's gate (one look at Redis) beside the ways of deciding in MongoDB alone: a conditional
update, a read and then that, a transaction. Workers are processes; the race's have a barrier.
"""

from __future__ import annotations

import multiprocessing
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

from pymongo import MongoClient

from bench.ground import DATABASE, Ground
from bench.series import Found, Series, Show, Size
from slotkeeper.adapters.mongo.client import connect
from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.adapters.mongo.ledger import MongoLedger
from slotkeeper.adapters.mongo.people import MongoUsers
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.adapters.together import together
from slotkeeper.domain.attempt import attempt_id, request_key
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.ports.holds import HoldTicket
from slotkeeper.services.hold_slot import hold_slot

SECONDS: Mapping[Size, float] = {"full": 1.5, "short": 0.4}
REPEATS: Mapping[Size, int] = {"full": 3, "short": 1}
WORKERS: Mapping[Size, tuple[int, ...]] = {"full": (2, 8, 32, 64), "short": (16,)}
ROUNDS: Mapping[Size, int] = {"full": 5_000, "short": 50}
RACERS: Mapping[Size, int] = {"full": 16, "short": 8}
KINDS = ("gate", "set_nx", "cas", "read_then_cas", "transaction")


@dataclass(frozen=True, slots=True)
class Where:
    """The servers, as a worker's process finds them."""

    mongo: str
    redis: str
    slot: str
    seconds: float


def measure(ground: Ground, show: Show, size: Size) -> Found:
    """`contention.<kind>.<workers>.refusals` a second, `.ms` of a loser; `contention.rounds.…`."""
    found: Found = {}
    for workers in WORKERS[size]:
        show(f"contention: {workers} workers at a slot that is taken")
        [slot], [owner] = ground.slots(1), ground.patients(1)  # anew: its hold ends some time
        where = Where(ground.mongo_uri(DATABASE), ground.config.redis_url, slot, SECONDS[size])
        assert _hold(_product(where), slot, owner), "the slot is to be taken"
        for kind in KINDS:
            times: list[float] = []
            rates: list[float] = []
            for _ in range(REPEATS[size]):
                told = _at_once(workers, _lose, (kind, where))
                rates.append(sum(len(one) for one in told) / where.seconds)
                times += [ms for one in told for ms in one]
            name = f"contention.{kind}.{workers}"
            found[f"{name}.refusals"] = Series(f"{name}.refusals", "a second", tuple(rates))
            found[f"{name}.ms"] = Series(f"{name}.ms", "ms", tuple(times))
    return found | _races(ground, show, size)


def _races(ground: Ground, show: Show, size: Size) -> Found:
    rounds, racers = ROUNDS[size], RACERS[size]
    show(f"contention: {racers} at a free slot, {rounds} times")
    slots = ground.slots(rounds)
    where = Where(ground.mongo_uri(DATABASE), ground.config.redis_url, "", 0.0)
    barrier = multiprocessing.get_context("fork").Barrier(racers)
    patients = ground.patients(racers)
    told = _at_once(racers, _race, (where, slots, barrier), each=patients)
    winners = [sum(won) for won in zip(*told, strict=True)]
    held = ground.database[SLOTS].count_documents(
        {"_id": {"$in": slots}, "status": "reserved", "version": 2}
    )
    return {
        "contention.rounds.all": rounds,
        "contention.rounds.one_winner": min(winners.count(1), held),
    }


def _at_once(
    workers: int,
    work: Callable[..., Any],
    given: tuple[Any, ...],
    each: list[str] | None = None,
) -> list[Any]:
    """What each worker's process answered."""
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def run(number: int) -> None:
        answers.put(work(*given, *([each[number]] if each else [])))

    processes = [context.Process(target=run, args=(n,)) for n in range(workers)]
    for process in processes:
        process.start()
    told = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return told


def _lose(kind: str, where: Where) -> list[float]:
    """Milliseconds of each refusal, until the time is over."""
    refused = _refused(kind, where)
    refused()
    times: list[float] = []
    ends = time.perf_counter() + where.seconds
    while (began := time.perf_counter()) < ends:
        refused()
        times.append((time.perf_counter() - began) * 1000)
    return times


def _refused(kind: str, where: Where) -> Callable[[], None]:
    """One try at the slot that is taken, by this way of deciding."""
    if kind == "gate":
        product, user = _product(where), secrets.token_hex(8)
        return lambda: _never(_hold(product, where.slot, user))
    if kind == "set_nx":
        redis = connect_redis(where.redis)
        redis.set("bench:taken", "somebody")
        return lambda: _never(redis.set("bench:taken", "me", nx=True, px=60_000))
    client: MongoClient[dict[str, Any]] = MongoClient(where.mongo)
    slots = client[DATABASE][SLOTS]
    free = {"_id": where.slot, "status": "active"}
    take = {"$set": {"status": "reserved"}, "$inc": {"version": 1}}
    if kind == "cas":
        return lambda: _never(slots.find_one_and_update(free, take))

    def read_then_cas(session: Any = None) -> None:
        known = slots.find_one({"_id": where.slot}, session=session)
        if known and known["status"] == "active":
            _never(slots.find_one_and_update(free, take, session=session))

    if kind == "read_then_cas":
        return read_then_cas

    def transaction() -> None:
        with client.start_session() as session:
            session.with_transaction(
                lambda s: (
                    slots.find_one({"_id": where.slot}, session=s),
                    # As it is written where the update decides: it may find nothing to change.
                    slots.update_one(free, take, session=s),
                )
            )

    return transaction


def _race(where: Where, slots: list[str], barrier: Barrier, user: str) -> list[bool]:
    """Of each slot in turn, whether this one won it; all begin each at once."""
    product = _product(where)
    won = []
    for slot in slots:
        barrier.wait()
        won.append(_hold(product, slot, user))
    return won


def _product(where: Where) -> Callable[[HoldTicket], Any]:
    """The use case on real stores, with a queue that takes what it is given."""
    database, redis = connect(where.mongo), connect_redis(where.redis)
    policy = BookingPolicy(
        max_live_holds=100_000,
        forbid_overlaps=False,
        max_codes_per_user=100_000,
        max_codes_per_phone=100_000_000,
    )
    gate = RedisGate(redis, Keys("local"), policy)
    slots, ledger, users = MongoSlots(database, policy), MongoLedger(database), MongoUsers(database)

    def run(ticket: HoldTicket) -> Any:
        return hold_slot(
            ticket=ticket,
            channel=None,
            to_text=lambda receipt: receipt.attempt_id,
            gate=gate,
            slots=slots,
            ledger=ledger,
            users=users,
            jobs=_Taking(),  # type: ignore[arg-type]  # what it does of a queue's
            together=together,
            policy=policy,
        )

    return run


class _Taking:
    def send_code(self, job: object) -> None:
        """Taken."""


def _hold(product: Callable[[HoldTicket], Any], slot: str, user: str) -> bool:
    """Whether it was got."""
    key = secrets.token_hex(16)
    ticket = HoldTicket(
        request_key=request_key(user, key),
        attempt_id=attempt_id(user, key, slot),
        slot_id=slot,
        user_id=user,
        fingerprint="f",
        request_id=key,
        seed="A" * 32,
    )
    try:
        product(ticket)
    except AppointmentError:
        return False
    return True


def _never(won: object) -> None:
    assert not won, "the slot was taken"
