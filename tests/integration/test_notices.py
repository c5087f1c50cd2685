"""What patients read, whatever order their events arrive in, and however often."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slotkeeper.domain.booking import Booking, BookingStatus
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.user import Caller, Role
from tests.concurrency.at_once import at_once
from tests.support.house import House
from tests.support.post import Consumer, LetterBox

STORIES = ("cancel", "reschedule", "replace", "replace cancel", "replace replace", "replace give")
BEGINS = {"confirmed", "moved"}


@dataclass
class Life:
    """One patient's bookings, each in the place of the one before, and what is told of them."""

    house: House
    user: str = ""
    bookings: list[Booking] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A number of their own, or they would share its messages of the day.
        self.user = self.house.patient(email=None, phone=f"+1555{uuid.uuid4().int % 10**7:07}")
        self.doctor = self.house.doctor()

    def steps(self, story: str) -> Iterator[list[DomainEvent]]:
        """Live on by one step; the events of it."""
        yield self._book(None)
        for step in story.split():
            last = self.bookings[-1]
            caller = Caller(user_id=self.user, role=Role.PATIENT)
            match step:
                case "replace":
                    yield self._book(last.id)
                case "cancel":
                    self.house.cancel(last.id, caller)
                    yield self._events()
                case _:
                    self.house.reschedule(last.id, caller)
                    yield self._events()

    def _book(self, replaces: str | None) -> list[DomainEvent]:
        starts_in = timedelta(days=2 + len(self.bookings))
        slot = self.house.slot(self.doctor, starts_in=starts_in)
        self.bookings.append(self.house.book(slot, self.user, replaces=replaces))
        return self._events()

    def _events(self) -> list[DomainEvent]:
        self.house.relay()
        told = list(self.house.queue.events)
        self.house.queue.events.clear()
        return told

    def misleads(self, box: LetterBox) -> list[str]:
        """What is wrong with what the patient has read by now, if all was delivered."""
        wrong = [f"twice: {one}" for one in set(box.letters) if box.letters.count(one) > 1]
        for place, booking in enumerate(self.bookings):
            now = self.house.ledger.booking(booking.id)
            assert now is not None
            read = box.about(booking.start_time)
            later = [box.about(next_.start_time) for next_ in self.bookings[place + 1 :]]
            ends = [at for at, what in read if what not in BEGINS]
            ends += [at for letters in later for at, what in letters if what == "moved"]
            begins = [at for at, what in read if what in BEGINS]
            if any(begin > min(ends, default=begin) for begin in begins):
                wrong.append(f"begins after its end: {box.letters}")
            if len(begins) > 1:
                wrong.append(f"begins twice: {box.letters}")
            if now.status is BookingStatus.CONFIRMED and not begins:
                wrong.append(f"lives, untold: {box.letters}")
            if now.status is not BookingStatus.CONFIRMED and begins and not ends:
                wrong.append(f"stands for the patient: {box.letters}")
        return wrong


@pytest.mark.parametrize("story", STORIES)
def test_no_order_of_a_life_s_events_misleads_who_reads_of_it(house: House, story: str) -> None:
    life = Life(house)
    events = list(itertools.chain(*life.steps(story)))
    assert len(events) == len({event.id for event in events}) >= 2

    for order in itertools.islice(itertools.permutations(events), 24):
        for kept in ("deliveries", "quotas"):
            house.database[kept].delete_many({})
        box = LetterBox()
        consumer = Consumer(house, box)
        for event in (*order, *reversed(order)):
            assert consumer.take([event]) == []

        assert life.misleads(box) == [], [event.type for event in order]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    story=st.sampled_from(STORIES),
    copies=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 10), min_size=1, max_size=8),
    refusals=st.lists(st.booleans(), max_size=12),
    late=st.integers(0, 3),
    seed=st.integers(0, 2**32),
)
def test_each_notice_is_read_once_and_none_misleads_whatever_the_queue_does(
    house: House,
    story: str,
    copies: list[int],
    sizes: list[int],
    refusals: list[bool],
    late: int,
    seed: int,
) -> None:
    """Copies of each event, in any order, in batches, to two consumers at once, some refused."""
    box = LetterBox(itertools.chain(refusals, itertools.cycle([False])))
    life = Life(house)
    how_many, how_large = itertools.cycle(copies), itertools.cycle(sizes)
    order = random.Random(seed)  # noqa: S311  # not for secrets
    on_the_queue: list[DomainEvent] = []
    consumers = [Consumer(house, box), Consumer(house, box)]

    def deliver(*, twice: bool) -> None:
        order.shuffle(on_the_queue)
        batches: list[list[DomainEvent]] = []
        for _ in consumers:
            size = next(how_large)
            batches.append(on_the_queue[:size])
            del on_the_queue[:size]
        if twice:
            batches[1] += batches[0][:1]  # the same message to both at once, as SQS may
        work = [partial(one.take, batch) for one, batch in zip(consumers, batches, strict=True)]
        for failed in at_once(work):
            on_the_queue.extend(failed)

    for step, events in enumerate(life.steps(story)):
        on_the_queue += [event for event in events for _ in range(next(how_many))]
        if step >= late:
            deliver(twice=True)
    for rounds in itertools.count():
        if not on_the_queue:
            break
        deliver(twice=rounds < 3)
        assert rounds < 300, "the queue never empties"

    assert life.misleads(box) == []


def test_without_turns_two_consumers_mislead(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: who reads the booking and then sends, without a turn, is overtaken."""
    life = Life(house)
    steps = life.steps("cancel")
    [confirmed] = next(steps)
    box = LetterBox()

    class Overtaken(LetterBox):
        def send(self, *letter: Any) -> str:
            [cancelled] = next(steps)
            self.behind = Consumer(house, box).take([cancelled])
            return box.send(*letter)

    slow = Overtaken()
    assert Consumer(house, slow).take([confirmed]) == []
    assert len(slow.behind) == 1
    assert Consumer(house, box).take(slow.behind) == []
    assert life.misleads(box) == []

    monkeypatch.setattr("slotkeeper.adapters.mongo.deliveries._turn_id", lambda _: confirmed_key())
    box.letters.clear()
    life = Life(house)
    steps = life.steps("cancel")
    [confirmed] = next(steps)
    assert Consumer(house, Overtaken()).take([confirmed]) == []
    assert life.misleads(box) != []


_numbers = itertools.count()


def confirmed_key() -> str:
    """Another turn each time: nobody waits for anybody."""
    return f"turn/{next(_numbers)}"


def test_a_notice_of_a_booking_that_is_nowhere_comes_again_until_it_is_set_aside(
    house: House,
) -> None:
    life = Life(house)
    [confirmed] = next(life.steps("cancel"))
    box = LetterBox()
    kept = house.database["bookings"].find_one_and_delete({"_id": confirmed.booking_id})
    assert kept is not None

    assert [Consumer(house, box).take([confirmed]) for _ in range(5)] == [[confirmed]] * 5
    house.database["bookings"].insert_one(kept)

    assert Consumer(house, box).take([confirmed]) == []
    assert len(box.letters) == 1
