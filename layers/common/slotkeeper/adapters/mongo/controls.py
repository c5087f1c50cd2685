"""What operators switch while the system runs, over what it was deployed with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from slotkeeper.adapters.mongo.client import call
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, CONTROLS, Document, control_entry
from slotkeeper.adapters.mongo.fields import Fields, read_or_noted
from slotkeeper.adapters.mongo.transaction import in_transaction
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import SmsChoice, names_of, sms_providers
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.ports.common import Clock

SMS = "sms"
KEPT = timedelta(seconds=10)
"""How long a sender goes by what it has read: a switch takes effect within it."""
_MOST_REASONS = 20


class Switched(Value, kw_only=True):
    """What an operator chose for SMS; None is left as it was deployed."""

    providers: tuple[str, ...] | None = None
    falls_back: bool | None = None
    at: datetime | None = None

    def over(self, deployed: SmsChoice) -> SmsChoice:
        return SmsChoice(
            providers=deployed.providers if self.providers is None else self.providers,
            falls_back=deployed.falls_back if self.falls_back is None else self.falls_back,
        )


class MongoControls:
    """The collection `controls`: one document a switch, with the reasons of its last changes."""

    def __init__(self, database: Database[Document]):
        self._client = database.client
        self._controls = database[CONTROLS]
        self._audit = database[AUDIT_LOGS]

    def sms(self) -> Switched | None:
        """What was chosen; None: nothing, or what cannot be read, which is noted."""
        with call():
            found = self._controls.find_one({"_id": SMS})
        return None if found is None else read_or_noted(found, _switched)

    def switch_sms(
        self,
        providers: tuple[str, ...] | None,
        falls_back: bool | None,
        *,
        asked: Asked,
        reason: str,
    ) -> None:
        """Choose, and note in the audit log that it was: both, or neither."""
        at = datetime.now(UTC)
        named = None if providers is None else names_of(providers)
        chosen = {"provider": named, "fallbackToEmail": falls_back}
        entry = control_entry("sms.switched", SMS, asked=asked, at=at, details=chosen)
        by = {"by": asked.actor, "at": at}
        last = {"$each": [{**chosen, **by, "reason": reason}], "$slice": -_MOST_REASONS}

        def write(session: ClientSession) -> None:
            change = {"$set": {**chosen, **by}, "$push": {"changes": last}}
            self._controls.update_one({"_id": SMS}, change, upsert=True, session=session)
            self._audit.insert_one(entry, session=session)

        with call():
            in_transaction(self._client, write)


class KeptControls:
    """What is chosen for SMS, as it was at most `KEPT` ago."""

    def __init__(self, controls: MongoControls, clock: Clock, deployed: SmsChoice):
        self._controls = controls
        self._clock = clock
        self._deployed = deployed
        self._known: SmsChoice | None = None
        self._read_at: datetime | None = None

    def sms(self) -> SmsChoice:
        """The choice; where MongoDB does not answer, the one known last. Raises Unavailable."""
        now = self._clock.now()
        is_fresh = self._read_at is not None and timedelta(0) <= now - self._read_at < KEPT
        if self._known is None or not is_fresh:
            try:
                switched = self._controls.sms()
            except Unavailable:
                if self._known is None:
                    raise
                return self._known
            self._known = switched.over(self._deployed) if switched else self._deployed
            self._read_at = now
        return self._known


def _switched(document: Mapping[str, Any]) -> Switched:
    fields = Fields(CONTROLS, document)
    named = fields.text_or_none("provider")
    falls_back = document.get("fallbackToEmail")
    if not isinstance(falls_back, bool | None):
        raise fields.wrong("fallbackToEmail", "not true or false")
    try:
        providers = None if named is None else sms_providers(named)
    except ValueError:
        raise fields.wrong("provider", "unknown value") from None
    return Switched(providers=providers, falls_back=falls_back, at=fields.time("at"))
