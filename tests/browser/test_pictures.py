"""The README's two pictures, as the pages look now; `make screenshots` keeps them anew."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.config import ROOT
from tests.browser.conftest import Visit
from tests.browser.visitor import Slot

KEPT = ROOT / "docs" / "images"
WRITES = os.environ.get("SCREENSHOTS") == "write"
MOST = 150_000
DESK, PHONE = (1120, 760), (390, 1010)
FreeSlot = Callable[[], Slot]


def test_a_week_of_free_times_on_a_desk(visit: Visit, pictures: Path) -> None:
    visitor = visit(size=DESK)
    page = visitor.goes_to("#/doctors/dr-june-park")
    page.get_by_role("button", name="Continue as Alice (patient)").click()
    visitor.sees("Dr. June Park")
    page.get_by_role("button", name="Later week").click()
    expect(page.get_by_test_id("slot").first).to_be_visible()
    visitor.waits()

    _take(page, "calendar", pictures)


def test_a_code_is_asked_for_on_a_phone_in_the_dark(
    visit: Visit, free_slot: FreeSlot, pictures: Path
) -> None:
    visitor = visit(size=PHONE, theme="dark")
    page = visitor.goes_to("#/")
    page.get_by_role("button", name="Continue as Bob (patient)").click()
    expect(page.get_by_role("list", name="Doctors")).to_be_visible()
    visitor.holds(free_slot())
    expect(visitor.messages().first).to_contain_text("is your code")
    # As it is in production, where a hold is five minutes.
    page.evaluate(
        """() => {
            const name = Object.keys(sessionStorage).find(one => one.includes(".hold."));
            const hold = JSON.parse(sessionStorage.getItem(name));
            hold.expiresAt = new Date(Date.parse(hold.expiresAt) + 270_000).toISOString();
            hold.serverTime = new Date(Date.parse(hold.expiresAt) - 300_000).toISOString();
            sessionStorage.setItem(name, JSON.stringify(hold));
        }"""
    )
    page.reload()
    expect(page.get_by_test_id("countdown")).to_contain_text("04:")
    expect(visitor.messages().first).to_contain_text("is your code")

    _take(page, "code", pictures)
    page.get_by_role("button", name="Let this time go").click()


@pytest.mark.parametrize(("name", "size"), [("calendar", DESK), ("code", PHONE)])
def test_the_pictures_that_are_kept_are_small_and_in_the_readme(
    name: str, size: tuple[int, int]
) -> None:
    picture = KEPT / f"{name}.png"

    kept = picture.read_bytes()

    assert kept.startswith(b"\x89PNG")
    assert struct.unpack(">II", kept[16:24]) == size
    assert len(kept) <= MOST
    assert f"docs/images/{name}.png" in (ROOT / "README.md").read_text()


def _take(page: Page, name: str, pictures: Path) -> None:
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    taken = page.screenshot(path=pictures / f"readme-{name}.png")
    assert len(taken) <= MOST
    if WRITES:
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{name}.png").write_bytes(taken)
