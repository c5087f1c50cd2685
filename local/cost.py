"""`make cost`: book on the running local system, count and time what it takes, and price it.

The mix of a booking: five looks at free slots, a hold, three refused in ten bookings, a wrong code
in twenty, a cancellation in ten.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from local import aws, cost_model, identity
from local.api import Patient, call
from local.config import ROOT, STACK, Config
from local.cost_model import Measured
from local.progress import LocalError, say

MEASURED = ROOT / "docs" / "cost-measured.json"
PAGE = ROOT / "docs" / "cost.md"
BEGIN, END = "<!-- computed by `make cost WRITE=1` -->", "<!-- end of what is computed -->"
LOOKS, REFUSED_OF_TEN, WRONG_IN, CANCELLED_IN = 5, 3, 20, 10
SWEEPS = ("expire_locks", "relay_outbox", "settle_payments", "seal_audit")
REGIONS = ("us-east-1", "eu-central-1")
SETTLED_SECONDS = 3.0
"""Until what was begun has been logged."""
METRICS = 40
"""About as many as docs/metrics.md has with their labels."""


def report(config: Config, *, bookings: int, is_written: bool) -> None:
    """Print the tables; or keep the measurement, and write them into docs/cost.md.

    Raises:
        LocalError: a booking did not go as it should.
    """
    if bookings < WRONG_IN:
        raise LocalError(f"at least {WRONG_IN} bookings, or the rare things do not come up")
    told = measure(config, bookings)
    if is_written:
        MEASURED.write_text(json.dumps(told, indent=2) + "\n")
        PAGE.write_text(with_tables(PAGE.read_text(), told))
        say(f"wrote {PAGE.relative_to(ROOT)}")
    print(tables(told))


def measure(config: Config, bookings: int) -> dict[str, Any]:
    """What a booking took, on average."""
    stack = json.loads((config.state / "stack.json").read_text())
    people = identity.sign_in(config, [identity.anybody("patient") for _ in range(bookings + 2)])
    *patients, first, other = (Patient(stack["api_url"], config, p.token, p.phone) for p in people)
    doctor = stack["doctors"][0]
    free = other.free_slots(doctor, limit=100)
    _book(first, other, doctor, free.pop()["id"], number=0)  # processes are up
    time.sleep(SETTLED_SECONDS)
    since = time.time()
    requests = 0
    for number, patient in enumerate(patients, 1):
        requests += _book(patient, other, doctor, free.pop()["id"], number=number)
        if number % 10 == 0:
            say(f"{number} of {bookings} booked")
    time.sleep(SETTLED_SECONDS)
    lines = {name: _lines(config, name, since) for name in stack["functions"]}
    asked = {name: one for name, one in lines.items() if one and name not in SWEEPS}
    woken = lines["relay_outbox"]
    return {
        "measuredOn": f"{datetime.now(UTC):%Y-%m-%d}",
        "bookings": bookings,
        "requests": round(requests / bookings, 3),
        "stands": _stands(),
        "messages": round(len(lines["send_notification"]) / bookings, 3),
        "functions": {
            name: _use(found, calls=len(found) / bookings)
            for name, found in {**asked, "relay_outbox": woken}.items()
        },
        "sweeps": {
            name: _use(_lines(config, name, 0), calls=30 * 24 * 60)
            for name in SWEEPS
            if name != "settle_payments"  # off where no payment is taken
        },
    }


def _stands() -> dict[str, int]:
    """What the template has that costs by the month, everything that has a condition included."""
    text = (ROOT / "template.yaml").read_text()
    return {
        "alarms": text.count("Type: AWS::CloudWatch::Alarm\n"),
        "metrics": METRICS,
        "dashboards": text.count("Type: AWS::CloudWatch::Dashboard\n"),
    }


def _book(patient: Patient, other: Patient, doctor: str, slot: str, *, number: int) -> int:
    """One patient's booking; how many requests it took."""
    url = f"{patient.api_url}/doctors/{doctor}/slots?limit=20"
    for _ in range(LOOKS):
        call("GET", url, token=patient.token)
    held = patient.hold(slot)
    if held.status != 202:
        raise LocalError(f"a hold was answered {held.status}: {held.text}")
    requests = LOOKS + 1
    if number % 10 < REFUSED_OF_TEN:
        other.hold(slot)
        requests += 1
    code = patient.code()
    attempt = held.json["attemptId"]
    if number % WRONG_IN == 0:
        patient.verify(attempt, f"{(int(code) + 1) % 1_000_000:06}")
        requests += 1
    booked = patient.verify(attempt, code)
    if booked.status != 201:
        raise LocalError(f"a code was answered {booked.status}: {booked.text}")
    requests += 1
    if number % CANCELLED_IN == 0:
        patient.cancel(booked.json["id"])
        requests += 1
    return requests


