"""What has happened to a slot or booking, as the outbox and the audit log tell it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple, replace

from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.payment import Price

SYSTEM = "system"
"""The actor of what no person asked for: expiry."""


class DomainEvent(Value, kw_only=True):
    """A fact, decided by a change of one slot document and known by its `id`.

    `id` is derived from the slot and the version the change gave it, so telling a fact twice
    cannot make it two facts. `aggregate_id` is what deliveries are kept in order for.
    """

    id: str
    type: str
    aggregate_id: str
    slot_id: str
    doctor_id: str
    user_id: str
    attempt_id: str
    booking_id: str | None
    from_status: str
    to_status: str
    version: int
    actor: str
    request_id: str
    at: datetime
    request_key: str | None = None
    """The request as its client may repeat it; by it a booking's change is known for its own."""
    replaces: str | None = None
    replaced_by: str | None = None
    reason: str | None = None
    """What the person who asked for it gave as reason: kept with the booking, sent nowhere."""
    payment: Price | None = None
    """What a confirmation was paid with, if it was."""
    traceparent: str | None = None
    """The trace of the request that decided it, where that is traced: no part of the fact."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DomainEvent) and self._fact == other._fact

    def __hash__(self) -> int:
        return hash(self._fact)

    @property
    def _fact(self) -> tuple[Any, ...]:
        return astuple(replace(self, traceparent=None))


def event_id(slot_id: str, version: int) -> str:
    """The id of the fact that made `version` of this slot."""
    return f"{slot_id}-{version}"
