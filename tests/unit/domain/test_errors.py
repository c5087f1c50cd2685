from __future__ import annotations

import pytest

from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.entrypoints.operation import STATUS

CONTRACT = {
    "invalid_request": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "slot_held": 409,
    "slot_unavailable": 409,
    "booking_not_confirmed": 409,
    "appointments_ahead": 409,
    "request_in_progress": 409,
    "version_conflict": 409,
    "hold_expired": 410,
    "precondition_failed": 412,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "otp_invalid": 422,
    "payment_declined": 422,
    "idempotency_key_reused": 422,
    "slot_in_past": 422,
    "too_late": 422,
    "rate_limited": 429,
    "otp_locked": 429,
    "too_many_holds": 429,
    "unavailable": 503,
}


def leaves() -> list[type[AppointmentError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, AppointmentError)
        and value is not AppointmentError
    ]


def test_every_refusal_has_the_contracts_code_and_status() -> None:
    found = {error.code: STATUS[error].value for error in leaves()}

    assert found == CONTRACT


@pytest.mark.parametrize("error", leaves(), ids=lambda error: error.__name__)
def test_every_refusal_has_its_own_code_and_words_for_the_caller(
    error: type[AppointmentError],
) -> None:
    others = [other for other in leaves() if other is not error]

    assert error.code not in {other.code for other in others}
    assert error.detail not in {other.detail for other in others}


def test_retry_after_is_at_least_a_second() -> None:
    assert errors.SlotHeld(retry_after_seconds=0).retry_after_seconds == 1


def test_unavailable_always_says_when_to_come_back() -> None:
    assert errors.Unavailable().retry_after_seconds == 5
