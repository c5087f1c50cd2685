"""What Redis knows of a request to hold a slot, asked, kept and given back in one trip each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from redis import Redis

from slotkeeper.adapters.redis.client import Command, one_trip, one_trip_each, script
from slotkeeper.adapters.redis.keys import LOCK_CLAIM, Keys, ms
from slotkeeper.adapters.redis.pages import to_forget
from slotkeeper.adapters.redis.requests import RedisRequests, state_of
from slotkeeper.contracts.holds import HoldSlotResponse
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.slot import Hold, doctor_of
from slotkeeper.ports.holds import Admission, HoldTicket
from slotkeeper.readings import note

if TYPE_CHECKING:
    from slotkeeper.domain.policy import BookingPolicy

_TAKE_PLACE = script("take_place")
_PUT_CODE = script("put_code")
_EXTEND_LOCK = script("extend_lock")
_EXTEND_PLACE = script("extend_place")
_RELEASE_LOCK = script("release_lock")

_LIVES_ON = -1
"""What PTTL says of a key that has no end."""


class RedisGate:
    """`HoldGate`: idempotency key, slot lock, places and seed of an attempt."""

    def __init__(self, redis: Redis, keys: Keys, policy: BookingPolicy):
        self._redis = redis
        self._keys = keys
        self._policy = policy
        self._requests = RedisRequests(redis, keys)

    def admit(self, ticket: HoldTicket) -> Admission:
        began = time.perf_counter()
        try:
            answers = self._ask(ticket)
        except Unavailable:
            self._undo(ticket, place=None, wrote_code=None)
            raise
        note("lock_acquisition_ms", (time.perf_counter() - began) * 1000)
        _, request, holder, lock_ms, place, wrote_code = answers
        for answer in answers:
            if isinstance(answer, Exception):
                self._undo(ticket, place=place, wrote_code=wrote_code)
                raise Unavailable from answer
        known = state_of(request)
        if holder is not None and lock_ms == _LIVES_ON:
            # Ours all lapse. What is not ours keeps nobody from a slot, for MongoDB decides.
            holder, is_ours = None, False
        else:
            is_ours = holder is None
        return Admission(
            answer=known.answer if _is_answer(known.answer) else None,
            is_reused=known.is_reused,
            busy_for_ms=known.busy_for_ms,
            lock_holder=holder or ticket.attempt_id,
            lock_for_ms=lock_ms,
            took_lock=is_ours,
            took_place=place[0] == 1,
            place_in_ms=place[1] if place[0] == -1 else None,
            other_slots=[_slot_of(other) for other in place[1:]] if place[0] != -1 else [],
            took_code=wrote_code == 1,
        )

    def _undo(self, ticket: HoldTicket, *, place: Any, wrote_code: Any) -> None:
        """Some of it may have been done: what was not seen to be lapses soon."""
        undoing = [self._abandon(ticket), self._release(ticket.slot_id, ticket.attempt_id)]
        if isinstance(place, list) and place[0] == 1:
            undoing.append(self._leave_place(ticket.user_id, ticket.slot_id, ticket.attempt_id))
        if wrote_code == 1:
            undoing.append(self._drop_code(ticket.user_id, ticket.attempt_id))
        with suppress(Unavailable):
            one_trip(self._redis, *undoing)

    def _ask(self, ticket: HoldTicket) -> list[Any]:  # Any: each script answers its own shape
        keys, policy = self._keys, self._policy
        lock = keys.lock(ticket.slot_id)
        return one_trip_each(
            self._redis,
            self._requests.to_note(ticket.request_key),
            self._requests.to_begin(
                ticket.request_key, fingerprint=ticket.fingerprint, owner=ticket.request_id
            ),
            lambda p: p.set(lock, ticket.attempt_id, nx=True, px=ms(LOCK_CLAIM), get=True),
            lambda p: p.pttl(lock),
            lambda p: p.eval(
                _TAKE_PLACE,
                1,
                keys.places(ticket.user_id),
                _place(ticket.slot_id, ticket.attempt_id),
                ms(LOCK_CLAIM),
                policy.max_live_holds,
            ),
            lambda p: p.eval(
                _PUT_CODE,
                1,
                keys.code(ticket.user_id, ticket.attempt_id),
                ticket.slot_id,
                ticket.seed,
                1,
                ms(min(policy.code_lifetime, policy.hold)),
                0,
                "first",
            ),
        )

    def withdraw(
        self,
        ticket: HoldTicket,
        admission: Admission,
        *,
        was_placed: bool = False,
        stays: bool = False,
    ) -> None:
        is_other = admission.answer is not None or admission.is_reused
        if stays:
            commands = [self._abandon(ticket)]
        elif admission.busy_for_ms is not None:
            # The request under way may have begun a moment ago: place and seed are its own.
            release = self._release(ticket.slot_id, ticket.attempt_id)
            commands = [release] if admission.took_lock else []
        elif is_other:
            commands = self._returned(ticket, admission)
        else:
            commands = [*self._returned(ticket, admission), self._abandon(ticket)]
            if was_placed:
                commands.append(self._forget_pages(ticket.slot_id))
        if commands:
            one_trip(self._redis, *commands)

    def complete(
        self, ticket: HoldTicket, admission: Admission, *, hold: Hold, answer: str
    ) -> None:
        is_own = hold.attempt_id == ticket.attempt_id
        rest = [self._forget_pages(ticket.slot_id)] if is_own else self._returned(ticket, admission)
        ends_at = round(hold.expires_at.timestamp() * 1000)
        most = ms(self._policy.hold)
        lock, places = self._keys.lock(ticket.slot_id), self._keys.places(ticket.user_id)
        place = _place(ticket.slot_id, hold.attempt_id)
        keep = [
            lambda p: p.eval(_EXTEND_LOCK, 1, lock, hold.attempt_id, ends_at, most),
            lambda p: p.eval(_EXTEND_PLACE, 1, places, place, ends_at, most),
        ]
        # The answer last: from then on the request sent again does no more than repeat it.
        self._requests.complete(
            ticket.request_key,
            owner=ticket.request_id,
            answer=answer,
            first=[*keep, *rest],
        )

    def forget(
        self,
        *,
        attempt_id: str,
        slot_id: str,
        user_id: str,
        changed: Sequence[str] = (),
        proved: bool = False,
    ) -> None:
        by_doctor = {doctor_of(changed_id): changed_id for changed_id in (slot_id, *changed)}
        one_trip(
            self._redis,
            self._release(slot_id, attempt_id),
            self._drop_code(user_id, attempt_id),
            self._leave_place(user_id, slot_id, attempt_id),
            *([self._forget_failures(user_id)] if proved else []),
            *(self._forget_pages(one) for one in by_doctor.values()),
        )

    def _returned(self, ticket: HoldTicket, admission: Admission) -> list[Command]:
        attempt_id, user_id = ticket.attempt_id, ticket.user_id
        taken = [
            (admission.took_lock, self._release(ticket.slot_id, attempt_id)),
            (admission.took_place, self._leave_place(user_id, ticket.slot_id, attempt_id)),
            (admission.took_code, self._drop_code(user_id, attempt_id)),
        ]
        return [command for was_taken, command in taken if was_taken]

    def _release(self, slot_id: str, attempt_id: str) -> Command:
        lock = self._keys.lock(slot_id)
        return lambda p: p.eval(_RELEASE_LOCK, 1, lock, attempt_id)

    def _leave_place(self, user_id: str, slot_id: str, attempt_id: str) -> Command:
        places = self._keys.places(user_id)
        return lambda p: p.zrem(places, _place(slot_id, attempt_id))

    def _drop_code(self, user_id: str, attempt_id: str) -> Command:
        code = self._keys.code(user_id, attempt_id)
        return lambda p: p.delete(code)

    def _forget_failures(self, user_id: str) -> Command:
        failures = self._keys.failures(user_id)
        return lambda p: p.delete(failures)

    def _forget_pages(self, slot_id: str) -> Command:
        return to_forget(self._keys.slot_pages(doctor_of(slot_id)))

    def _abandon(self, ticket: HoldTicket) -> Command:
        return self._requests.to_abandon(ticket.request_key, owner=ticket.request_id)


def _is_answer(text: str | None) -> bool:
    """Whether this was answered to a request to hold a slot; what was not was never answered."""
    try:
        return text is not None and bool(HoldSlotResponse.model_validate_json(text))
    except ValidationError:
        return False


def _place(slot_id: str, attempt_id: str) -> str:
    return f"{slot_id}:{attempt_id}"


def _slot_of(place: str) -> str:
    return place.partition(":")[0]
