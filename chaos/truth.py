"""What is so in the end: read once, after everything came to rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, BOOKINGS, SLOTS

Document = Mapping[str, Any]  # Any: BSON documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Documents by id; `texts` are those that reached each patient's phone."""

    at: datetime
    bookings: Mapping[str, Document]
    slots: Mapping[str, Document]
    events: Sequence[Document] = ()
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read(
    database: Database[dict[str, Any]], inboxes: Mapping[str, Callable[[], Sequence[str]]]
) -> Truth:
    """What a majority of the database has, and what the patients were sent."""
    sure = database.with_options(read_concern=ReadConcern("majority"))
    return Truth(
        at=datetime.now(UTC),
        bookings={row["_id"]: row for row in sure[BOOKINGS].find()},
        slots={row["_id"]: row for row in sure[SLOTS].find({"status": {"$ne": "active"}})},
        events=list(sure[AUDIT_LOGS].find({"bookingId": {"$type": "string"}})),
        texts={user: list(inbox()) for user, inbox in inboxes.items()},
    )
