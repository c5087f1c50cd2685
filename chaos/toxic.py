"""The ways in which a network misbehaves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Harm(StrEnum):
    CUT = "cut"
    """Connections are reset, new ones refused."""
    BLACK_HOLE = "black_hole"
    """Bytes are taken and lost; what lost some is reset at the end."""
    STALL = "stall"
    """Bytes are kept back, and arrive at the end: late, as TCP repeats what a network lost."""
    DELAY = "delay"
    RESET_ANSWER = "reset_answer"
    """Half of an answer, then a reset."""
    LOSE_ANSWER = "lose_answer"
    """The server has done it; instead of its answer there is a reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """What a proxy does to its connections."""

    harm: Harm
    seconds: float = 0.0
    """How long each piece is delayed."""
    share: float = 1.0
    """How many of the answers are harmed, where it is answers."""
    only: bytes | None = None
    """Concerns connections that begin with this somewhere in their first bytes; None: all."""
