"""A booking without a mouse: keys alone, and the focus where one expects it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Person

FAR = 120
"""So many times one may have to press Tab: a week of slots lies between."""


SHOWN = """() => {
    const outlined = one => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    };
    const one = document.activeElement;  // or, of a link that fills its card, the card
    return [outlined(one) || outlined(one.closest(".card") || one), one.outerHTML.slice(0, 80)];
}"""


def test_a_booking_is_made_with_keys_alone(visit: Visit, patient: Person) -> None:
    visitor = visit(patient)
    page = visitor.goes_to("#/")
    keys = page.keyboard

    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("main")).to_be_focused()
    _tabs_to(page, page.get_by_role("searchbox"))
    keys.type("derma")
    _tabs_to(page, page.get_by_role("link", name="Dr. June Park"))
    keys.press("Enter")
    visitor.sees("Dr. June Park")
    visitor.waits()
    expect(page.get_by_role("heading", level=1)).to_be_focused()

    _tabs_to(page, page.get_by_role("button", name="Later week"))
    keys.press("Enter")
    visitor.waits()
    slot = page.get_by_test_id("slot").nth(1)
    _tabs_to(page, slot)
    keys.press("Enter")
    box = page.get_by_role("dialog", name="Book this time?")
    expect(box).to_be_visible()
    keys.press("Escape")
    expect(box).to_have_count(0)
    expect(slot).to_be_focused()
    keys.press("Enter")
    _tabs_to(page, page.get_by_role("button", name="Hold this time"))
    keys.press("Space")

    visitor.sees("Enter your code")
    _tabs_to(page, page.get_by_role("textbox", name="6-digit code"))
    keys.type(visitor.code())
    keys.press("Enter")
    visitor.sees("Your appointment is booked")
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_whatever_has_the_focus_shows_it(visit: Visit, patient: Person) -> None:
    page = visit(patient).goes_to("#/")
    expect(page.get_by_role("list", name="Doctors")).to_be_visible()

    for _ in range(12):
        page.keyboard.press("Tab")
        shown, what = page.evaluate(SHOWN)
        assert shown, what


def _tabs_to(page: Page, wanted: Locator) -> None:
    expect(wanted).to_be_visible()
    for _ in range(FAR):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {wanted}")
