"""What was found, in words for a person or in lines of JSON for a program."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from ops.violation import Violation

SAY_EVERY = 50_000


def as_text(violation: Violation) -> str:
    """One line: the invariant, the rule, what it is about, and the documents concerned."""
    documents = "; ".join(_document_text(document) for document in violation.documents)
    return f"{violation.invariant:>2}  {violation.rule}  {violation.about}  [{documents}]"


def as_json(violation: Violation) -> str:
    return json.dumps(
        {
            "invariant": violation.invariant,
            "rule": violation.rule,
            "about": violation.about,
            "documents": [_plain(document) for document in violation.documents],
        }
    )


def summary(found: Counter[str], read: Counter[str], *, is_cut: bool) -> str:
    counted = f"{read.total():,} documents and keys read"
    if not found:
        return f"no violation found: {counted}"
    by_rule = ", ".join(f"{rule} {count}" for rule, count in found.most_common())
    cut = "; stopped at the limit" if is_cut else ""
    return f"{found.total():,} violations ({by_rule}): {counted}{cut}"


def progress_to(stream: TextIO, read: Counter[str]) -> Callable[[str, int], None]:
    """Counts what is read, and says so now and then."""

    def count(what: str, number: int) -> None:
        before = read.total() // SAY_EVERY
        read[what] += number
        if read.total() // SAY_EVERY > before:
            each = ", ".join(f"{name} {count:,}" for name, count in read.items())
            print(f"read {read.total():,}: {each}", file=stream, flush=True)

    return count


def to_stdout(line: str) -> None:
    print(line, file=sys.stdout, flush=True)


def _document_text(document: Mapping[str, Any]) -> str:  # Any: BSON values
    told = _plain(document)
    where = f"{told.pop('collection', '')} {told.pop('_id', '')}".strip()
    fields = " ".join(f"{name}={_word(value)}" for name, value in told.items() if value is not None)
    return f"{where} {fields}".strip()


def _word(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in document.items()}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return list(value) if isinstance(value, tuple) else value
