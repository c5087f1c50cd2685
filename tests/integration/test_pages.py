"""Pages kept in Redis: never older than the last change, never needed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from redis import Redis

from bench.trips import counted
from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
from slotkeeper.adapters.redis.client import connect as connect_redis
from slotkeeper.adapters.redis.pages import MOST_FIELDS
from slotkeeper.domain.errors import NotFound, Unavailable
from slotkeeper.domain.user import Caller, Role
from slotkeeper.ports.notifications import CodeJob
from slotkeeper.ports.pages import KeptPage, LastView, View
from slotkeeper.services.kept import kept
from tests.support.house import House, QueueInMemory
from tests.support.reading import KEPT, Reader

NOBODY = 9  # the discard port: nobody listens there


class SetClock:
    """The reader's own clock, set by the test; servers keep theirs."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Made:
    """Makes pages and counts them; `meanwhile` happens while the first is made."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.count = 0
        self._meanwhile = meanwhile

    def __call__(self) -> KeptPage:
        self.count += 1
        if self.count == 1:
            self._meanwhile()
        return kept(f"page {self.count}")


A_VIEW = View(user_id="reader", doctor_id="dr-1", filters={})


@pytest.fixture
def reader(house: House) -> Reader:
    return Reader(house, clock=SetClock(), wait=lambda _: None)


def _read(reader: Reader, made: Made, asked: str = "all") -> str:
    return reader.pages.read("dr-1", asked, made, A_VIEW).text


# --- what is kept


def test_a_page_is_made_once_and_read_again_byte_for_byte(house: House, reader: Reader) -> None:
    doctor = house.doctor()
    house.slot(doctor)

    first, second = reader.read(doctor), reader.read(doctor)

    assert (first.text, first.etag) == (second.text, second.etag)
    assert second.valid_until is not None


@pytest.mark.one_server("what goes to several nodes at once is several trips")
def test_a_kept_page_costs_one_trip_and_none_to_mongodb(house: House, reader: Reader) -> None:
    doctor = house.doctor()
    house.slot(doctor)
    reader.read(doctor)

    with counted(house.redis) as trips:
        reader.read(doctor)

    assert (len(trips.of("redis")), trips.of("mongo")) == (1, [])


def test_another_query_is_another_page(house: House, reader: Reader) -> None:
    doctor = house.doctor()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in (2, 3)]

    assert reader.slots(doctor, limit="1") == slots[:1]
    assert reader.slots(doctor, limit="1", page="2") == slots[1:]
    assert reader.slots(doctor) == slots


def test_a_page_is_made_again_when_its_time_is_over(reader: Reader) -> None:
    made = Made()
    _read(reader, made)

    reader.clock.ahead = KEPT  # type: ignore[attr-defined]  # of SetClock

    assert _read(reader, made) == "page 2"


def test_nothing_is_kept_where_the_time_is_nought(house: House) -> None:
    reader, made = Reader(house, kept=timedelta(0)), Made()

    assert [_read(reader, made), _read(reader, made)] == ["page 1", "page 2"]
    assert list(house.redis.scan_iter(f"{house.keys.environment}:cache:slots:*")) == []


def test_filters_nobody_else_asks_for_do_not_fill_the_memory(house: House, reader: Reader) -> None:
    for number in range(MOST_FIELDS + 20):
        _read(reader, Made(), asked=f"filter {number}")

    assert house.redis.hlen(house.keys.slot_pages("dr-1")) <= MOST_FIELDS
    assert 0 < house.redis.pttl(house.keys.slot_pages("dr-1")) <= 60_000


def test_a_page_that_many_ask_for_is_kept_whoever_filled_the_memory_before(
    house: House, reader: Reader
) -> None:
    for number in range(MOST_FIELDS + 20):
        _read(reader, Made(), asked=f"filter {number}")
    common = Made()

    told = [_read(reader, common, asked="what everybody asks") for _ in range(5)]

    assert told == ["page 1"] * 5
    assert house.redis.hget(house.keys.slot_pages("dr-1"), "g")


def test_filters_nobody_else_asks_for_hardly_ever_push_out_a_common_page(
    house: House, reader: Reader
) -> None:
    common = Made()
    for number in range(2 * MOST_FIELDS):
        _read(reader, Made(), asked=f"filter {number}")
        _read(reader, common, asked="what everybody asks")

    assert common.count <= 20  # 2 expected: one of so many goes each time, whichever


# --- what changes


def test_a_hold_shows_in_the_next_read(house: House, reader: Reader) -> None:
    doctor, alice = house.doctor(), house.patient()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in (2, 3)]
    reader.read(doctor)

    house.hold(slots[0], alice)

    assert reader.slots(doctor) == slots[1:]


def test_a_released_hold_shows_in_the_next_read(house: House, reader: Reader) -> None:
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    attempt = house.hold(slot, alice)
    assert reader.slots(doctor) == []

    house.release(attempt, alice)

    assert reader.slots(doctor) == [slot]


def test_a_cancelled_booking_shows_in_the_next_read(house: House, reader: Reader) -> None:
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    booking = house.book(slot, alice)
    assert reader.slots(doctor) == []

    changed = replace(house, pages=reader.pages)
    changed.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT))

    assert reader.slots(doctor) == [slot]


def test_a_hold_that_ends_by_itself_shows_as_soon_as_it_has_ended(
    house: House, reader: Reader
) -> None:
    brief = house.with_policy(hold=timedelta(seconds=5))
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    brief.hold(slot, alice)
    assert reader.slots(doctor) == []

    # Its page would be kept for longer than the hold lasts.
    reader.clock.ahead = timedelta(seconds=5)  # type: ignore[attr-defined]  # of SetClock

    assert reader.slots(doctor) == [slot]


def test_a_hold_that_is_undone_leaves_no_page_without_its_slot(
    house: House, reader: Reader
) -> None:
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    seen: list[list[str]] = []

    class ReadThenFail(QueueInMemory):
        def send_code(self, job: CodeJob) -> None:
            seen.append(reader.slots(doctor))
            raise Unavailable

    with pytest.raises(Unavailable):
        replace(house, queue=ReadThenFail()).hold(slot, alice)

    assert seen == [[]]
    assert reader.slots(doctor) == [slot]


def test_a_page_made_of_what_was_there_before_a_change_is_not_kept(reader: Reader) -> None:
    made = Made(meanwhile=lambda: reader.pages.forget("dr-1"))

    first, second, third = _read(reader, made), _read(reader, made), _read(reader, made)

    assert (first, second, third) == ("page 1", "page 2", "page 2")


def test_a_page_begun_before_redis_forgot_everything_is_not_kept(
    house: House, reader: Reader
) -> None:
    made = Made(meanwhile=house.lose_redis)

    assert [_read(reader, made), _read(reader, made)] == ["page 1", "page 2"]


def test_a_change_of_one_doctor_leaves_the_others_pages(reader: Reader) -> None:
    made = Made()
    _read(reader, made)

    reader.pages.forget("dr-2")

    assert _read(reader, made) == "page 1"


# --- who makes it


def test_who_comes_while_a_page_is_made_waits_for_it(house: House) -> None:
    is_waiting, is_kept = Event(), Event()

    def wait(_: float) -> None:
        is_waiting.set()
        is_kept.wait(10)

    waiting, not_made, texts = Reader(house, wait=wait), Made(), list[str]()
    second = Thread(target=lambda: texts.append(_read(waiting, not_made)))

    def meanwhile() -> None:
        second.start()
        is_waiting.wait(10)

    texts.append(_read(Reader(house), Made(meanwhile)))
    is_kept.set()
    second.join()

    assert texts == ["page 1", "page 1"]
    assert not_made.count == 0


def test_who_waits_in_vain_makes_it_alone_after_a_bounded_time(house: House) -> None:
    waits: list[float] = []
    waiting = Reader(house, wait=waits.append)
    made = Made()

    def second() -> None:
        _read(waiting, made)

    _read(Reader(house), Made(meanwhile=second))

    assert made.count == 1
    assert 0 < sum(waits) <= 0.2


def test_a_page_that_could_not_be_made_is_not_waited_for(house: House) -> None:
    waits: list[float] = []
    reader = Reader(house, wait=waits.append)

    for _ in range(2):
        with pytest.raises(NotFound):
            reader.read("dr-nobody")

    assert waits == []


# --- what was viewed


def test_the_doctor_and_filters_viewed_last_are_known(house: House, reader: Reader) -> None:
    doctor = house.doctor()
    house.slot(doctor)

    reader.read(doctor, "alice", date="2099-01-05", limit="5")
    reader.read(doctor, "alice", **{"from": "2099-01-05T10:00:00+02:00"})
    reader.read(doctor, "bob")

    seen = {"from": "2099-01-05T08:00:00.000Z"}
    assert reader.views.last("alice") == LastView(doctor_id=doctor, filters=seen)
    assert reader.views.last("bob") == LastView(doctor_id=doctor, filters={})
    assert reader.views.last("carol") is None


def test_a_list_viewed_keeps_the_doctor_viewed_before(house: House, reader: Reader) -> None:
    doctor = house.doctor()
    reader.read(doctor, "alice", date="2099-01-05")

    view = View(user_id="alice", doctor_id=None, filters={"specialty": "cardiology"})
    reader.doctor_pages.read("cardiologists", Made(), view)

    known = reader.views.last("alice")
    filters = {"date": "2099-01-05", "specialty": "cardiology"}
    assert known == LastView(doctor_id=doctor, filters=filters)


def test_a_doctor_who_is_not_there_was_not_viewed(house: House, reader: Reader) -> None:
    with pytest.raises(NotFound):
        reader.read("dr-nobody", "alice")

    assert reader.views.last("alice") is None


# --- the catalogue


def test_a_changed_doctor_shows_in_the_next_read(house: House, reader: Reader) -> None:
    catalogue = MongoCatalogue(house.database)
    doctor = house.doctor()

    def name() -> str:
        def make() -> KeptPage:
            found = catalogue.doctor(doctor)
            return kept(found.name if found else "")

        return reader.doctor_pages.read(doctor, make, None).text

    before = name()
    house.database["doctors"].update_one({"_id": doctor}, {"$set": {"name": "Dr. New"}})
    still = name()
    reader.doctor_pages.forget()

    assert (before, still, name()) == (f"Dr. {doctor}", f"Dr. {doctor}", "Dr. New")


# --- without Redis


class CountingRedis:
    """Where nobody listens, and how often it was tried."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.asked = 0

    def pipeline(self, **how: bool) -> object:
        self.asked += 1
        return self._redis.pipeline(**how)


