"""Transactions, for what one document cannot decide alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

if TYPE_CHECKING:
    from slotkeeper.adapters.mongo.documents import Document

TRANSACTION_SECONDS = 25.0
"""For a clinic that changes many slots at once: less than its function has (template.yaml), more
than the most slots take."""

Result = TypeVar("Result")


def in_transaction(
    client: MongoClient[Document], work: Callable[[ClientSession], Result]
) -> Result:
    """What `work` returns, all of it done or none.

    `work` runs again where another transaction was quicker: it must let the driver's errors pass.
    """
    with client.start_session() as session:
        return session.with_transaction(
            work, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
        )
