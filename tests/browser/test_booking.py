"""A patient books, moves and cancels appointments in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect
from pymongo.database import Database

from slotkeeper.adapters.mongo.documents import BOOKINGS
from tests.browser.conftest import Visit
from tests.browser.visitor import Person, Slot
from tests.browser.watch import Watch

FreeSlot = Callable[[], Slot]
NewPerson = Callable[[str], Person]


def test_a_patient_books_from_the_first_view_to_the_calendar_file(
    visit: Visit, tmp_path: Path, deployed_mongo: Database[dict[str, Any]]
) -> None:
    alice = visit()
    page = alice.goes_to()
    page.get_by_role("button", name="Continue as Alice (patient)").click()

    page.get_by_role("searchbox", name="Search by name or specialty").fill("cardio")
    expect(page.get_by_role("list", name="Doctors").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("link", name="Dr. Ravi Kumar").click()
    alice.sees("Dr. Ravi Kumar")
    page.get_by_role("button", name="Later week").click()
    slot = page.get_by_test_id("slot").last
    slot_id = slot.get_attribute("data-slot-id")
    slot.click()
    page.get_by_role("radio", name="Text message (SMS)").check()
    page.get_by_role("button", name="Hold this time").click()
    alice.sees("Enter your code")
    expect(page.get_by_test_id("countdown")).to_have_text(re.compile("0[0-9]:[0-9]{2}"))
    expect(alice.messages().first).to_contain_text("is your code")
    page.get_by_role("button", name=re.compile("^Use code [0-9]{6}$")).first.click()
    page.get_by_role("button", name="Confirm booking").click()
    alice.sees("Your appointment is booked")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Add to calendar").click()
    downloading.value.save_as(tmp_path / "appointment.ics")

    booked = deployed_mongo[BOOKINGS].find_one({"slotId": slot_id, "status": "confirmed"})
    assert booked is not None
    calendar = (tmp_path / "appointment.ics").read_bytes().decode()
    assert downloading.value.suggested_filename == "appointment.ics"
    assert f"DTSTART:{booked['startTime']:%Y%m%dT%H%M%SZ}" in calendar
    expect(alice.messages().first).to_contain_text("confirmed")


def test_of_two_who_want_one_slot_one_gets_it_and_the_other_is_told_and_offered_others(
    visit: Visit, new_person: NewPerson, free_slot: FreeSlot, watch: Watch
) -> None:
    slot = free_slot()
    one, other = visit(new_person("patient")), visit(new_person("patient"))
    for visitor in (one, other):
        visitor.opens(slot).click()
    watch.provokes("409 POST /bookings")

    for visitor in (one, other):
        # Neither waits for the other: both requests are under way together.
        visitor.page.get_by_role("button", name="Hold this time").click(no_wait_after=True)

    for visitor in (one, other):
        decided = visitor.page.get_by_test_id("slot-taken").or_(
            visitor.page.get_by_role("heading", name="Enter your code")
        )
        expect(decided).to_be_visible()
    refused = [v for v in (one, other) if v.alert("slot-taken").is_visible()]
    assert len(refused) == 1
    page = refused[0].page
    expect(refused[0].alert("slot-taken")).to_contain_text("Nothing was booked for you")
    page.get_by_role("button", name="Choose another time").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(f"[data-slot-id='{slot.id}']")).to_have_count(0)
    expect(page.get_by_test_id("slot").first).to_be_enabled()


def test_a_cancelled_booking_is_listed_as_such_and_its_slot_is_free_again(
    visit: Visit, patient: Person, free_slot: FreeSlot
) -> None:
    slot = free_slot()
    visitor = visit(patient)
    booking = visitor.books(slot)
    page = visitor.goes_to("#/bookings")
    row = page.locator(f"[data-booking-id='{booking}']")

    row.get_by_role("button", name="Cancel booking").click()
    box = page.get_by_role("dialog", name="Cancel this booking?")
    box.get_by_role("textbox", name="Reason (optional)").fill("a cold")
    box.get_by_role("button", name="Cancel booking").click()

    expect(row).to_have_attribute("data-status", "cancelled")
    expect(row.get_by_role("button", name="Cancel booking")).to_have_count(0)
    expect(visitor.opens(slot)).to_be_enabled()


def test_keeping_a_booking_after_all_changes_nothing(
    visit: Visit, patient: Person, free_slot: FreeSlot
) -> None:
    visitor = visit(patient)
    booking = visitor.books(free_slot())
    page = visitor.goes_to("#/bookings")
    row = page.locator(f"[data-booking-id='{booking}']")

    row.get_by_role("button", name="Cancel booking").click()
    page.get_by_role("button", name="Keep it").click()

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row).to_have_attribute("data-status", "confirmed")
    expect(row.get_by_role("button", name="Cancel booking")).to_be_focused()


def test_a_moved_booking_is_kept_until_the_new_one_is_confirmed(
    visit: Visit, patient: Person, free_slot: FreeSlot, deployed_mongo: Database[dict[str, Any]]
) -> None:
    old, new = free_slot(), free_slot()
    visitor = visit(patient)
    booking = visitor.books(old)

    def status() -> str:
        found = deployed_mongo[BOOKINGS].find_one({"_id": booking})
        assert found is not None
        return str(found["status"])

    page = visitor.goes_to("#/bookings")
    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_test_id("replacing")).to_contain_text("You keep your booking")
    visitor.goes_to(f"#/doctors/{new.doctor_id}?week={new.week}&replaces={booking}")
    page.locator(f"[data-slot-id='{new.id}']").click()
    expect(page.get_by_role("dialog")).to_contain_text("It replaces your booking")
    page.get_by_role("button", name="Hold this time").click()
    visitor.sees("Enter your code")
    before = status()
    visitor.types_code(visitor.code(of=2))
    visitor.sees("Your appointment was moved")

    assert (before, status()) == ("confirmed", "rescheduled")
    page.get_by_role("link", name="My bookings").last.click()
    expect(
        page.get_by_test_id("booking").and_(page.locator("[data-status=confirmed]"))
    ).to_have_count(1)
