"""Whether the bookings that the service said are confirmed are there."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pymongo import MongoClient

from load.results import Confirmed
from slotkeeper.adapters.mongo.documents import BOOKINGS

_BATCH = 1_000
_AT_ONCE = 8
_TRIES = 5
TIMEOUT_SECONDS = 35.0
_ENDED = frozenset({"cancelled", "rescheduled"})

Statuses = Callable[[Sequence[Confirmed]], Mapping[str, str]]
"""The statuses of those bookings that are there, by their ids."""


def lost(confirmed: Sequence[Confirmed], statuses: Statuses) -> list[str]:
    """Those that are not there, or were ended though nobody asked for it."""
    found = statuses(confirmed)
    return [one.booking_id for one in confirmed if not _is_kept(one, found.get(one.booking_id))]


def _is_kept(one: Confirmed, status: str | None) -> bool:
    return status == "confirmed" or (one.was_ended and status in _ENDED)


def in_database(uri: str) -> Statuses:
    def statuses(confirmed: Sequence[Confirmed]) -> Mapping[str, str]:
        ids = [one.booking_id for one in confirmed]
        with MongoClient[dict[str, Any]](uri, readConcernLevel="majority") as client:
            bookings = client.get_default_database("slotkeeper")[BOOKINGS]
            return {
                row["_id"]: row["status"]
                for start in range(0, len(ids), _BATCH)
                for row in bookings.find({"_id": {"$in": ids[start : start + _BATCH]}}, ["status"])
            }

    return statuses


def over_http(api_url: str, tokens: Sequence[str]) -> Statuses:
    """As their patients see them."""

    def statuses(confirmed: Sequence[Confirmed]) -> Mapping[str, str]:
        def one(asked: Confirmed) -> tuple[str, str]:
            url = f"{api_url}/bookings/{asked.booking_id}"
            return asked.booking_id, _status(url, tokens[asked.who])

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(pool.map(one, confirmed))

    return statuses


def _status(url: str, token: str) -> str:
    """The status of the booking; where it is not told one, what is told."""
    if not url.startswith(("https://", "http://")):
        return "no such address"
    told = ""
    for waits in _waits():
        time.sleep(waits)
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return str(json.load(answer)["status"])
        except urllib.error.HTTPError as error:
            told = str(error.code)
            if error.code not in {429, 503}:
                break
    return told


def _waits() -> Iterator[float]:
    yield from (0.0, *(2.0**n for n in range(_TRIES - 1)))
