"""The audit log's chain: every block there and unchanged, every entry in one and unchanged.

Blocks come in order, some at a time, each with the entries it seals; then all entries as they were
recorded, which is nearly the order they were sealed in. What seems wrong is read again at one
instant.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from bson.binary import Binary
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from ops.check.moment import Moment
from ops.check.reader import Reader
from ops.check.rules import (
    AUDIT_BLOCK_MISSING,
    AUDIT_CHAIN_BROKEN,
    AUDIT_ENTRY_CHANGED,
    AUDIT_ENTRY_GONE,
    AUDIT_HEAD_DIFFERS,
    AUDIT_HEAD_MISSING,
    AUDIT_NOT_SEALED,
    AUDIT_PASSED_OVER,
    MALFORMED_DOCUMENT,
    Rule,
)
from ops.check.stored import id_text, shown
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, AUDIT_SEALS, Document
from slotkeeper.adapters.mongo.seals import DIGEST, digest_of, hash_of, head_of, key_of
from slotkeeper.domain.audit import FIRST, LATE, Head
from slotkeeper.domain.errors import Corrupted

_BLOCKS = 20
"""Read at a time: each has up to a thousand ids."""
_AS_RECORDED = ("recordedAt", "at", "_id")


def audit_violations(
    reader: Reader, moment: Moment, heads: Mapping[int, str]
) -> Iterator[Violation]:
    head = yield from _chain(reader, heads)
    if moment.seal_grace is not None:
        yield from _unsealed(reader, moment, head)


# --- blocks, and the entries they have


def _chain(reader: Reader, heads: Mapping[int, str]) -> Generator[Violation, None, Head | None]:
    """Returns the newest block."""
    newest: Head | None = None
    missing = set(heads)
    for page in reader.raw_pages(AUDIT_SEALS, size=_BLOCKS):
        for block in page:
            faults = _faults_of(block)
            if faults:
                told = {**_shown(block["_id"]), "fields": faults}
                yield MALFORMED_DOCUMENT.broken(_name(block["_id"]), told, invariant=6)
                if "_id" in faults:
                    continue  # it has no place in the chain
            yield from _follows(block, newest)
            if not faults:
                yield from _entries(reader, block)
            noted = heads.get(block["_id"])
            missing.discard(block["_id"])
            if noted is not None and noted != hash_of(block):
                yield AUDIT_HEAD_DIFFERS.broken(_name(block["_id"]), _shown(block["_id"]))
            newest = _head(block)
    for number in sorted(missing):
        last = [_shown(newest.number)] if newest else []
        yield AUDIT_HEAD_MISSING.broken(_name(number), *last)
    return newest


def _follows(block: RawBSONDocument, before: Head | None) -> Iterator[Violation]:
    number, next_ = block["_id"], before.number + 1 if before else 1
    if number != next_:
        missing = {**_shown(next_), "blocks": number - next_}
        yield AUDIT_BLOCK_MISSING.broken(_name(next_), missing)
    elif block.get("previous") != (before.hash if before else FIRST):
        both = [_shown(before.number)] if before else []
        yield AUDIT_CHAIN_BROKEN.broken(_name(number), *both, _shown(number))


def _entries(reader: Reader, block: RawBSONDocument) -> Iterator[Violation]:
    ids, digests = block["ids"], bytes(block["digests"])
    sealed = {
        key_of(id_): digests[DIGEST * place : DIGEST * (place + 1)] for place, id_ in enumerate(ids)
    }

    def differing(read: Reader, wanted: Sequence[object]) -> list[tuple[object, Document | None]]:
        there = {key_of(entry["_id"]): entry for entry in read.raw_among(AUDIT_LOGS, wanted)}
        return [
            (id_, shown(AUDIT_LOGS, entry) if entry is not None else None)
            for id_ in wanted
            for entry in [there.get(key_of(id_))]
            if entry is None or digest_of(entry) != sealed[key_of(id_)]
        ]

    suspects = [id_ for id_, _ in differing(reader, ids)]
    for id_, entry in reader.at_once(differing, suspects) if suspects else ():
        rule = AUDIT_ENTRY_GONE if entry is None else AUDIT_ENTRY_CHANGED
        yield rule.broken(id_text(id_), *([entry] if entry else []), _shown(block["_id"]))


def _faults_of(block: RawBSONDocument) -> list[str]:
    number, ids, digests = block["_id"], block.get("ids"), block.get("digests")
    faults = []
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        faults.append("_id")
    if not isinstance(ids, list) or not ids or block.get("count") != len(ids):
        faults.append("ids")
    elif not isinstance(digests, bytes | Binary) or len(digests) != DIGEST * len(ids):
        faults.append("digests")
    try:
        head_of(block)
    except Corrupted:
        faults += [] if faults else ["(unreadable)"]
    return faults


def _head(block: RawBSONDocument) -> Head:
    try:
        return head_of(block)
    except Corrupted:
        return Head(number=block["_id"], hash=hash_of(block))


# --- entries that no block has


def _unsealed(reader: Reader, moment: Moment, head: Head | None) -> Iterator[Violation]:
    """One violation for all of a page, as where sealing stands still there are ever more."""
    for page in reader.pages(AUDIT_LOGS, by=_AS_RECORDED):
        due = [row for row in page if not _may_wait(row, moment)]
        suspects = _in_no_block(reader, due)
        if not suspects:
            continue
        left = reader.at_once(_in_no_block, suspects)
        for rule in (AUDIT_NOT_SEALED, AUDIT_PASSED_OVER):
            some = [row for row in left if _rule_of(row, head, moment) is rule]
            if some:
                first = id_text(some[0]["_id"])
                told = {"collection": AUDIT_LOGS, "_id": first, "entries": len(some)}
                yield rule.broken(first, told)


def _in_no_block(reader: Reader, rows: Sequence[Document]) -> list[Document]:
    blocks: Iterable[Document] = reader.among(
        AUDIT_SEALS, "ids", [row["_id"] for row in rows], only=["ids"]
    )
    sealed = {key_of(id_) for block in blocks for id_ in block["ids"]}
    return [row for row in rows if key_of(row["_id"]) not in sealed]


def _may_wait(row: Document, moment: Moment) -> bool:
    stamp = row.get("recordedAt")
    if not isinstance(stamp, Timestamp) or _is_ahead(stamp, moment):
        return False
    return moment.may_be_unsealed(stamp.as_datetime())


def _rule_of(row: Document, head: Head | None, moment: Moment) -> Rule:
    """Whether the sealing is late with it, or will not come to it."""
    stamp, at = row.get("recordedAt"), row.get("at")
    if isinstance(stamp, Timestamp):
        is_past = _is_ahead(stamp, moment)
        if head and head.reached:
            is_past |= stamp.time < head.reached[0] - LATE.total_seconds()
    else:
        is_past = stamp is not None
        if head and head.history_at and isinstance(at, datetime):
            is_past |= at < head.history_at - LATE
    return AUDIT_PASSED_OVER if is_past else AUDIT_NOT_SEALED


def _is_ahead(stamp: Timestamp, moment: Moment) -> bool:
    return stamp.as_datetime() > moment.now + LATE


def _name(number: object) -> str:
    return str(number) if isinstance(number, int) else id_text(number)


def _shown(number: object) -> Document:
    return {"collection": AUDIT_SEALS, "_id": _name(number)}
