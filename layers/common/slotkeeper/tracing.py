"""Spans of what an invocation does (OpenTelemetry), where tracing is on; nothing where it is not.

The one seam between what is traced and what traces: whoever does something worth a span opens it
here, and `bootstrap` says who keeps it (`adapters.otel`). While nobody does, which is the default,
every call is one `if`, and no module of OpenTelemetry is imported. docs/tracing.md tells the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Literal, Protocol, Self

TRACEPARENT = "traceparent"
"""What a trace's context is called wherever it is handed on (W3C Trace Context)."""

Kind = Literal["server", "client", "producer", "consumer"]
Value = str | int | bool

ATTRIBUTES: Mapping[str, str] = {
    "http.request.method": "the method",
    "http.route": "the route's template; its path is on no span",
    "http.response.status_code": "what was answered",
    "faas.name": "the function",
    "faas.trigger": "http, pubsub, timer or other",
    "faas.coldstart": "whether the container is new",
    "db.system.name": "mongodb or redis",
    "db.operation.name": "the command's name",
    "db.operation.batch.size": "how many commands went in one trip",
    "db.collection.name": "the collection",
    "messaging.system": "aws_sqs",
    "messaging.destination.name": "the queue",
    "messaging.operation.name": "send or process",
    "messaging.batch.message_count": "how many messages at once",
    "rpc.service": "the service of AWS",
    "rpc.method": "what it was asked to do",
    "error.type": "the kind of an error, or the status",
    "slotkeeper.request_id": "requestId",
    "slotkeeper.attempt_id": "attemptId",
    "slotkeeper.booking_id": "bookingId",
}
"""All that spans may tell, and what it is: ids of requests, attempts and bookings, nobody's own."""

_IDS = {"attemptId": "slotkeeper.attempt_id", "bookingId": "slotkeeper.booking_id"}
_CONTEXT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.{0,200})?",
    re.ASCII,
)


class Span(Protocol):
    """Something that is being done. In a `with` block it is what spans begun there belong to."""

    @property
    def traceparent(self) -> str | None: ...

    def note(self, attributes: Mapping[str, Value]) -> None: ...

    def failed(self, kind: str) -> None:
        """It went wrong, in this way: a kind, never a message."""
        ...

    def end(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Tracer(Protocol):
    @property
    def trusts_callers(self) -> bool:
        """Whether a caller's context is gone on with, rather than linked to."""
        ...

    def start(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        parent: str | None,
        links: Sequence[str],
    ) -> Span: ...

    def current(self) -> str | None: ...

    def note(self, attributes: Mapping[str, Value]) -> None:
        """On the current span, if there is one."""
        ...

    def flush(self, seconds: float) -> str | None:
        """Hand on what has ended, in so many seconds or not at all; why not, if it failed now."""
        ...


class _Nothing:
    """The span of what nobody traces."""

    traceparent = None

    def note(self, attributes: Mapping[str, Value]) -> None: ...

    def failed(self, kind: str) -> None: ...

    def end(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


_NOTHING = _Nothing()
_tracer: Tracer | None = None
_make: Callable[[], Tracer] | None = None
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def provide(make: Callable[[], Tracer] | None) -> None:
    """Have spans kept by what `make` makes, from the next invocation on; None: by nobody."""
    global _tracer, _make  # one process, one tracer
    _tracer, _make = None, make


def begin() -> str | None:
    """Make the tracer, if one is provided and not there yet; the kind of error if it cannot be.

    It is not tried again then: a function without what it traces with goes on untraced.
    """
    global _tracer, _make  # noqa: PLW0603  # one process, one tracer
    if _make is None:
        return None
    make, _make = _make, None
    try:
        _tracer = make()
    except Exception as error:  # noqa: BLE001  # whatever it is, no request fails for it
        return type(error).__name__
    return None


def is_on() -> bool:
    return _tracer is not None


def trusts_callers() -> bool:
    return _tracer is not None and _tracer.trusts_callers


def start(
    name: str,
    kind: Kind,
    attributes: Mapping[str, Value],
    *,
    parent: str | None = None,
    links: Sequence[str | None] = (),
) -> Span:
    """Begin a span; its owner ends it, or has it in a `with` block.

    `parent` is the context of what caused it, elsewhere or earlier; without one it belongs to the
    span whose block this is in. `links` are contexts of what else it has to do with.
    """
    if _tracer is None:
        return _NOTHING
    known = [link for link in links if link is not None and link != parent]
    return _tracer.start(name, kind, attributes, parent=parent, links=known)


def serving(request_id: str) -> None:
    """What follows is the work of the invocation `request_id`."""
    _request_id.set(request_id)


def current() -> str | None:
    """The context to hand on to what is caused here; None where nothing is traced."""
    return None if _tracer is None else _tracer.current()


def of_request(request_id: str) -> str | None:
    """The context of that request, if it is the one being served and traced.

    (Who completes what another request decided is not its cause.)
    """
    return current() if _tracer is not None and _request_id.get() == request_id else None


def identify(ids: Mapping[str, str | None]) -> None:
    """Name what the current span is about, of attemptId and bookingId."""
    if _tracer is not None:
        _tracer.note({_IDS[name]: id_ for name, id_ in ids.items() if name in _IDS and id_})


def carried() -> dict[str, str]:
    """`current` as it is handed on by name; empty where there is none."""
    found = current()
    return {} if found is None else {TRACEPARENT: found}


def valid(context: object) -> str | None:
    """The trace context as W3C's version 00 writes it; None if it is none."""
    found = _CONTEXT.fullmatch(context) if isinstance(context, str) else None
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return f"00-{found['trace']}-{found['span']}-{found['flags']}"


def trace_id_of(context: str | None) -> str | None:
    return None if context is None else context.split("-")[1]


def flush(seconds: float) -> str | None:
    return None if _tracer is None else _tracer.flush(seconds)
