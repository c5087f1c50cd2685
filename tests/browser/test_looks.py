"""Every place of the pages, looked at: in both themes, on a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.examine import LOOKS, faults
from tests.browser.visitor import Person, Slot
from tests.browser.watch import Watch

FreeSlot = Callable[[], Slot]


def test_the_sign_in_and_what_is_not_there_have_no_faults(visit: Visit, pictures: Path) -> None:
    visitor = visit()
    page = visitor.goes_to()
    expect(page.get_by_role("button", name="Continue as Alice (patient)")).to_be_visible()
    found = faults(page, "sign-in", pictures)

    page.get_by_role("button", name="Continue as Carol (patient)").click()
    expect(page.get_by_role("list", name="Doctors")).to_be_visible()
    visitor.goes_to("#/nowhere")
    found += faults(page, "nowhere", pictures)

    assert not found, "\n".join(found)


def test_the_places_of_a_booking_have_no_faults(
    visit: Visit, patient: Person, free_slot: FreeSlot, watch: Watch, pictures: Path
) -> None:
    slot = free_slot()
    visitor = visit(patient)
    page = visitor.goes_to("#/")
    found = faults(page, "doctors", pictures)
    page.get_by_role("searchbox").fill("nobody of that name")
    found += faults(page, "doctors-none", pictures)
    page.get_by_role("searchbox").fill("")
    visitor.opens(slot)
    found += faults(page, "calendar", pictures)
    visitor.goes_to(f"#/doctors/{slot.doctor_id}?week=2035-01-01")
    found += faults(page, "calendar-empty", pictures)
    visitor.opens(slot).click()
    found += faults(page, "calendar-dialog", pictures)
    page.get_by_role("button", name="Hold this time").click()
    visitor.sees("Enter your code")
    code = visitor.code()
    watch.provokes("422 POST /bookings/*/verify-otp")
    visitor.types_code(f"{(int(code) + 1) % 1_000_000:06}")
    expect(visitor.alert("code-wrong")).to_be_visible()
    found += faults(page, "hold-wrong-code", pictures)
    visitor.types_code(code)
    visitor.sees("Your appointment is booked")
    found += faults(page, "confirmation", pictures)

    visitor.goes_to("#/bookings")
    found += faults(page, "bookings", pictures)
    page.get_by_role("button", name="Cancel booking").click()
    found += faults(page, "cancel-dialog", pictures)
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_test_id("replacing")).to_be_visible()
    visitor.waits()
    found += faults(page, "calendar-replacing", pictures)
    visitor.goes_to("#/me")
    found += faults(page, "details", pictures)

    assert not found, "\n".join(found)


def test_the_clinics_day_has_no_faults(
    visit: Visit, staff: Person, patient: Person, free_slot: FreeSlot, pictures: Path
) -> None:
    slot = free_slot()
    visit(patient).books(slot)
    page = visit(staff).goes_to(f"#/clinic?doctor={slot.doctor_id}&date={slot.start:%Y-%m-%d}")
    expect(page.get_by_test_id("clinic-row").first).to_be_visible()
    for summary in ("Block time", "Create a schedule"):
        page.get_by_text(summary, exact=True).click()

    found = faults(page, "clinic", pictures)

    assert not found, "\n".join(found)


def test_the_reference_has_no_faults(visit: Visit, patient: Person, pictures: Path) -> None:
    page = visit(patient).goes_to("docs")
    operation = page.locator("[data-operation-id=get_doctors]")
    operation.get_by_text("Try it", exact=True).click()
    operation.get_by_role("button", name="Send").click()
    expect(operation.get_by_test_id("answer")).to_have_attribute("data-status", "200")

    each_method = ("get_doctors", "hold", "patch_slot", "put_me", "delete_me")
    kept = "".join(f":not([data-operation-id={name}])" for name in each_method)
    found = faults(page, "reference", pictures, without=f".operation{kept}")

    assert not found, "\n".join(found)


def test_a_service_that_is_down_has_no_faults_either(
    visit: Visit, patient: Person, watch: Watch, pictures: Path
) -> None:
    visitor = visit(patient)
    page = visitor.goes_to("#/")
    offline = "net::ERR_INTERNET_DISCONNECTED"
    watch.provokes(f"{offline} GET /bookings")
    watch.allows(f"{offline} GET /_local/messages", f"{offline} GET /me")
    page.route("**/bookings?*", lambda route: route.abort("internetdisconnected"))

    page.get_by_role("link", name="My bookings").click()
    expect(visitor.alert("service-down")).to_be_visible()

    found = faults(page, "service-down", pictures)

    assert not found, "\n".join(found)


@pytest.mark.parametrize(("where", "theme"), LOOKS)
def test_an_examination_finds_what_is_planted(
    visit: Visit, pictures: Path, where: str, theme: str
) -> None:
    """The control: text nobody can read, a button without a name, something too wide."""
    page = visit().goes_to()
    page.evaluate(
        """theme => {
            const made = (tag, css) => {
                const one = document.createElement(tag);
                Object.assign(one.style, css);
                document.querySelector("main").append(one);
                return one;
            };
            const grey = theme === "light" ? "#ddd" : "#222";
            const shown = theme === "light" ? "#fff" : "#000";
            made("p", { color: grey, background: shown }).textContent = "Can you read this?";
            made("button", {});
            made("div", { width: "500px", height: "10px" });
        }""",
        theme,
    )

    found = " ".join(faults(page, "planted", pictures))

    assert re.search(f"{where}, {theme}: color-contrast", found)
    assert "button-name" in found
    assert "wider than 360" in found


def test_who_wants_less_motion_sees_nothing_move(visit: Visit, patient: Person) -> None:
    page = visit(patient, reduced_motion="reduce").goes_to("#/")
    bones = "document.getAnimations().filter(one => one.playState === 'running').length"
    page.route("**/doctors?*", lambda route: None)

    page.reload(wait_until="commit")
    expect(page.locator(".bone").first).to_be_visible()

    assert page.evaluate(bones) == 0
