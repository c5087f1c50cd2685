"""What of the comparison with a peer, and of the sweep over memory sizes, needs no server."""

from __future__ import annotations

from bench import memory
from bench.peers import filled
from bench.series import Found


def test_an_adapters_texts_are_filled_wherever_they_are() -> None:
    told = {"path": "/slots/{slot}", "body": {"ids": ["{user}", 3]}, "n": 1}

    assert filled(told, {"slot": "s1", "user": "alice"}) == {
        "path": "/slots/s1",
        "body": {"ids": ["alice", 3]},
        "n": 1,
    }


def _found(cpu_us: float, ms: float) -> Found:
    kinds: Found = {"cold.hold_slot.init_cpu_ms": 400.0}
    for kind in memory.KINDS:
        kinds |= {f"warm.{kind}.cpu_us": cpu_us, f"warm.{kind}.ms": ms}
    return kinds


def test_computing_takes_longer_with_a_smaller_share_and_waiting_does_not() -> None:
    swept = memory.sweep(_found(cpu_us=1_000, ms=3.0), slower=1.0)

    assert swept["memory.1769.hold.ms"] == 3.0
    assert swept["memory.512.hold.ms"] == 2.0 + 1_769 / 512


def test_the_sweep_has_a_row_a_size() -> None:
    swept = memory.sweep(_found(cpu_us=1_000, ms=3.0), slower=1.0)

    assert memory.table(swept).count("\n") == len(memory.SIZES) + 1
    assert memory.table({}) == ""
