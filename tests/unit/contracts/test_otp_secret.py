from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta

import pytest

from slotkeeper.contracts.otp_secret import read_ring, text_of

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
KEY = {"id": "k1", "key": "canary-4711", "since": "2026-05-04T12:00:00Z"}


def test_secret_of_before_there_were_rotations_is_read() -> None:
    ring = read_ring('{"k1": "first"}')

    assert ring.current(NOW).id == "k1"
    assert ring.current(NOW).key == "first"


def test_last_of_several_keys_without_times_is_in_use_and_the_others_known() -> None:
    ring = read_ring('{"k1": "first", "k2": "second"}')

    assert ring.current(NOW).id == "k2"
    first = ring.find("k1")
    assert first is not None
    assert first.key == "first"


def test_ring_is_read_as_it_was_written() -> None:
    ring = read_ring('{"k1": "first"}').rotated(
        key_id="k2", key="second", now=NOW, hold=timedelta(minutes=5)
    )

    assert read_ring(text_of(ring)) == ring


def test_keys_are_in_the_order_of_their_times_however_they_are_written() -> None:
    earlier = {**KEY, "id": "k0", "since": "2026-05-04T11:00:00Z"}

    ring = read_ring(json.dumps({"keys": [KEY, earlier]}))

    assert [key.id for key in ring.keys] == ["k0", "k1"]


@pytest.mark.parametrize(
    "found",
    [
        *("", "not json", "[]", '"k1"', "5", "null", "{}", '{"k1": 5}', '{"k1": ""}'),
        *(
            json.dumps({"keys": keys})
            for keys in (
                [],
                [KEY, KEY],
                [{**KEY, "since": "yesterday"}],
                [{**KEY, "since": "2026-05-04T12:00:00"}],
                [{**KEY, "key": 5}],
                [{"id": "k1", "key": "canary-4711"}],
                [{**KEY, "more": 1}],
            )
        ),
    ],
)
def test_what_is_no_ring_is_refused_and_no_key_told(found: str) -> None:
    with pytest.raises(ValueError, match=r".*") as refused:
        read_ring(found)

    assert "canary" not in "".join(traceback.format_exception(refused.value))
