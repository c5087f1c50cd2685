"""The catalogue of bad input: what there is, and where each of it is tried.

`CASES` begin the names of cases of the row in the corpus (`corpus.py`), which asks every route that
the row applies to; `TESTS` are tests of their own, for what needs a story. test_catalogue.py fails
for a row that nothing tries, and for a name that is no case's or test's any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tests.fuzz.corpus import Case

VERIFY = "integration/test_verify.py"
HOLD = "integration/test_hold.py"
TOKENS = "unit/adapters/test_tokens.py"
REPEATED = "e2e/test_idempotency.py"
CHANGE = "integration/test_change_booking.py"
OUTAGES = "integration/test_outages.py"
CURSOR = "unit/contracts/test_cursor.py"
REFUSALS = "unit/functions/test_refusals.py"
SCHEDULE = "unit/domain/test_schedule.py"
SENDER = "unit/functions/test_send_notification.py"
DELIVERY = "e2e/test_delivery.py"
POISON = "test_poison_ends_in_the_dlq_with_everything_else_delivered_and_comes_back_once_mended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`about` tells what is sent; `not_here` what of it there is nothing of to try, and why."""

    about: str
    cases: Collection[str] = ()
    tests: Collection[str] = ()
    not_here: str = ""


CATALOGUE: Mapping[int, Row] = {
    1: Row(
        about="a body that is no JSON: cut off, empty, with a byte order mark, no UTF-8, no base64",
        cases=("truncated", "empty", "blank", "byte order mark", "UTF-16", "no UTF-8", "overlong"),
        tests=(f"{REFUSALS}::test_base64_body_that_encodes_no_json_is_refused",),
    ),
    2: Row(about="NaN, Infinity, a key twice", cases=("NaN", "Infinity", "a key twice")),
    3: Row(
        about="nested without end, thousands of digits, lists without end",
        cases=("nested too deep", "arrays without end", "5,000 digits", "weekly", "breaks"),
        tests=(
            "unit/contracts/test_json_text.py::test_nesting_past_the_limit_is_an_invalid_request",
        ),
    ),
    4: Row(
        about="more than 16 KiB, in characters or bytes; anything where no body is taken",
        cases=("a byte too many", "64 KiB", "1 MiB", "too many bytes", "64 KiB where no body is"),
    ),
    5: Row(
        about="another media type, or none; anything encoded",
        cases=("type", "no type", "encoding 'gzip'"),
    ),
    6: Row(
        about="no object; fields that are unknown, ours, or another model's; no such choice",
        cases=("an array", "a text", "null", "unknown", "another model's field", "status", "?sta"),
    ),
    7: Row(
        about="operators of MongoDB and lists in the place of values",
        cases=("slotId {", "code {", "reason {", 'slotId ["a"]'),
        tests=(f"{HOLD}::test_a_slot_id_like_an_operator_is_only_a_string",),
    ),
    8: Row(
        about="operators in a query, a parameter twice or unknown, NUL, lone surrogates",
        cases=("?limit[$", "?page=1&page=1", "?unknown", "?a%00b", "a lone surrogate", "?$where"),
    ),
    9: Row(
        about="an id that is none, a path in its place, of nothing",
        cases=("id ", "slotId = ", "replaces = ", "id an encoded slash", "id 3,000 letters"),
        tests=(f"{REFUSALS}::test_id_that_the_gateway_decoded_in_the_path_is_refused_too",),
    ),
    10: Row(
        about="another type: a text for a number, a truth for a number, 1.0, 1e3, 1_000, ' 5 '",
        cases=(
            "consultationFee '1'",
            "consultationFee True",
            "?limit=1_0",
            "?limit=%205",
            "code 1",
        ),
        tests=(
            "unit/contracts/test_bounds.py::test_nothing_unknown_is_let_in_and_nothing_is_converted",
        ),
    ),
    11: Row(
        about="numbers out of bounds: limit=0, limit=-1, limit=101, page=0, page=10^12",
        cases=("?limit=0", "?limit=-1", "?limit=101", "?page=0", "?page=1000000000000"),
    ),
    12: Row(
        about="a cursor that is none, is cut off, changed, or another list's or filter's",
        cases=("?cursor=",),
        tests=(
            f"{CURSOR}::test_truncated_cursor_is_refused",
            f"{CURSOR}::test_cursor_with_a_flipped_bit_is_a_position_or_refused",
            f"{CURSOR}::test_cursor_of_another_query_is_refused",
            "e2e/test_refusals.py::test_a_cursor_belongs_to_its_list",
        ),
        not_here="another user's: it is a place in an order, of which each sees what is theirs",
    ),
    13: Row(
        about="a code that is not six ASCII digits",
        cases=("code = ",),
        tests=("unit/contracts/test_requests.py::test_anything_but_six_ascii_digits_is_no_code",),
    ),
    14: Row(about="a wrong code", tests=(f"{VERIFY}::test_a_wrong_code_is_counted_and_told",)),
    15: Row(
        about="a code after five wrong ones, right or wrong",
        tests=(
            f"{VERIFY}::test_after_five_wrong_codes_not_even_the_right_one_helps",
            f"{VERIFY}::test_losing_redis_gives_no_try_back",
        ),
    ),
    16: Row(
        about="the right code too late: for the code, for the hold",
        tests=(
            f"{VERIFY}::test_a_code_past_its_time_is_refused_though_the_hold_lives",
            f"{VERIFY}::test_a_hold_past_its_end_is_not_confirmed_whatever_redis_says",
        ),
    ),
    17: Row(
        about="the right code of another attempt, of an earlier send, a second time",
        tests=(
            f"{VERIFY}::test_the_code_of_another_attempt_does_not_fit",
            f"{VERIFY}::test_a_resend_makes_a_new_code_and_kills_the_old_one",
            f"{VERIFY}::test_the_same_call_again_answers_the_same_booking",
        ),
    ),
    18: Row(
        about="a hundred codes at once",
        tests=("concurrency/test_races.py::test_no_race_is_lost",),
    ),
    19: Row(
        about="what is another's",
        cases=("id of another's",),
        tests=(
            f"{VERIFY}::test_another_patient_s_attempt_is_not_found",
            f"{CHANGE}::test_somebody_else_s_booking_is_not_found",
        ),
    ),
    20: Row(about="a route of other roles", cases=("asked by",)),
    21: Row(
        about="no token, none that is one, two, one in the query",
        cases=("no token", "garbage", "another scheme", "two tokens", "a token in the query"),
    ),
    22: Row(
        about="a token without a signature, with another's, with another algorithm",
        cases=("no signature", "another signature", "no algorithm, signed", "another payload"),
        tests=(
            f"{TOKENS}::test_token_without_a_signature_is_refused",
            f"{TOKENS}::test_token_signed_with_the_public_key_as_a_secret_is_refused",
            f"{TOKENS}::test_token_of_another_algorithm_is_refused",
        ),
    ),
    23: Row(
        about="a token that names no key, an unknown one, a path, or brings its own",
        tests=(
            f"{TOKENS}::test_token_of_an_unknown_key_is_refused",
            f"{TOKENS}::test_key_id_that_is_no_string_is_refused",
            f"{TOKENS}::test_token_without_a_key_id_is_refused",
            f"{TOKENS}::test_key_that_a_token_brings_along_is_not_used",
        ),
    ),
    24: Row(
        about="a token of the right key that is over, early, another's, for others, or very long",
        tests=(
            f"{TOKENS}::test_token_with_a_wrong_claim_is_refused",
            f"{TOKENS}::test_signed_token_of_strange_claims_is_refused",
            f"{TOKENS}::test_what_is_no_bearer_token_is_refused",
            f"{TOKENS}::test_valid_token_of_10_kb_is_refused",
        ),
    ),
    25: Row(
        about="a token of a key that was withdrawn",
        tests=(
            "integration/test_identity_provider.py::test_revoked_key_is_gone_within_five_minutes",
        ),
    ),
    26: Row(
        about="headers that say who asks, from where, with which method: as without them",
        cases=("X-Forwarded-For", "X-User-Id", "X-HTTP-Method-Override", "Forwarded", "Cookie"),
        tests=("e2e/test_limits.py::test_a_forged_address_gives_the_user_no_new_bucket",),
    ),
    27: Row(
        about="a path or method that there is not",
        cases=("TRACE ", "PROPFIND ", "HEAD ", "/admin", "/.env", "/me/..", "/bookings;a=b"),
        tests=(f"{REFUSALS}::test_route_that_is_not_the_functions_is_not_found",),
    ),
    28: Row(about="no Idempotency-Key where one is needed", cases=("no key",)),
    29: Row(
        about="an Idempotency-Key that is empty, long, of other letters, twice",
        cases=("key empty", "key very long", "key a dollar", "key a slash", "two keys"),
    ),
    30: Row(
        about="a request again, once it was answered",
        tests=(f"{REPEATED}::test_a_repeated_request_is_answered_the_same_byte_for_byte",),
    ),
    31: Row(
        about="another request with its key",
        tests=(f"{REPEATED}::test_its_key_stands_for_no_other_request",),
    ),
    32: Row(
        about="a request again while it is under way",
        tests=(
            f"{REPEATED}::test_while_it_is_under_way_its_repetition_waits_and_then_finds_its_effect",
        ),
    ),
    33: Row(
        about="another's key",
        tests=(f"{REPEATED}::test_its_key_in_other_hands_is_another_key",),
    ),
    34: Row(
        about="a request again, with its members in another order and other blanks",
        tests=("fuzz/test_corpus.py::test_the_same_said_otherwise_is_the_same_request",),
    ),
    35: Row(
        about="dates that there are not, or in another form",
        cases=("?date=2025-02-29", "?date=2025-W09-1", "?date=10000-01-01", "from = ", "holidays"),
    ),
    36: Row(about="the 29th of February of a leap year: taken", cases=("?date=2028-02-29",)),
    37: Row(
        about="a time without an offset, that is none, or that a clock skips",
        cases=("?from=2027-01-01T09:00:00", "?from=2027-03-29T02:30:00", "weekly = ", "to = "),
        tests=(f"{SCHEDULE}::test_an_hour_that_the_clock_skips_has_no_slots",),
    ),
    38: Row(
        about="a time that a clock shows twice, with its offset: two times, both taken",
        cases=("?from=2026-10-25T02:30:00",),
        tests=(f"{SCHEDULE}::test_an_hour_that_the_clock_shows_twice_has_its_slots_twice",),
    ),
    39: Row(
        about="a slot in the past",
        tests=(f"{HOLD}::test_a_slot_in_the_past_cannot_be_held",),
        not_here="too near or too far ahead: any slot may be held until it starts",
    ),
    40: Row(
        about="a slot that another holds or has, or that the clinic blocked",
        tests=(
            f"{HOLD}::test_a_second_patient_is_refused_while_the_hold_is_live",
            f"{HOLD}::test_a_slot_that_is_not_free_is_unavailable",
        ),
    ),
    41: Row(
        about="a slot that one holds oneself",
        tests=(f"{HOLD}::test_holding_ones_own_slot_again_answers_the_same_attempt_and_end",),
    ),
    42: Row(
        about="the code of a hold that is not the slot's any more; twice; of a cancelled booking",
        tests=(
            f"{VERIFY}::test_a_slot_changed_since_the_hold_is_not_confirmed",
            f"{VERIFY}::test_an_attempt_whose_slot_went_to_another_patient_is_over",
            f"{VERIFY}::test_the_same_call_again_answers_the_same_booking",
            f"{VERIFY}::test_the_code_of_a_cancelled_booking_books_nothing",
        ),
    ),
    43: Row(
        about="cancelled twice or too late; rescheduled too late, or what is no booking any more",
        tests=(
            f"{CHANGE}::test_cancelling_again_has_no_further_effect_and_the_same_answer",
            f"{CHANGE}::test_a_patient_may_cancel_until_the_start_and_staff_after_it",
            f"{CHANGE}::test_it_is_too_late_to_reschedule_within_24_hours",
            f"{CHANGE}::test_only_a_confirmed_booking_can_be_changed",
            f"{CHANGE}::test_what_cannot_be_replaced_is_refused_at_once_and_leaves_no_hold",
        ),
    ),
    44: Row(
        about="If-Match that is none, or of another version",
        cases=("If-Match ", "another version", "a weak tag"),
        tests=(f"{CHANGE}::test_another_version_than_expected_is_not_changed",),
        not_here="none at all: it is nowhere required",
    ),
    45: Row(
        about="phones and addresses that are none; line ends in what becomes a header or an SMS",
        cases=("phone = ", "email = ", "name a header", "specialty a line end"),
        not_here="numbers that cost more: the SMS provider's account says what it serves",
    ),
    46: Row(
        about="text that reorders or hides, that is very long; markup and formulas as they are",
        cases=("reason right to left", "name combining marks", "reason long", "?specialty=%E2"),
        tests=(
            "fuzz/test_corpus.py::test_what_is_dangerous_elsewhere_is_kept_and_told_as_it_is",
            "unit/adapters/test_calendar_file.py::test_a_name_stays_inside_its_summary",
        ),
    ),
    47: Row(
        about="more holds, requests, codes than allowed",
        tests=(
            f"{HOLD}::test_a_patient_holds_no_more_slots_at_once_than_allowed",
            "e2e/test_limits.py::test_who_asks_too_often_is_told_when_to_come_back",
            f"{VERIFY}::test_codes_are_sent_again_three_times_at_most_even_if_redis_is_lost",
            "integration/test_quotas.py::test_resend_is_refused_when_the_days_codes_are_used_up",
        ),
        not_here="SMS of all users together: bounded by the SMS provider's account, not by us",
    ),
    48: Row(
        about="anything while MongoDB or Redis is down, or with next to no time left",
        tests=(
            f"{OUTAGES}::test_holding_without_redis_is_refused_and_touches_nothing",
            f"{OUTAGES}::test_verifying_without_redis_is_refused_and_works_again_after",
            f"{OUTAGES}::test_a_hold_mongodb_refuses_leaves_no_lock",
            "unit/test_deadline.py::test_call_is_capped_by_what_the_invocation_can_spare",
        ),
    ),
    49: Row(
        about="messages that are no JSON, of another version, of nothing",
        tests=(
            "unit/contracts/test_messages.py::test_what_is_not_ours_is_refused",
            f"{SENDER}::test_message_that_is_not_ours_is_delivered_again_until_it_is_set_aside",
            f"{DELIVERY}::{POISON}",
        ),
    ),
    50: Row(
        about="what a payment provider says: another amount than asked",
        tests=(
            "integration/test_payments.py::test_an_authorisation_of_another_amount_is_given_back",
        ),
        not_here="a webhook: there is none, the provider is asked (docs/payments.md)",
    ),
}


def untried(
    catalogue: Mapping[int, Row], cases: Iterable[Case], tests: Collection[str]
) -> list[str]:
    """Everything of the catalogue that nothing tries, and cases that are in no row of it.

    `tests` are all there are, as a row names them.
    """
    names: dict[int, set[str]] = {}
    for case in cases:
        names.setdefault(case.row, set()).add(case.name)
    found = [
        f"row {number} is not in the catalogue" for number in sorted(set(names) - set(catalogue))
    ]
    for number, row in catalogue.items():
        if not row.cases and not row.tests:
            found.append(f"row {number}: nothing tries it")
        if not row.cases and number in names:
            found.append(f"row {number}: its cases in the corpus are not told")
        found += [
            f"row {number}: no case {case!r}"
            for case in row.cases
            if not any(name.startswith(case) for name in names.get(number, ()))
        ]
        found += [f"row {number}: no test {test!r}" for test in row.tests if test not in tests]
    return found
