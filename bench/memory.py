"""A sweep over memory sizes: what a request takes and costs at each, by what was measured.

Lambda gives a function a share of a processor by its memory, a whole one at 1,769 MB. Modelled, not
run: the processor time that was measured grows as the share gets smaller, waiting does not.
"""

from __future__ import annotations

from bench.series import Found, typical

SIZES = (128, 256, 512, 768, 1_024, 1_769)
WHOLE_PROCESSOR_MB = 1_769
PRICE = 0.0000133334
"""Dollars a GB-second (arm64, us-east-1)."""
KINDS = {"list_hit": 5.0, "hold": 1.0, "hold_refused": 0.3, "verify": 1.05, "cancel": 0.1}
"""Requests of a booking (docs/cost.md)."""
COLD = 0.01


def sweep(found: Found, *, slower: float) -> Found:
    """`memory.<MB>.<kind>.ms` of a request, `.cold_ms` of a hold's init, `.dollars` of a million.

    `slower` is how much slower the processor here is than a whole one is taken to be.
    """
    told: Found = {}
    for mb in SIZES:
        stretch = max(1.0, WHOLE_PROCESSOR_MB / mb) / slower
        billed = 0.0
        for kind, calls in KINDS.items():
            cpu_ms = typical(found[f"warm.{kind}.cpu_us"]) / 1_000
            waits = max(0.0, typical(found[f"warm.{kind}.ms"]) - cpu_ms)
            ms = cpu_ms * stretch + waits
            told[f"memory.{mb}.{kind}.ms"] = ms
            billed += calls * ms
        cold_ms = typical(found["cold.hold_slot.init_cpu_ms"]) * stretch
        told[f"memory.{mb}.cold_ms"] = cold_ms
        calls = sum(KINDS.values())
        seconds = (billed + calls * COLD * cold_ms) / 1_000
        told[f"memory.{mb}.dollars"] = seconds * 1e6 * mb / 1_024 * PRICE
    return told


def table(found: Found) -> str:
    """As Markdown, a row a size."""
    lines = [
        "| memory | list, hit | hold | verify | init of a hold | duration of a million bookings |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for mb in SIZES:
        if f"memory.{mb}.dollars" not in found:
            return ""
        ms = [typical(found[f"memory.{mb}.{kind}.ms"]) for kind in ("list_hit", "hold", "verify")]
        cold, dollars = (typical(found[f"memory.{mb}.{name}"]) for name in ("cold_ms", "dollars"))
        told = " | ".join(f"{one:,.1f} ms" for one in ms)
        lines.append(f"| {mb:,} MB | {told} | {cold:,.0f} ms | ${dollars:,.2f} |")
    return "\n".join(lines)
