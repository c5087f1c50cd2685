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
from slotkeeper.domain.audit import FIRST, LATE, Head

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
_SECONDS = 20.0
"""For a block: it reads a few pages."""
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

    def seal(
        self, after: Head | None, *, limit: int, now: datetime, everything: bool = False
    ) -> int | None:
        latest = _stamp(now + LATE)
        wanted = [_ALL] if everything else _since(after, latest)
        with call(_SECONDS):
            rows = list(islice(self._unsealed(wanted), limit))
            digests = self._digests([row["_id"] for row in rows])
            # What was deleted a moment ago is in no block.
            rows = [row for row in rows if key_of(row["_id"]) in digests]
            if not rows:
                return 0
            block = {
                "_id": after.number + 1 if after else 1,
                "v": SEAL_VERSION,
                "previous": after.hash if after else FIRST,
                "sealedAt": STAMP,
                **_position(after, rows, latest),
                "count": len(rows),
                "ids": [row["_id"] for row in rows],
                "digests": b"".join(digests[key_of(row["_id"])] for row in rows),
            }
            try:
                self._seals.insert_one(block)
            except DuplicateKeyError:
                return None
        return len(rows)

    def _unsealed(self, wanted: Iterable[Document]) -> Iterator[Document]:
        """Ids and times of entries that no block has, as they were recorded."""
        for query in wanted:
            only = {name: 1 for name, _ in _ORDER}
            cursor = self._entries.find(query, only, sort=_ORDER, hint=BY_RECORDING)
            rows = iter(cursor.batch_size(_PAGE))
            while page := list(islice(rows, _PAGE)):
                sealed = self._sealed([row["_id"] for row in page])
                yield from (row for row in page if key_of(row["_id"]) not in sealed)

    def _sealed(self, ids: Sequence[object]) -> set[bytes]:
        """Those of the ids, among others, that are in a block."""
        blocks = self._seals.find({"ids": {"$in": ids}}, {"_id": 0, "ids": 1})
        return {key_of(id_) for block in blocks for id_ in block["ids"]}

    def _digests(self, ids: Sequence[object]) -> dict[bytes, bytes]:
        if not ids:
            return {}
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


def _position(
    after: Head | None, rows: Sequence[Mapping[str, Any]], latest: Timestamp
) -> Mapping[str, Any]:  # Any: BSON
    """How far the chain has come with these; a stamp from the future moves nothing."""
    stamps = [row.get("recordedAt") for row in rows]
    reached = [stamp for stamp in stamps if isinstance(stamp, Timestamp) and stamp <= latest]
    told = [row.get("at") for row in rows if row.get("recordedAt") is None]
    history = [at for at in told if isinstance(at, datetime)]
    if after and after.reached:
        reached.append(Timestamp(*after.reached))
    if after and after.history_at:
        history.append(after.history_at)
    return {"reached": max(reached, default=None), "historyAt": max(history, default=None)}


def _stamp(instant: datetime) -> Timestamp:
    return Timestamp(int(instant.timestamp()), 0)
