"""EventBridge schedule, every minute: seal what was added to the audit log."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.entrypoints.observability import count, has_time, instrumented, logger
from slotkeeper.services.seal_audit import seal_audit


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    sealed = seal_audit(
        seals=bootstrap.audit_seals(),
        clock=bootstrap.clock(),
        # Between two blocks it may look through pages of what is sealed already.
        has_time=has_time(context, reserve_seconds=22.0),
    )
    count("audit_entries_sealed_total", sealed.entries)
    # Out of reach of whoever can write to the database: what `ops check --audit-head` takes.
    logger.info(
        "audit.sealed",
        entries=sealed.entries,
        blocks=sealed.blocks,
        head=str(sealed.head) if sealed.head else None,
        isOutrun=sealed.is_outrun,
    )
    return {"entries": sealed.entries, "blocks": sealed.blocks}
