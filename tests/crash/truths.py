"""What holds of any stage that has come to rest, whatever happened on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ops.check import LONGEST_HOLD, check_what_is_read
from ops.check.moment import Moment
from ops.check.payment_rules import KEEPS_MONEY
from slotkeeper.adapters.redis.keys import LOCK_CLAIM, ms
from slotkeeper.contracts.otp_secret import read_ring
from tests.crash.picture import Seen
from tests.crash.seen_reader import SeenReader
from tests.crash.stage import Stage

_FACTS_OF = {
    "confirmed": ["booking.confirmed"],
    "cancelled": ["booking.cancelled", "booking.confirmed"],
    "rescheduled": ["booking.confirmed", "booking.rescheduled"],
}


def broken_truths(stage: Stage, seen: Seen, *, is_all_over: bool) -> Iterator[str]:
    """What is not as it must be after the sweeps; `is_all_over`: no hold is left by then."""
    yield from _slots(stage, seen, is_all_over=is_all_over)
    yield from _facts(seen)
    yield from _redis(stage, seen, is_all_over=is_all_over)
    yield from _money(stage, seen)
    yield from _checked(stage, seen)
    if read_ring(stage.cloud.keys.current).find("k1") is None:
        yield "a key is gone that codes were made with a moment ago"
    if stage.is_transaction_open:
        yield "a transaction is open"


def _checked(stage: Stage, seen: Seen) -> Iterator[str]:
    now, nothing = datetime.now(UTC), timedelta(0)
    moment = Moment(
        now=now,
        grace=nothing,
        longest_hold=LONGEST_HOLD,
        seal_grace=nothing if stage.seals else None,
    )
    found = check_what_is_read(
        SeenReader(seen, now, stage.indexes),
        stage.house.redis,
        environment=stage.house.keys.environment,
        moment=moment,
    )
    yield from map(str, found)


def _slots(stage: Stage, seen: Seen, *, is_all_over: bool) -> Iterator[str]:
    confirmed = Counter(b["slotId"] for b in seen["bookings"] if b["status"] == "confirmed")
    for slot in seen["slots"]:
        name = stage.names.get(slot["_id"], slot["_id"])
        if slot["status"] == "reserved":
            if is_all_over or slot["hold"]["expiresAt"] <= datetime.now(UTC):
                yield f"{name} is reserved past its hold"
        elif "hold" in slot:
            yield f"{name} is {slot['status']} and has a hold"
        if (slot["status"] == "booked") != (confirmed[slot["_id"]] == 1):
            yield f"{name} is {slot['status']} with {confirmed[slot['_id']]} confirmed bookings"
        if slot.get("pendingEvents"):
            yield f"{name} has facts that nobody recorded"


def _facts(seen: Seen) -> Iterator[str]:
    told = seen["outbox"]
    noted = [entry for entry in seen["audit_logs"] if "slotId" in entry]
    if sorted(row["_id"] for row in told) != sorted(row["_id"] for row in noted):
        yield "outbox and audit log differ"
    for booking in seen["bookings"]:
        for where, rows in (("told", told), ("noted", noted)):
            types = sorted(row["type"] for row in rows if row["bookingId"] == booking["_id"])
            if types != _FACTS_OF[booking["status"]]:
                yield f"of a {booking['status']} booking are {where}: {types}"
    if any("unsent" in row for row in told):
        yield "an event was not sent"
    messages = [row for row in seen["deliveries"] if not row["_id"].startswith("turn/")]
    if any("sentAt" not in row for row in messages):
        yield "a message was claimed and neither sent nor given up"


def _money(stage: Stage, seen: Seen) -> Iterator[str]:
    """What is kept is what live bookings cost, and nobody's money is asked for twice."""
    paid = [b["payment"] for b in seen["bookings"] if "payment" in b and b["status"] in KEEPS_MONEY]
    owed = sum(payment["amount"] for payment in paid)
    if stage.bank.kept != owed or stage.bank.reserved:
        yield f"kept {stage.bank.kept}, owed {owed}, reserved {stage.bank.reserved}"
    asked = Counter[str]()
    for payment in stage.bank.payments():
        asked[payment["attemptId"]] += payment["authorisations"]
    for times in asked.values():
        if times > 1:
            yield f"money was reserved {times} times for one booking"
    for saga in seen["sagas"]:
        if "dueAt" in saga:
            yield f"a payment is {saga['state']}, and not at rest"


def _redis(stage: Stage, seen: Seen, *, is_all_over: bool) -> Iterator[str]:
    redis = stage.house.redis
    held = [slot for slot in seen["slots"] if slot["status"] == "reserved"]
    holds = {slot["hold"]["attemptId"]: slot["_id"] for slot in held}
    for full in stage.redis_keys():
        key = full.partition(":")[2]
        if key.startswith("lock:"):
            slot_id = holds.get(str(redis.get(full)))
            is_claim = not is_all_over and 0 < redis.pttl(full) <= ms(LOCK_CLAIM)
            if not is_claim and (slot_id is None or not key.endswith(slot_id)):
                yield "a lock of no hold outlives its claim"
        elif key.startswith("booking:attempt:"):
            if is_all_over and not redis.hexists(full, "answer"):
                yield "a request is under way for ever"
        elif redis.pttl(full) < 0:
            yield f"{key.partition(':')[0]} never lapses"
