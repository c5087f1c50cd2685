"""Every rule that is checked: its name, the invariant it belongs to, and what it means.

The names are stable: reports, alarms and tests go by them. `docs/reliability.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.violation import Violation


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    invariant: int
    meaning: str
    """What is wrong where the rule is broken."""

    def broken(
        self,
        about: str,
        *documents: Mapping[str, Any],  # Any: BSON values
        invariant: int | None = None,
    ) -> Violation:
        return Violation(
            invariant=self.invariant if invariant is None else invariant,
            rule=self.name,
            about=about,
            documents=documents,
        )


RULES: dict[str, Rule] = {}
"""All of them, by name."""


def _rule(name: str, invariant: int, meaning: str) -> Rule:
    RULES[name] = Rule(name, invariant, meaning)
    return RULES[name]


# One slot, one booking.
GUARD_MISSING = _rule(
    "guard_missing", 1, "a unique index that stands behind the decisions is not there"
)
CONFIRMED_TWICE = _rule("confirmed_twice", 1, "two or more confirmed bookings name one slot")
OVERLAPPING_BOOKED = _rule(
    "overlapping_booked", 1, "two slots of one doctor share an instant and both are booked"
)
SLOT_WITHOUT_BOOKING = _rule(
    "slot_without_booking",
    2,
    "a slot is booked by a booking that is not there, has ended, or names another slot",
)
BOOKING_WITHOUT_SLOT = _rule(
    "booking_without_slot", 2, "a booking is confirmed and its slot is not booked by it"
)
BOOKING_DIFFERS_FROM_SLOT = _rule(
    "booking_differs_from_slot", 2, "a booking and the slot it has booked tell of different times"
)
STATUS_DISAGREES = _rule(
    "status_disagrees", 2, "a slot has what its status excludes, or lacks what it requires"
)
UNKNOWN_STATUS = _rule("unknown_status", 2, "a slot or a booking has a status that there is not")
MALFORMED_DOCUMENT = _rule(
    "malformed_document", 2, "a field is missing, of another type, or cannot be what it is"
)

# Nothing lost, nobody else's.
BOOKING_LOST = _rule("booking_lost", 3, "a confirmation is told, and its booking is not there")
BOOKING_WITHOUT_FACT = _rule(
    "booking_without_fact", 3, "a booking is there, and no confirmation of it is told"
)
ATTEMPT_OF_OTHER = _rule("attempt_of_other", 4, "a hold's or booking's attempt is another user's")
FENCE_BROKEN = _rule("fence_broken", 4, "a held slot was changed after the hold was placed")
CODE_STORED = _rule("code_stored", 5, "something is stored where a code in clear would be")

# Told once.
EVENT_WITHOUT_AUDIT = _rule("event_without_audit", 6, "an event has no audit entry")
AUDIT_WITHOUT_EVENT = _rule(
    "audit_without_event", 6, "an audit entry has no event, and none can have lapsed"
)
EVENT_DIFFERS_FROM_AUDIT = _rule(
    "event_differs_from_audit", 6, "an event and its audit entry tell of different things"
)
EVENT_NOT_SENT = _rule("event_not_sent", 6, "an event has waited for delivery beyond the grace")
FACTS_DO_NOT_CHAIN = _rule(
    "facts_do_not_chain", 6, "what is told of a slot cannot have happened in that order"
)
FACTS_OUT_OF_ORDER = _rule(
    "facts_out_of_order", 6, "a slot's later version is told to be of an earlier time"
)
SLOT_DISAGREES_WITH_FACTS = _rule(
    "slot_disagrees_with_facts", 6, "a slot was booked or freed, and nothing tells of it"
)
BOOKING_DISAGREES_WITH_FACTS = _rule(
    "booking_disagrees_with_facts", 6, "a booking is not as the facts that are told of it made it"
)
SET_ASIDE = _rule(
    "set_aside", 6, "something could not be read, was set aside, and waits to be repaired"
)
AUDIT_BLOCK_MISSING = _rule("audit_block_missing", 6, "a block of the audit chain is not there")
AUDIT_CHAIN_BROKEN = _rule(
    "audit_chain_broken",
    6,
    "a block of the audit chain does not go on from the one before it: one of them was changed",
)
AUDIT_ENTRY_GONE = _rule("audit_entry_gone", 6, "an audit entry that was sealed is not there")
AUDIT_ENTRY_CHANGED = _rule(
    "audit_entry_changed", 6, "an audit entry is not as it was when it was sealed"
)
AUDIT_NOT_SEALED = _rule(
    "audit_not_sealed", 6, "audit entries are in no block of the chain beyond the grace"
)
AUDIT_PASSED_OVER = _rule(
    "audit_passed_over",
    6,
    "audit entries are in no block, and the sealing looks for them no more: put there later, with "
    "an earlier time, or with a text from an earlier version",
)
AUDIT_HEAD_MISSING = _rule(
    "audit_head_missing", 6, "the audit chain ends before a block that was noted elsewhere"
)
AUDIT_HEAD_DIFFERS = _rule(
    "audit_head_differs", 6, "a block of the audit chain is not the one that was noted elsewhere"
)
DELIVERY_UNFINISHED = _rule(
    "delivery_unfinished", 6, "a notification was begun more than a day ago and never finished"
)

# One effect a request.
ATTEMPT_BOOKED_TWICE = _rule("attempt_booked_twice", 7, "two bookings were made by one attempt")
BOOKING_ID_NOT_OF_ATTEMPT = _rule(
    "booking_id_not_of_attempt", 7, "a booking's id is not the one its attempt leads to"
)

# Every hold ends.
HOLD_NOT_ENDED = _rule("hold_not_ended", 8, "a slot is reserved past its hold and the grace")
FACT_NOT_RECORDED = _rule(
    "fact_not_recorded", 8, "a slot keeps a fact that should have been recorded long ago"
)
KEY_WITHOUT_END = _rule("key_without_end", 8, "a Redis key of ours never lapses")
LOCK_OUTLIVES_HOLD = _rule(
    "lock_outlives_hold", 8, "a Redis lock or place lives longer than a hold of it could"
)

# Money and bookings.
UNKNOWN_SAGA_STATE = _rule("unknown_saga_state", 9, "a payment is in a state that there is not")
PAYMENT_UNFINISHED = _rule(
    "payment_unfinished", 9, "a payment is neither made nor given back beyond the grace"
)
MONEY_WITHOUT_BOOKING = _rule(
    "money_without_booking", 9, "money was taken, and its booking is not there or has ended"
)
BOOKING_WITHOUT_PAYMENT = _rule(
    "booking_without_payment", 9, "a booking has a price, and no payment of it is made or reserved"
)
PAYMENT_DIFFERS = _rule("payment_differs", 9, "a booking and its payment tell of different sums")

# Both together.
REPLACEMENT_ONE_SIDED = _rule(
    "replacement_one_sided", 10, "of a booking and the one in its place, one does not say so"
)
