"""A patient's requests as locust makes them, each counted by what its answer means."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from load.answers import Meaning, meaning

answered: Counter[tuple[str, int, str, str]] = Counter()
"""Operation, status, code and meaning of all answers so far."""
_CODE = re.compile(r"\b(\d{6})\b")
TIMEOUT_SECONDS = 35.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token; `line` is where it stands in the file of tokens."""

    line: int
    token: str
    phone: str


class People:
    """The people of a file with a JSON object a line; it may be written anew at any time.

    Who runs for hours does that: tokens end, and a day's codes for each person are numbered.
    """

    def __init__(self, file: Path):
        self._file = file
        self._read_at = 0.0
        self._people: list[Person] = []
        self._next = 0

    @property
    def generation(self) -> float:
        return self._file.stat().st_mtime

    def next(self) -> Person:
        """Another one; the same again only when all have had their turn."""
        if self.generation != self._read_at:
            self._read_at = self.generation
            told = [json.loads(line) for line in self._file.read_text().splitlines()]
            self._people = [
                Person(n, one["token"], one.get("phone", "")) for n, one in enumerate(told)
            ]
        person = self._people[self._next % len(self._people)]
        self._next += 1
        return person


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where codes are read: the emulator, a command that prints a phone's texts, or nowhere."""

    emulator: str
    command: str

    @property
    def is_readable(self) -> bool:
        return bool(self.emulator or self.command)

    def codes(self, phone: str) -> list[str]:
        """The codes that have reached the phone so far, oldest first."""
        return [found[1] for text in self._texts(phone) if (found := _CODE.search(text))]

    def _texts(self, phone: str) -> list[str]:
        if self.command:
            argv = [*shlex.split(self.command), phone]
            # The user's own command, on their own machine.
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            return done.stdout.splitlines()
        number = urllib.parse.quote(phone)
        url = f"{self.emulator}/_ministack/sns/sms-messages?phoneNumber={number}"
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            received = json.load(answer)["sms_messages"].get(phone, [])
        return [record["Message"] for record in received]


class Notes:
    """What the service promised, written down as it happens: a run that is killed has it too."""

    def __init__(self, file: Path):
        self._file: TextIO = file.open("a", buffering=1)

    def confirmed(self, booking_id: str, who: int) -> None:
        self._write({"what": "confirmed", "bookingId": booking_id, "who": who})

    def ended(self, booking_id: str) -> None:
        self._write({"what": "ended", "bookingId": booking_id})

    def _write(self, line: Mapping[str, object]) -> None:
        self._file.write(json.dumps(line) + "\n")


class Asking:
    """One person's requests."""

    def __init__(self, http: Any, person: Person):  # Any: locust has no types here
        self._http = http
        self._person = person

    def ask(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Meaning, Any]:
        """What the answer means and says (free JSON; None if it says nothing)."""
        sent = {"Authorization": f"Bearer {self._person.token}", **(headers or {})}
        with self._http.request(
            method,
            path,
            name=operation,
            json=body,
            headers=sent,
            catch_response=True,
            timeout=TIMEOUT_SECONDS,
        ) as answer:
            told = _json(answer.text)
            code = told.get("code", "") if answer.status_code >= 400 else ""
            what = meaning(answer.status_code, code)
            if what is Meaning.FAILED:
                answer.failure(f"{answer.status_code} {code}".strip())
            else:
                answer.success()
        answered[operation, answer.status_code, code, what] += 1
        return what, told


def _json(text: str | None) -> Any:  # Any: free JSON
    try:
        told = json.loads(text or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def from_environment() -> tuple[People, Inbox, Notes]:
    """As `load.run` left it in the environment of locust."""
    return (
        People(Path(os.environ["LOAD_PEOPLE"])),
        Inbox(os.environ.get("LOAD_EMULATOR", ""), os.environ.get("LOAD_CODES", "")),
        Notes(Path(os.environ["LOAD_CONFIRMED"])),
    )
