"""Staff of a clinic in the browser: a doctor's day, new slots, time off."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from local.api import call
from tests.browser.conftest import Visit
from tests.browser.visitor import Person
from tests.browser.watch import Watch

NewPerson = Callable[[str], Person]
MONDAY = "2030-01-07"
"""Far from what other tests book."""


@pytest.fixture
def doctor(stack: dict[str, Any], staff: Person) -> str:
    """One without any slots, of the staff's clinic."""
    made = call(
        "POST",
        f"{stack['api_url']}/doctors",
        token=staff.token,
        body={
            "name": f"Dr. {secrets.token_hex(4).title()}",
            "specialty": "pediatrics",
            "timeZone": "Europe/Lisbon",
        },
        headers={"Idempotency-Key": secrets.token_hex(16)},
    )
    assert made.status == 201, made.text
    return str(made.json["id"])


def test_staff_make_slots_that_a_patient_books_and_block_time_around_the_booking(
    visit: Visit, staff: Person, patient: Person, doctor: str
) -> None:
    desk = visit(staff)
    page = desk.goes_to(f"#/clinic?doctor={doctor}&date={MONDAY}")
    expect(page.locator("main")).to_contain_text("no free times, no bookings")

    _create_slots(page)
    expect(page.get_by_test_id("schedule-done")).to_contain_text("6 slots created, 0 skipped")
    expect(page.get_by_test_id("clinic-row")).to_have_count(6)

    visitor = visit(patient)
    week = visitor.goes_to(f"#/doctors/{doctor}?week={MONDAY}&zone=clinic")
    week.get_by_role("button", name=re.compile("^Monday 7 January, 10:00 to 10:30")).click()
    week.get_by_role("button", name="Hold this time").click()
    visitor.sees("Enter your code")
    visitor.types_code(visitor.code())
    visitor.sees("Your appointment is booked")

    desk.goes_to(f"#/clinic?doctor={doctor}&date={MONDAY}")
    page.reload()
    desk.waits()
    booked = page.locator("[data-testid=clinic-row][data-status=booked]")
    expect(booked).to_have_count(1)
    expect(booked).to_contain_text("10:00 – 10:30")

    _block(page, "09:00", "11:00")
    expect(page.get_by_test_id("block-done")).to_contain_text("3 slots changed")
    expect(page.get_by_test_id("block-done")).to_contain_text("Monday 7 January, 10:00 to 10:30")
    expect(booked).to_have_count(1)
    expect(page.locator("[data-testid=clinic-row][data-status=free]")).to_have_count(2)

    visitor.goes_to(f"#/doctors/{doctor}?week={MONDAY}&zone=clinic")
    week.reload()
    expect(week.get_by_test_id("slot")).to_have_text(
        [re.compile("11:00 to 11:30"), re.compile("11:30 to 12:00")]
    )


def test_a_slot_is_blocked_and_freed_in_the_days_list(
    visit: Visit, staff: Person, doctor: str
) -> None:
    desk = visit(staff)
    page = desk.goes_to(f"#/clinic?doctor={doctor}&date={MONDAY}")
    _create_slots(page)
    row = page.get_by_test_id("clinic-row").first

    row.get_by_role("button", name="Block").click()
    expect(row).to_have_attribute("data-status", "blocked")
    row.get_by_role("button", name="Free it again").click()

    expect(row).to_have_attribute("data-status", "free")


def test_what_was_typed_into_a_form_is_there_after_a_reload(
    visit: Visit, staff: Person, doctor: str
) -> None:
    page = visit(staff).goes_to(f"#/clinic?doctor={doctor}&date={MONDAY}")

    page.get_by_text("Create a schedule").click()
    page.get_by_label("Holidays").fill("2030-01-08")
    page.reload()

    expect(page.get_by_label("Holidays")).to_have_value("2030-01-08")


def test_a_schedule_that_makes_no_sense_is_refused_with_what_is_wrong(
    visit: Visit, staff: Person, doctor: str, watch: Watch
) -> None:
    page = visit(staff).goes_to(f"#/clinic?doctor={doctor}&date={MONDAY}")
    watch.provokes("400 POST /doctors/*/schedules")

    page.get_by_text("Create a schedule").click()
    page.get_by_label("Opens").fill("12:00")
    page.get_by_label("Closes").fill("09:00")
    page.get_by_role("button", name="Create slots").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_test_id("schedule-done")).to_have_count(0)


def test_patients_are_not_shown_the_clinics_page(visit: Visit, patient: Person) -> None:
    page = visit(patient).goes_to()

    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_text(
        ["Doctors", "My bookings", "Your details", "API reference"]
    )


def test_staff_begin_at_their_clinics_day(visit: Visit) -> None:
    page = visit().goes_to()

    page.get_by_role("button", name="Continue as Sam (staff)").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Clinic day")
    expect(page.get_by_role("combobox", name="Doctor")).to_be_visible()


def _create_slots(page: Page) -> None:
    """Half hours from nine to twelve on that one Monday."""
    page.get_by_text("Create a schedule").click()
    for day in ("Tuesday", "Wednesday", "Thursday", "Friday"):
        page.get_by_role("checkbox", name=day).uncheck()
    page.get_by_label("Opens").fill("09:00")
    page.get_by_label("Closes").fill("12:00")
    page.get_by_label("First day").fill(MONDAY)
    page.get_by_label("Last day").fill(MONDAY)
    page.get_by_role("button", name="Create slots").click()


def _block(page: Page, start: str, end: str) -> None:
    page.get_by_text("Block time", exact=True).click()
    for label, value in (
        *(("From day", MONDAY), ("From time", start)),
        *(("To day", MONDAY), ("To time", end)),
    ):
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Change time").click()
