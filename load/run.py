"""One run: people, locust in its own environment, samples meanwhile, what is found afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from load import kept, samples
from load.growth import growing
from load.results import read_confirmed, read_results
from load.verdict import Evidence
from local import identity
from local.api import Patient, call
from local.config import ROOT, TOOLS, Config
from local.progress import LocalError, say

FRESH_PEOPLE_SECONDS = 900.0
"""Tokens end after an hour, and everybody may have so many codes in a day."""
MOST_TIMES = 3
LOCUST = TOOLS / "venvs" / "load" / "bin" / "python"
ENDING_SECONDS = 90.0

Scenario = Literal["all", "booking", "contention", "browse"]
CLASSES: dict[Scenario, tuple[str, ...]] = {
    "all": (),
    "booking": ("Booking",),
    "contention": ("Contention",),
    "browse": ("Browsing",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of whom. A local system gives people and codes; another URL does not."""

    kind: Literal["ramp", "soak"]
    api_url: str
    users: int
    rate: float
    seconds: float
    scenario: Scenario
    out: Path
    system: Config | None
    """The local system, where the load is for that."""
    stack: dict[str, Any]
    tokens: Path | None
    codes: str
    mongo_uri: str
    sample_seconds: float

    @property
    def most_users(self) -> int:
        return self.users * (MOST_TIMES if self.kind == "ramp" else 1)

    @property
    def people_file(self) -> Path:
        return self.out / "people.jsonl" if self.tokens is None else self.tokens


def run(plan: Plan) -> Evidence:
    """Raises LocalError: locust did not end as it should; what it wrote stays in `plan.out`."""
    plan.out.mkdir(parents=True, exist_ok=True)
    taken: list[dict[str, float]] = []
    with (plan.out / "locust.log").open("wb") as log:
        if plan.tokens is None:
            _sign_in(plan)
            _warm_up(plan)
        process = subprocess.Popen(
            _command(plan),
            cwd=plan.out,
            env=_environment(plan),
            stdout=log,
            start_new_session=True,
        )
        try:
            _watch(plan, process, taken)
        finally:
            _end(process)
            if plan.tokens is None:
                plan.people_file.unlink(missing_ok=True)  # tokens: nobody needs them any more
    results = plan.out / "results.json"
    if process.returncode != 0 or not results.exists():
        raise LocalError(f"locust failed ({process.returncode}): see {plan.out}/locust.log")
    say("the load is over; looking at what is left of it")
    return _evidence(plan, results, taken)


def _evidence(plan: Plan, results: Path, taken: Sequence[dict[str, float]]) -> Evidence:
    confirmed = read_confirmed(plan.out / "confirmed.jsonl")
    if plan.mongo_uri:
        statuses = kept.in_database(plan.mongo_uri)
    else:
        lines = plan.people_file.read_text().splitlines()
        statuses = kept.over_http(plan.api_url, [json.loads(line)["token"] for line in lines])
    return Evidence(
        results=read_results(results),
        confirmed=len(confirmed),
        lost=kept.lost(confirmed, statuses),
        checker=_check(plan),
        growing=growing(taken) if plan.kind == "soak" else {},
        samples=len(taken),
        is_soak=plan.kind == "soak",
    )


def _check(plan: Plan) -> int | None:
    if not plan.mongo_uri:
        return None
    where = ["--mongo-uri", plan.mongo_uri]
    if plan.system is not None:
        where = ["--stack", str(plan.system.state / "stack.json")]
    return subprocess.run(
        [sys.executable, "-m", "ops", "check", *where], env=_python_path(), check=False
    ).returncode


def _watch(plan: Plan, process: subprocess.Popen[bytes], taken: list[dict[str, float]]) -> None:
    """Until locust has ended: a sample now and then, and fresh people where it takes long."""
    began = time.monotonic()
    fresh_at = began + FRESH_PEOPLE_SECONDS
    file = (plan.out / "samples.jsonl").open("a", buffering=1)
    with file:
        while True:
            left = began + plan.seconds + ENDING_SECONDS - time.monotonic()
            try:
                process.wait(max(0.0, min(plan.sample_seconds, left)))
                return
            except subprocess.TimeoutExpired:
                pass
            if left <= 0:
                raise LocalError(f"locust did not end: see {plan.out}/locust.log")
            if plan.system is not None and plan.kind == "soak":
                taken.append(samples.take(plan.system, plan.stack))
                file.write(json.dumps({"at": round(time.time()), **taken[-1]}) + "\n")
            if plan.tokens is None and time.monotonic() > fresh_at:
                _sign_in(plan)
                fresh_at = time.monotonic() + FRESH_PEOPLE_SECONDS


def _sign_in(plan: Plan) -> None:
    """Fresh people, one for each user, in the file that locust reads."""
    assert plan.system is not None
    fresh = [identity.anybody("patient") for _ in range(plan.most_users)]
    people = identity.sign_in(plan.system, fresh)
    lines = [json.dumps({"token": one.token, "phone": one.phone}) for one in people]
    new = plan.people_file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text("\n".join(lines) + "\n")
    new.rename(plan.people_file)


def _warm_up(plan: Plan) -> None:
    """Each function once, one after the other: many cold ones at once tell of this machine only."""
    assert plan.system is not None
    [person] = identity.sign_in(plan.system, [identity.anybody("patient")])
    patient = Patient(plan.api_url, plan.system, person.token, person.phone)
    for path in ("/doctors", "/bookings"):
        call("GET", plan.api_url + path, token=person.token)
    slots = [slot["id"] for slot in patient.free_slots(plan.stack["doctors"][-1])]
    patient.release(patient.hold(slots[0]).json["attemptId"])
    for slot, end in zip(slots[1:], (patient.cancel, patient.reschedule), strict=False):
        end(patient.book(slot)["id"])
    say("every function is warm")


def _command(plan: Plan) -> list[str]:
    return [
        *(str(LOCUST), "-m", "locust", "--headless", "--only-summary"),
        *("--locustfile", str(ROOT / "load" / "locustfile.py")),
        *("--host", plan.api_url, "--html", str(plan.out / "report.html")),
        *("--loglevel", "WARNING", "--stop-timeout", "30", "--skip-log-setup"),
        *CLASSES[plan.scenario],
    ]


def _environment(plan: Plan) -> dict[str, str]:
    return {
        **_python_path(),
        "LOAD_KIND": "ramp" if plan.kind == "ramp" else "steady",
        "LOAD_USERS": str(plan.users),
        "LOAD_RATE": str(plan.rate),
        "LOAD_SECONDS": str(plan.seconds),
        "LOAD_PEOPLE": str(plan.people_file.resolve()),
        "LOAD_CONFIRMED": str(plan.out / "confirmed.jsonl"),
        "LOAD_RESULTS": str(plan.out / "results.json"),
        "LOAD_EMULATOR": plan.stack["aws_endpoint"] if plan.system is not None else "",
        "LOAD_CODES": plan.codes,
    }


def _python_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/common")])}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C is for us alone: locust ends in order, and writes its report."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
