"""Every race there is, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.concurrency.race import Race
from tests.concurrency.races import clinics, confirmations, ends, holds, relays, seals

_ALL = (
    holds.HOLD_HOLD,
    holds.HOLD_HOLD_WITHOUT_LOCK,
    holds.MANY_TABS,
    holds.OVERLAPPING_TABS,
    holds.SAME_REQUEST,
    confirmations.VERIFY_VERIFY,
    confirmations.GUESSES,
    confirmations.VERIFY_EXPIRE,
    confirmations.VERIFY_RELEASE,
    ends.CANCEL_CANCEL,
    ends.RESCHEDULE_RESCHEDULE,
    ends.CANCEL_RESCHEDULE,
    ends.REPLACES_CANCEL,
    ends.REPLACES_REPLACES,
    relays.RELAY_RELAY,
    seals.SEAL_SEAL,
    seals.SEAL_WRITE,
    clinics.SCHEDULE_SCHEDULE,
    clinics.SAME_SCHEDULE,
    clinics.HOLD_REMOVE,
    clinics.HOLD_BLOCK,
    clinics.DOCTOR_DOCTOR,
    clinics.DOCTOR_VERSION,
)
RACES: Mapping[str, Race] = {race.name: race for race in _ALL}
