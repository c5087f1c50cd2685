from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotkeeper.contracts.cursor import decode_cursor, encode_cursor
from slotkeeper.contracts.paging import MAX_CURSOR
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.ports.pages import Position

QUERY = "doctor=doc_1"
POSITION = Position(key=datetime(2026, 3, 3, 9, 0, tzinfo=UTC), id="doc_1_20260303T0900Z")
CURSOR = encode_cursor(POSITION, QUERY)


def made_of(fields: object) -> str:
    """A cursor in our encoding over other fields."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


DIGEST = json.loads(base64.urlsafe_b64decode(CURSOR + "=="))[2]


def test_cursor_leads_back_to_its_position() -> None:
    assert decode_cursor(CURSOR, QUERY) == POSITION


def test_cursor_is_safe_in_a_query() -> None:
    assert CURSOR.isascii()
    assert CURSOR.replace("-", "").replace("_", "").isalnum()


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001  # as hypothesis wants them
    st.text(alphabet="abcXYZ019_-", min_size=1, max_size=64),
)
def test_any_position_survives_the_round_trip(start: datetime, id_: str) -> None:
    start = start.replace(tzinfo=UTC, microsecond=start.microsecond // 1000 * 1000)
    position = Position(key=start, id=id_)

    assert decode_cursor(encode_cursor(position, QUERY), QUERY) == position


def test_cursor_of_another_query_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(CURSOR, "doctor=doc_2")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "a",
        "====",
        CURSOR + "\n",
        CURSOR[:8] + "!!!!" + CURSOR[8:],
        " " + CURSOR,
        "é" + CURSOR,
        "\ud800",
        made_of(None),
        made_of(5),
        made_of("abc"),
        made_of([]),
        made_of({}),
        made_of({"a": 1, "b": 2, "c": 3}),
        made_of([1, "id"]),
        made_of([1, "id", "other"]),
        made_of(["1", "id", DIGEST]),
        made_of([True, "id", DIGEST]),
        made_of([1.5, "id", DIGEST]),
        made_of([float("nan"), "id", DIGEST]),
        made_of([10**30, "id", DIGEST]),
        made_of([-(10**30), "id", DIGEST]),
        made_of([10**400, "id", DIGEST]),
        made_of([1, 5, DIGEST]),
        made_of([1, {"$gt": ""}, DIGEST]),
        made_of([1, None, DIGEST]),
        made_of([1, "id", DIGEST, "more"]),
        base64.urlsafe_b64encode(b"\xff\xfe\x00").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode_cursor(cursor, QUERY)

    assert [field for field, _ in refused.value.errors] == ["cursor"]


def test_forged_cursor_with_a_lone_surrogate_is_refused() -> None:
    forged = made_of([1, "\ud800", DIGEST])  # BSON could not hold it

    with pytest.raises(InvalidRequest):
        decode_cursor(forged, QUERY)


@pytest.mark.parametrize("length", range(len(CURSOR)))
def test_truncated_cursor_is_refused(length: int) -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(CURSOR[:length], QUERY)


@given(st.integers(0, len(CURSOR) - 1), st.integers(0, 6))
def test_cursor_with_a_flipped_bit_is_a_position_or_refused(place: int, bit: int) -> None:
    flipped = CURSOR[:place] + chr(ord(CURSOR[place]) ^ (1 << bit)) + CURSOR[place + 1 :]

    with suppress(InvalidRequest):
        assert isinstance(decode_cursor(flipped, QUERY), Position)


@given(st.text(max_size=512))
def test_any_text_is_a_position_or_refused(text: str) -> None:
    with suppress(InvalidRequest):
        assert isinstance(decode_cursor(text, QUERY), Position)


@given(st.binary(max_size=384))
def test_any_bytes_are_a_position_or_refused(raw: bytes) -> None:
    with suppress(InvalidRequest):
        decode_cursor(base64.urlsafe_b64encode(raw).decode().rstrip("="), QUERY)


def test_deeply_nested_cursor_is_refused() -> None:
    longest = base64.urlsafe_b64encode(b"[" * 384).decode()

    with pytest.raises(InvalidRequest):
        decode_cursor(longest, QUERY)


def test_cursor_of_the_longest_name_is_taken_back() -> None:
    position = Position(key="\U0001f600" * 100, id="d" * 64)

    cursor = encode_cursor(position, "query")

    assert len(cursor) <= MAX_CURSOR
    assert decode_cursor(cursor, "query", str) == position
