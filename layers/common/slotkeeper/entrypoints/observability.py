"""What every invocation does besides its work: a deadline, a log line, metrics."""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from slotkeeper import asides, deadline

_SERVICE, _NAMESPACE = "slotkeeper", "Slotkeeper"
logger = Logger(service=_SERVICE)
metrics = Metrics(namespace=_NAMESPACE, service=_SERVICE)

_MOST_LINES = 100
"""Documents told of one by one; more of them at once are a story of their own, and counted."""
_MOST_FRAMES = 8
"""Of a traceback, the innermost."""

Handler = Callable[[dict[str, Any], Any], Any]  # Any: Lambda events and answers are free JSON


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


def raised_at(error: BaseException) -> list[str]:
    """Where it and what caused it were raised, the innermost last: types, files and lines only.

    (Errors of drivers quote keys, addresses and arguments, and a traceback quotes the errors.)
    """
    told = [] if error.__cause__ is None else raised_at(error.__cause__)
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    places = [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in frames]
    return [*told, type(error).__name__, *places]


def has_time(context: Any, reserve_seconds: float = 5.0) -> Callable[[], bool]:
    """Whether the invocation can begin another batch."""
    return lambda: context.get_remaining_time_in_millis() / 1000 > reserve_seconds


def count(name: str, value: int = 1) -> None:
    """Count business events (guide, section 11)."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=int(value))


def count_by(name: str, **labels: str) -> None:
    """Count one event under labels, of which there are few by design."""
    with single_metric(
        name=name,
        unit=MetricUnit.Count,
        value=1,
        namespace=_NAMESPACE,
        default_dimensions={"service": _SERVICE, **labels},
    ):
        pass
