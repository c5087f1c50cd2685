"""schemathesis against the deployed stack: no 5xx, and no answer outside `openapi.json`.

Whatever the document allows, and much that it forbids, is sent as a patient and as staff; ids that
exist are in reach, so that not everything is 404.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from local import openapi
from local.config import ROOT, Config
from slotkeeper.adapters.mongo.documents import SLOTS
from tests.e2e.conftest import NewPatient
from tests.support.clinic import close_clinic, found_clinic

Node = dict[str, Any]  # Any: JSON

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# What chance would hardly hit upon.
BOUND: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("post", "/bookings"): {"body.slotId": "slot"},
    ("patch", "/bookings/{id}/cancel"): {"header.If-Match": "tag"},
    ("patch", "/bookings/{id}/reschedule"): {"header.If-Match": "tag"},
    ("put", "/me"): {"body.timeZone": "zone"},
    ("post", "/doctors"): {"body.timeZone": "zone"},
    ("patch", "/doctors/{id}"): {"body.timeZone": "zone", "header.If-Match": "tag"},
}
EXAMPLES: Mapping[tuple[str, str], Node] = {
    ("post", "/doctors/{id}/schedules"): {
        "weekly": [{"day": "mon", "start": "09:00", "end": "12:00"}],
        "slotMinutes": 30,
        "from": "2099-01-01",
        "to": "2099-01-31",
    },
    ("patch", "/doctors/{id}/slots"): {
        "from": "2099-01-05T00:00:00Z",
        "to": "2099-01-06T00:00:00Z",
        "status": "removed",
    },
}
SEED = 20_260_301
SECONDS = 180
"""A run takes some 20 on two idle cores."""


@dataclass(frozen=True, slots=True)
class World:
    """Who calls, and what exists for them to find, by what it is called."""

    patient: str
    staff: str
    ids: Mapping[str, Sequence[str]]


@pytest.fixture(scope="module")
def world(
    system: Config, new_patient: NewPatient, deployed_mongo: Database[dict[str, Any]]
) -> Iterator[World]:
    clinic = found_clinic(system, deployed_mongo)
    patient = new_patient()
    bookings = [patient.book(slot)["id"] for slot in clinic.slots[:3]]
    attempts = [patient.hold(slot).json["attemptId"] for slot in clinic.slots[3:5]]
    # Held for as long as the runs take.
    later = datetime.now(UTC) + timedelta(hours=1)
    deployed_mongo[SLOTS].update_many(
        {"hold.attemptId": {"$in": attempts}},
        {"$set": {"hold.expiresAt": later, "hold.codeExpiresAt": later}},
    )
    yield World(
        patient=patient.token,
        staff=clinic.staff.token,
        ids={
            "doctor": [clinic.doctor],
            "slot": clinic.slots,
            "booking": bookings,
            "attempt": attempts,
            "zone": ["UTC", "Asia/Kolkata"],
            "tag": ['"1"', '"1", W/"2"', "*"],
        },
    )
    close_clinic(deployed_mongo, clinic)


# --- one run --------------------------------------------------------------------------------------


def _for_role(role: str) -> Node:
    """The document with what the role may call.

    A patient's profile is left alone: without a phone they could hold nothing. (Staff try that.)
    """
    document = openapi.document(openapi.operations())
    if role == "patient":
        del document["paths"]["/me"]["put"]
    for path, item in list(document["paths"].items()):
        kept = {m: op for m, op in item.items() if not op["x-roles"] or role in op["x-roles"]}
        for method in kept:
            if example := EXAMPLES.get((method, path)):
                kept[method]["requestBody"]["content"]["application/json"]["example"] = example
        document["paths"][path] = kept
        if not kept:
            del document["paths"][path]
    return document


def _settings(world: World, document: Node) -> str:
    """What may stand for `{id}` and others, route by route; no method that is not there."""
    lines = ['hooks = "tests.support.fuzz_hooks"', "[phases.coverage]", "unexpected-methods = []"]
    for name, ids in world.ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(list(ids))}"]
    for path, item in document["paths"].items():
        for method in item:
            lines += ["[[operations]]", f'include-name = "{method.upper()} {path}"']
            lines += ["[operations.parameters]"]
            if "{id}" in path:
                lines += [_bound("path.id", _kind_of(path))]
            lines += [_bound(place, name) for place, name in BOUND.get((method, path), {}).items()]
    return "\n".join(lines) + "\n"


def _bound(place: str, name: str) -> str:
    return f'"{place}" = {{ dictionary = "{name}", probability = 0.8 }}'


def _kind_of(path: str) -> str:
    if re.search(r"/(hold|verify-otp|resend-otp)$", path):
        return "attempt"
    return path.split("/")[1].removesuffix("s")


def fuzz(
    where: Path,
    document: Node,
    world: World,
    *,
    api_url: str,
    token: str,
    examples: int,
    phases: str = "examples,coverage,fuzzing",
) -> subprocess.CompletedProcess[str]:
    (where / "openapi.json").write_text(json.dumps(document))
    (where / "schemathesis.toml").write_text(_settings(world, document))
    options = {
        "--url": api_url,
        "--header": f"Authorization: Bearer {token}",
        "--checks": ",".join(CHECKS),
        "--phases": phases,
        "--max-examples": str(examples),
        "--seed": str(SEED),
        "--generation-database": "none",
        "--workers": "2",
        "--request-timeout": "60",
        "--warnings": "off",
    }
    program = Path(sys.executable).parent / "st"
    return subprocess.run(
        [
            *(str(program), "--config-file", "schemathesis.toml", "run", "openapi.json"),
            *(part for option in options.items() for part in option),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


# --- the runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["patient", "staff"])
def test_every_answer_is_as_the_document_says(
    role: str, world: World, stack: dict[str, Any], tmp_path: Path
) -> None:
    document = _for_role(role)

    done = fuzz(
        tmp_path,
        document,
        world,
        api_url=stack["api_url"],
        token=getattr(world, role),
        examples=10,
    )

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    operations = sum(len(item) for item in document["paths"].values())
    assert f"Tested: {operations}\n" in done.stdout


def test_control_a_document_that_is_wrong_is_found_out(
    world: World, stack: dict[str, Any], tmp_path: Path
) -> None:
    document = _for_role("patient")
    document["paths"] = {"/doctors/{id}": {"get": document["paths"]["/doctors/{id}"]["get"]}}
    document["components"]["schemas"]["DoctorResponse"]["properties"]["name"] = {"type": "integer"}

    done = fuzz(
        tmp_path,
        document,
        world,
        api_url=stack["api_url"],
        token=world.patient,
        examples=5,
        phases="fuzzing",
    )

    assert done.returncode == 1, done.stdout[-20_000:]
    assert "Response violates schema" in done.stdout
