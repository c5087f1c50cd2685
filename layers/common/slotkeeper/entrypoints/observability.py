"""What every invocation does besides its work: a deadline, a log line, metrics."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from slotkeeper import asides, deadline
from slotkeeper.entrypoints.log_line import AllowedOnly

_SERVICE, _NAMESPACE = "slotkeeper", "Slotkeeper"
logger = Logger(service=_SERVICE, logger_formatter=AllowedOnly())
metrics = Metrics(namespace=_NAMESPACE, service=_SERVICE)

_MOST_LINES = 100
"""Documents told of one by one; more of them at once are a story of their own, and counted."""

LABELS: Mapping[str, frozenset[str]] = {
    "kind": frozenset({"otp.send", "event", "unreadable"}),
    "reason": frozenset({"unavailable", "unreadable", "corrupted", "error"}),
    "provider": frozenset({"sns", "eum", "ses"}),
}
"""Every label of every metric, and what it may say: few, and nobody's data."""
_OTHER = "other"

Handler = Callable[[dict[str, Any], Any], Any]  # Any: Lambda events and answers are free JSON


class InvocationFailed(Exception):
    """An invocation failed; by its kind alone, for Lambda writes out what it is told.

    An error's own words would go into the log, and with a schedule's failure into its queue.
    """


def instrumented(handler: Handler) -> Handler:
    """A Lambda handler with its deadline set and one COMPLETED line an invocation (no bodies)."""

    @functools.wraps(handler)
    def wrapper(event: dict[str, Any], context: Any) -> Any:
        deadline.start(context.get_remaining_time_in_millis() / 1000)
        started = time.perf_counter()
        logger.append_keys(
            requestId=context.aws_request_id, gatewayRequestId=_gateway_request_id(event)
        )
        try:
            with asides.collected() as met:
                try:
                    answer = handler(event, context)
                except Exception as error:
                    name = type(error).__name__
                    logger.exception("invocation.failed", errorType=name)
                    raise InvocationFailed(name) from None
                finally:
                    _tell(met)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()
        logger.info(
            "invocation.completed",
            durationMs=round((time.perf_counter() - started) * 1000, 1),
            status=answer.get("statusCode") if isinstance(answer, dict) else None,
        )
        return answer

    injected: Handler = logger.inject_lambda_context(wrapper, clear_state=True)
    return injected


def _tell(met: Iterable[asides.Aside]) -> None:
    """Log and count what the invocation left out because it cannot be read."""
    told = list(met)
    for aside in told[:_MOST_LINES]:
        logger.error(
            "document.set_aside",
            collection=aside.collection,
            documentId=aside.id,
            why=aside.why,
        )
    if told:
        count("documents_set_aside_total", len(told))


def _gateway_request_id(event: dict[str, Any]) -> str | None:
    """The gateway's id of the request, by which its access log knows it."""
    found = (event.get("requestContext") or {}).get("requestId")
    return None if found is None else str(found)


def has_time(context: Any, reserve_seconds: float = 5.0) -> Callable[[], bool]:
    """Whether the invocation can begin another batch."""
    return lambda: context.get_remaining_time_in_millis() / 1000 > reserve_seconds


def count(name: str, value: int = 1) -> None:
    """Count business events (guide, section 11)."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=int(value))


def count_by(name: str, value: int = 1, **labels: str) -> None:
    """Count events under labels, of which there are as few as `LABELS` has."""
    known = {k: v if v in LABELS[k] else _OTHER for k, v in labels.items() if k in LABELS}
    with single_metric(
        name=name,
        unit=MetricUnit.Count,
        value=value,
        namespace=_NAMESPACE,
        default_dimensions={"service": _SERVICE, **known},
    ):
        pass
