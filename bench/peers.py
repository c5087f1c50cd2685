"""A peer and the product, driven alike: `make peers PEER=DIR ADAPTER=FILE`.

The peer is a checkout of somebody else's booking backend, none of whose code is kept here. An
adapter (TOML) says how it is installed and started and what its requests are; `{mongo}`, `{redis}`
and `{port}` stand for where it finds the servers and listens, `{slot}`, `{user}` and `{n}` for what
a request is about:

    [peer]
    name = "somebody/booking"
    install = ["npm", "ci"]
    prepare = ["node", "seed.js"]                 # optional; makes the slots
    start = ["node", "server.js"]
    ready = "/health"
    environment = { MONGO_URL = "{mongo}/peer", REDIS_URL = "{redis}", PORT = "{port}" }
    [list]
    method = "GET"
    path = "/slots"
    [hold]
    method = "POST"
    path = "/slots/{slot}/lock"
    headers = { Authorization = "Bearer {user}" }
    body = { userId = "{user}" }
    won = [200, 201]                              # statuses of who got it
    slots = "slot-{n}"                            # the ids of slots that are free
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.ground import Ground, free_block, ground
from bench.series import Series
from bench.serve import USER, Served
from local.config import HOST
from local.progress import say

ROUNDS = 200
RACES = 50
KINDS = ("list", "hold", "hold refused")
RACERS = 16
WAIT_SECONDS = 60.0

Request = Callable[[str, str, int], tuple[int, str]]
"""Of a slot, a user and a number: status and body."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: how its slots are listed and held."""

    name: str
    listed: Request
    held: Request
    won: frozenset[int]
    slots: Sequence[str]


def filled(value: Any, names: Mapping[str, str]) -> Any:  # Any: what TOML holds
    """The value with every `{name}` in its texts replaced."""
    match value:
        case str():
            for name, text in names.items():
                value = value.replace(f"{{{name}}}", text)
            return value
        case dict():
            return {key: filled(one, names) for key, one in value.items()}
        case list():
            return [filled(one, names) for one in value]
    return value


def request_of(told: Mapping[str, Any], base: str) -> Request:
    """The request that an adapter's section describes."""

    def run(slot: str, user: str, number: int) -> tuple[int, str]:
        asked = filled(dict(told), {"slot": slot, "user": user, "n": str(number)})
        body = json.dumps(asked["body"]).encode() if "body" in asked else None
        headers = {"Content-Type": "application/json", **asked.get("headers", {})}
        return _http(asked["method"], base + asked["path"], headers, body)

    return run


def compare(ours: Side, peer: Side) -> list[str]:
    """Lines of a Markdown table: time of each kind of request, and winners of races."""
    lines = ["| | median | p99 | answered |", "| --- | ---: | ---: | ---: |"]
    for kind in KINDS:
        for side in (ours, peer):
            times, good = _measured(side, kind)
            series = Series(kind, "ms", tuple(times))
            times_told = f"{series.median:.2f} ms | {series.p99:.2f} ms"
            lines.append(f"| {kind}: {side.name} | {times_told} | {good} of {ROUNDS} |")
    for side in (ours, peer):
        one, more = _raced(side)
        race = f"{RACERS} at one slot, {RACES} times: {side.name}"
        lines.append(f"| {race} | one winner: {one} | more than one: {more} | |")
    return lines


def _measured(side: Side, kind: str) -> tuple[list[float], int]:
    times, good = [], 0
    for n in range(ROUNDS):
        slot = side.slots[n if kind == "hold" else 0]
        request = side.listed if kind == "list" else side.held
        began = time.perf_counter()
        status, _ = request(slot, f"{kind[-3:]}{n}", n)
        times.append((time.perf_counter() - began) * 1000)
        good += status in side.won if kind != "hold refused" else status not in side.won
        good += kind == "list" and status == 200 and status not in side.won
    return times, good


def _raced(side: Side) -> tuple[int, int]:
    """Rounds with exactly one winner, and with more."""
    counts = []
    with ThreadPoolExecutor(RACERS) as pool:
        for n in range(RACES):
            slot = side.slots[ROUNDS + n]
            tries = [pool.submit(side.held, slot, _racer(n, one), one) for one in range(RACERS)]
            counts.append(sum(one.result()[0] in side.won for one in tries))
    return counts.count(1), sum(count > 1 for count in counts)


def _racer(race: int, number: int) -> str:
    """Somebody else in each race: a patient may hold a few slots only."""
    return f"racer{race}-{number}"


def our_side(made: Ground, served: Served) -> Side:
    slots = made.slots(ROUNDS + RACES)
    names = [f"{kind[-3:]}{n}" for kind in KINDS for n in range(ROUNDS)]
    names += [_racer(n, one) for n in range(RACES) for one in range(RACERS)]
    users = dict(zip(names, made.patients(len(names)), strict=True))

    def listed(_slot: str, user: str, _n: int) -> tuple[int, str]:
        path = f"{served.url}/doctors/{made.doctor}/slots"
        return _http("GET", path, {USER: users.get(user, user)}, None)

    def held(slot: str, user: str, _n: int) -> tuple[int, str]:
        key = f"{slot}-{user}-{time.perf_counter_ns()}"[-100:].replace("_", "-")
        headers = {USER: users[user], "Idempotency-Key": key, "Content-Type": "application/json"}
        body = json.dumps({"slotId": slot}).encode()
        return _http("POST", f"{served.url}/bookings", headers, body)

    return Side("Slotkeeper", listed, held, frozenset({202}), slots)


def _http(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, str]:
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def _started(
    told: Mapping[str, Any], checkout: Path, names: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    environ = {**os.environ, **filled(told["environment"], names)}
    for step in ("install", "prepare"):
        if step in told:
            say(f"{told['name']}: {' '.join(told[step])}")
            subprocess.run(filled(told[step], names), cwd=checkout, env=environ, check=True)
    process = subprocess.Popen(
        filled(told["start"], names), cwd=checkout, env=environ, stdout=sys.stderr
    )
    ends = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if _http("GET", f"http://{HOST}:{names['port']}{told['ready']}", {}, None)[0] < 500:
                return process
        except OSError:
            time.sleep(0.2)
    process.terminate()
    raise SystemExit(f"{told['name']} did not come up")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, required=True)
    arguments = parser.parse_args()
    adapter = tomllib.loads(arguments.adapter.read_text())
    with ground("bench-peers") as made:
        names = {
            "mongo": made.mongo_uri("peer").replace("/peer?", "?").rpartition("?")[0],
            "redis": made.config.redis_url,
            "port": str(free_block()),
        }
        peer = _started(adapter["peer"], arguments.checkout, names)
        served = Served(made, copies=2)
        try:
            base = f"http://{HOST}:{names['port']}"
            hold = adapter["hold"]
            slots = [filled(hold["slots"], {"n": str(n)}) for n in range(ROUNDS + RACES)]
            other = Side(
                adapter["peer"]["name"],
                request_of(adapter["list"], base),
                request_of(hold, base),
                frozenset(hold["won"]),
                slots,
            )
            print("\n".join(compare(our_side(made, served), other)))
        finally:
            served.close()
            peer.terminate()
            peer.wait(10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
