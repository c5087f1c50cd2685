"""One invocation of a function: what it did to the servers behind it, and where it was cut.

An effect is one Redis command, MongoDB command or AWS call. The drivers (`drivers.py`) tell of each
before it is sent and after it is answered; the invocation dies there if it is to, and from then on
does nothing more: no `finally`, no thread, no retry reaches a server.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

Side = Literal["before", "after"]
Place = tuple[int, ...]
"""Where in its function an effect stands; the same whichever call of `together` went first."""


class Killed(BaseException):
    """The invocation is dead. No `Exception`: nothing may catch it and go on."""


@dataclass(frozen=True, slots=True)
class Effect:
    label: str
    place: Place


@dataclass(frozen=True, slots=True)
class Cut:
    """Before the effect of that number (from 0), or after it and before its answer."""

    number: int
    side: Side


def die() -> NoReturn:
    raise Killed


def sigkill() -> NoReturn:
    """Die as a function does that Lambda kills."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived SIGKILL")


@dataclass
class Life:
    cut: Cut | None = None
    is_reversed: bool = False
    """Of calls made together, the last goes first."""
    end: Callable[[], NoReturn] = die
    is_dead: bool = False
    begun: list[Effect] = field(default_factory=list)
    done: list[Effect] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    """Addresses it connected to that no driver of `drivers.py` watches."""
    _times: Counter[str] = field(default_factory=Counter)
    _place: list[int] = field(default_factory=lambda: [0])

    def begins(self, *names: str) -> int:
        """Effects are about to be sent at once, in order; how many of them are carried out.

        Whoever sends them carries those out and then, if the invocation `is_cut`, `ends` it.
        """
        if self.is_dead:
            raise Killed
        first = len(self.begun)
        effects = [self._next(name) for name in names]
        allowed = len(effects)
        if self.cut is not None and first <= self.cut.number < first + len(effects):
            allowed = self.cut.number - first + (self.cut.side == "after")
        self.begun += effects
        self.done += effects[:allowed]
        return allowed

    @property
    def is_cut(self) -> bool:
        """What has just begun is where it ends, if it was not before."""
        return self.cut is not None and len(self.begun) > self.cut.number

    def ends(self) -> NoReturn:
        self.is_dead = True
        self.end()

    def _next(self, name: str) -> Effect:
        self._times[name] += 1
        effect = Effect(f"{name} #{self._times[name]}", tuple(self._place))
        self._place[-1] += 1
        return effect

    def in_turn(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """What `together` does, one call after the other."""
        results: list[Any] = [None] * len(calls)
        errors: dict[int, Exception] = {}
        for index in reversed(range(len(calls))) if self.is_reversed else range(len(calls)):
            self._place += [index, 0]
            try:
                results[index] = calls[index]()
            except Exception as error:  # noqa: BLE001  # raised below, as `together` does
                errors[index] = error
            finally:
                del self._place[-2:]
        self._place[-1] += 1
        if errors:
            raise errors[min(errors)]
        return results


_current: ContextVar[Life | None] = ContextVar("life", default=None)


def current() -> Life | None:
    """The invocation that runs here; None for whatever the test itself does."""
    return _current.get()


@contextmanager
def lived(life: Life) -> Iterator[Life]:
    """Everything in the block is this invocation's doing."""
    token = _current.set(life)
    try:
        yield life
    finally:
        _current.reset(token)


def in_turn(*calls: Callable[[], Any]) -> list[Any]:
    """`Together` in an order of the invocation's own, so that a cut is where it was."""
    life = current()
    assert life is not None
    return life.in_turn(calls)
