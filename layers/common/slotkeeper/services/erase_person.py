"""Forget a person: their data goes, their bookings stay under an id that says nothing of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from slotkeeper.domain.attempt import Attempt
from slotkeeper.domain.errors import AppointmentsAhead, HoldExpired, NotFound
from slotkeeper.services.release_hold import release_hold
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.timetable import Asked
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.common import Clock, Together
    from slotkeeper.ports.holds import HoldGate
    from slotkeeper.ports.payments import SagaStore
    from slotkeeper.ports.personal import PersonalData, PersonalKeys
    from slotkeeper.ports.slots import SlotStore

MESSAGES_KEPT = timedelta(days=16)
"""A day more than what tells of a message is there (`indexes.py`)."""


class Erased(Value, kw_only=True):
    """What an erasure took away."""

    profile: bool
    reasons: int
    messages: int
    holds: int
    keys: int


def erase_person(
    *,
    user_id: str,
    asked: Asked,
    data: PersonalData,
    kept: PersonalKeys,
    slots: SlotStore,
    ledger: Ledger,
    gate: HoldGate,
    clock: Clock,
    together: Together,
    sagas: SagaStore | None = None,
) -> Erased:
    """Erase what is held about the person; repeated, it completes what was cut off.

    First the profile, with the audit log's word of it: from then on nobody has an address of
    theirs, and no hold can be begun. Holds are released, reasons and providers' ids of messages
    erased, and last what Redis remembers, so that a hold under way keeps no answer either.
    Bookings, payments and the audit log stay, under the id (docs/privacy.md).

    Raises:
        AppointmentsAhead: they have confirmed appointments to come; nothing is changed.
        Unavailable: a server did not answer; repeating the call is safe.
    """
    now = clock.now()
    if data.coming(user_id, now=now):
        raise AppointmentsAhead
    profile = data.erase_profile(user_id, asked, now=now)
    reasons = data.erase_reasons(user_id)
    messages = data.erase_messages(user_id, since=now - MESSAGES_KEPT)
    holds = 0
    for slot in data.holds(user_id):
        if slot.hold is None or slot.hold.user_id != user_id:
            continue
        attempt = Attempt(id=slot.hold.attempt_id, user_id=user_id, request_id=asked.request_id)
        # Over or confirmed since it was found: then it is none.
        with suppress(HoldExpired, NotFound):
            release_hold(
                attempt=attempt,
                slots=slots,
                ledger=ledger,
                gate=gate,
                together=together,
                sagas=sagas,
            )
            holds += 1
    return Erased(
        profile=profile,
        reasons=reasons,
        messages=messages,
        holds=holds,
        keys=kept.forget(user_id),
    )
