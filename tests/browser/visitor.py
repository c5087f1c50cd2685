"""Somebody at a browser: what they do, in the words of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from playwright.sync_api import Locator, Page, expect

CODE = re.compile(r"\b[0-9]{6}\b")


@dataclass(frozen=True, slots=True)
class Person:
    """Who the local sign-in made; `kept` is how the page keeps them (JSON)."""

    token: str
    name: str
    role: str
    user_id: str
    phone: str
    email: str
    kept: str


@dataclass(frozen=True, slots=True)
class Slot:
    """One that was free a moment ago; `week` is the Monday of its week by UTC."""

    id: str
    doctor_id: str
    start: datetime
    week: date


@dataclass(frozen=True, slots=True)
class Visitor:
    page: Page
    url: str
    person: Person | None

    def goes_to(self, place: str = "") -> Page:
        """`docs`, or a view: `#/bookings`. A view is there once it waits for nothing."""
        self.page.goto(self.url + place)
        self.waits()
        return self.page

    def waits(self) -> None:
        expect(self.page.locator("main")).not_to_have_attribute("aria-busy", "true")
        expect(self.page.locator("main [aria-busy=true]")).to_have_count(0)

    def opens(self, slot: Slot, *, zone: str = "mine") -> Locator:
        """The doctor's week; answers the button of the slot."""
        self.goes_to(f"#/doctors/{slot.doctor_id}?week={slot.week}&zone={zone}")
        return self.page.locator(f"[data-testid=slot][data-slot-id='{slot.id}']")

    def holds(self, slot: Slot) -> None:
        self.opens(slot).click()
        self.page.get_by_role("button", name="Hold this time").click()
        self.sees("Enter your code")

    def sees(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)

    def messages(self) -> Locator:
        """On their phone, newest first."""
        return self.page.get_by_test_id("sms")

    def code(self, *, of: int = 1) -> str:
        """The newest code on the phone, once there are so many messages with one."""
        codes = self.messages().filter(has_text=CODE)
        expect(codes).to_have_count(of)
        found = CODE.search(codes.first.inner_text())
        assert found
        return found[0]

    def types_code(self, code: str) -> None:
        self.page.get_by_role("textbox", name="6-digit code").fill(code)
        self.page.get_by_role("button", name="Confirm booking").click()

    def books(self, slot: Slot) -> str:
        """From the calendar to the confirmation; the booking's id."""
        self.holds(slot)
        self.types_code(self.code())
        self.sees("Your appointment is booked")
        found = re.search(r"#/bookings/([\w-]+)", self.page.url)
        assert found
        return found[1]

    def alert(self, testid: str) -> Locator:
        return self.page.get_by_test_id(testid)
