"""EventBridge schedule, every minute: free the slots whose hold is over."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.entrypoints.observability import count, has_time, instrumented, logger
from slotkeeper.services.expire_locks import expire_locks


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    sweep = expire_locks(
        request_id=context.aws_request_id,
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        gate=bootstrap.gate(),
        has_time=has_time(context),
    )
    bootstrap.note_loads()
    count("holds_expired_total", sweep.expired)
    if sweep.refused:
        logger.error("facts.refused", refused=sweep.refused)
    logger.info("sweep.completed", expired=sweep.expired, recorded=sweep.recorded)
    return {"expired": sweep.expired, "recorded": sweep.recorded}
