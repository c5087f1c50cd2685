"""The API reference in the browser: all there is, to be tried on the system that runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from local.config import ROOT
from tests.browser.conftest import Visit
from tests.browser.visitor import Person, Slot
from tests.browser.watch import Watch


def test_every_operation_of_the_document_is_there_with_its_parameters_and_answers(
    visit: Visit, patient: Person
) -> None:
    document = json.loads((ROOT / "openapi.json").read_text())
    described = {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }

    page = visit(patient).goes_to("docs")
    expect(page.get_by_test_id("operation")).to_have_count(len(described))

    shown = page.get_by_test_id("operation").evaluate_all(
        "all => Object.fromEntries(all.map(one => [one.dataset.operationId, one.textContent]))"
    )
    assert set(shown) == set(described)
    for name, operation in described.items():
        told = [_of(document, given)["name"] for given in operation.get("parameters", [])]
        missing = [word for word in (*told, *operation["responses"]) if word not in shown[name]]
        assert not missing, (name, missing)


def test_each_operation_can_be_tried(visit: Visit, patient: Person) -> None:
    page = visit(patient).goes_to("docs")
    expect(page.get_by_test_id("operation").first).to_be_visible()

    page.get_by_text("Try it", exact=True).evaluate_all("all => all.forEach(one => one.click())")

    count = page.get_by_test_id("operation").count()
    expect(page.get_by_role("button", name="Send")).to_have_count(count)


def test_a_booking_is_made_by_trying_one_call_after_the_other(
    visit: Visit, patient: Person, free_slot: Callable[[], Slot]
) -> None:
    visitor = visit(patient)
    phone = visit(patient)
    phone.goes_to()
    page = visitor.goes_to("docs")
    slot = free_slot()

    listed = _try(page, "get_doctors")
    _answers(listed, "200", "specialty")
    hold = _open(page, "hold")
    hold.get_by_role("textbox", name="Body").fill(json.dumps({"slotId": slot.id}))
    hold.get_by_role("button", name="Send").click()
    _answers(hold, "202", "attemptId")
    verify = _open(page, "verify")
    verify.get_by_role("textbox", name="Body").fill(json.dumps({"code": phone.code()}))
    verify.get_by_role("button", name="Send").click()
    _answers(verify, "201", slot.id)
    _answers(_try(page, "get_one"), "200", slot.id)
    _answers(_try(page, "cancel"), "200", "cancelled")


def test_without_a_token_an_operation_is_refused_as_it_would_be_for_any_client(
    visit: Visit, patient: Person, watch: Watch
) -> None:
    page = visit(patient).goes_to("docs")
    page.get_by_role("textbox", name="Access token").fill("")
    watch.provokes("401 GET /doctors")

    _answers(_try(page, "get_doctors"), "401", "unauthenticated")


def _of(document: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The parameter itself, where it is named by reference."""
    reference = given.get("$ref")
    if reference is None:
        return given
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _open(page: Page, operation: str) -> Locator:
    found = page.locator(f"[data-operation-id={operation}]")
    if not found.get_by_role("button", name="Send").is_visible():
        found.get_by_text("Try it", exact=True).click()
    return found


def _try(page: Page, operation: str) -> Locator:
    found = _open(page, operation)
    found.get_by_role("button", name="Send").click()
    return found


def _answers(operation: Locator, status: str, text: str) -> None:
    answer = operation.get_by_test_id("answer")
    expect(answer).to_have_attribute("data-status", status)
    expect(answer).to_contain_text(text)
