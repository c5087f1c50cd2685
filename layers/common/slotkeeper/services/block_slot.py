"""A clinic takes a slot from its patients, or gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from slotkeeper.domain.errors import SlotHeld, SlotUnavailable
from slotkeeper.domain.slot import Slot, SlotStatus, doctor_of, seconds_until
from slotkeeper.services.access import ensure_manages
from slotkeeper.services.record_facts import record_decisions

if TYPE_CHECKING:
    from slotkeeper.domain.user import Caller
    from slotkeeper.ports.bookings import Ledger
    from slotkeeper.ports.clinic import DoctorStore
    from slotkeeper.ports.common import Together
    from slotkeeper.ports.pages import SlotPages
    from slotkeeper.ports.people import UserStore
    from slotkeeper.ports.slots import SlotBlocks, SlotDecision


def block_slot(
    *,
    slot_id: str,
    is_blocked: bool,
    caller: Caller,
    request_id: str,
    blocks: SlotBlocks,
    ledger: Ledger,
    doctors: DoctorStore,
    users: UserStore,
    pages: SlotPages,
    together: Together,
) -> Slot:
    """The slot, blocked or active; unchanged if it was so.

    Raises:
        NotFound: no such slot, or another clinic's.
        SlotHeld, SlotUnavailable: it is a patient's.
        Unavailable: MongoDB did not answer; repeating the request is safe.
    """
    doctor_id = doctor_of(slot_id)
    ensure_manages(caller, doctor_id, doctors=doctors, users=users)
    decide = blocks.block if is_blocked else blocks.unblock
    decision = decide(slot_id, actor=caller.user_id, request_id=request_id)
    slot = _as_wanted(decision, is_blocked=is_blocked)
    together(
        lambda: record_decisions(decision, ledger=ledger),
        lambda: pages.forget(doctor_id),
    )
    return slot


def _as_wanted(decision: SlotDecision, *, is_blocked: bool) -> Slot:
    """The slot, if it is as it was asked to be. Raises SlotHeld, SlotUnavailable."""
    slot, now = decision.slot, decision.now
    hold = slot.live_hold(now)
    if hold is not None:
        raise SlotHeld(retry_after_seconds=seconds_until(hold.expires_at, now))
    if slot.status is SlotStatus.RESERVED:
        slot = replace(slot, status=SlotStatus.ACTIVE, hold=None)  # its hold is over
    wanted = SlotStatus.BLOCKED if is_blocked else SlotStatus.ACTIVE
    if slot.status is not wanted:
        raise SlotUnavailable
    return slot
