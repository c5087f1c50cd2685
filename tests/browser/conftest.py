"""A browser for the session, a context for each visitor, and what they left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pymongo.database import Database

from local import chromium
from local.api import call
from local.config import TOOLS
from slotkeeper.adapters.mongo.documents import SLOTS
from tests.browser.visitor import Person, Slot, Visitor
from tests.browser.watch import Watch
from tests.support.deployed import NewPatient, NextSlot

PICTURES = TOOLS / "browser"
PHONE, DESK = (360, 740), (1280, 900)
Theme = Literal["light", "dark"]
SLOW = 20_000
"""Milliseconds in which a page must show what is waited for: functions start on a busy machine."""
expect.set_options(timeout=SLOW)


class Visit(Protocol):
    def __call__(
        self,
        person: Person | None = None,
        *,
        size: tuple[int, int] = DESK,
        theme: Theme = "light",
        zone: str = "Europe/Berlin",
        **more: Any,  # Any: options of a context, as Playwright has them
    ) -> Visitor:
        """Somebody in a browser of their own; signed in, if they are a person."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For these tests alone: meanwhile this thread has an event loop, which other code takes for
    its own, such as the pages' function in its unit tests.
    """
    found = chromium.find_or_fetch()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found.program,
            args=list(chromium.ARGUMENTS),
            env={**os.environ, **found.environment},
        )
        yield started
        started.close()


@pytest.fixture(scope="session", autouse=True)
def _warm(new_patient: NewPatient, next_slot: NextSlot) -> None:
    """A booking by the API alone: functions start at their first request, while a hold runs out."""
    patient = new_patient()
    held = patient.hold(next_slot())
    patient.verify(held.json["attemptId"], patient.code())


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where pictures are put: one of each place, and of whatever a test that failed saw last."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    return PICTURES


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def visit(
    browser: Browser,
    stack: dict[str, Any],
    watch: Watch,
    pictures: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Visit]:
    with visits(browser, stack, watch, pictures, request) as come:
        yield come


@pytest.fixture(scope="module")
def visit_all_along(
    browser: Browser, stack: dict[str, Any], pictures: Path, request: pytest.FixtureRequest
) -> Iterator[Visit]:
    """For what takes long: it goes on while the module's other tests are run."""
    with visits(browser, stack, Watch(), pictures, request) as come:
        yield come


@contextmanager
def visits(
    browser: Browser,
    stack: dict[str, Any],
    watch: Watch,
    pictures: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Visit]:
    contexts: list[BrowserContext] = []

    def come(
        person: Person | None = None,
        *,
        size: tuple[int, int] = DESK,
        theme: Theme = "light",
        zone: str = "Europe/Berlin",
        **more: Any,
    ) -> Visitor:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            timezone_id=zone,
            locale="en-GB",
            **{"reduced_motion": "reduce", **more},
        )
        contexts.append(context)
        context.set_default_timeout(SLOW)
        watch.over(context)
        if person is not None:
            context.add_init_script(_signed_in(person))
        return Visitor(page=context.new_page(), url=stack["web_url"], person=person)

    failed_before = request.session.testsfailed
    yield come
    unexpected = watch.unexpected()
    if unexpected or request.session.testsfailed > failed_before:
        _keep([page for one in contexts for page in one.pages], pictures, request.node.name)
    for context in contexts:
        context.close()
    assert unexpected == []


@pytest.fixture(scope="session")
def new_person(stack: dict[str, Any]) -> Callable[[str], Person]:
    """Somebody nobody met before, signed in as the page's own buttons do it."""

    def make(role: str = "patient") -> Person:
        answer = call("POST", f"{stack['web_url']}_local/sign-in", body=_somebody(role))
        assert answer.status == 200, answer.text
        return Person(**_snake(answer.json), kept=answer.text)

    return make


@pytest.fixture
def patient(new_person: Callable[[str], Person]) -> Person:
    return new_person("patient")


@pytest.fixture
def staff(new_person: Callable[[str], Person]) -> Person:
    return new_person("staff")


@pytest.fixture(scope="session")
def free_slot(next_slot: NextSlot, deployed_mongo: Database[dict[str, Any]]) -> Callable[[], Slot]:
    def give() -> Slot:
        found = deployed_mongo[SLOTS].find_one({"_id": next_slot()})
        assert found is not None
        start = found["startTime"]
        monday = start.date() - timedelta(days=start.weekday())
        return Slot(id=found["_id"], doctor_id=found["doctorId"], start=start, week=monday)

    return give


def _somebody(role: str) -> dict[str, str]:
    return {"name": "anybody", "role": role}


def _snake(known: dict[str, str]) -> dict[str, str]:
    return {re.sub("(?=[A-Z])", "_", name).lower(): value for name, value in known.items()}


def _signed_in(person: Person) -> str:
    """For a tab's first page only: who signs out stays so."""
    return (
        "if (location.protocol === 'http:' && !sessionStorage.getItem('signed-in-before')) {"
        "sessionStorage.setItem('signed-in-before', '1');"
        f"sessionStorage.setItem('slotkeeper.session', {json.dumps(person.kept)}); }}"
    )


def _keep(pages: list[Page], folder: Path, name: str) -> None:
    for number, page in enumerate(pages):
        safe = re.sub(r"[^\w.-]+", "-", name)
        page.screenshot(path=folder / f"failed-{safe}-{number}.png", full_page=True)
