"""Looking at a place: accessibility in both themes, no sideways scrolling on a phone, pictures."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from playwright.sync_api import Page

SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 740}}
LOOKS = (("desk", "light"), ("phone", "dark"))
"""Size and theme: themes change colours alone, sizes where things are; each is seen once."""
NARROW = {"width": 320, "height": 568}
"""The narrowest that WCAG 2.2 asks for (1.4.10)."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page, name: str, pictures: Path, *, without: str = "") -> list[str]:
    """What axe finds in light and in dark, on a desk and a phone; what is wider than the screen.

    `without` are elements (a selector) that axe need not look at: more of what it sees already.
    """
    found = []
    for where, theme in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(SIZES[where])
        page.screenshot(path=pictures / f"{name}-{where}-{theme}.png", full_page=True)
        found += [f"{name}, {where}, {theme}: {fault}" for fault in _axe(page, without)]
    for size in (SIZES["phone"], NARROW):
        page.set_viewport_size(size)
        wide = _sticking_out(page)
        found += [f"{name}: wider than {size['width']}: {one}" for one in wide]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(SIZES["desk"])
    return found


def _axe(page: Page, without: str) -> list[str]:
    # Through the debugger, which the page's own policy does not concern.
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_source())
    told: list[str] = page.evaluate(
        """async ([rules, without]) => {
            const all = { include: [document], exclude: without ? [[without]] : [] };
            const { violations } = await axe.run(all, {
                runOnly: rules, resultTypes: ["violations"] });
            return violations.flatMap(({ id, help, nodes }) =>
                nodes.map(node => `${id} (${help}): ${node.target.join(" ")}`));
        }""",
        [RULES, without],
    )
    return told


def _sticking_out(page: Page) -> list[str]:
    """Nothing, or the elements for which the page scrolls sideways."""
    told: list[str] = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            const wide = [...document.querySelectorAll("body *")]
                .filter(one => one.getBoundingClientRect().right > width + 1)
                .map(one => `${one.tagName}.${one.className}`);
            return [`${document.documentElement.scrollWidth} px`, ...wide.slice(0, 5)];
        }"""
    )
    return told


@cache
def _source() -> str:
    """axe-core, as its package brings it; the expression's value must be nothing big."""
    spec = find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "axe.min.js").read_text() + "\n;undefined;"
