"""EventBridge schedule, every minute: finish the payments that nobody is at work on."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.domain.payment import SagaState
from slotkeeper.entrypoints.observability import count, has_time, instrumented, logger
from slotkeeper.services.settle_payments import settle_payments


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    done = settle_payments(
        request_id=context.aws_request_id,
        till=bootstrap.till(),
        # One saga is up to three calls of the provider.
        has_time=has_time(context, reserve_seconds=20.0),
    )
    count("payments_captured_total", done.settled.get(SagaState.CAPTURED, 0))
    count("payments_voided_total", done.settled.get(SagaState.VOIDED, 0))
    count("payments_refunded_total", done.settled.get(SagaState.REFUNDED, 0))
    count("payments_waiting_total", done.waiting)
    count("payments_set_aside_total", len(done.set_aside))
    for saga, error in done.set_aside:
        logger.error("payment.set_aside", attemptId=saga, errorType=error)
    settled = sum(done.settled.values())
    logger.info("payments.completed", settled=settled, waiting=done.waiting)
    return {"settled": settled, "waiting": done.waiting, "setAside": len(done.set_aside)}
