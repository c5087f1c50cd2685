"""EventBridge schedule, every minute, and right after a commit: outbox to queue."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.entrypoints.observability import count, has_time, instrumented, logger
from slotkeeper.services.relay_outbox import relay_outbox


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    relayed = relay_outbox(
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        gate=bootstrap.gate(),
        outbox=bootstrap.outbox(),
        jobs=bootstrap.jobs(),
        has_time=has_time(context),
    )
    count("outbox_relayed_total", relayed.sent)
    if relayed.refused:
        logger.error("facts.refused", refused=relayed.refused)
    logger.info("relay.completed", sent=relayed.sent, recorded=relayed.recorded)
    return {"sent": relayed.sent, "recorded": relayed.recorded}
