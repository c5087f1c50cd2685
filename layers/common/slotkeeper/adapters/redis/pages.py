"""Pages that were made a moment ago, kept for the next reader; and who viewed what last.

One hash holds the pages of a subject (a doctor's free slots, the catalogue) under a generation.
Any change of the subject begins another generation, so that a page made from what was there before
can neither be found nor be kept. Where Redis does not answer, pages are made as if it were empty.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from redis import Redis

from slotkeeper.adapters.redis.client import Command, one_trip, script, whole
from slotkeeper.adapters.redis.keys import PAGE_CLAIM, PAGES_KEPT, Keys, ms
from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.pages import KeptPage, View
from slotkeeper.readings import note
from slotkeeper.services.kept import kept

if TYPE_CHECKING:
    from slotkeeper.adapters.redis.breaker import Breaker
    from slotkeeper.adapters.redis.views import RedisViews
    from slotkeeper.ports.common import Clock

_LOOK_UP_PAGE = script("look_up_page")
_KEEP_PAGE = script("keep_page")
_FORGET_PAGES = script("forget_pages")

MOST_FIELDS = 500
"""Fields of one hash: what filters nobody else asks for can take up is bounded."""
_LOOKS = 5
_LAST_MS = 253_402_300_799_000
"""The last second that a `datetime` can tell."""
_BETWEEN_LOOKS = timedelta(milliseconds=40)


class _Pages:
    """The pages of any subject; `_of` is what the metrics call it."""

    _of: str

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        clock: Clock,
        breaker: Breaker,
        views: RedisViews,
        kept: timedelta,
        claim: timedelta = PAGE_CLAIM,
        wait: Callable[[float], None] = time.sleep,
    ):
        """Keep pages for `kept` at most (zero: not at all); who makes one has it for `claim`."""
        self._redis = redis
        self._keys = keys
        self._clock = clock
        self._breaker = breaker
        self._views = views
        self._kept = min(kept, PAGES_KEPT)
        self._claim = claim
        self._wait = wait

    def _read(
        self, key: str, asked: str, make: Callable[[], KeptPage], view: View | None
    ) -> KeptPage:
        if self._breaker.is_open:
            note("cache_misses_total", 1, self._of)
            return make()
        field = hashlib.sha256(asked.encode()).hexdigest()[:32]
        try:
            found, generation = self._look(key, field, view)
        except Unavailable:
            self._breaker.failed()
            note("cache_misses_total", 1, self._of)
            return make()
        note("cache_misses_total" if found is None else "cache_hits_total", 1, self._of)
        if found is not None:
            return found
        return self._made(key, field, generation, make, view)

    def _look(self, key: str, field: str, view: View | None) -> tuple[KeptPage | None, str]:
        """The page, or the generation that a page made from now on may be kept under."""
        noting = [self._views.to_note(view)] if view else []
        if not self._kept:
            if noting:
                one_trip(self._redis, *noting)
            return None, ""
        generation = ""
        for look in range(_LOOKS):
            if look:
                self._wait(_BETWEEN_LOOKS.total_seconds())
            state, told = one_trip(self._redis, self._to_look_up(key, field), *noting)[0]
            if state == "kept":
                # One that is none of ours is made anew; it lapses with its generation.
                return _page_of(told), ""
            generation, noting = told, []
            if state == "yours":
                break
        return None, generation

    def _made(
        self, key: str, field: str, generation: str, make: Callable[[], KeptPage], view: View | None
    ) -> KeptPage:
        page = None
        try:
            page = make()
        finally:
            if page is None and generation:
                # Whoever waits for it need not; and what was viewed may not be there at all.
                forgetting = [self._views.to_forget(view.user_id)] if view else []
                with suppress(Unavailable):
                    one_trip(self._redis, lambda p: p.hdel(key, f"c{field}"), *forgetting)
        if generation:
            try:
                one_trip(self._redis, self._to_keep(key, field, generation, page))
            except Unavailable:
                self._breaker.failed()
        return page

    def _forget(self, key: str) -> None:
        # What Redis cannot be told now is over within `kept`.
        with suppress(Unavailable):
            one_trip(self._redis, to_forget(key))

    def _to_look_up(self, key: str, field: str) -> Command:
        now = _ms_of(self._clock.now())
        fresh = uuid.uuid4().hex
        lives, claim = ms(PAGES_KEPT), ms(self._claim)
        return lambda p: p.eval(_LOOK_UP_PAGE, 1, key, field, now, fresh, lives, claim, MOST_FIELDS)

    def _to_keep(self, key: str, field: str, generation: str, page: KeptPage) -> Command:
        latest = self._clock.now() + self._kept
        until = min(page.valid_until or latest, latest)
        told = f"{_ms_of(until)}\n{page.etag}\n{page.text}"
        return lambda p: p.eval(_KEEP_PAGE, 1, key, field, generation, told, MOST_FIELDS)


class RedisSlotPages(_Pages):
    """`SlotPages`: one hash a doctor."""

    _of = "slots"

    def read(
        self, doctor_id: str, asked: str, make: Callable[[], KeptPage], view: View
    ) -> KeptPage:
        return self._read(self._keys.slot_pages(doctor_id), asked, make, view)

    def to_forget(self, doctor_id: str) -> Command:
        """The command that forgets the doctor's pages, to travel with others."""
        return to_forget(self._keys.slot_pages(doctor_id))

    def forget(self, *doctor_ids: str) -> None:
        for doctor_id in doctor_ids:
            self._forget(self._keys.slot_pages(doctor_id))


class RedisDoctorPages(_Pages):
    """`DoctorPages`: one hash."""

    _of = "doctors"

    def read(self, asked: str, make: Callable[[], KeptPage], view: View | None) -> KeptPage:
        return self._read(self._keys.doctor_pages(), asked, make, view)

    def forget(self) -> None:
        self._forget(self._keys.doctor_pages())


def to_forget(key: str) -> Command:
    """Begin another generation of the pages under `key`."""
    fresh = uuid.uuid4().hex
    return lambda p: p.eval(_FORGET_PAGES, 1, key, fresh, ms(PAGES_KEPT))


def _page_of(told: str) -> KeptPage | None:
    until, _, rest = told.partition("\n")
    etag, _, text = rest.partition("\n")
    instant = whole(until)
    if instant is None or instant > _LAST_MS or kept(text).etag != etag:
        return None
    return KeptPage(text=text, etag=etag, valid_until=datetime.fromtimestamp(instant / 1000, UTC))


def _ms_of(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
