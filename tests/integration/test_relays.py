"""Relays that work at once, and relays that die: no event lost, none twice, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slotkeeper.adapters.mongo.outbox import LEASE_SECONDS
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.services.relay_outbox import relay_outbox
from tests.concurrency.at_once import at_once
from tests.support.house import House

RELAYS = 8
EVENTS = 500
AGGREGATES = 50


class Queue:
    """A queue that many relays send to; who sent what, in the order of arrival."""

    def __init__(self) -> None:
        self.arrived: list[DomainEvent] = []

    def send_code(self, job: object) -> None: ...

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        self.arrived.extend(events)  # one call, and so one piece, under the interpreter's lock
        return events


def fill(house: House) -> None:
    """500 unsent events of 50 bookings, their times as far apart as those of a busy minute."""
    begun = datetime.now(UTC) - timedelta(minutes=1)
    slots = [house.slot(starts_in=timedelta(days=2)) for _ in range(AGGREGATES)]
    house.database["outbox"].insert_many(
        [
            {
                "_id": f"{slot}-{number}",
                "unsent": True,
                "leasedUntil": None,
                "type": "booking.confirmed",
                "aggregateId": f"bk_{place}",
                "slotId": slot,
                "doctorId": slot.rpartition("_")[0],
                "userId": "alice",
                "attemptId": "at_1",
                "bookingId": f"bk_{place}",
                "from": "reserved",
                "to": "booked",
                "version": number,
                "actor": "alice",
                "requestId": "request-1",
                "at": begun + timedelta(milliseconds=AGGREGATES * number + place),
            }
            for place, slot in enumerate(slots)
            for number in range(EVENTS // AGGREGATES)
        ]
    )


def relay(house: House, queue: Any, has_time: Callable[[], bool] = lambda: True) -> int:
    done = relay_outbox(
        slots=house.slots,
        ledger=house.ledger,
        gate=house.gate,
        outbox=house.outbox,
        jobs=queue,
        has_time=has_time,
    )
    return done.sent


def end_leases(house: House) -> None:
    """Let the leases of the dead be over: the database's clock cannot be set, its data can."""
    over = datetime.now(UTC) - timedelta(milliseconds=1)
    leased = {"unsent": True, "leaseId": {"$exists": True}}
    house.database["outbox"].update_many(leased, {"$set": {"leasedUntil": over}})


def is_in_order(events: Sequence[DomainEvent]) -> bool:
    versions: dict[str, list[int]] = defaultdict(list)
    for event in events:
        versions[event.aggregate_id].append(event.version)
    return all(of_one == sorted(of_one) for of_one in versions.values())


def test_parallel_relays_send_each_event_once_and_in_order(house: House) -> None:
    fill(house)
    queue = Queue()

    sent = at_once([lambda: relay(house, queue)] * RELAYS)
    while last := relay(house, queue):
        sent.append(last)

    assert sum(sent) == EVENTS
    assert len({event.id for event in queue.arrived}) == len(queue.arrived) == EVENTS
    assert is_in_order(queue.arrived)


class Visited(Queue):
    """While it takes the first batch, before its relay notes that, another relay comes by."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house: House | None = house

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        taken = super().send_events(events)
        house, self._house = self._house, None
        if house:
            relay(house, self)
        return taken


@pytest.mark.parametrize("are_leased", [True, False])
def test_leases_alone_keep_a_second_relay_from_doing_the_same_work(
    house: House, monkeypatch: pytest.MonkeyPatch, *, are_leased: bool
) -> None:
    if not are_leased:
        monkeypatch.setattr("slotkeeper.adapters.mongo.outbox._IS_LEASED", {"$literal": False})
    fill(house)
    queue = Visited(house)

    relay(house, queue)

    assert (len(queue.arrived) == EVENTS) is are_leased


def test_a_lease_of_a_relay_whose_command_began_a_moment_after_ours_is_one(house: House) -> None:
    fill(house)
    later = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS + 5)
    house.database["outbox"].update_many({}, {"$set": {"leaseId": "x", "leasedUntil": later}})

    assert relay(house, Queue()) == 0


class DiesAfterSending(Queue):
    """What it takes of its first batch is on the queue; who sent it never learns."""

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        super().send_events(events)
        raise Unavailable


def test_events_of_a_relay_that_died_after_sending_are_sent_once_more_when_its_lease_is_over(
    house: House,
) -> None:
    fill(house)
    first, second = DiesAfterSending(), Queue()
    with pytest.raises(Unavailable):
        relay(house, first)
    theirs = {event.id for event in first.arrived}

    relay(house, second)
    before = {event.id for event in second.arrived}
    end_leases(house)
    relay(house, second)

    assert len(theirs) == 100
    assert not before & theirs
    assert len(second.arrived) == len({event.id for event in second.arrived}) == EVENTS
    assert is_in_order(second.arrived)
    assert relay(house, second) == 0


def test_a_dead_relay_keeps_back_only_what_follows_what_it_leased(house: House) -> None:
    fill(house)
    others = house.database["outbox"]
    put_aside = others.find({"version": {"$ne": 0}}, {"_id": 1})
    assert len(list(put_aside)) == EVENTS - AGGREGATES
    lease = {"leaseId": "dead", "leasedUntil": datetime.now(UTC) + timedelta(seconds=30)}
    others.update_many({"aggregateId": {"$in": ["bk_0", "bk_1"]}, "version": 0}, {"$set": lease})
    queue = Queue()

    relay(house, queue)

    assert {event.aggregate_id for event in queue.arrived} == {
        f"bk_{place}" for place in range(2, AGGREGATES)
    }
    assert len(queue.arrived) == EVENTS - 2 * EVENTS // AGGREGATES


def test_facts_are_sent_by_version_though_a_primary_s_clock_was_behind(house: House) -> None:
    fill(house)
    earlier = datetime.now(UTC) - timedelta(minutes=9)
    house.database["outbox"].update_many({"version": 5}, {"$set": {"at": earlier}})
    queue = Queue()

    relay(house, queue)

    assert len(queue.arrived) == EVENTS
    assert is_in_order(queue.arrived)


def test_a_relay_leaves_no_lease_on_what_it_could_not_send_for_another_s_sake(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house)
    outbox = house.database["outbox"]
    lease = {"leaseId": "other", "leasedUntil": datetime.now(UTC) + timedelta(seconds=30)}
    real = type(outbox).update_many
    raced: list[str] = []

    def quicker(self: Any, query: Any, *more: Any, **options: Any) -> Any:
        if not raced and "$expr" in query:
            raced.append("bk_0")
            outbox.update_one({"aggregateId": "bk_0", "version": 0}, {"$set": lease})
        return real(self, query, *more, **options)

    monkeypatch.setattr(type(outbox), "update_many", quicker)

    claimed = house.outbox.claim(limit=100)

    assert "bk_0" not in {event.aggregate_id for event in claimed}
    kept = outbox.count_documents({"leaseId": {"$exists": True}})
    assert kept == len(claimed) + 1
