"""schemathesis by `openapi.json`: whatever the document allows, and much that it forbids."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import openapi
from local.config import ROOT

Node = dict[str, Any]  # Any: JSON

EXCLUDED: Mapping[str, str] = {
    "unsupported_method": (
        "API Gateway looks a route up by method and path: a method that the path has not is 404"
        " there (MISSING_AUTHENTICATION_TOKEN in template.yaml), never 405. That every undeclared"
        " method is 404 is row 27 of tests/fuzz/corpus.py."
    ),
}
"""Checks that are left out, and why; every other one there is is on."""
REFUSED_BY_STATE = ("410", "412", "422")
"""What the contract answers to a good request that comes too late, beside 404, 409 and 429."""
# What chance would hardly hit upon.
BOUND: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("post", "/bookings"): {"body.slotId": "slot"},
    ("patch", "/bookings/{id}/cancel"): {"header.If-Match": "tag"},
    ("patch", "/bookings/{id}/reschedule"): {"header.If-Match": "tag"},
    ("patch", "/doctors/{id}"): {"header.If-Match": "tag"},
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
# Whose id an answer tells, and what can be asked about it then.
LINKS: Mapping[tuple[str, str, str], tuple[str, Sequence[str]]] = {
    ("post", "/bookings", "202"): (
        "$response.body#/attemptId",
        ("verify", "resend", "release"),
    ),
    ("post", "/bookings/{id}/verify-otp", "201"): (
        "$response.body#/id",
        ("get_one", "get_calendar_file", "cancel", "reschedule"),
    ),
    ("post", "/doctors", "201"): (
        "$response.body#/id",
        ("get_doctor", "get_slots", "patch_doctor", "post_schedule", "patch_slots"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as one caller; `ids` are what exists for it to find, by what it is called."""

    role: str
    token: str | None
    ids: Mapping[str, Sequence[str]]
    url: str
    examples: int
    seed: int
    phases: str = "examples,coverage,fuzzing,stateful"
    workers: int = 1
    seconds: int = 900
    mode: str = "all"


def document_for(role: str) -> Node:
    """The document with what the role may call.

    A patient's profile is left alone: without a phone they could hold nothing. (Others try that.)
    Nobody at all may call everything, in vain. An admin has no clinic: whose doctor it is must be
    said, which the document leaves to words.
    """
    document = openapi.document(openapi.operations())
    if role == "patient":
        del document["paths"]["/me"]["put"]
    for path, item in list(document["paths"].items()):
        kept = {
            method: operation
            for method, operation in item.items()
            if role == "anonymous" or not operation["x-roles"] or role in operation["x-roles"]
        }
        for method in kept:
            if example := EXAMPLES.get((method, path)):
                kept[method]["requestBody"]["content"]["application/json"]["example"] = example
        document["paths"][path] = kept
        if not kept:
            del document["paths"][path]
    if role == "admin":
        schema = document["components"]["schemas"]["DoctorRequest"]
        schema["required"] = [*schema["required"], "clinicId"]
        [schema["properties"]["clinicId"]] = [
            kind for kind in schema["properties"]["clinicId"]["anyOf"] if kind["type"] != "null"
        ]
    _link(document)
    return document


def _link(document: Node) -> None:
    names = {op["operationId"] for item in document["paths"].values() for op in item.values()}
    for (method, path, status), (id_, targets) in LINKS.items():
        operation = document["paths"].get(path, {}).get(method)
        if operation is not None and status in operation["responses"]:
            operation["responses"][status]["links"] = {
                target: {"operationId": target, "parameters": {"id": id_}}
                for target in targets
                if target in names
            }


def fuzz(where: Path, document: Node, run: Run) -> subprocess.CompletedProcess[str]:
    """The run, done."""
    (where / "openapi.json").write_text(json.dumps(document))
    (where / "schemathesis.toml").write_text(_settings(run, document))
    options = {
        "--url": run.url,
        "--checks": "all",
        "--exclude-checks": ",".join(EXCLUDED),
        "--phases": run.phases,
        "--max-examples": str(run.examples),
        "--mode": run.mode,
        "--seed": str(run.seed),
        "--generation-database": "none",
        "--workers": str(run.workers),
        "--request-timeout": "60",
        "--warnings": "off",
        "--suppress-health-check": "all",
    }
    if run.token is not None:
        options["--header"] = f"Authorization: {run.token}"
    return subprocess.run(
        [
            *(str(Path(sys.executable).parent / "st"), "--config-file", "schemathesis.toml"),
            *("run", "openapi.json"),
            *(part for option in options.items() for part in option),
            *("--continue-on-failure", "--no-color"),
        ],
        cwd=where,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")]),
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=run.seconds,
        check=False,
    )


def requests_of(done: subprocess.CompletedProcess[str]) -> int:
    """How many test cases it says it made."""
    found = re.search(r"(\d[\d,]*) generated", done.stdout)
    return int(found[1].replace(",", "")) if found else 0


def _settings(run: Run, document: Node) -> str:
    """What may stand for `{id}` and others, route by route; no method that is not there."""
    accepted = ["2xx", "3xx", "401", "403", "404", "409", *REFUSED_BY_STATE, "429"]
    lines = [
        'hooks = "tests.support.fuzz_hooks"',
        "[phases.coverage]",
        "unexpected-methods = []",
        "[checks.positive_data_acceptance]",
        f"expected-statuses = {json.dumps(accepted)}",
    ]
    for name, ids in run.ids.items():
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
