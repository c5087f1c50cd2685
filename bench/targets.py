"""What is aimed at, and whether it is met: each row with its figure, its floor and its limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.series import Found, Series, typical

REFERENCE_CPU_US = 208.0
"""A bare hold's processor time on the machine whose microseconds are limits."""
SILENT = (
    *("list_slots", "list_doctors", "list_bookings", "get_booking"),
    *("profile", "release_hold", "manage_clinic"),
)
"""Functions that answer requests and send nothing."""
BESIDES = ("authorize", "health", "web")
"""Those that requests go through, or that are no patient's."""
QUEUEING = ("hold_slot", "resend_otp")
WAKING = ("verify_otp", "cancel", "reschedule")
"""Those that call the relay, and the verifier reads the keys of codes."""
GROWN = 1.25

Figure = Callable[[Found], float]


class Row(NamedTuple):
    """What came out, against what, and whether that is enough; None: not measured in this run."""

    metric: str
    floor: str
    figure: str
    limit: str
    is_met: bool | None
    note: str
    profile: str
    """Of a row that is not met: the profile that tells why (`cold.hold_slot`, `warm.verify`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that must not be more than `limit` (or less, where `at_least`)."""

    metric: str
    figure: Figure
    limit: Figure
    unit: str = ""
    of: str = ""
    """What the figure is a multiple of, where it is one."""
    floor: Callable[[Found], str] = lambda _: ""
    note: Callable[[Found], str] = lambda _: ""
    at_least: bool = False
    profile: str = ""

    def judge(self, found: Found) -> Row:
        sign = "≥" if self.at_least else "≤"
        unit = f" × {self.of}" if self.of else f" {self.unit}".rstrip()
        try:
            figure, limit = self.figure(found), self.limit(found)
            floor, note = self.floor(found), self.note(found)
        except KeyError:
            return Row(self.metric, "", "", "", None, "", "")
        is_met = figure >= limit if self.at_least else figure <= limit
        return Row(
            self.metric,
            floor,
            f"{text(figure)}{unit}",
            f"{sign} {text(limit)}{unit}",
            is_met,
            note,
            "" if is_met else self.profile,
        )


def judge(found: Found) -> list[Row]:
    """Every target."""
    return [target.judge(found) for target in _targets(found)]


def slower(found: Found) -> float:
    """How much slower a processor is here and now than the reference machine's."""
    return _of(found, "floor.hold.cpu_us") / REFERENCE_CPU_US


