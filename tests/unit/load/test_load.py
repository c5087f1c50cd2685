"""The load generator's own rules: steps, answers, growth, the verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from load import growth, kept, steps
from load.answers import Meaning, meaning
from load.client import Inbox, People
from load.results import Answers, Confirmed, Results, Times, read_confirmed
from load.verdict import Evidence, as_json, as_text, complaints


def test_a_ramp_is_once_twice_and_three_times_the_peak_for_a_third_each() -> None:
    made = steps.ramp(20, 90.0)

    seen = [(step.users, step.name) for s in (0, 29.9, 30, 60, 89.9) if (step := steps.at(made, s))]
    assert seen == [(20, "1x"), (20, "1x"), (40, "2x"), (60, "3x"), (60, "3x")]
    assert steps.at(made, 90.0) is None


def test_a_soak_is_steady_until_it_is_over() -> None:
    made = steps.steady(7, 60.0)

    assert [step and step.users for step in (steps.at(made, s) for s in (0, 59, 60))] == [
        7,
        7,
        None,
    ]


@pytest.mark.parametrize(
    ("status", "code", "means"),
    [
        (202, "", Meaning.DONE),
        (304, "", Meaning.DONE),
        (409, "slot_held", Meaning.REFUSED),
        (429, None, Meaning.REFUSED),
        (429, "rate_limited", Meaning.REFUSED),
        (409, "version_conflict", Meaning.FAILED),
        (422, "otp_invalid", Meaning.FAILED),
        (401, "unauthenticated", Meaning.FAILED),
        (503, "unavailable", Meaning.FAILED),
        (500, None, Meaning.FAILED),
        (0, None, Meaning.FAILED),
    ],
)
def test_only_refusals_that_must_be_are_no_failures(
    status: int, code: str | None, means: Meaning
) -> None:
    assert meaning(status, code) is means


# --- growth ---------------------------------------------------------------------------------------


def test_what_rises_all_the_time_grows() -> None:
    assert growth.grows([100 + 5 * n for n in range(24)], floor=10)


@pytest.mark.parametrize(
    "values",
    [
        [100.0] * 24,
        [10 + 10 * n for n in range(6)] + [60.0] * 18,  # only getting warm
        [100.0] * 12 + [200.0] * 12,  # a new level, once
        [100 + 50 * (n % 2) for n in range(24)],
        [100 - n for n in range(24)],
        [100 + 0.3 * n for n in range(24)],  # too little
        [100 + 50 * n for n in range(growth.FEWEST - 1)],  # too few
    ],
    ids=["level", "warm-up", "step", "noise", "falls", "little", "few"],
)
def test_what_does_not_rise_all_the_time_does_not_grow(values: list[float]) -> None:
    assert not growth.grows(values, floor=10)


def test_what_grows_is_named_with_its_first_and_last_value() -> None:
    samples = [{"redis_clients": 10.0 + 5 * n, "queue_depth": 3.0} for n in range(24)]

    assert growth.growing(samples) == {"redis_clients": (10.0, 125.0)}


# --- confirmations --------------------------------------------------------------------------------


def test_a_booking_that_is_gone_or_ended_unasked_is_lost() -> None:
    told = [
        Confirmed("a", 0, was_ended=False),
        Confirmed("b", 0, was_ended=False),
        Confirmed("c", 1, was_ended=False),
    ]
    told += [Confirmed("d", 1, was_ended=True), Confirmed("e", 1, was_ended=True)]
    there = {"a": "confirmed", "c": "cancelled", "d": "cancelled", "e": "confirmed"}

    assert kept.lost(told, lambda _: there) == ["b", "c"]


def test_notes_of_a_run_are_one_confirmation_for_each_booking(tmp_path: Path) -> None:
    file = tmp_path / "confirmed.jsonl"
    lines: list[dict[str, Any]] = [
        {"what": "confirmed", "bookingId": "a", "who": 3},
        {"what": "confirmed", "bookingId": "b", "who": 4},
        {"what": "ended", "bookingId": "a"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))

    assert read_confirmed(file) == [
        Confirmed("a", 3, was_ended=True),
        Confirmed("b", 4, was_ended=False),
    ]
    assert read_confirmed(tmp_path / "none") == []


# --- people and codes -----------------------------------------------------------------------------


def test_people_take_turns_and_a_file_written_anew_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"token": "a", "phone": "+1"}\n{"token": "b"}\n')
    people = People(file)

    first = [people.next().token for _ in range(3)]
    file.write_text('{"token": "c"}\n')
    os.utime(file, (1, 1))

    assert first == ["a", "b", "a"]
    assert people.next().token == "c"


def test_codes_are_read_from_what_a_command_prints() -> None:
    inbox = Inbox(emulator="", command="printf '123456 is your code\\nhello %s\\n654321 too\\n'")

    assert inbox.is_readable
    assert inbox.codes("+15550100") == ["123456", "654321"]
    assert not Inbox("", "").is_readable


# --- verdict --------------------------------------------------------------------------------------


def evidence(*answers: tuple[int, str, str, int], **more: Any) -> Evidence:
    results = Results(
        seconds=10.0,
        times={"hold": Times(count=5, p50=10, p95=20, p99=30, longest=40)},
        answers=[
            Answers(operation="hold", status=s, code=c, meaning=m, count=n)
            for s, c, m, n in answers
        ],
    )
    usual: dict[str, Any] = {
        "confirmed": 3,
        "lost": [],
        "checker": 0,
        "growing": {},
        "samples": 0,
        "is_soak": False,
    }
    return Evidence(results=results, **(usual | more))


DONE = (202, "", "done", 97)
HELD = (409, "slot_held", "refused", 30)
DOWN = (503, "unavailable", "failed", 3)


def test_a_run_with_nothing_but_refusals_that_must_be_is_good() -> None:
    assert complaints(evidence(DONE, HELD), tolerate_503=0.0) == []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (evidence(DONE, DOWN), "3 answers with 503"),
        (evidence(DONE, (500, "internal_error", "failed", 1)), "1 answers with 5xx"),
        (evidence(DONE, (0, "", "failed", 2)), "2 requests failed otherwise"),
        (evidence(DONE, (401, "unauthenticated", "failed", 2)), "2 requests failed otherwise"),
        (evidence(HELD), "not one request was answered as asked"),
        (evidence(DONE, lost=["bk_1"]), "1 of 3 confirmations lost: bk_1"),
        (evidence(DONE, checker=1), "found violations"),
        (evidence(DONE, checker=2), "could not check"),
        (evidence(DONE, growing={"queue_depth": (1.0, 90.0)}), "queue_depth grew"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_is_not_good_if_anything_is_not_as_it_must_be(found: Evidence, says: str) -> None:
    told = complaints(found, tolerate_503=0.0)

    assert len(told) == 1
    assert says in told[0]
    assert f"NOT GOOD: {told[0]}" in as_text(found, told)
    assert json.loads(as_json(found, told))["isGood"] is False


def test_a_share_of_503_may_be_tolerated_and_no_other_5xx() -> None:
    assert complaints(evidence(DONE, DOWN), tolerate_503=0.03) == []
    assert complaints(evidence(DONE, DOWN), tolerate_503=0.029) != []
    assert complaints(evidence(DONE, (502, "", "failed", 1)), tolerate_503=1.0) != []


def test_the_summary_says_what_was_not_looked_at() -> None:
    told = as_text(evidence(DONE, HELD, checker=None, is_soak=True, samples=2), [])

    assert "not checked" in told
    assert "too short to tell growth" in told
    assert "409 slot_held" in told
    assert told.endswith("All is good.")
