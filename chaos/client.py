"""A client as apps are: it repeats what was not answered, with the same key, until it gives up."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from chaos.history import Fate, History, Request, Try

READ_SECONDS = 20.0
"""More than a function may take, less than the gateway waits."""
GIVES_UP_SECONDS = 75.0
"""Longer than any fault lasts and a frozen server takes to be missed."""
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 2.0
WAITED_FOR = frozenset({"request_in_progress", "rate_limited"})
"""Refusals that are over by themselves."""


class Pace:
    """At most so many requests a second, by all who share it; what was missed is not made up."""

    def __init__(self, a_second: float):
        self._gap = 1.0 / a_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + self._gap
        time.sleep(mine - now)


@dataclass(slots=True)
class Client:
    """One patient's way to the API."""

    api_url: str
    token: str
    patient: str
    history: History
    pace: Pace
    rng: random.Random
    http: urllib3.PoolManager
    sleep: Callable[[float], None] = time.sleep

    def ask(
        self,
        op: str,
        method: str,
        path: str,
        *,
        body: object = None,
        about: Mapping[str, str] | None = None,
        repeats: Request | None = None,
    ) -> Request:
        """The request with its last answer; its tries are in the history."""
        id_ = uuid.uuid4().hex
        key = repeats.key if repeats else f"chaos-{id_}"
        began = time.time()
        ends_at = time.monotonic() + GIVES_UP_SECONDS
        number = 0
        wait = FIRST_WAIT_SECONDS
        while True:
            number += 1
            self.pace.wait()
            asked_at = time.time()
            told = self._send(method, path, body, key)
            try_ = Try(
                request=id_,
                number=number,
                patient=self.patient,
                op=op,
                began=asked_at,
                ended=time.time(),
                status=told.status,
                code=told.code,
                fate=_fate(told.status, told.code),
                retry_after=told.retry_after > 0,
            )
            self.history.tried(try_)
            is_over = try_.fate is Fate.DONE or (
                try_.fate is Fate.REFUSED and try_.code not in WAITED_FOR
            )
            if is_over or time.monotonic() + wait > ends_at:
                break
            time.sleep(
                max(wait, min(told.retry_after, LONGEST_WAIT_SECONDS)) * self.rng.uniform(0.7, 1.3)
            )
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        fate = try_.fate if is_over else Fate.UNKNOWN
        request = Request(
            id=id_,
            patient=self.patient,
            op=op,
            key=key,
            about=dict(about or {}),
            began=began,
            ended=time.time(),
            fate=fate,
            answer=_kept(told.answer),
            repeats=repeats.id if repeats else None,
        )
        self.history.asked(request)
        return request

    def _send(self, method: str, path: str, body: object, key: str) -> _Told:
        headers = {"Authorization": f"Bearer {self.token}"}
        if method != "GET":
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        try:
            told = self.http.request(method, self.api_url + path, body=sent, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return _Told(None, type(error).__name__, {}, 0.0)
        answer = _json(told.data)
        after = float(told.headers.get("Retry-After") or 0)
        return _Told(told.status, answer.get("code"), answer, after)


@dataclass(frozen=True, slots=True)
class _Told:
    status: int | None
    code: str | None
    answer: Mapping[str, Any]
    retry_after: float


def _fate(status: int | None, code: str | None) -> Fate:
    if status is None:
        return Fate.UNKNOWN
    if status < 300:
        return Fate.DONE
    if status < 500 and code is not None:
        return Fate.REFUSED
    if status == 503 and code == "unavailable":
        return Fate.UNAVAILABLE
    return Fate.UNKNOWN


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


_KEPT = frozenset(
    {"id", "slotId", "attemptId", "expiresAt", "status", "version", "code", "replaces", "items"}
)


def _kept(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the verdict needs; of a page, the slots' ids alone."""
    kept = {name: value for name, value in answer.items() if name in _KEPT}
    if "booking" in answer:
        kept |= _kept(answer["booking"])
    if "items" in kept:
        kept["items"] = [item.get("id") for item in kept["items"]]
    return kept
