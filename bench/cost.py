"""Dollars for a million bookings, with the durations of this run.

Calls, log bytes and messages of a booking are those that `make cost` counted on a whole local
system (docs/cost-measured.json). A duration is what Lambda would bill at the memory that the
template gives: computing at that memory's share of a processor, a network's time for each round
trip, and the wait for the servers as it was here.
"""

from __future__ import annotations

import json
from dataclasses import replace

from bench.series import Found, typical
from local import cost_model
from local.cost import MEASURED
from local.cost_model import Measured

REGION = "us-east-1"
TRIP_MS = 0.6
"""Of a round trip within a region."""
SENDING_MS = 8.0
"""Of a message that a request sends: as much longer a request takes."""
KINDS = {"hold_slot": "hold", "verify_otp": "verify", "cancel": "cancel", "list_slots": "list_hit"}
"""The functions of which this run knows better, and the kind of request they mostly answer."""
SENDS = frozenset({"hold_slot", "verify_otp", "cancel"})


def measure(found: Found, *, slower: float) -> Found:
    """`slower`: how much slower the processor of this run is than the reference machine's.

    Raises:
        KeyError: the run lacks warm requests or their round trips.
    """
    told = Measured.of(json.loads(MEASURED.read_text()))
    functions = dict(told.functions)
    billed: Found = {}
    for function, kind in KINDS.items():
        ms = _billed_ms(found, function, kind, slower)
        billed[f"cost.{function}.billed_ms"] = ms
        # The model takes all of a duration for computing, which it multiplies.
        functions[function] = replace(functions[function], ms=ms / cost_model.SLOWER)
    price = cost_model.prices(REGION)
    return {
        **billed,
        "cost.dollars": sum(
            cost_model.per_million(replace(told, functions=functions), price).values()
        ),
        "cost.all_computing_dollars": sum(cost_model.per_million(told, price).values()),
        "cost.http_api_saves": cost_model.levers(told, price)[
            "an HTTP API ($1.00 a million) instead of REST"
        ],
    }


def _billed_ms(found: Found, function: str, kind: str, slower: float) -> float:
    computing = typical(found[f"warm.{kind}.cpu_us"]) / 1000
    waiting = max(0.0, typical(found[f"warm.{kind}.ms"]) - computing)
    trips = typical(found[f"trips.{kind}.in_sequence"])
    sending = SENDING_MS if function in SENDS else 0.0
    return (computing * cost_model.SLOWER + waiting) / slower + trips * TRIP_MS + sending
