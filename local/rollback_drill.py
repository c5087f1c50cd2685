"""The rollback drill: a broken version of `hold_slot` goes live, and is taken back by one command.

On the running local system, while others book: what a drill on AWS looks like, but for the canary,
which the emulator has not.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from local import aws, identity
from local.api import Patient, call
from local.config import ROOT, STACK, Config
from local.pack import pack
from local.progress import LocalError, say

FUNCTION = f"{STACK}-hold-slot"
BROKEN = "badbadbad0"
"""The broken release's name."""
BETWEEN_LOOKS_SECONDS = 0.2
_CODE = 'def lambda_handler(event, context):\n    raise RuntimeError("a broken release")\n'


@dataclass(slots=True)
class Drill:
    """The statuses that patients were answered."""

    while_broken: int = 0
    after: int = 0
    confirmed_while_broken: int = 0
    seconds: float = 0.0
    """From the command to the answer of the first hold after it."""
    lists: list[int] = field(default_factory=list)
    """Statuses of what somebody else was answered all the while."""

    @property
    def passed(self) -> bool:
        return (
            self.while_broken >= HTTPStatus.INTERNAL_SERVER_ERROR
            and self.after == HTTPStatus.ACCEPTED
            and self.confirmed_while_broken == HTTPStatus.CREATED
            and set(self.lists) == {HTTPStatus.OK}
        )


def drill(config: Config) -> Drill:
    """Release what is broken, take it back, and say what patients saw.

    Raises:
        LocalError: nothing can be held before it began, or the command failed.
    """
    stack = json.loads((config.state / "stack.json").read_text())
    people = identity.sign_in(config, [identity.anybody("patient") for _ in range(3)])
    alice, bob, carol = (Patient(stack["api_url"], config, p.token, p.phone) for p in people)
    doctor = stack["doctors"][-1]
    first, second, third = (slot["id"] for slot in alice.free_slots(doctor, limit=3))
    seen = Drill()
    with _broken_later(config) as release, _looking(carol, doctor, seen):
        held = alice.hold(first)
        if held.status != HTTPStatus.ACCEPTED:
            raise LocalError(f"a hold was answered {held.status} before anything was broken")
        say("Alice holds a slot; now a broken version of hold_slot goes live")
        release()
        seen.while_broken = bob.hold(second).status
        say(f"Bob's hold is answered {seen.while_broken}")
        seen.confirmed_while_broken = alice.verify(held.json["attemptId"], alice.code()).status
        say(f"Alice's booking is answered {seen.confirmed_while_broken}: others serve on")
        began = time.monotonic()
        _take_back(config)
        seen.after = bob.hold(third).status
        seen.seconds = round(time.monotonic() - began, 1)
        say(f"taken back; Bob's hold is answered {seen.after}, {seen.seconds} s after the command")
    return seen


@contextmanager
def _broken_later(config: Config) -> Iterator[Any]:
    """Publish the broken version when called; afterwards, alias and code are as they were."""
    functions = aws.client(config, "lambda")
    before = functions.get_alias(FunctionName=FUNCTION, Name="live")
    description = functions.get_function_configuration(FunctionName=FUNCTION)["Description"]
    kept = config.state / "hold-slot.zip"
    pack(config.state / "build" / "HoldSlotFunction", kept)

    def publish() -> None:
        functions.update_function_code(FunctionName=FUNCTION, ZipFile=_archive())
        told = f"{description.rpartition(' ')[0]} {BROKEN}"
        version = functions.publish_version(FunctionName=FUNCTION, Description=told)["Version"]
        functions.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion=version)

    try:
        yield publish
    finally:
        functions.update_function_code(FunctionName=FUNCTION, ZipFile=kept.read_bytes())
        functions.update_alias(
            FunctionName=FUNCTION, Name="live", FunctionVersion=before["FunctionVersion"]
        )
        kept.unlink()


@contextmanager
def _looking(patient: Patient, doctor: str, seen: Drill) -> Iterator[None]:
    """Somebody looks at free slots all the while."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            url = f"{patient.api_url}/doctors/{doctor}/slots?limit=3"
            seen.lists.append(call("GET", url, token=patient.token).status)
            over.wait(BETWEEN_LOOKS_SECONDS)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
    finally:
        over.set()
        looker.join()


def _take_back(config: Config) -> None:
    stack = str(config.state / "stack.json")
    command = ["-m", "ops", "release", "back", "--function", "hold-slot", "--stack", stack]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise LocalError(f"it was not taken back: {done.stderr}")


def _archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", _CODE)
    return made.getvalue()
