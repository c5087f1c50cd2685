"""What every invocation does besides its work: a deadline, a log line, metrics."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from aws_lambda_powertools import Logger

from slotkeeper import asides, deadline, readiness, readings, startup, tracing
from slotkeeper.domain.attempt import reads_as_ours
from slotkeeper.domain.slot import start_of
from slotkeeper.entrypoints import metrics
from slotkeeper.entrypoints.log_line import AllowedOnly
from slotkeeper.entrypoints.metrics import SERVICE
from slotkeeper.entrypoints.metrics import count as count  # noqa: PLC0414  # re-exported
from slotkeeper.entrypoints.metrics import count_by as count_by  # noqa: PLC0414  # re-exported
from slotkeeper.entrypoints.traced import traced

logger = Logger(service=SERVICE, logger_formatter=AllowedOnly())
_MOST_LINES = 100
"""Documents told of one by one; more of them at once are a story of their own, and counted."""

_CALLS = ("redis_ms", "mongodb_ms")

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
            with asides.collected() as met, readings.collected() as taken:
                try:
                    answer = readiness.answer_to(event) or handler(event, context)
                except Exception as error:
                    name = type(error).__name__
                    logger.exception("invocation.failed", errorType=name)
                    raise InvocationFailed(name) from None
                finally:
                    _tell(met)
                    _tell_readings(taken, str(context.aws_request_id))
        finally:
            metrics.flush()
        logger.info(
            "invocation.completed",
            durationMs=round((time.perf_counter() - started) * 1000, 1),
            status=answer.get("statusCode") if isinstance(answer, dict) else None,
        )
        return answer

    startup.end()
    injected: Handler = logger.inject_lambda_context(traced(wrapper, logger), clear_state=True)
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


def _tell_readings(taken: readings.Readings, request_id: str) -> None:
    metrics.tell(taken, request_id=request_id, share=readings.share())
    if ("jwks_refresh_failed_total", None) in taken:
        logger.warning("keys.not_refreshed")
    if logger.log_level <= logging.DEBUG:
        calls = {
            f"{name}.{label}": [round(value, 2) for value in values]
            for (name, label), values in taken.items()
            if name in _CALLS
        }
        logger.debug("calls.made", calls=calls)


def identify(**ids: str | None) -> None:
    """Name what the invocation is about (bookingId, slotId, attemptId) on its further lines.

    Only by what reads as an id of ours: clients write into paths and bodies what they like.
    """
    ours = {name: id_ for name, id_ in ids.items() if id_ is not None and _is_ours(name, id_)}
    logger.append_keys(**ours)
    tracing.identify(ours)


def _is_ours(name: str, id_: str) -> bool:
    return start_of(id_) is not None if name == "slotId" else reads_as_ours(id_)


def _gateway_request_id(event: dict[str, Any]) -> str | None:
    """The gateway's id of the request, by which its access log knows it."""
    found = (event.get("requestContext") or {}).get("requestId")
    return None if found is None else str(found)


def has_time(context: Any, reserve_seconds: float = 5.0) -> Callable[[], bool]:
    """Whether the invocation can begin another batch."""
    return lambda: context.get_remaining_time_in_millis() / 1000 > reserve_seconds
