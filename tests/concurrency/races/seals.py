"""Many sealers at one audit log, and at one that is written to meanwhile."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from bson.timestamp import Timestamp
from pymongo.write_concern import WriteConcern

from ops.check import check
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, AUDIT_SEALS, Document
from slotkeeper.domain.errors import BrokenInvariant
from slotkeeper.services.seal_audit import Sealed
from tests.concurrency import guards
from tests.concurrency.at_once import Call
from tests.concurrency.lost import ensure
from tests.concurrency.race import THREADS, Control, Race, Results, Round
from tests.support.house import House

SEALED_TWICE = "two sealers made the same block"
CHAIN_BROKEN = "the chain is not whole"
NOT_SEALED = "an entry is in no block"

_ENTRIES = 200
_WRITERS = THREADS // 2
_EACH = 5
_NUMBERS = itertools.count()


def _entry() -> Document:
    return {
        "_id": f"calendar_{next(_NUMBERS):08}",
        "type": "calendar.blocked",
        "aggregateId": "dr-1",
        "doctorId": "dr-1",
        "actor": "staff",
        "requestId": "r-1",
        "at": datetime.now(UTC),
        "recordedAt": Timestamp(0, 0),
        "details": {},
    }


def _write(house: House, count: int) -> None:
    sure = WriteConcern("majority")
    house.database.get_collection(AUDIT_LOGS, write_concern=sure).insert_many(
        [_entry() for _ in range(count)]
    )


def _write_slowly(house: House) -> None:
    """One after the other, each in a transaction of its own that is open for a while."""
    for _ in range(_EACH):
        with house.database.client.start_session() as session, session.start_transaction():
            house.database[AUDIT_LOGS].insert_one(_entry(), session=session)
            house.database[AUDIT_SEALS].find_one({"_id": 1}, session=session)


def _ensure_whole(house: House) -> None:
    counted: Counter[object] = Counter()
    for block in house.database[AUDIT_SEALS].find({}, {"ids": 1}):
        counted.update(block["ids"])
    ensure(max(counted.values(), default=0) <= 1, SEALED_TWICE, counted.most_common(3))
    found = list(check(house.database, grace=timedelta(days=1), seal_grace=timedelta(0)))
    unsealed = [one for one in found if one.rule in {"audit_not_sealed", "audit_passed_over"}]
    ensure(not unsealed, NOT_SEALED, unsealed)
    ensure(not found, CHAIN_BROKEN, found)


def _sealed_by(results: Results) -> int:
    for result in results["seal"]:
        assert isinstance(result, Sealed | BrokenInvariant), result
    return sum(result.entries for result in results["seal"] if isinstance(result, Sealed))


def _seal_seal(house: House, _: int) -> Round:
    _write(house, _ENTRIES)

    def judge(results: Results) -> str:
        sealed = _sealed_by(results) + house.seal().entries
        ensure(sealed <= _ENTRIES, SEALED_TWICE, sealed)
        assert sealed == _ENTRIES
        _ensure_whole(house)
        return "sealed"

    return Round(sides={"seal": [house.seal] * THREADS}, judge=judge)


def _seal_write(house: House, _: int) -> Round:
    def judge(results: Results) -> str:
        sealed = _sealed_by(results) + house.seal().entries
        written = _WRITERS * _EACH
        ensure(sealed <= written, SEALED_TWICE, sealed)
        ensure(sealed >= written, NOT_SEALED, sealed)
        _ensure_whole(house)
        return "sealed"

    sides: dict[str, list[Call]] = {
        "seal": [house.seal] * (THREADS - _WRITERS),
        "write": [lambda: _write_slowly(house)] * _WRITERS,
    }
    return Round(sides=sides, judge=judge)


_OVER = Control(
    guard="the block's number",
    off=guards.writes_over_blocks,
    harms=frozenset({SEALED_TWICE, CHAIN_BROKEN}),
)

SEAL_SEAL = Race(
    name="seal/seal", begin=_seal_seal, controls=[_OVER], rounds=6, outcomes={"sealed": 0}
)
SEAL_WRITE = Race(
    name="seal/write",
    begin=_seal_write,
    controls=[
        Control(
            guard="the look back",
            off=guards.never_looks_back,
            harms=frozenset({NOT_SEALED}),
        )
    ],
    rounds=6,
    outcomes={"sealed": 0},
)
