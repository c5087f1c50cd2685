"""GET /doctors/{id}/slots on real stores, through the pages kept in Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from redis import Redis

from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.keys import PAGE_CLAIM
from slotkeeper.adapters.redis.pages import RedisDoctorPages, RedisSlotPages
from slotkeeper.adapters.redis.views import RedisViews
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.contracts.slots import ListSlotsQuery, SlotPageResponse
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.common import Clock
from slotkeeper.ports.pages import KeptPage
from slotkeeper.services.list_slots import list_slots
from tests.support.house import House

KEPT = timedelta(seconds=15)
Kind = TypeVar("Kind", RedisSlotPages, RedisDoctorPages)


@dataclass
class Reader:
    """One function's container: its own breaker, the house's stores."""

    house: House
    clock: Clock = field(default_factory=SystemClock)
    redis: Redis | None = None
    kept: timedelta = KEPT
    claim: timedelta = PAGE_CLAIM
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.clock)
        self.views = RedisViews(
            self.redis or self.house.redis,
            self.house.keys,
            breaker=self.breaker,
            kept=timedelta(minutes=1),
        )
        self.pages = self._keeping(RedisSlotPages)
        self.doctor_pages = self._keeping(RedisDoctorPages)

    def _keeping(self, kind: type[Kind]) -> Kind:
        return kind(
            self.redis or self.house.redis,
            self.house.keys,
            clock=self.clock,
            breaker=self.breaker,
            views=self.views,
            kept=self.kept,
            claim=self.claim,
            wait=self.wait,
        )

    def read(self, doctor_id: str, user_id: str = "reader", **query: str) -> KeptPage:
        asked = ListSlotsQuery.model_validate(query)
        wanted = asked.wanted(doctor_id)
        return list_slots(
            wanted=wanted,
            caller=Caller(user_id=user_id, role=Role.PATIENT),
            asked=repr(asked),
            skip=asked.skip,
            limit=asked.limit,
            after=asked.after(wanted),
            view=asked.view(user_id, doctor_id),
            to_text=lambda page: SlotPageResponse.of(page, asked, wanted).to_text(),
            slots=self.house.slots,
            users=self.house.users,
            doctors=self.house.doctors,
            pages=self.pages,
            clock=self.clock,
            together=together,
        )

    def slots(self, doctor_id: str, **query: str) -> list[str]:
        """The ids on the page."""
        return [slot["id"] for slot in json.loads(self.read(doctor_id, **query).text)["items"]]
