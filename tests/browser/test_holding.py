"""A time that is held for a while, and the codes that confirm it, in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import BOOKINGS, SLOTS
from slotkeeper.domain.slot import SlotStatus
from tests.browser.conftest import Visit
from tests.browser.visitor import Person, Slot, Visitor
from tests.browser.watch import Watch

FreeSlot = Callable[[], Slot]
NewPerson = Callable[[str], Person]
WRONG = "422 POST /bookings/*/verify-otp"


@pytest.fixture(scope="module", autouse=True)
def left_alone(
    visit_all_along: Visit, new_person: NewPerson, free_slot: FreeSlot
) -> tuple[Visitor, Slot]:
    """Somebody who holds a slot from the first of these tests on, and does not confirm it."""
    slot = free_slot()
    visitor = visit_all_along(new_person("patient"))
    visitor.holds(slot)
    return visitor, slot


def test_a_held_slot_is_offered_to_nobody_else(
    visit: Visit, patient: Person, left_alone: tuple[Visitor, Slot]
) -> None:
    other = visit(patient)

    button = other.opens(left_alone[1])

    expect(button).to_have_count(0)
    expect(other.page.get_by_test_id("slot").first).to_be_enabled()


def test_a_wrong_code_says_how_many_tries_are_left_and_the_last_one_ends_the_hold(
    visit: Visit,
    patient: Person,
    free_slot: FreeSlot,
    watch: Watch,
    deployed_mongo: Database[dict[str, Any]],
) -> None:
    slot = free_slot()
    visitor = visit(patient)
    visitor.holds(slot)
    page = visitor.page
    code = visitor.code()
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    watch.provokes(WRONG)

    for left in ("4 tries left", "3 tries left", "2 tries left", "1 try left"):
        visitor.types_code(wrong)
        expect(visitor.alert("code-wrong")).to_be_visible()
        expect(page.get_by_test_id("tries-left")).to_have_text(left)
    visitor.types_code(wrong)

    expect(visitor.alert("too-many-codes")).to_contain_text("Nothing was booked")
    expect(page.get_by_role("textbox", name="6-digit code")).to_have_count(0)
    assert deployed_mongo[BOOKINGS].count_documents({"slotId": slot.id}) == 0
    page.reload()
    expect(visitor.alert("too-many-codes")).to_contain_text("Nothing was booked")
    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_test_id("slot").first).to_be_enabled()


def test_the_right_code_after_a_wrong_one_books(
    visit: Visit, patient: Person, free_slot: FreeSlot, watch: Watch
) -> None:
    visitor = visit(patient)
    visitor.holds(free_slot())
    code = visitor.code()
    watch.provokes(WRONG)

    visitor.types_code(code[::-1] if code != code[::-1] else f"{int(code) ^ 1:06}")
    expect(visitor.alert("code-wrong")).to_be_visible()
    visitor.types_code(code)

    visitor.sees("Your appointment is booked")


def test_new_codes_are_sent_three_times_and_then_no_more_but_the_last_one_works(
    visit: Visit, patient: Person, free_slot: FreeSlot, watch: Watch
) -> None:
    visitor = visit(patient)
    visitor.holds(free_slot())
    visitor.code(of=1)
    again = visitor.page.get_by_role("button", name="Send a new code")

    for sent in (2, 3, 4):
        again.click()
        visitor.code(of=sent)
    watch.provokes("429 POST /bookings/*/resend-otp")
    again.click()

    expect(visitor.alert("no-new-code")).to_be_visible()
    visitor.types_code(visitor.code(of=4))
    visitor.sees("Your appointment is booked")


def test_a_time_that_is_let_go_is_free_for_others_at_once(
    visit: Visit, new_person: NewPerson, free_slot: FreeSlot
) -> None:
    slot = free_slot()
    visitor, other = visit(new_person("patient")), visit(new_person("patient"))
    visitor.holds(slot)

    visitor.page.get_by_role("button", name="Let this time go").click()

    expect(visitor.page.get_by_test_id("slot").first).to_be_enabled()
    expect(other.opens(slot)).to_be_enabled()


def test_a_reload_at_any_step_loses_nothing(
    visit: Visit, patient: Person, free_slot: FreeSlot
) -> None:
    slot = free_slot()
    visitor = visit(patient)
    page = visitor.goes_to("#/")
    page.get_by_role("searchbox").fill("derma")
    _reload(page)
    expect(page.get_by_role("searchbox")).to_have_value("derma")
    expect(page.get_by_role("list", name="Doctors").get_by_role("listitem")).to_have_count(1)

    visitor.opens(slot, zone="clinic").click()
    _reload(page)
    box = page.get_by_role("dialog", name="Book this time?")
    expect(box).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^Clinic time"))).to_be_checked()
    box.get_by_role("radio", name="Email").check()
    _reload(page)
    expect(box.get_by_role("radio", name="Email")).to_be_checked()
    box.get_by_role("radio", name="Text message (SMS)").check()

    box.get_by_role("button", name="Hold this time").click()
    visitor.sees("Enter your code")
    left = page.get_by_test_id("countdown").inner_text()
    page.get_by_role("textbox", name="6-digit code").fill("12")
    _reload(page)
    expect(page.get_by_role("textbox", name="6-digit code")).to_have_value("12")
    assert page.get_by_test_id("countdown").inner_text() <= left

    visitor.types_code(visitor.code())
    visitor.sees("Your appointment is booked")
    _reload(page)
    visitor.sees("Your appointment is booked")
    page.go_back()
    page.go_forward()
    visitor.sees("Your appointment is booked")


def test_a_hold_that_ran_out_says_so_and_the_slot_is_free_again(
    visit: Visit,
    patient: Person,
    left_alone: tuple[Visitor, Slot],
    deployed_mongo: Database[dict[str, Any]],
) -> None:
    visitor, slot = left_alone

    # Half a minute after the first of these tests began: most of it is over by now.
    expect(visitor.alert("hold-expired")).to_be_visible(timeout=40_000)

    expect(visitor.alert("hold-expired")).to_contain_text("Nothing was booked")
    held = deployed_mongo[SLOTS].find_one({"_id": slot.id})
    assert held is not None
    assert held["status"] == SlotStatus.ACTIVE or held["hold"]["expiresAt"] <= datetime.now(UTC)
    expect(visit(patient).opens(slot)).to_be_enabled()
    visitor.page.get_by_role("link", name="Choose another time").click()
    expect(visitor.page.get_by_test_id("slot").first).to_be_enabled()


def _reload(page: Page) -> None:
    page.reload()
    expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)
