from __future__ import annotations

import json
from datetime import timedelta, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from slotkeeper.contracts.bookings import BookingResponse
from slotkeeper.contracts.codes import ResendOtpResponse
from slotkeeper.contracts.holds import HoldSlotResponse
from slotkeeper.contracts.problems import HealthResponse, problem
from slotkeeper.contracts.shapes import read
from slotkeeper.contracts.slots import ListSlotsQuery, SlotPageResponse
from slotkeeper.domain.attempt import CodeSent, HoldReceipt
from slotkeeper.domain.slot import FreeSlot
from slotkeeper.domain.user import Channel
from slotkeeper.ports.pages import Page, Position
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    DOCTOR,
    NOW,
    SLOT,
    a_booking,
    a_hold,
    a_slot,
    as_free,
)

SENT = CodeSent(
    channel=Channel.SMS,
    destination="+1*****00",
    expires_at=NOW + timedelta(minutes=5),
    resend_at=NOW + timedelta(seconds=30),
)
RECEIPT = HoldReceipt(
    attempt_id=ATTEMPT,
    slot_id=SLOT,
    expires_at=NOW + timedelta(minutes=5, milliseconds=123),
    server_time=NOW,
    otp=SENT,
)
OTP = {
    "channel": "sms",
    "destination": "+1*****00",
    "expiresAt": "2026-03-02T09:05:00.000Z",
    "resendAt": "2026-03-02T09:00:30.000Z",
}


def test_hold_is_answered_in_the_contracts_shape() -> None:
    answer = json.loads(HoldSlotResponse.text_of(RECEIPT))

    assert answer == {
        "attemptId": ATTEMPT,
        "slotId": SLOT,
        "expiresAt": "2026-03-02T09:05:00.123Z",
        "serverTime": "2026-03-02T09:00:00.000Z",
        "otp": OTP,
    }


def test_expires_header_is_an_http_date_of_the_holds_end() -> None:
    text = HoldSlotResponse.text_of(RECEIPT)

    header = HoldSlotResponse.expires_header(text)

    assert header == "Mon, 02 Mar 2026 09:05:00 GMT"
    assert parsedate_to_datetime(header) == NOW + timedelta(minutes=5)


def test_times_of_other_zones_are_answered_in_utc() -> None:
    zone = timezone(timedelta(hours=-7))
    receipt = replace(RECEIPT, server_time=NOW.astimezone(zone))

    answer = json.loads(HoldSlotResponse.text_of(receipt))

    assert answer["serverTime"] == "2026-03-02T09:00:00.000Z"


def test_resend_is_answered_in_the_contracts_shape() -> None:
    assert json.loads(ResendOtpResponse.text_of(SENT)) == {"otp": OTP}


def test_booking_is_answered_in_the_contracts_shape() -> None:
    text, _ = BookingResponse.with_etag(a_booking())

    assert json.loads(text) == {
        "id": "bk_1",
        "slotId": SLOT,
        "doctorId": DOCTOR,
        "userId": ALICE,
        "date": "2026-03-03",
        "startTime": "2026-03-03T09:00:00.000Z",
        "endTime": "2026-03-03T09:30:00.000Z",
        "status": "confirmed",
        "version": 1,
        "createdAt": "2026-03-02T09:00:00.000Z",
        "updatedAt": "2026-03-02T09:00:00.000Z",
    }


def test_etag_is_the_quoted_version() -> None:
    _, headers = BookingResponse.with_etag(replace(a_booking(), version=7))

    assert headers == {"ETag": '"7"'}


def test_page_of_slots_is_answered_in_the_contracts_shape() -> None:
    query = read(ListSlotsQuery, {"limit": "1", "page": "2"})
    page = Page[FreeSlot](items=[as_free(a_slot())], total=3, next=None)

    answer = json.loads(SlotPageResponse.of(page, query, query.wanted(DOCTOR)).to_text())

    assert answer == {
        "items": [
            {
                "id": SLOT,
                "doctorId": DOCTOR,
                "date": "2026-03-03",
                "startTime": "2026-03-03T09:00:00.000Z",
                "endTime": "2026-03-03T09:30:00.000Z",
                "status": "active",
            }
        ],
        "pageInfo": {
            "page": 2,
            "limit": 1,
            "totalPages": 3,
            "totalItems": 3,
            "nextCursor": None,
        },
    }


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2), (40, 2)], ids=str)
def test_pages_are_counted_up(total: int, pages: int) -> None:
    query = read(ListSlotsQuery, {})
    page = Page[FreeSlot](items=[], total=total, next=None)

    answer = json.loads(SlotPageResponse.of(page, query, query.wanted(DOCTOR)).to_text())

    assert answer["pageInfo"]["totalPages"] == pages


def test_next_cursor_leads_to_the_next_page_of_the_same_list() -> None:
    first = read(ListSlotsQuery, {"date": "2026-03-03"})
    position = Position(key=a_slot().start_time, id=SLOT)
    page = Page[FreeSlot](items=[as_free(a_slot())], total=2, next=position)
    answer = json.loads(SlotPageResponse.of(page, first, first.wanted(DOCTOR)).to_text())
    cursor = answer["pageInfo"]["nextCursor"]

    second = read(ListSlotsQuery, {"date": "2026-03-03", "cursor": cursor, "limit": "5"})

    assert second.after(second.wanted(DOCTOR)) == position


def test_listed_slot_with_a_hold_that_is_over_is_active_and_shows_nothing_of_it() -> None:
    query = read(ListSlotsQuery, {})
    page = Page[FreeSlot](items=[as_free(a_slot(hold=a_hold()))], total=1, next=None)

    text = SlotPageResponse.of(page, query, query.wanted(DOCTOR)).to_text()

    assert json.loads(text)["items"][0]["status"] == "active"
    assert ALICE not in text
    assert ATTEMPT not in text


@pytest.mark.parametrize(
    ("states", "status"),
    [({"redis": True, "sqs": True}, "ok"), ({"redis": False, "sqs": True}, "unavailable")],
)
@pytest.mark.parametrize("is_standby", [False, True])
def test_health_names_each_dependency_and_the_mode(
    states: dict[str, bool], status: str, is_standby: bool
) -> None:
    answer = json.loads(HealthResponse.text_of(states, is_standby=is_standby))

    assert answer == {
        "status": status,
        "mode": "standby" if is_standby else "active",
        "dependencies": {name: "ok" if is_up else "unavailable" for name, is_up in states.items()},
    }


def test_problem_has_the_contracts_members() -> None:
    document = problem(
        status=HTTPStatus.CONFLICT,
        code="slot_held",
        detail="Another patient is holding this slot.",
        request_id="r-1",
        more={"attemptsRemaining": 4},
    )

    assert document == {
        "type": "urn:slotkeeper:problem:slot_held",
        "title": "Conflict",
        "status": 409,
        "code": "slot_held",
        "detail": "Another patient is holding this slot.",
        "requestId": "r-1",
        "attemptsRemaining": 4,
    }


def test_problem_has_no_members_that_the_contract_does_not_know() -> None:
    with pytest.raises(ValidationError):
        problem(
            status=HTTPStatus.CONFLICT, code="c", detail="d", request_id="r", more={"trace": "..."}
        )
