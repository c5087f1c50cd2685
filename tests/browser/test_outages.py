"""What a patient sees of a service that is down, of lost answers and of the end of a sign-in."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Route, expect
from pymongo.database import Database

from local import servers
from local.config import Config
from slotkeeper.adapters.mongo.documents import BOOKINGS, SLOTS
from tests.browser.conftest import Visit
from tests.browser.visitor import Person, Slot
from tests.browser.watch import Watch

FreeSlot = Callable[[], Slot]


def test_with_the_database_down_the_page_says_so_and_goes_on_when_it_is_back(
    system: Config,
    visit: Visit,
    patient: Person,
    free_slot: FreeSlot,
    watch: Watch,
    deployed_mongo: Database[dict[str, Any]],
) -> None:
    slot = free_slot()
    visitor, elsewhere = visit(patient), visit(patient)
    visitor.opens(slot).click()
    elsewhere.goes_to("#/")
    watch.provokes("503 POST /bookings", "503 GET /bookings")
    watch.allows("503 GET /_local/messages", "503 GET /me")

    with _frozen(system, "mongod"):
        visitor.page.get_by_role("button", name="Hold this time").click()
        elsewhere.page.get_by_role("link", name="My bookings").click()
        expect(visitor.alert("service-down")).to_contain_text("Nothing is lost")
        expect(elsewhere.alert("service-down")).to_contain_text("Nothing you did is lost")

    elsewhere.page.get_by_role("button", name="Try again").click()
    expect(elsewhere.page.locator("main")).to_contain_text("You have no bookings yet")
    # Whether or not the first request came to hold the slot when the database was back.
    visitor.page.get_by_role("button", name="Hold this time").click()
    visitor.sees("Enter your code")
    assert deployed_mongo[SLOTS].count_documents({"hold.userId": patient.user_id}) == 1


def test_without_a_network_what_was_begun_can_be_gone_on_with(
    visit: Visit, patient: Person, free_slot: FreeSlot, watch: Watch
) -> None:
    visitor = visit(patient)
    page = visitor.page
    visitor.holds(free_slot())
    code = visitor.code()
    offline = "net::ERR_INTERNET_DISCONNECTED"
    watch.provokes(f"{offline} POST /bookings/*/verify-otp")
    watch.allows(f"{offline} GET /_local/messages")

    page.context.set_offline(True)
    visitor.types_code(code)
    expect(visitor.alert("service-down")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("button", name="Confirm booking").click()

    visitor.sees("Your appointment is booked")


def test_an_answer_that_is_lost_on_its_way_books_once_all_the_same(
    visit: Visit,
    patient: Person,
    free_slot: FreeSlot,
    watch: Watch,
    deployed_mongo: Database[dict[str, Any]],
) -> None:
    slot = free_slot()
    visitor = visit(patient)
    visitor.holds(slot)
    lost: list[int] = []

    def lose_the_first(route: Route) -> None:
        answer = route.fetch()
        if lost:
            route.fulfill(response=answer)
        else:
            lost.append(answer.status)
            route.abort("connectionreset")

    visitor.page.route("**/verify-otp", lose_the_first)
    watch.provokes("net::ERR_CONNECTION_RESET POST /bookings/*/verify-otp")
    visitor.types_code(visitor.code())

    visitor.sees("Your appointment is booked")
    assert lost == [201]
    assert deployed_mongo[BOOKINGS].count_documents({"slotId": slot.id}) == 1


def test_who_is_signed_out_on_the_way_goes_on_where_they_were(
    visit: Visit, patient: Person, watch: Watch
) -> None:
    visitor = visit(patient)
    page = visitor.goes_to("#/me")
    forged = json.dumps({**json.loads(patient.kept), "token": "over.and.out"})
    page.evaluate("kept => sessionStorage.setItem('slotkeeper.session', kept)", forged)
    watch.provokes("401 GET /me")
    watch.allows("401 GET /_local/messages")

    page.reload()
    expect(page.locator("main")).to_contain_text("Your sign-in has ended")
    page.get_by_role("button", name="Continue as Bob (patient)").click()

    visitor.sees("Your details")
    expect(page.get_by_role("textbox", name="Email address")).to_have_value("bob@example.com")


def test_signing_out_forgets_who_was_signed_in(visit: Visit, patient: Person) -> None:
    visitor = visit(patient)
    page = visitor.goes_to("#/bookings")

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("button", name="Continue as Alice (patient)")).to_be_visible()
    assert patient.token not in page.evaluate("JSON.stringify(sessionStorage)")
    page.reload()
    expect(page.get_by_role("button", name="Continue as Alice (patient)")).to_be_visible()


@contextmanager
def _frozen(system: Config, name: str) -> Iterator[None]:
    """It listens and answers nobody: the slowest way to be down."""
    pid = json.loads(servers.named(system, name).pid_file.read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
