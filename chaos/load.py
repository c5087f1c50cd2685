"""Steady mixed load: so many patients, so many requests a second, no more."""

from __future__ import annotations

import json
import random
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

import urllib3

from chaos.client import READ_SECONDS, Client, Pace
from chaos.history import History
from chaos.patients import Patient
from local.config import Config
from local.identity import Person

STOP_SECONDS = 120.0
"""Patients finish what they are at; each request of theirs gives up before this."""


class Load:
    """The patients, each in a thread."""

    def __init__(
        self,
        config: Config,
        stack: dict[str, Any],
        people: Sequence[Person],
        *,
        history: History,
        a_second: float,
        seed: int,
    ):
        self.stopping = threading.Event()
        self.errors: list[BaseException] = []
        pace = Pace(a_second)
        http = urllib3.PoolManager(
            maxsize=2 * len(people),
            retries=False,
            timeout=urllib3.Timeout(connect=2.0, read=READ_SECONDS),
        )
        rng = random.Random(seed)  # noqa: S311  # a repeatable load, no secret
        self._patients = [
            Patient(
                client=Client(
                    api_url=stack["api_url"],
                    token=person.token,
                    patient=person.user_id,
                    history=history,
                    pace=pace,
                    rng=random.Random(rng.random()),  # noqa: S311
                    http=http,
                ),
                doctors=stack["doctors"],
                inbox=inbox_of(config, person.phone),
                rng=random.Random(rng.random()),  # noqa: S311
                stopping=self.stopping,
            )
            for person in people
        ]
        self._threads = [
            threading.Thread(target=self._live, args=(patient,), daemon=True)
            for patient in self._patients
        ]

    def warm_up(self) -> None:
        """The first patient alone tries everything: functions start one by one, not all at once."""
        self._patients[0].try_everything()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until every patient has finished what they were at. Raises what ended one early."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)
        if self.errors:
            raise self.errors[0]

    def _live(self, patient: Patient) -> None:
        try:
            patient.live()
        except BaseException as error:  # noqa: BLE001  # raised again by `stop`
            self.errors.append(error)
            self.stopping.set()


def inbox_of(config: Config, phone: str) -> Callable[[], list[str]]:
    """The texts that reached a phone, as the emulator's SNS has them."""
    number = urllib.parse.quote(phone)
    url = f"{config.aws_endpoint}/_ministack/sns/sms-messages?phoneNumber={number}"

    def read() -> list[str]:
        try:
            with urllib.request.urlopen(url, timeout=READ_SECONDS) as answer:  # noqa: S310
                received = json.load(answer)["sms_messages"].get(phone, [])
        except OSError:
            return []  # a phone without a network
        return [record["Message"] for record in received]

    return read
