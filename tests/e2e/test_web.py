"""The pages over HTTP, as the API serves them, and what the local front adds."""

from __future__ import annotations

import gzip
import re
from typing import Any
from urllib.parse import urljoin

import pytest

from local.api import Answer, Patient, call
from local.config import Config
from tests.support.deployed import NewPatient, NextSlot

FIRST_VIEW_BYTES = 150_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(params=["api", "front"])
def base(request: pytest.FixtureRequest, stack: dict[str, Any]) -> str:
    """Where the page is: below the API's prefix, and at an address of its own."""
    return stack["api_url"] + "/" if request.param == "api" else str(stack["web_url"])


@pytest.mark.parametrize("page", ["", "docs"])
def test_a_page_and_all_it_loads_are_served_with_and_without_a_prefix(base: str, page: str) -> None:
    url = base + page
    answer = call("GET", url)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    loaded = [answer, *_loaded(url, answer)]
    assert len(loaded) > 8
    sizes = [len(gzip.compress(one.text.encode())) for one in loaded]
    assert sum(sizes) < FIRST_VIEW_BYTES
    again = call("GET", url, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.text) == (304, "")


def _loaded(url: str, page: Answer) -> list[Answer]:
    found = []
    for link in re.findall(r'(?:href|src|data-document)="(assets/[^"]+)"', page.text):
        answer = call("GET", urljoin(url, link))
        assert answer.status == 200, link
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        found.append(answer)
    return found


def test_what_is_no_file_of_the_pages_is_not_served(base: str) -> None:
    for path in ("assets/x/app.py", "assets/x/..%2Fapp.py", "assets/x/%2e%2e/app.py"):
        answer = call("GET", base + path)

        assert answer.status in {403, 404}, path
        assert "import" not in answer.text


def test_signing_in_is_offered_by_the_front_alone(stack: dict[str, Any]) -> None:
    own = call("GET", f"{stack['api_url']}/assets/site.json").json["signIn"]
    front = call("GET", f"{stack['web_url']}assets/site.json").json["signIn"]

    assert own == {"kind": "none", "environment": "local"}
    assert front["kind"] == "local"
    assert {person["role"] for person in front["people"]} == {"patient", "staff"}
    for path in ("/_local/sign-in", "/_local/messages"):
        assert call("POST", stack["api_url"] + path, body={}).status in {403, 404}


def _sign_in(stack: dict[str, Any], name: str, role: str, **more: Any) -> Answer:
    body = {"name": name, "role": role}
    return call("POST", f"{stack['web_url']}_local/sign-in", body=body, **more)


def test_a_made_up_patient_books_through_the_front(
    system: Config, stack: dict[str, Any], next_slot: NextSlot
) -> None:
    person = _sign_in(stack, "anybody", "patient").json
    patient = Patient(stack["web_url"].rstrip("/"), system, person["token"], person["phone"])

    booking = patient.book(next_slot())

    assert booking["status"] == "confirmed"
    assert patient.booking(booking["id"]).json["userId"] == person["userId"]


def test_a_made_up_clinic_worker_sees_their_clinic(stack: dict[str, Any]) -> None:
    person = _sign_in(stack, "sam", "staff").json

    me = call("GET", f"{stack['web_url']}me", token=person["token"]).json

    assert me["clinicId"] == "clinic-demo"


def test_one_sees_ones_own_messages_and_nobody_elses(
    stack: dict[str, Any], new_patient: NewPatient, next_slot: NextSlot
) -> None:
    alice, bob = new_patient(), new_patient()
    alice.hold(next_slot())
    code = alice.code()

    seen = call("GET", f"{stack['web_url']}_local/messages", token=alice.token).json["items"]
    others = call("GET", f"{stack['web_url']}_local/messages", token=bob.token).json["items"]
    nobodys = call("GET", f"{stack['web_url']}_local/messages")

    assert [one["to"] for one in seen] == [alice.phone]
    assert code in seen[0]["text"]
    assert others == []
    assert nobodys.status == 401


@pytest.mark.parametrize(
    ("name", "role", "more", "status"),
    [
        ("mallory", "patient", {}, 400),
        ("alice", "admin", {}, 400),
        ("anybody", "king", {}, 400),
        # What another site's page can send without being asked first, and by another name.
        ("alice", "patient", {"headers": {"Content-Type": "text/plain"}}, 415),
        ("alice", "patient", {"headers": JSON | {"Host": "elsewhere.example"}}, 421),
    ],
)
def test_the_front_signs_in_nobody_else_and_for_nobody_else(
    stack: dict[str, Any], name: str, role: str, more: dict[str, Any], status: int
) -> None:
    answer = _sign_in(stack, name, role, **more)

    assert answer.status == status
    assert "token" not in answer.text
