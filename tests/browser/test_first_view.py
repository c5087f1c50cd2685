"""What the first view weighs and waits for; it prints the figures that docs/web.md states."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Person, Visitor

MOST = 150_000
"""Bytes of all that a page loads before it can be used, as they are sent, even uncompressed."""
STILL = 0.02
"""Of layout shift, between 0 and 1; up to 0.1 is called good."""


def test_the_page_is_laid_out_before_the_api_has_answered(
    visit: Visit, patient: Person, pictures: Path
) -> None:
    visitor = visit(patient)
    page = visitor.page
    page.route(re.compile(r"/doctors(\?|$)|/me$"), lambda route: None)  # asked, never answered

    page.goto(visitor.url)

    expect(page.get_by_role("heading", level=1)).to_have_text("Find a doctor")
    expect(page.get_by_role("searchbox")).to_be_editable()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_count(4)
    expect(page.locator("main [aria-busy=true] .bone").first).to_be_visible()
    page.screenshot(path=pictures / "first-view.png")


def test_nothing_moves_when_the_answers_come(visit: Visit, patient: Person) -> None:
    visitor = visit(patient)
    visitor.page.add_init_script(
        """window.shifted = 0;
        new PerformanceObserver(list => list.getEntries().forEach(one => {
            if (!one.hadRecentInput) window.shifted += one.value;
        })).observe({ type: "layout-shift", buffered: true });"""
    )

    page = visitor.goes_to("#/")
    expect(page.get_by_role("list", name="Doctors")).to_be_visible()

    shifted = page.evaluate("window.shifted")
    assert shifted <= STILL, shifted


def test_the_pages_are_light(visit: Visit, patient: Person) -> None:
    told = []
    for name, place in (("page", "#/"), ("reference", "docs")):
        visitor = visit(patient)
        answers = _load(visitor, place)
        bodies = [answer.body() for answer in answers]
        raw, small = sum(map(len, bodies)), sum(len(gzip.compress(body)) for body in bodies)
        paint = _first_paint(visitor.page)
        told.append(
            f"{name}: {len(bodies)} files, {raw / 1000:.0f} kB, {small / 1000:.0f} kB with gzip;"
            f" first paint after {paint:.0f} ms"
        )
        assert raw <= MOST, told[-1]

    print("\n" + "\n".join(told))


def test_a_second_visit_loads_no_file_again(visit: Visit, patient: Person) -> None:
    visitor = visit(patient)
    first = _files(visitor)

    again = _files(visitor)

    assert set(first) == set(again)
    assert first["style.css"] > 0
    assert {name for name, loaded in again.items() if loaded} <= {"site.json"}


def _files(visitor: Visitor) -> dict[str, int]:
    """By their names, how many bytes of each file came over the network."""
    _load(visitor, "#/")
    found: dict[str, int] = visitor.page.evaluate(
        """Object.fromEntries(performance.getEntriesByType("resource")
            .filter(one => one.name.includes("/assets/"))
            .map(one => [one.name.split("/").at(-1), one.transferSize]))"""
    )
    return found


def _load(visitor: Visitor, place: str) -> list[Response]:
    """What came of the page itself (not the API's answers), once it is all there."""
    answers: list[Response] = []
    page = visitor.page

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto("about:blank")
    page.goto(visitor.url + place)
    visitor.waits()
    page.wait_for_load_state("networkidle")
    page.remove_listener("response", note)
    paths = re.compile(rf"^{re.escape(visitor.url)}(docs|assets/.*)?(#.*)?$")
    return [answer for answer in answers if paths.match(answer.url)]


def _first_paint(page: Page) -> float:
    found: float = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    )
    return found