def _lines(config: Config, function: str, since: float) -> list[list[str]]:
    """The lines of each invocation that ended since, as we logged them."""
    group = f"/aws/lambda/{STACK}-{function.replace('_', '-')}"
    logs = aws.client(config, "logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since * 1000)
    )
    of_each: dict[str, list[str]] = defaultdict(list)
    for event in (event for page in pages for event in page["events"]):
        text = event["message"].strip()
        if text.startswith("{"):
            told = json.loads(text)
            of_each[str(told.get("requestId") or told.get("function_request_id"))].append(text)
    return [found for found in of_each.values() if any("durationMs" in text for text in found)]


def _use(invocations: list[list[str]], *, calls: float) -> dict[str, float]:
    durations = [
        json.loads(text)["durationMs"]
        for found in invocations
        for text in found
        if "durationMs" in text
    ]
    written = sum(len(text) for found in invocations for text in found)
    count = max(1, len(invocations))
    return {
        "calls": round(calls, 3),
        "ms": round(sum(durations) / max(1, len(durations)), 1),
        "log_bytes": round(written / count),
    }


def with_tables(page: str, told: dict[str, Any]) -> str:
    """The page with what is computed of this measurement."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{tables(told)}\n{END}{after}"


def tables(told: dict[str, Any]) -> str:
    """As they stand in docs/cost.md."""
    measured = Measured.of(told)
    price = [cost_model.prices(region) for region in REGIONS]
    parts = [_measured_table(told)]
    costs = [cost_model.per_million(measured, one) for one in price]
    rows = [[name, *(f"{one[name]:.2f}" for one in costs)] for name in costs[0]]
    rows.append(["**together**", *(f"**{sum(one.values()):.2f}**" for one in costs)])
    acl = [f"{cost_model.web_acl_per_million(measured, one):.2f}" for one in price]
    rows.append(["web ACL, requests, besides", *acl])
    parts.append(_table(["$ for a million bookings", *REGIONS], rows))
    months = [cost_model.per_month(measured, one, **told["stands"]) for one in price]
    rows = [[name, *(f"{one[name]:.2f}" for one in months)] for name in months[0]]
    rows.append(["**together**", *(f"**{sum(one.values()):.2f}**" for one in months)])
    parts.append(_table(["$ a month, though nobody books", *REGIONS], rows))
    saved = [cost_model.levers(measured, one) for one in price]
    names = sorted(saved[0], key=lambda name: -saved[0][name])
    rows = [[name, *(f"{one[name]:.2f}" for one in saved)] for name in names]
    parts.append(_table(["lever: $ less for a million bookings", *REGIONS], rows))
    return "\n\n".join(parts)


def _measured_table(told: dict[str, Any]) -> str:
    head = (
        f"Measured {told['measuredOn']} over {told['bookings']} bookings: {told['requests']} "
        f"requests and {told['messages']} messages each.\n\n"
    )
    rows = [
        [f"`{name}`", f"{use['calls']:.2f}", f"{use['ms']:.1f}", str(use["log_bytes"])]
        for name, use in sorted(told["functions"].items(), key=lambda one: -one[1]["calls"])
    ]
    columns = ["function", "calls of a booking", "ms of a call", "bytes it logs"]
    return head + _table(columns, rows)


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
