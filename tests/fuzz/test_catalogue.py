"""Every row of the catalogue of bad input is tried somewhere: in the corpus or by a named test."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fuzz.corpus import Given, corpus
from tests.fuzz.requests import ROUTES
from tests.support.routes import FUNCTIONS, operations_of

TESTS = Path(__file__).resolve().parents[1]
ROWS = range(1, 51)
ELSEWHERE: Mapping[int, str] = {
    14: "integration/test_verify.py::test_a_wrong_code_is_counted_and_told",
    15: "integration/test_verify.py::test_after_five_wrong_codes_not_even_the_right_one_helps",
    16: "integration/test_verify.py::test_a_hold_past_its_end_is_not_confirmed_whatever_redis_says",
    17: "integration/test_verify.py::test_the_code_of_another_attempt_does_not_fit",
    18: "concurrency/test_races.py::test_no_race_is_lost",
    23: "unit/adapters/test_tokens.py::test_token_of_an_unknown_key_is_refused",
    24: "unit/adapters/test_tokens.py::test_token_with_a_wrong_claim_is_refused",
    25: "unit/adapters/test_tokens.py::test_withdrawn_key_stops_working_once_the_keys_are_old",
    30: "e2e/test_idempotency.py::test_a_repeated_request_is_answered_the_same_byte_for_byte",
    31: "e2e/test_idempotency.py::test_its_key_stands_for_no_other_request",
    32: "e2e/test_idempotency.py::"
    "test_while_it_is_under_way_its_repetition_waits_and_then_finds_its_effect",
    33: "e2e/test_idempotency.py::test_its_key_in_other_hands_is_another_key",
    34: "fuzz/test_corpus.py::test_the_same_said_otherwise_is_the_same_request",
    39: "integration/test_hold.py::test_a_slot_in_the_past_cannot_be_held",
    40: "integration/test_hold.py::test_a_slot_that_is_not_free_is_unavailable",
    41: "integration/test_hold.py::"
    "test_holding_ones_own_slot_again_answers_the_same_attempt_and_end",
    42: "integration/test_verify.py::test_a_slot_changed_since_the_hold_is_not_confirmed",
    43: "e2e/test_change_booking.py::"
    "test_within_24_hours_it_is_too_late_to_reschedule_and_after_the_start_to_cancel",
    47: "integration/test_hold.py::test_a_patient_holds_no_more_slots_at_once_than_allowed",
    48: "integration/test_outages.py::test_holding_without_redis_is_refused_and_touches_nothing",
    49: "e2e/test_delivery.py::test_poison_ends_in_the_dlq_with_everything_else_delivered",
}
NOT_HERE = {50: "there is no webhook: the provider is asked (docs/payments.md)"}


def _given() -> Given:
    ids = {kind: f"{kind}-1" for kind in ("doctor", "slot", "booking", "attempt")}
    tokens = dict.fromkeys(("patient", "staff", "admin"), "Bearer a.b.c")
    return Given(ids=ids, others={kind: f"{id_}-other" for kind, id_ in ids.items()}, tokens=tokens)


def test_every_row_is_tried_in_the_corpus_or_by_a_test_that_is_there() -> None:
    tried = {case.row for case in corpus(_given())}

    assert tried | set(ELSEWHERE) | set(NOT_HERE) == set(ROWS)


@pytest.mark.parametrize("place", ELSEWHERE.values())
def test_the_test_of_a_row_is_there(place: str) -> None:
    file, _, name = place.partition("::")

    assert re.search(rf"^def {name}", (TESTS / file).read_text(), re.MULTILINE)


def test_every_route_is_tried_in_the_corpus() -> None:
    folders = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))
    declared = {o.name: o for folder in folders for o in operations_of(folder)}.values()
    cases = list(corpus(_given()))

    assert {f"{o.method} {o.path}" for o in declared} == set(ROUTES)
    assert set(ROUTES) <= {case.route for case in cases}
    assert len(cases) > 3_000
    for operation in declared:
        route = ROUTES[f"{operation.method} {operation.path}"]
        assert route.takes_key == (operation.idempotency != "none")
        assert route.takes_if_match == operation.takes_if_match
        fields = {f.alias or n for n, f in operation.body_model.model_fields.items()}
        assert set(route.body or {}) <= fields
