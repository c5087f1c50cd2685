"""The API as a client sees it: for the demo and the end-to-end tests."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from local.config import Config
from local.inbox import messages

_http = urllib3.PoolManager(maxsize=64, retries=False, timeout=90.0)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # Any: free JSON
        return json.loads(self.text)


def call(
    method: str,
    url: str,
    *,
    token: str | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request; `body` is sent as JSON, or as it is if it is bytes."""
    sent = dict(headers or {})
    if token is not None:
        sent.setdefault("Authorization", f"Bearer {token}")
    data = body if isinstance(body, bytes) else None
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
        data = data if data is not None else json.dumps(body).encode()
    answer = _http.request(method, url, body=data, headers=sent)
    return Answer(answer.status, answer.headers, answer.data.decode())


@dataclass(frozen=True, slots=True)
class Patient:
    """Somebody with a token and a phone."""

    api_url: str
    config: Config
    token: str
    phone: str

    def free_slots(self, doctor: str, limit: int = 20, page: int = 1) -> list[dict[str, Any]]:
        url = f"{self.api_url}/doctors/{doctor}/slots?limit={limit}&page={page}"
        items: list[dict[str, Any]] = call("GET", url, token=self.token).json["items"]
        return items

    def hold(self, slot_id: str, key: str | None = None, **more: object) -> Answer:
        return call(
            "POST",
            f"{self.api_url}/bookings",
            token=self.token,
            body={"slotId": slot_id, **more},
            headers={"Idempotency-Key": key or secrets.token_hex(16)},
        )

    def verify(self, attempt_id: str, code: object, **more: object) -> Answer:
        url = f"{self.api_url}/bookings/{attempt_id}/verify-otp"
        return call("POST", url, token=self.token, body={"code": code, **more})

    def resend(self, attempt_id: str) -> Answer:
        return call("POST", f"{self.api_url}/bookings/{attempt_id}/resend-otp", token=self.token)

    def release(self, attempt_id: str) -> Answer:
        return call("DELETE", f"{self.api_url}/bookings/{attempt_id}/hold", token=self.token)

    def booking(self, booking_id: str) -> Answer:
        return call("GET", f"{self.api_url}/bookings/{booking_id}", token=self.token)

    def cancel(self, booking_id: str, **headers: str) -> Answer:
        return self.change(f"/bookings/{booking_id}/cancel", {"reason": "a cold"}, headers)

    def reschedule(self, booking_id: str, query: str = "", **headers: str) -> Answer:
        return self.change(f"/bookings/{booking_id}/reschedule{query}", {}, headers)

    def change(self, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        """A PATCH; headers are named as Python names: `if_match` is If-Match."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call("PATCH", self.api_url + path, token=self.token, body=body, headers=sent)

    def book(self, slot_id: str, **more: object) -> Any:  # Any: free JSON
        """The booking, held and confirmed by the code that arrives."""
        number = len(self.codes()) + 1
        held = self.hold(slot_id, None, **more)
        booked = self.verify(held.json["attemptId"], self.code(number))
        if booked.status != 201:
            raise ValueError(booked.text)
        return booked.json

    def codes(self) -> list[str]:
        """The codes that have arrived so far."""
        return [m.group() for t in self.messages() if (m := re.search(r"\b\d{6}\b", t))]

    def messages(self) -> list[str]:
        return [message["text"] for message in messages(self.config, self.phone)]

    def wait_for(self, count: int, pattern: str, seconds: float = 200.0) -> list[str]:
        """What `pattern` finds in the messages, once it finds `count`. Raises TimeoutError.

        A message whose sender found another at work on the same booking comes after three minutes.
        """
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            found = [m.group() for text in self.messages() if (m := re.search(pattern, text))]
            if len(found) >= count:
                return found
            time.sleep(0.1)
        raise TimeoutError(f"no {count} messages like {pattern!r}: {self.messages()}")

    def code(self, number: int = 1) -> str:
        """The code in the patient's `number`-th SMS with one."""
        return self.wait_for(number, r"\b\d{6}\b")[number - 1]
