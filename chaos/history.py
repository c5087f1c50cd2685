"""What clients asked and what they were told, try by try and request by request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO


class Fate(StrEnum):
    """What a client knows of the effect of what it sent."""

    DONE = "done"
    """2xx: it has been done."""
    REFUSED = "refused"
    """4xx: it has not been done, and will not be."""
    UNAVAILABLE = "unavailable"
    """503: try again; it may have been done all the same."""
    UNKNOWN = "unknown"
    """Another 5xx, a time-out, a connection that broke: it may have been done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One request as it went over the wire; `began` and `ended` are seconds since the epoch."""

    request: str
    number: int
    patient: str
    op: str
    began: float
    ended: float
    status: int | None
    code: str | None
    """The problem's code, or what broke."""
    fate: Fate
    retry_after: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing a patient wanted, with however many tries under one idempotency key.

    `fate` is DONE or REFUSED by the last answer, else UNKNOWN: no answer to any try until the
    patient gave up. `about` names what was asked for (slotId, attemptId, bookingId, replaces).
    """

    id: str
    patient: str
    op: str
    key: str
    about: Mapping[str, str]
    began: float
    ended: float
    fate: Fate
    answer: Mapping[str, Any] = field(default_factory=dict)
    repeats: str | None = None
    """The request that this one repeated on purpose, with its key."""


class History:
    """Everything that was asked and told; also written to `path`, a JSON object a line."""

    def __init__(self, path: Path | None = None):
        self._lock = threading.Lock()
        self._file: TextIO | None = path.open("w") if path else None
        self.tries: list[Try] = []
        self.requests: list[Request] = []
        self.faults: list[Mapping[str, Any]] = []

    def tried(self, try_: Try) -> None:
        with self._lock:
            self.tries.append(try_)
            self._write("try", asdict(try_))

    def asked(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)
            self._write("request", asdict(request))

    def fault(self, **what: Any) -> None:
        """Something the nemesis did."""
        with self._lock:
            told = {"at": time.time(), **what}
            self.faults.append(told)
            self._write("fault", told)

    def of(self, *ops: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.op in ops]

    def first_done(self, op: str, after: float) -> float | None:
        """When the first `op` that began after that instant was answered as done."""
        with self._lock:
            return min((t.ended for t in _done(self.tries, op) if t.began >= after), default=None)

    def done_at(self, op: str) -> list[float]:
        with self._lock:
            return sorted(t.ended for t in _done(self.tries, op))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, kind: str, what: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"kind": kind, **what}) + "\n")
            self._file.flush()


def _done(tries: Iterable[Try], op: str) -> Iterable[Try]:
    return (t for t in tries if t.op == op and t.fate is Fate.DONE)
