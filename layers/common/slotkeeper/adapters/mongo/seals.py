"""The audit log's chain in MongoDB: written once, block after block, never changed.

What is hashed is BSON as the server stores it and gives it back, byte for byte (docs/audit.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, AUDIT_SEALS, STAMP, Document
from slotkeeper.adapters.mongo.fields import Fields
from slotkeeper.adapters.mongo.indexes import BY_RECORDING
from slotkeeper.domain.audit import FIRST, LATE, Head, Unsealed

SEAL_VERSION = 1
DIGEST = 32
"""Bytes of each entry's digest."""
RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="replace",
)
_PAGE = 1_000
_SECONDS = 10.0
"""For a page, or a block: some thousand ids."""
_ORDER = [("recordedAt", 1), ("at", 1), ("_id", 1)]
_WITHOUT_TEXTS: Document = {"reason": None, "details.name": None}
"""Entries of an earlier version may hold what a person wrote; sealed, it could never be erased."""


def digest_of(entry: RawBSONDocument) -> bytes:
    """What a block keeps of an entry."""
    return hashlib.sha256(entry.raw).digest()


def hash_of(block: RawBSONDocument) -> str:
    """What the next block keeps of a block."""
    return hashlib.sha256(block.raw).hexdigest()


def key_of(id_: object) -> bytes:
    """An id, whatever it is, as a key of a dictionary."""
    return bytes(bson.encode({"": id_}))


def head_of(block: RawBSONDocument) -> Head:
    """The block as a head. Raises Corrupted."""
    fields = Fields(AUDIT_SEALS, block)
    if block.get("v") != SEAL_VERSION:
        raise fields.wrong("v", "unknown value")
    reached = block.get("reached")
    if reached is not None and not isinstance(reached, Timestamp):
        raise fields.wrong("reached", "no stamp")
    return Head(
        number=fields.number("_id"),
        hash=hash_of(block),
        reached=(reached.time, reached.inc) if reached else None,
        history_at=fields.time("historyAt") if fields.has("historyAt") else None,
    )


class MongoSeals:
    """`AuditSeals` on the collections `audit_seals` and `audit_logs`."""

    def __init__(self, database: Database[Document]):
        self._seals = database[AUDIT_SEALS]
        self._entries = database[AUDIT_LOGS]
        self._raw_seals = self._seals.with_options(codec_options=RAW)
        self._raw_entries = self._entries.with_options(codec_options=RAW)

    def head(self) -> Head | None:
        with call():
            found = self._raw_seals.find_one({"_id": {"$gte": 1}}, sort=[("_id", -1)])
        return None if found is None else head_of(found)

    def unsealed(
        self, after: Head | None, *, limit: int, now: datetime, everything: bool = False
    ) -> Iterator[Sequence[Unsealed]]:
        latest = _stamp(now + LATE)
        rows = self._rows([_ALL] if everything else _since(after, latest))
        while some := list(islice(rows, limit)):
            with call(_SECONDS):
                digests = self._digests([row["_id"] for row in some])
            # What was deleted a moment ago is in no block.
            there = [row for row in some if key_of(row["_id"]) in digests]
            if there:
                yield [_unsealed(row, digests[key_of(row["_id"])], latest) for row in there]

    def append(self, after: Head | None, entries: Sequence[Unsealed]) -> bool:
        block = {
            "_id": after.number + 1 if after else 1,
            "v": SEAL_VERSION,
            "previous": after.hash if after else FIRST,
            "sealedAt": STAMP,
            **_position(after, entries),
            "count": len(entries),
            "ids": [entry.id for entry in entries],
            "digests": b"".join(entry.digest for entry in entries),
        }
        with call(_SECONDS):
            try:
                self._seals.insert_one(block)
            except DuplicateKeyError:
                return False
        return True

    def _rows(self, wanted: Iterable[Document]) -> Iterator[Document]:
        """Ids and times of entries that no block has, as they were recorded."""
        for query in wanted:
            only = {name: 1 for name, _ in _ORDER}
            cursor = self._entries.find(query, only, sort=_ORDER, hint=BY_RECORDING)
            cursor.batch_size(_PAGE)
            while True:
                with call(_SECONDS):
                    page = list(islice(cursor, _PAGE))
                    sealed = self._sealed([row["_id"] for row in page])
                if not page:
                    break
                yield from (row for row in page if key_of(row["_id"]) not in sealed)

    def _sealed(self, ids: Sequence[object]) -> set[bytes]:
        """Those of the ids, among others, that are in a block."""
        if not ids:
            return set()
        blocks = self._seals.find({"ids": {"$in": ids}}, {"_id": 0, "ids": 1})
        return {key_of(id_) for block in blocks for id_ in block["ids"]}

    def _digests(self, ids: Sequence[object]) -> dict[bytes, bytes]:
        found = self._raw_entries.find({"_id": {"$in": ids}})
        return {key_of(entry["_id"]): digest_of(entry) for entry in found}


_ALL: Document = {"$or": [{"recordedAt": {"$ne": None}}, _WITHOUT_TEXTS]}


def _since(after: Head | None, latest: Timestamp) -> list[Document]:
    """What may have come to be seen since: as late as `LATE`, in any order.

    A stamp is given when an entry is written, which others see when its transaction is over.
    """
    history: Document = {"recordedAt": None, **_WITHOUT_TEXTS}
    stamps: Document = {"$lte": latest, "$gte": Timestamp(0, 0)}
    if after and after.history_at:
        history["at"] = {"$gte": after.history_at - LATE}
    if after and after.reached:
        stamps["$gte"] = Timestamp(max(0, after.reached[0] - round(LATE.total_seconds())), 0)
    return [history, {"recordedAt": stamps}]


def _unsealed(row: Mapping[str, Any], digest: bytes, latest: Timestamp) -> Unsealed:  # Any: BSON
    stamp, at = row.get("recordedAt"), row.get("at")
    # One from the future would have the sealing pass over everything until then.
    written = stamp if isinstance(stamp, Timestamp) and stamp <= latest else None
    return Unsealed(
        id=row["_id"],
        digest=digest,
        stamp=(written.time, written.inc) if written else None,
        at=at if stamp is None and isinstance(at, datetime) else None,
    )


def _position(after: Head | None, entries: Sequence[Unsealed]) -> Mapping[str, Any]:  # Any: BSON
    """How far the chain has come with these."""
    stamps = [entry.stamp for entry in entries] + ([after.reached] if after else [])
    told = [entry.at for entry in entries] + ([after.history_at] if after else [])
    reached = max(filter(None, stamps), default=None)
    history = max(filter(None, told), default=None)
    return {"reached": Timestamp(*reached) if reached else None, "historyAt": history}


def _stamp(instant: datetime) -> Timestamp:
    return Timestamp(int(instant.timestamp()), 0)