def test_reads_go_on_from_mongodb_while_redis_is_down(house: House) -> None:
    doctor = house.doctor()
    slot = house.slot(doctor)
    redis = connect_redis(f"redis://127.0.0.1:{NOBODY}/0")
    without = Reader(house, redis=redis)

    assert without.slots(doctor) == [slot]
    assert without.views.last("reader") is None
    without.pages.forget(doctor)
    without.doctor_pages.forget()


def test_a_redis_that_failed_is_left_alone_for_some_seconds(house: House) -> None:
    doctor = house.doctor()
    clock = SetClock()
    redis = CountingRedis(connect_redis(f"redis://127.0.0.1:{NOBODY}/0"))
    without = Reader(house, clock=clock, redis=redis)  # type: ignore[arg-type]  # what it needs of it

    for _ in range(3):
        without.read(doctor)
    asked_at_once = redis.asked
    clock.ahead = timedelta(seconds=6)
    without.read(doctor)

    assert (asked_at_once, redis.asked) == (1, 2)


def test_a_redis_that_is_back_is_used_again(house: House) -> None:
    clock, made = SetClock(), Made()
    reader = Reader(house, clock=clock)
    reader.breaker.failed()

    _read(reader, made)
    clock.ahead = timedelta(seconds=6)

    assert [_read(reader, made), _read(reader, made)] == ["page 2", "page 2"]


def test_each_environment_has_its_own_pages(house: House) -> None:
    other = replace(house, keys=type(house.keys)(f"t{uuid.uuid4().hex[:12]}"))
    made = Made()

    assert _read(Reader(house), made) == "page 1"
    assert _read(Reader(other), made) == "page 2"
    other.lose_redis()
