"""What a person is told and how they are forgotten, over HTTP and by an operator."""

from __future__ import annotations

import json
from typing import Any

from local.api import Answer, Patient, call
from tests.e2e.test_delivery import ops
from tests.support.deployed import NextSlot


def ask(who: Patient, method: str, path: str = "/me") -> Answer:
    return call(method, who.api_url + path, token=who.token)


def test_who_has_an_appointment_is_forgotten_once_it_is_cancelled(
    alice: Patient, next_slot: NextSlot, stack: dict[str, Any]
) -> None:
    booking = alice.book(next_slot())

    refused = ask(alice, "DELETE")
    kept = ask(alice, "GET").json
    alice.cancel(booking["id"])
    held = alice.hold(next_slot())
    told = ask(alice, "GET", "/me/export").json
    forgotten = ask(alice, "DELETE")
    again = ask(alice, "DELETE")

    assert (refused.status, refused.json["code"]) == (409, "appointments_ahead")
    assert kept["phone"] == alice.phone
    assert told["current"]["profile"]["phone"] == alice.phone
    assert [hold["attemptId"] for hold in told["current"]["holds"]] == [held.json["attemptId"]]
    assert [(one["id"], one["reason"]) for one in told["bookings"]] == [(booking["id"], "a cold")]
    assert (forgotten.status, forgotten.text, again.status) == (204, "", 204)
    empty = ask(alice, "GET").json
    assert (empty["phone"], empty["email"], empty["lastViewed"]) == (None, None, None)
    assert alice.booking(booking["id"]).json["status"] == "cancelled"
    assert alice.release(held.json["attemptId"]).status == 410
    # Of what others of these tests put there, it may say what it likes.
    found = ops(stack, "check", "--longest-hold", "30").stdout
    assert "documents and keys read" in found
    for own in (booking["id"], booking["slotId"], booking["userId"], held.json["attemptId"]):
        assert own not in found


def test_pages_follow_one_another_by_cursor(alice: Patient, next_slot: NextSlot) -> None:
    for _ in range(2):
        alice.cancel(alice.book(next_slot())["id"])
    pages, cursor = [], ""
    while True:
        page = ask(alice, "GET", f"/me/export?limit=1{cursor}").json
        pages.append(page)
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"

    assert sum(len(page["bookings"]) for page in pages) == 2
    assert sum(page["current"] is not None for page in pages) == 1
    facts = [fact["type"] for page in pages for fact in page["history"]]
    assert sorted(facts) == ["booking.cancelled"] * 2 + ["booking.confirmed"] * 2


def test_an_operator_tells_and_forgets_them_too(
    alice: Patient, next_slot: NextSlot, stack: dict[str, Any]
) -> None:
    booking = alice.book(next_slot())
    user = booking["userId"]

    told = ops(stack, "export", "--user", user)
    refused = ops(stack, "erase", "--user", user)
    done = ops(stack, "erase", "--user", user, "--cancel")

    assert json.loads(told.stdout)["current"]["profile"]["phone"] == alice.phone
    assert refused.returncode == 1
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cancelled"] == [booking["id"]]
    assert ask(alice, "GET").json["phone"] is None