def text(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _targets(found: Found) -> Sequence[Target]:
    return [*_cold(), *_hold(), *_changes(), *_lists(), *_growth(found), *_whole()]


# --- cold starts ----------------------------------------------------------------------------------


def _cold() -> list[Target]:
    return [
        *[_init(function) for function in (*SILENT, *BESIDES)],
        Target(
            metric="init of the slowest function that sends nothing, beside the naive one",
            figure=lambda f: _most(f, SILENT, "init_cpu_ms") / _of(f, "cold.floor.naive.cpu_ms"),
            limit=lambda _: 0.5,
            of="naive",
            floor=lambda f: _ms(f, "cold.floor.naive.cpu_ms"),
            note=lambda f: (
                f"F alone is {_floor(f, 'F') / _floor(f, 'naive'):.2f} × naive, "
                f"and one of each made {_floor(f, 'usable') / _floor(f, 'F'):.2f} × F"
            ),
        ),
        Target(
            metric="modules that send, sign or trace, in those that send nothing",
            figure=lambda f: sum(_of(f, f"cold.{name}.forbidden") for name in SILENT),
            limit=lambda _: 0,
            unit="modules",
            note=lambda _: "boto3, botocore.client, cryptography, Tracer, idempotency",
        ),
        *[_sender_init(function) for function in (*QUEUEING, *WAKING)],
        Target(
            metric="modules of a layer compiled at init",
            figure=lambda f: _most(f, (*SILENT, *QUEUEING, *WAKING), "compiled"),
            limit=lambda _: 0,
            unit="modules",
            note=lambda _: "layers unpacked anew from what is deployed",
        ),
        Target(
            metric="peak memory after init",
            figure=lambda f: _most(f, (*SILENT, *QUEUEING, *WAKING), "init_mb"),
            limit=lambda _: 55,
            unit="MB",
            note=lambda f: (
                "of the largest function that answers requests; "
                f"F alone has {_of(f, 'cold.floor.F.init_mb'):.0f} MB"
            ),
        ),
        Target(
            metric="first request after init (hold)",
            figure=lambda f: _of(f, "cold.hold_slot.first_ms") / _of(f, "warm.hold.ms"),
            limit=lambda _: 2.5,
            of="a warm hold",
            floor=lambda f: _ms(f, "warm.hold.ms"),
            note=lambda f: f"{_ms(f, 'cold.hold_slot.first_ms')}; wall",
            profile="cold.hold_slot",
        ),
    ]


def _floor(found: Found, name: str) -> float:
    return _of(found, f"cold.floor.{name}.cpu_ms")


def _init(function: str) -> Target:
    name = f"cold.{function}"
    return Target(
        metric=f"init: {function}",
        figure=lambda f: _of(f, f"{name}.init_cpu_ms") / _of(f, "cold.floor.F.cpu_ms"),
        limit=lambda _: 1.15,
        of="F",
        floor=lambda f: _ms(f, "cold.floor.F.cpu_ms"),
        note=lambda f: (
            f"processor {_ms(f, f'{name}.init_cpu_ms')}; "
            f"wall {text(_of(f, f'{name}.init_ms') / _of(f, 'cold.floor.F.ms'))} × F"
        ),
        profile=name,
    )


def _sender_init(function: str) -> Target:
    name = f"cold.{function}"
    return Target(
        metric=f"init: {function}, which sends",
        figure=lambda f: _of(f, f"{name}.init_cpu_ms"),
        limit=lambda f: _of(f, "cold.floor.F.cpu_ms") + 40 * slower(f),
        unit="ms",
        floor=lambda f: f"F, {_ms(f, 'cold.floor.F.cpu_ms')}",
        note=lambda f: f"processor; F + 40 ms × {text(slower(f))}" + _lazy_sender(f, function),
        profile=name,
    )


def _lazy_sender(found: Found, function: str) -> str:
    """What its first send takes, where the sender is only then imported."""
    name = f"cold.{function}.sender_cpu_ms"
    if name not in found:
        return ""
    return f"; its first send takes another {text(_of(found, name))} ms of processor"


# --- warm requests --------------------------------------------------------------------------------


def _hold() -> list[Target]:
    return [
        _trips("hold, warm", "hold", 3, "2 trips"),
        _beside("hold, warm", "hold", "hold", 1.5),
        _cpu("hold, warm", "hold", "hold", 600),
        _trips("hold refused (slot taken)", "hold_refused", 2, "1 trip"),
        Target(
            metric="hold refused: MongoDB",
            figure=lambda f: _of(f, "trips.hold_refused.mongo"),
            limit=lambda _: 0,
            unit="commands",
        ),
        _cpu("hold refused", "hold_refused", "taken", 250),
        _trips("idempotent replay", "replay", 1, "1 trip"),
    ]


def _changes() -> list[Target]:
    return [
        _trips("verify", "verify", 5, "5 trips"),
        _trips("verify (stretch)", "verify", 3, ""),
        _beside("verify", "verify", "verify", 1.4),
        _trips("cancel", "cancel", 4, "4 trips"),
    ]


def _lists() -> list[Target]:
    return [
        _trips("list, cache hit", "list_hit", 2, "1 trip"),
        _beside("list, cache hit", "list_hit", "get", 3),
        Target(
            metric="list, cache hit: JSON read again",
            figure=lambda f: _of(f, "list_hit.parses"),
            limit=lambda _: 0,
            unit="times",
        ),
        Target(
            metric="list, miss: keys examined beyond those returned",
            figure=lambda f: _of(f, "list_miss.keys_beyond"),
            limit=lambda _: 1,
            unit="keys",
        ),
        Target(
            metric="list, miss: documents examined",
            figure=lambda f: _of(f, "list_miss.documents"),
            limit=lambda _: 0,
            unit="documents",
        ),
    ]


def _trips(metric: str, kind: str, limit: int, floor: str) -> Target:
    return Target(
        metric=f"{metric}: round trips",
        figure=lambda f: _of(f, f"trips.{kind}.in_sequence"),
        limit=lambda _: limit,
        floor=lambda _: floor,
        note=lambda f: _trips_note(f, kind),
        profile=f"warm.{kind}",
    )


def _trips_note(found: Found, kind: str) -> str:
    mongo, redis = (_of(found, f"trips.{kind}.{store}") for store in ("mongo", "redis"))
    said = f"one after another; {text(mongo)} commands of MongoDB, {text(redis)} of Redis"
    keyed = f"trips.{kind}_keyed.in_sequence"
    if keyed in found:
        said += f"; with an idempotency key {text(_of(found, keyed))}"
    return said


def _beside(metric: str, kind: str, bare: str, limit: float) -> Target:
    ours, floor = f"warm.{kind}", f"floor.{bare}"
    return Target(
        metric=f"{metric}: beside the bare calls",
        figure=lambda f: _of(f, f"{ours}.ms") / _of(f, f"{floor}.ms"),
        limit=lambda _: limit,
        of="bare",
        floor=lambda f: _ms(f, f"{floor}.ms"),
        note=lambda f: _beside_note(f, kind, bare),
        profile=f"warm.{kind}",
    )


def _beside_note(found: Found, kind: str, bare: str) -> str:
    ours, floor = f"warm.{kind}", f"floor.{bare}"
    said = [
        f"wall, {_ms(found, f'{ours}.ms')}",
        f"p99 {text(_p99(found, f'{ours}.ms') / _p99(found, f'{floor}.ms'))} ×",
        f"processor {text(_of(found, f'{ours}.cpu_us') / _of(found, f'{floor}.cpu_us'))} ×",
    ]
    if f"rie.{kind}.ms" in found:
        through = _of(found, f"rie.{kind}.ms") / _of(found, f"rie.floor.{bare}.ms")
        said.append(f"through the runtime interface emulator {text(through)} ×")
    return "; ".join(said)


def _cpu(metric: str, kind: str, bare: str, reference_us: float) -> Target:
    return Target(
        metric=f"{metric}: processor",
        figure=lambda f: _of(f, f"warm.{kind}.cpu_us"),
        limit=lambda f: reference_us * slower(f),
        unit="µs",
        floor=lambda f: f"{text(_of(f, f'floor.{bare}.cpu_us'))} µs",
        note=lambda f: (
            f"{text(_of(f, f'warm.{kind}.cpu_us') / _of(f, f'floor.{bare}.cpu_us'))} × bare; "
            f"limit {reference_us:g} µs × {text(slower(f))}; without the send"
        ),
        profile=f"warm.{kind}",
    )


# --- growth, contention, all together -------------------------------------------------------------


def _growth(found: Found) -> list[Target]:
    grown = sorted(name for name in found if name.startswith("growth.") and name.endswith(".ratio"))
    smallest = _size(typical(found.get("growth.smallest", 10_000)))
    largest = _size(typical(found.get("growth.largest", 1_000_000)))
    return [
        Target(
            metric=f"growth {smallest} → {largest}: {_route(name)}",
            figure=lambda f, name=name: _of(f, name),  # type: ignore[misc]
            limit=lambda _: GROWN,
            of=smallest,
            floor=lambda _: "1.04-1.2",
        )
        for name in grown or ["growth.every route.ratio"]
    ]


def _size(count: float) -> str:
    return f"{count / 1e6:.0f}M" if count >= 1e6 else f"{count / 1e3:.0f}k"


def _route(name: str) -> str:
    return name.removeprefix("growth.").removesuffix(".ratio")


def _whole() -> list[Target]:
    return [
        Target(
            metric="contention, 64 workers: refusals beside the transaction's",
            figure=lambda f: (
                _of(f, "contention.gate.64.refusals") / _of(f, "contention.transaction.64.refusals")
            ),
            limit=lambda _: 8,
            of="transaction",
            floor=lambda f: f"{text(_of(f, 'contention.transaction.64.refusals'))} a second",
            note=_contention_note,
            at_least=True,
        ),
        Target(
            metric="contention: rounds, of which without exactly one winner",
            figure=lambda f: (
                _of(f, "contention.rounds.all") - _of(f, "contention.rounds.one_winner")
            ),
            limit=lambda _: 0,
            unit="rounds",
            note=lambda _: "whoever was told so, and the slot's document",
        ),
        Target(
            metric="contention: rounds that were fought",
            figure=lambda f: _of(f, "contention.rounds.all"),
            limit=lambda _: 5_000,
            unit="rounds",
            at_least=True,
        ),
        Target(
            metric="glue per event (parse, validate, log, metrics)",
            figure=lambda f: _of(f, "warm.list_hit.cpu_us") - _of(f, "floor.get.cpu_us"),
            limit=lambda f: 120 * slower(f),
            unit="µs",
            floor=lambda _: "10 µs",
            note=lambda f: (
                f"a cache hit's processor without its GET; limit 120 µs × {text(slower(f))}"
            ),
            profile="warm.list_hit",
        ),
        Target(
            metric="$ per 1M bookings, REST",
            figure=lambda f: _of(f, "cost.dollars"),
            limit=lambda _: 32,
            unit="$",
            floor=lambda _: "31.8",
            note=lambda f: (
                f"an HTTP API saves {text(_of(f, 'cost.http_api_saves'))}; "
                f"`make cost` takes all of a duration for computing: "
                f"{text(_of(f, 'cost.all_computing_dollars'))}"
            ),
        ),
    ]


def _contention_note(found: Found) -> str:
    gate, bare = (text(_of(found, f"contention.{kind}.64.refusals")) for kind in ("gate", "set_nx"))
    ours, theirs = (
        text(_of(found, f"contention.{kind}.64.ms")) for kind in ("gate", "transaction")
    )
    return (
        f"{gate} a second, a bare SET NX {bare}; a loser waits {ours} ms, a transaction's {theirs}"
    )


# --- figures --------------------------------------------------------------------------------------


def _of(found: Found, name: str) -> float:
    return typical(found[name])


def _p99(found: Found, name: str) -> float:
    figure = found[name]
    return figure.p99 if isinstance(figure, Series) else float(figure)


def _most(found: Found, functions: Sequence[str], figure: str) -> float:
    return max(_of(found, f"cold.{name}.{figure}") for name in functions)


def _ms(found: Found, name: str) -> str:
    return f"{text(_of(found, name))} ms"
