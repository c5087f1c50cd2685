"""Many readers of a page that is not there: one makes it. With a control that lets them all."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Event

import pytest

from bench.trips import counted
from slotkeeper.ports.pages import KeptPage, View
from tests.concurrency.at_once import at_once
from tests.support.house import House
from tests.support.reading import Reader

READERS = 64
VIEW = View(user_id="reader", doctor_id="dr-1", filters={})


@pytest.fixture
def doctor(house: House) -> str:
    doctor = house.doctor()
    house.slot(doctor)
    return doctor


def test_of_many_readers_at_once_one_reads_mongodb(house: House, doctor: str) -> None:
    is_kept = Event()

    def wait(_: float) -> None:
        # For as long as it takes here, not as long as a patient would.
        is_kept.wait(20)

    reader = Reader(house, claim=timedelta(seconds=20), wait=wait)

    def read() -> str:
        page = reader.read(doctor)
        is_kept.set()
        return page.text

    with counted(house.redis) as trips:
        texts = at_once([read] * READERS)

    assert len(set(texts)) == 1
    # The page, its first slot; the count and the holds' ends are aggregations.
    assert sorted(trips.of("mongo")) == ["aggregate", "aggregate", "find"]


def test_without_the_claim_many_make_it(house: House) -> None:
    reader = Reader(house, claim=timedelta(0))
    all_make_it = Barrier(READERS)

    def make() -> KeptPage:
        all_make_it.wait(10)
        return KeptPage(text="page", etag='"1"')

    def read() -> str:
        return reader.pages.read("dr-1", "all", make, VIEW).text

    assert at_once([read] * READERS) == ["page"] * READERS
