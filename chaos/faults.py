"""The faults, as data: what is done, for how long, where it makes sense, what is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chaos.ground import Ground
from chaos.toxic import Harm, Toxic
from local.config import Topology

FUNCTIONS = b"slotkeeper"
"""What connections of the functions to MongoDB begin with: their application's name."""

Undo = Callable[[], None]
Do = Callable[[Ground], Undo]

EVERYWHERE: tuple[Topology, ...] = ("single", "ha", "cluster")
REPLICATED: tuple[Topology, ...] = ("ha", "cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`do` answers how to undo it; the service is without the part for `seconds`."""

    name: str
    do: Do
    seconds: float
    where: Sequence[Topology] = EVERYWHERE
    survived_in: Sequence[Topology] = ()
    """Where others take over meanwhile: recovery counts from the beginning, not from the end."""


def kill(*parts: str) -> Do:
    """kill -9, and a supervisor that starts it again afterwards."""
    return _each(parts, lambda g, name: g.kill(name), lambda g, name: g.restart(name))


def freeze(*parts: str) -> Do:
    return _each(parts, lambda g, name: g.freeze(name), lambda g, name: g.thaw(name))


def poison(toxic: Toxic, *parts: str) -> Do:
    return _each(
        parts, lambda g, name: g.poison([name], toxic), lambda g, name: g.poison([name], None)
    )


def flush(ground: Ground) -> Undo:
    ground.flush_redis()
    return lambda: None


def stop_sqs(ground: Ground) -> Undo:
    ground.stop_sqs(Toxic(harm=Harm.CUT))
    return ground.start_sqs


def swallow_sqs(ground: Ground) -> Undo:
    ground.stop_sqs(Toxic(harm=Harm.LOSE_ANSWER))
    return ground.start_sqs


def _each(
    parts: Sequence[str], harm: Callable[[Ground, str], None], mend: Callable[[Ground, str], None]
) -> Do:
    def do(ground: Ground) -> Undo:
        names = [name for part in parts for name in PARTS[part](ground)]
        for name in names:
            harm(ground, name)

        def undo() -> None:
            for name in names:
                mend(ground, name)

        return undo

    return do


def _primary(ground: Ground) -> list[str]:
    leads = ground.primary()
    return [leads] if leads else ground.mongods[:1]


def _secondary(ground: Ground) -> list[str]:
    leads = ground.primary()
    return [name for name in ground.mongods if name != leads][:1]


def _majority(ground: Ground) -> list[str]:
    return [*_primary(ground), *_secondary(ground)]


def _master(ground: Ground) -> list[str]:
    return ground.redis_masters()[:1] or ground.redis_nodes[:1]


def _replica(ground: Ground) -> list[str]:
    masters = ground.redis_masters()
    return [name for name in ground.redis_nodes if name not in masters][:1]


PARTS: dict[str, Callable[[Ground], list[str]]] = {
    "mongo primary": _primary,
    "mongo secondary": _secondary,
    "mongo majority": _majority,
    "mongo": lambda ground: ground.mongods,
    "redis master": _master,
    "redis replica": _replica,
    "redis": lambda ground: [*ground.redis_nodes, *ground.sentinels],
    "redis nodes": lambda ground: ground.redis_nodes,
    "sentinel": lambda ground: ground.sentinels[:1],
}
"""The servers that a part is at the moment."""

_CUT = Toxic(harm=Harm.CUT)
_CUT_FUNCTIONS = Toxic(harm=Harm.CUT, only=FUNCTIONS)
_HOLE = Toxic(harm=Harm.BLACK_HOLE)
_LATE = Toxic(harm=Harm.STALL)
_SLOW = Toxic(harm=Harm.DELAY, seconds=0.05)
_LOSES_MONGO = Toxic(harm=Harm.LOSE_ANSWER, share=0.2, only=FUNCTIONS)
_BREAKS_MONGO = Toxic(harm=Harm.RESET_ANSWER, share=0.2, only=FUNCTIONS)
_LOSES = Toxic(harm=Harm.LOSE_ANSWER, share=0.2)
_BREAKS = Toxic(harm=Harm.RESET_ANSWER, share=0.2)

FAULTS: tuple[Fault, ...] = (
    Fault(
        name="kill the MongoDB primary",
        do=kill("mongo primary"),
        seconds=8,
        survived_in=REPLICATED,
    ),
    Fault(
        name="kill a MongoDB secondary",
        do=kill("mongo secondary"),
        seconds=8,
        where=REPLICATED,
        survived_in=REPLICATED,
    ),
    Fault(
        name="kill two of three mongods",
        do=kill("mongo majority"),
        seconds=6,
        where=REPLICATED,
    ),
    Fault(
        name="kill the Redis master",
        do=kill("redis master"),
        seconds=10,
        survived_in=REPLICATED,
    ),
    Fault(
        name="kill a Redis replica",
        do=kill("redis replica"),
        seconds=6,
        where=REPLICATED,
        survived_in=REPLICATED,
    ),
    Fault(
        name="kill primary and master",
        do=kill("mongo primary", "redis master"),
        seconds=10,
        survived_in=REPLICATED,
    ),
    Fault(
        name="kill a sentinel",
        do=kill("sentinel"),
        seconds=6,
        where=("ha",),
        survived_in=("ha",),
    ),
    Fault(
        name="freeze the MongoDB primary",
        do=freeze("mongo primary"),
        seconds=12,
        survived_in=REPLICATED,
    ),
    Fault(
        name="freeze the Redis master",
        do=freeze("redis master"),
        seconds=10,
        survived_in=REPLICATED,
    ),
    Fault(
        name="freeze primary and master",
        do=freeze("mongo primary", "redis master"),
        seconds=12,
        survived_in=REPLICATED,
    ),
    Fault(
        name="freeze a sentinel",
        do=freeze("sentinel"),
        seconds=6,
        where=("ha",),
        survived_in=("ha",),
    ),
    Fault(name="cut functions off MongoDB", do=poison(_CUT_FUNCTIONS, "mongo"), seconds=6),
    Fault(name="cut everybody off Redis", do=poison(_CUT, "redis"), seconds=6),
    Fault(
        name="cut everybody off the primary",
        do=poison(_CUT, "mongo primary"),
        seconds=8,
        where=REPLICATED,
        survived_in=REPLICATED,
    ),
    Fault(
        name="cut everybody off the master",
        do=poison(_CUT, "redis master"),
        seconds=8,
        where=("ha",),
        survived_in=("ha",),
    ),
    Fault(
        name="black hole before the primary",
        do=poison(_HOLE, "mongo primary"),
        seconds=8,
        survived_in=REPLICATED,
    ),
    Fault(name="black hole before Redis", do=poison(_HOLE, "redis nodes"), seconds=6),
    Fault(name="everything to MongoDB late", do=poison(_LATE, "mongo"), seconds=6),
    Fault(name="everything to Redis late", do=poison(_LATE, "redis nodes"), seconds=4),
    Fault(
        name="50 ms to MongoDB",
        do=poison(_SLOW, "mongo"),
        seconds=6,
        survived_in=EVERYWHERE,
    ),
    Fault(
        name="50 ms to Redis",
        do=poison(_SLOW, "redis nodes"),
        seconds=6,
        survived_in=EVERYWHERE,
    ),
    Fault(name="1 in 5 MongoDB answers lost", do=poison(_LOSES_MONGO, "mongo"), seconds=8),
    Fault(name="1 in 5 MongoDB answers torn", do=poison(_BREAKS_MONGO, "mongo"), seconds=6),
    Fault(name="1 in 5 Redis answers lost", do=poison(_LOSES, "redis nodes"), seconds=6),
    Fault(name="1 in 5 Redis answers torn", do=poison(_BREAKS, "redis nodes"), seconds=6),
    Fault(name="flush Redis", do=flush, seconds=2, survived_in=EVERYWHERE),
    Fault(name="stop SQS", do=stop_sqs, seconds=8),
    Fault(name="SQS takes it but does not say so", do=swallow_sqs, seconds=6),
)
