from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotkeeper.contracts.json_text import MAX_DEPTH, parse_json
from slotkeeper.domain.errors import InvalidRequest

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="blank"),
        pytest.param("{'a': 1}", id="single quotes"),
        pytest.param('{"a": 1', id="truncated"),
        pytest.param('{"a"', id="truncated in a key"),
        pytest.param('{"a": "\\u12', id="truncated in an escape"),
        pytest.param('{"a": 1,}', id="trailing comma"),
        pytest.param('{"a": 1} {}', id="two values"),
        pytest.param('{"a": 1} // why', id="comment"),
        pytest.param('\ufeff{"a": 1}', id="byte order mark"),
        pytest.param("NaN", id="NaN"),
        pytest.param('{"a": NaN}', id="NaN within"),
        pytest.param('{"a": Infinity}', id="Infinity"),
        pytest.param('{"a": [-Infinity]}', id="minus Infinity"),
        pytest.param('{"a": 01}', id="leading zero"),
        pytest.param('{"a": 1, "a": 1}', id="key twice"),
        pytest.param('{"a": 1, "\\u0061": 2}', id="key twice, once escaped"),
        pytest.param('{"x": [{"a": 1, "a": 2}]}', id="key twice within"),
        pytest.param('{"a": "\\ud800"}', id="lone high surrogate"),
        pytest.param('{"a": "\\udc00x"}', id="lone low surrogate"),
        pytest.param('{"\\ud83d": 1}', id="lone surrogate in a key"),
        pytest.param('[["\\ude00\\ud83d"]]', id="surrogates in the wrong order"),
        pytest.param('{"a": "\x00"}', id="control character"),
        pytest.param("[" * 100_000, id="100,000 deep, open"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="100,000 deep"),
        pytest.param('{"a":' * 100_000 + "1" + "}" * 100_000, id="objects 100,000 deep"),
        pytest.param("9" * 5_000, id="5,000 digits"),
        pytest.param('{"a": -' + "9" * 5_000 + "}", id="5,000 digits within"),
    ],
)
def test_what_is_not_strict_json_is_an_invalid_request(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"slotId": "doc_1"}', {"slotId": "doc_1"}),
        (' \n{"a": [1, 2.5, true, null, "é"]} ', {"a": [1, 2.5, True, None, "é"]}),
        ('"\\ud83d\\ude00"', "😀"),
        ('{"a": {"b": 1}, "b": {"b": 2}}', {"a": {"b": 1}, "b": {"b": 2}}),
        ("[]", []),
    ],
)
def test_json_is_read_as_it_is(text: str, value: object) -> None:
    assert parse_json(text) == value


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)

    assert parse_json(text) is not None


def test_nesting_past_the_limit_is_an_invalid_request() -> None:
    text = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)

    with pytest.raises(InvalidRequest):
        parse_json(text)


def test_refusal_does_not_quote_what_was_sent() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_json('{"secret-4711": "secret-4711')

    assert "4711" not in refused.value.detail + str(refused.value.errors)


@given(VALUES)
def test_any_json_value_survives_the_round_trip(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_read_or_an_invalid_request(text: str) -> None:
    with suppress(InvalidRequest):
        parse_json(text)
