"""What Redis knows of a request to hold a slot, asked, kept and given back in one trip each."""

from __future__ import annotations

from datetime import timedelta

from redis import Redis

from slotkeeper.adapters.redis.client import Command, one_trip, script
from slotkeeper.adapters.redis.keys import ANSWER_KEPT, LOCK_CLAIM, REQUEST_LEASE, Keys
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.ports import Admission, HoldTicket


class RedisGate:
    """`HoldGate`: idempotency key, slot lock, places and seed of an attempt."""

    def __init__(self, redis: Redis, keys: Keys, policy: BookingPolicy):
        self._redis = redis
        self._keys = keys
        self._policy = policy

    def admit(self, ticket: HoldTicket) -> Admission:
        keys, policy = self._keys, self._policy
        lock = keys.lock(ticket.slot_id)
        request, holder, lock_ms, place, wrote_code = one_trip(
            self._redis,
            lambda p: p.eval(
                script("begin_request"),
                1,
                keys.request(ticket.attempt_id),
                ticket.fingerprint,
                ticket.request_id,
                _ms(REQUEST_LEASE),
            ),
            lambda p: p.set(lock, ticket.attempt_id, nx=True, px=_ms(LOCK_CLAIM), get=True),
            lambda p: p.pttl(lock),
            lambda p: p.eval(
                script("take_place"),
                1,
                keys.places(ticket.user_id),
                ticket.attempt_id,
                _ms(policy.hold),
                policy.max_live_holds,
            ),
            lambda p: p.eval(
                script("put_code"),
                1,
                keys.code(ticket.user_id, ticket.attempt_id),
                ticket.slot_id,
                ticket.seed,
                ticket.key_id,
                1,
                _ms(min(policy.code_lifetime, policy.hold)),
                "first",
            ),
        )
        state = request[0]
        return Admission(
            answer=request[1] if state == "answered" else None,
            is_reused=state == "reused",
            busy_for_ms=request[1] if state == "busy" else None,
            lock_holder=holder or ticket.attempt_id,
            lock_for_ms=lock_ms,
            took_lock=holder is None,
            took_place=place[0] == 1,
            place_in_ms=place[1] if place[0] == -1 else None,
            took_code=wrote_code == 1,
        )

    def withdraw(self, ticket: HoldTicket, admission: Admission) -> None:
        began = not (admission.answer or admission.is_reused or admission.busy_for_ms is not None)
        commands = self._returned(ticket, admission)
        if began:
            commands.append(
                lambda p: p.eval(
                    script("abandon_request"),
                    1,
                    self._keys.request(ticket.attempt_id),
                    ticket.request_id,
                )
            )
        if commands:
            one_trip(self._redis, *commands)

    def complete(
        self, ticket: HoldTicket, admission: Admission, *, held_by: str, answer: str
    ) -> None:
        keep: list[Command] = [
            lambda p: p.eval(
                script("complete_request"),
                1,
                self._keys.request(ticket.attempt_id),
                ticket.fingerprint,
                ticket.request_id,
                answer,
                _ms(ANSWER_KEPT),
            )
        ]
        if held_by == ticket.attempt_id:
            keep.append(
                lambda p: p.eval(
                    script("extend_lock"),
                    1,
                    self._keys.lock(ticket.slot_id),
                    ticket.attempt_id,
                    _ms(self._policy.hold),
                )
            )
        else:
            keep += self._returned(ticket, admission)
        one_trip(self._redis, *keep)

    def forget(self, *, attempt_id: str, slot_id: str, user_id: str) -> None:
        keys = self._keys
        one_trip(
            self._redis,
            lambda p: p.eval(script("release_lock"), 1, keys.lock(slot_id), attempt_id),
            lambda p: p.delete(keys.code(user_id, attempt_id)),
            lambda p: p.zrem(keys.places(user_id), attempt_id),
        )

    def _returned(self, ticket: HoldTicket, admission: Admission) -> list[Command]:
        keys = self._keys
        commands: list[Command] = []
        if admission.took_lock:
            commands.append(
                lambda p: p.eval(
                    script("release_lock"), 1, keys.lock(ticket.slot_id), ticket.attempt_id
                )
            )
        if admission.took_place:
            commands.append(lambda p: p.zrem(keys.places(ticket.user_id), ticket.attempt_id))
        if admission.took_code:
            commands.append(lambda p: p.delete(keys.code(ticket.user_id, ticket.attempt_id)))
        return commands


def _ms(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
