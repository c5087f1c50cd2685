"""What each user looked at last."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from redis import Redis

from slotkeeper.adapters.redis.client import Command, call, script
from slotkeeper.adapters.redis.keys import Keys, ms
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.pages import LastView, View

if TYPE_CHECKING:
    from redis.client import Pipeline

    from slotkeeper.adapters.redis.breaker import Breaker

_NOTE_VIEW = script("note_view")

_DOCTOR = "doctorId"


class RedisViews:
    """`Views` on one hash a user; zero `kept` keeps nothing."""

    def __init__(self, redis: Redis, keys: Keys, *, breaker: Breaker, kept: timedelta):
        self._redis = redis
        self._keys = keys
        self._breaker = breaker
        self._kept = kept

    def last(self, user_id: str) -> LastView | None:
        if self._breaker.is_open or not self._kept:
            return None
        try:
            with call("hgetall"):
                fields = self._redis.hgetall(self._keys.viewed(user_id))
        except Unavailable:
            self._breaker.failed()
            return None
        if not fields:
            return None
        known = {str(name): str(value) for name, value in fields.items()}
        doctor_id = known.pop(_DOCTOR, None)
        return LastView(doctor_id=doctor_id, filters=dict(sorted(known.items())))

    def to_note(self, view: View) -> Command:
        """The command that notes the view, to travel with others; its answer means nothing."""
        key = self._keys.viewed(view.user_id)
        doctor = {} if view.doctor_id is None else {_DOCTOR: view.doctor_id}
        fields: dict[str, str | None] = {**view.filters, **doctor}
        told = [text for name, value in fields.items() for text in (name, value or "")]

        def note(pipeline: Pipeline) -> Any:  # Any: what a pipeline answers to a command
            if self._kept:
                pipeline.eval(_NOTE_VIEW, 1, key, ms(self._kept), *told)

        return note

    def to_forget(self, user_id: str) -> Command:
        """The command that forgets what the user viewed."""
        key = self._keys.viewed(user_id)
        return lambda p: p.delete(key)
