"""The span of an invocation: what caused it, what it served, how it went."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger

from slotkeeper import tracing

FLUSH_SECONDS = 0.3
"""The longest that a collector keeps an answer back."""
_RESERVE_SECONDS = 0.2
"""An invocation this near its end is not kept from answering."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Event = dict[str, Any]  # Any: Lambda events and answers are free JSON
_is_cold = True


def traced(handler: Callable[[Event, Any], Any], log: Logger) -> Callable[[Event, Any], Any]:
    """The handler in a span of its own where tracing is on; the handler alone where it is not."""

    @functools.wraps(handler)
    def wrapper(event: Event, context: Any) -> Any:
        if why := tracing.begin():
            log.warning("tracing.unavailable", errorType=why)
        if not tracing.is_on():
            return handler(event, context)
        try:
            return _in_span(handler, event, context, log)
        finally:
            left = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
            if lost := tracing.flush(min(FLUSH_SECONDS, left)):
                log.warning("tracing.spans_lost", why=lost)

    return wrapper


def _in_span(handler: Callable[[Event, Any], Any], event: Event, context: Any, log: Logger) -> Any:
    name, kind, attributes = _told(event, context.function_name)
    ours, theirs = _causes(event)
    own = {
        "faas.name": context.function_name,
        "faas.coldstart": _first(),
        "slotkeeper.request_id": context.aws_request_id,
    }
    with tracing.start(name, kind, {**attributes, **own}, parent=ours, links=[theirs]) as span:
        log.append_keys(traceId=tracing.trace_id_of(span.traceparent))
        tracing.serving(context.aws_request_id)
        answer = handler(event, context)
        status = answer.get("statusCode") if isinstance(answer, dict) else None
        if isinstance(status, int):
            span.note({"http.response.status_code": status})
            if status >= 500:
                span.failed(str(status))
        return answer


def _told(event: Event, function: str) -> tuple[str, tracing.Kind, Mapping[str, tracing.Value]]:
    """A span's name, its kind, and what set the function off."""
    if "httpMethod" in event:
        method = event["httpMethod"] if event["httpMethod"] in METHODS else "_OTHER"
        route = str(event.get("resource") or "")
        told = {"http.request.method": method, "http.route": route, "faas.trigger": "http"}
        # API Gateway asks the authorizer with the request, too.
        asks = "authorize " if event.get("type") == "REQUEST" else ""
        return f"{asks}{method} {route}".strip(), "server", told
    records = event.get("Records")
    if isinstance(records, list):
        count = {"messaging.batch.message_count": len(records)}
        return f"receive {function}", "consumer", {"faas.trigger": "pubsub", **count}
    trigger = "timer" if event.get("source") == "aws.scheduler" else "other"
    return function, "server", {"faas.trigger": trigger}


def _causes(event: Event) -> tuple[str | None, str | None]:
    """The context to go on with, and one that is only worth a link.

    Our authorizer's, which the gateway hands on, is ours. A header is anybody's word: who sends it
    could have every request of theirs sampled, or write into others' traces. Where the API stands
    behind a gateway of its owner's (`trust_callers`) it is as good as ours.
    """
    context = event.get("requestContext")
    authorizer = (context.get("authorizer") if isinstance(context, dict) else None) or {}
    ours = tracing.valid(authorizer.get(tracing.TRACEPARENT))
    theirs = _header(event)
    if ours is None and tracing.trusts_callers():
        return theirs, None
    return ours, theirs


def _header(event: Event) -> str | None:
    """The one valid `traceparent` header; two are none."""
    many = event.get("multiValueHeaders") or {}
    values = [v for name, all_ in many.items() if name.lower() == tracing.TRACEPARENT for v in all_]
    if not many:
        single = event.get("headers") or {}
        values = [v for name, v in single.items() if name.lower() == tracing.TRACEPARENT]
    return tracing.valid(values[0]) if len(values) == 1 else None


def _first() -> bool:
    global _is_cold  # one process, one first invocation
    was, _is_cold = _is_cold, False
    return was
