from __future__ import annotations

from datetime import UTC, datetime

import pytest

from slotkeeper.contracts.codes import VerifyOtpRequest
from slotkeeper.contracts.holds import HoldSlotRequest
from slotkeeper.contracts.shapes import IdPath, read
from slotkeeper.contracts.slots import ListSlotsQuery
from slotkeeper.domain.errors import InvalidRequest
from slotkeeper.domain.user import Channel
from slotkeeper.ports.slots import SlotFilter


def fields_refused(error: InvalidRequest) -> list[str]:
    return [field for field, _ in error.errors]


# --- POST /bookings -------------------------------------------------------------------------------


def test_slot_and_channel_are_read() -> None:
    request = read(HoldSlotRequest, {"slotId": "doc_1_20260303T0900Z", "channel": "email"})

    assert request.slot_id == "doc_1_20260303T0900Z"
    assert request.channel is Channel.EMAIL


@pytest.mark.parametrize("body", [{"slotId": "s"}, {"slotId": "s", "channel": None}])
def test_channel_may_be_left_out(body: dict[str, object]) -> None:
    assert read(HoldSlotRequest, body).channel is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"slotId": {"$gt": ""}}, "slotId", id="an operator for an id"),
        pytest.param({"slotId": ["s"]}, "slotId", id="a list for an id"),
        pytest.param({"slotId": 5}, "slotId", id="a number for an id"),
        pytest.param({"slotId": None}, "slotId", id="null for an id"),
        pytest.param({"slotId": True}, "slotId", id="true for an id"),
        pytest.param({"slotId": 1e999}, "slotId", id="a number out of range for an id"),
        pytest.param({}, "slotId", id="no id"),
        pytest.param({"slotId": ""}, "slotId", id="empty id"),
        pytest.param({"slotId": "s" * 65}, "slotId", id="long id"),
        pytest.param({"slotId": "doc 1"}, "slotId", id="id with a space"),
        pytest.param({"slotId": "doc/1"}, "slotId", id="id with a slash"),
        pytest.param({"slotId": "s\n"}, "slotId", id="id with a line end"),
        pytest.param({"slotId": "\u017fs"}, "slotId", id="id with a letter of another script"),
        pytest.param({"slotId": "s", "channel": "fax"}, "channel", id="unknown channel"),
        pytest.param({"slotId": "s", "channel": "SMS"}, "channel", id="channel in capitals"),
        pytest.param({"slotId": "s", "channel": 1}, "channel", id="number for a channel"),
        pytest.param({"slotId": "s", "channel": ["sms"]}, "channel", id="list for a channel"),
        pytest.param({"slotId": "s", "userId": "bob"}, "userId", id="unknown field"),
        pytest.param({"slot_id": "s", "slotId": "s"}, "slot_id", id="a name of ours, not theirs"),
        pytest.param(
            {"slotId": "s", "__proto__": {}}, "__proto__", id="a name of another language"
        ),
    ],
)
def test_hold_with_a_wrong_field_is_refused_by_its_name(
    body: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(HoldSlotRequest, body)

    assert fields_refused(refused.value) == [field]


@pytest.mark.parametrize("body", [[], [{"slotId": "s"}], "s", 5, None, True])
def test_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(InvalidRequest):
        read(HoldSlotRequest, body)


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(HoldSlotRequest, {"slotId": 5, "channel": "fax", "extra": 1})

    assert sorted(fields_refused(refused.value)) == ["channel", "extra", "slotId"]


# --- POST /bookings/{id}/verify-otp ---------------------------------------------------------------


@pytest.mark.parametrize("code", ["123456", "000000", "000001"])
def test_six_ascii_digits_are_a_code(code: str) -> None:
    assert read(VerifyOtpRequest, {"code": code}).code == code


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(123456, id="a number"),
        pytest.param(123456.0, id="a fraction"),
        pytest.param(None, id="null"),
        pytest.param(["123456"], id="a list"),
        pytest.param({"$ne": ""}, id="an operator"),
        pytest.param("１２３４５６", id="full width"),  # these very digits
        pytest.param("١٢٣٤٥٦", id="Arabic"),
        pytest.param("१२३४५६", id="Devanagari"),
        pytest.param("12345²", id="superscript"),
        pytest.param("123456\n", id="line end"),
        pytest.param("\n123456", id="line start"),
        pytest.param("12345", id="five"),
        pytest.param("1234567", id="seven"),
        pytest.param(" 12345", id="leading space"),
        pytest.param("12345 ", id="trailing space"),
        pytest.param("12 456", id="space within"),
        pytest.param("-12345", id="minus"),
        pytest.param("+12345", id="plus"),
        pytest.param("1_2345", id="underscore"),
        pytest.param("0x1234", id="hexadecimal"),
        pytest.param("1e1000", id="exponent"),
        pytest.param("12345\x00", id="NUL"),
        pytest.param("", id="empty"),
        pytest.param("1" * 100_000, id="long"),
    ],
)
def test_anything_but_six_ascii_digits_is_no_code(code: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(VerifyOtpRequest, {"code": code})

    assert fields_refused(refused.value) == ["code"]


# --- {id} -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", ["", "a.b", "a b", "a/b", "..", "$ne", "a\n", "é", "x" * 65, "%24"])
def test_bad_id_in_the_path_is_refused(id_: str) -> None:
    with pytest.raises(InvalidRequest):
        read(IdPath, {"id": id_})


# --- GET /doctors/{id}/slots ----------------------------------------------------------------------


def test_query_has_the_contracts_defaults() -> None:
    query = read(ListSlotsQuery, {})

    assert (query.page, query.limit, query.cursor) == (1, 20, None)
    assert query.wanted("doc") == SlotFilter(doctor_id="doc")


def test_query_is_read() -> None:
    query = read(
        ListSlotsQuery,
        {
            "date": "2026-03-03",
            "from": "2026-03-03T00:00:00+02:00",
            "to": "2026-03-04T00:00:00Z",
            "page": "3",
            "limit": "100",
        },
    )

    assert (query.page, query.limit) == (3, 100)
    assert query.wanted("doc") == SlotFilter(
        doctor_id="doc",
        date="2026-03-03",
        start=datetime(2026, 3, 2, 22, tzinfo=UTC),
        end=datetime(2026, 3, 4, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("limit", text)
            for text in (
                *("0", "-1", "101", "abc", "1_000", "²", "1.0", "", " 5", "5 ", "+5", "0x5", "1e1"),
                *("٥", "５", "true", "null", "9" * 10, "9" * 5_000),  # that digit
            )
        ),
        *(("page", text) for text in ("0", "-1", "10001", "1.5", "first", "9" * 5_000)),
        *(
            ("date", text)
            for text in (
                *("2025-02-29", "2026-W09-1", "20260101", "2026-1-1", "2026-13-01", "tomorrow"),
                *("2026-01-01T00:00:00Z", "", "２026-01-01", "2026-01-01\n"),
            )
        ),
        *(
            (name, text)
            for name in ("from", "to")
            for text in (
                *("2026-03-03T09:00:00", "2026-03-03", "2026-03-03T09:00:00 02:00", "now", ""),
                *("2026-03-03 09:00:00Z", "1772528400", "2026-02-30T09:00:00Z"),
                *("2026-03-03T25:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
                *("2026-03-03T09:00:00Z" + "0" * 100, "２026-03-03T09:00:00Z"),
            )
        ),
        ("cursor", "x" * 1025),
        ("cursor", ""),
        ("sort", "asc"),
        ("from_", "2026-03-03T09:00:00Z"),
    ],
)
def test_bad_parameter_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(ListSlotsQuery, {name: value})

    assert fields_refused(refused.value) == [name]


@pytest.mark.parametrize("text", ["20260303T090000Z", "2026-W10-2T09:00:00Z", "2026-03-03T09Z"])
@pytest.mark.parametrize("name", ["from", "to"])
def test_time_that_is_iso_8601_but_not_rfc_3339_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidRequest):
        read(ListSlotsQuery, {name: text})


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "secret-4711"},
        {"page": "secret-4711"},
        {"date": "secret4711"},
        {"from": "T-secret-4711"},
        {"to": "secretT4711"},
    ],
)
def test_refusal_does_not_quote_the_value(parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(ListSlotsQuery, parameters)

    assert "4711" not in str(refused.value.errors)


@pytest.mark.parametrize("cursor", ["x", "e30", "bnVsbA", "W10", "🙂"])
def test_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    def after() -> object:
        query = read(ListSlotsQuery, {"cursor": cursor})
        return query.after(query.wanted("doc"))

    with pytest.raises(InvalidRequest) as refused:
        after()

    assert fields_refused(refused.value) == ["cursor"]


def test_no_cursor_begins_at_the_beginning() -> None:
    query = read(ListSlotsQuery, {})

    assert query.after(query.wanted("doc")) is None
