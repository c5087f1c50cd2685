"""`tracing.Tracer` by the OpenTelemetry SDK."""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

import requests
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from slotkeeper.adapters.otel.courier import Courier
from slotkeeper.domain.attempt import ATTEMPT_ID, BOOKING_ID
from slotkeeper.tracing import ATTRIBUTES, Kind, Value, valid

CALL_SECONDS = 0.3
"""Of the exporter itself; `Courier` waits as long as it is told, whatever this comes to."""
MOST_SPANS = 2_000
"""Kept at once; of more, the oldest go."""
_OURS = {"slotkeeper.attempt_id": ATTEMPT_ID, "slotkeeper.booking_id": BOOKING_ID}
_PLAIN = re.compile(r"[A-Za-z0-9_.:/{}+ -]{1,120}", re.ASCII)
_KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_current: ContextVar[trace.Span | None] = ContextVar("current", default=None)

# It tells addresses and answers in its own words; what is to be known of a failure, `flush` tells.
logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
logging.getLogger("opentelemetry").propagate = False


class OtelTracer:
    """Spans of an invocation, sampled by their trace, kept until they are flushed."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        sample_rate: float,
        resource: Mapping[str, str],
        trusts_callers: bool = False,
        now: Callable[[], float] = time.monotonic,
    ):
        self.trusts_callers = trusts_callers
        self._exporter = exporter
        self._kept = _Kept()
        self._provider = TracerProvider(
            # What another of our functions decided for its trace holds for all of it.
            sampler=ParentBased(TraceIdRatioBased(sample_rate)),
            resource=Resource(dict(resource)),
            id_generator=_FreshIds(),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._kept)
        self._tracer = self._provider.get_tracer("slotkeeper")
        self._courier = Courier(self._took, now)

    def start(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        *,
        parent: str | None,
        links: Sequence[str],
    ) -> OtelSpan:
        above = trace.NonRecordingSpan(_context_of(parent)) if parent else _current.get()
        if above is not None and not above.get_span_context().trace_flags.sampled:
            return OtelSpan(above)  # of a trace that is not kept nothing is begun
        # Never the process's ambient context: nobody else opens spans here.
        within = trace.set_span_in_context(above, Context()) if above else Context()
        begun = self._tracer.start_span(
            name,
            context=within,
            kind=_KINDS[kind],
            attributes=_allowed(attributes),
            links=[trace.Link(_context_of(link)) for link in links],
        )
        return OtelSpan(begun)

    def current(self) -> str | None:
        found = _current.get()
        return None if found is None else _traceparent(found)

    def note(self, attributes: Mapping[str, Value]) -> None:
        if found := _current.get():
            found.set_attributes(_allowed(attributes))

    def flush(self, seconds: float) -> str | None:
        if seconds <= 0 or not (spans := self._kept.take()):
            return None
        return self._courier.deliver(spans, seconds)

    def close(self) -> None:
        self._courier.join(CALL_SECONDS)
        self._exporter.shutdown()

    def _took(self, spans: Sequence[Any]) -> bool:
        return self._exporter.export(spans) is SpanExportResult.SUCCESS


class OtelSpan:
    """`tracing.Span` of what may or may not be sampled."""

    def __init__(self, span: trace.Span):
        self._span = span
        self._token: Token[trace.Span | None] | None = None

    @property
    def traceparent(self) -> str:
        return _traceparent(self._span)

    def note(self, attributes: Mapping[str, Value]) -> None:
        self._span.set_attributes(_allowed(attributes))

    def failed(self, kind: str) -> None:
        self.note({"error.type": kind})
        self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        self._span.end()

    def __enter__(self) -> Self:
        self._token = _current.set(self._span)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if kind is not None:
            self.failed(kind.__name__)
        self.end()


class _Kept(SpanProcessor):
    """What has ended and was not handed on yet; from several threads."""

    def __init__(self) -> None:
        self._spans: deque[ReadableSpan] = deque(maxlen=MOST_SPANS)
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            with self._lock:
                self._spans.append(span)

    def take(self) -> list[ReadableSpan]:
        with self._lock:
            taken = list(self._spans)
            self._spans.clear()
        return taken


class _FreshIds(IdGenerator):
    """By the system's randomness: copies of one snapshot would share the interpreter's."""

    def generate_span_id(self) -> int:
        return 1 + secrets.randbelow(2**64 - 1)

    def generate_trace_id(self) -> int:
        return 1 + secrets.randbelow(2**128 - 1)


def over_http(
    endpoint: str, *, sample_rate: float, environment: str, trusts_callers: bool
) -> OtelTracer:
    """A tracer whose spans go to the OTLP/HTTP collector at `endpoint` (its root)."""
    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a log-in that the environment names
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=CALL_SECONDS, session=session
    )
    resource = {"service.name": "slotkeeper", "deployment.environment.name": environment}
    return OtelTracer(
        exporter, sample_rate=sample_rate, resource=resource, trusts_callers=trusts_callers
    )


def _allowed(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """What spans may tell, in the form that it has: a text of any other is left out."""
    return {
        name: value
        for name, value in attributes.items()
        if name in ATTRIBUTES
        and (not isinstance(value, str) or _OURS.get(name, _PLAIN).fullmatch(value))
    }


def _context_of(traceparent: str) -> trace.SpanContext:
    known = valid(traceparent)
    if known is None:
        return trace.INVALID_SPAN_CONTEXT
    _, trace_id, span_id, flags = known.split("-")
    return trace.SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(int(flags, 16) & 1),
    )


def _traceparent(span: trace.Span) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"
