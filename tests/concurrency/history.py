"""Histories of one slot, and whether any order of what was done explains what was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto

FOREVER = 1 << 60


class Did(StrEnum):
    """What can be done to a slot. Each answers as the operation it is named after."""

    HOLD = auto()
    VERIFY = auto()
    RELEASE = auto()
    CANCEL = auto()
    BLOCK = auto()
    UNBLOCK = auto()
    LAPSE = auto()
    """The hold's end is past."""
    SWEEP = auto()


class Answer(StrEnum):
    DONE = auto()
    AGAIN = auto()
    """Confirmed, but not by this request."""
    REFUSED = auto()
    UNKNOWN = auto()
    """No answer: it has happened, will happen, or never does."""
    BROKEN = auto()
    """What no order explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`attempt` is the one it is about; of a hold, the one that was answered."""

    did: Did
    answer: Answer
    began: int
    ended: int
    who: str = ""
    attempt: str = ""

    def overlaps(self, other: Operation) -> bool:
        return self.began < other.ended and other.began < self.ended


@dataclass(frozen=True, slots=True)
class State:
    """A slot as its state machine has it (docs/state-machine.md)."""

    status: str = "active"
    """active, reserved, lapsed, booked or blocked."""
    attempt: str = ""
    who: str = ""
    confirmed: frozenset[str] = field(default_factory=frozenset)
    """Attempts that were ever confirmed."""
    cancelled: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_free(self) -> bool:
        return self.status in {"active", "lapsed"}

    def is_held_by(self, attempt: str) -> bool:
        return self.status == "reserved" and self.attempt == attempt

    def now(self, status: str) -> State:
        return replace(self, status=status, attempt="", who="")


def order_of(
    operations: Sequence[Operation], begins: State, ends: tuple[str, str]
) -> list[Operation] | None:
    """An order in which the operations explain all answers and the (status, attempt) at the end.

    None if there is none. Whoever ended before another began comes before it.
    """
    dead: set[tuple[frozenset[int], State]] = set()

    def explained(left: frozenset[int], state: State) -> list[Operation] | None:
        if all(operations[i].answer is Answer.UNKNOWN for i in left) and _is(state, ends):
            return []
        if (left, state) in dead:
            return None
        for i in left:
            one = operations[i]
            if any(operations[j].ended < one.began for j in left if j != i):
                continue
            meanwhile = [o for o in operations if o is not one and one.overlaps(o)]
            for after in _after(state, one, meanwhile):
                rest = explained(left - {i}, after)
                if rest is not None:
                    return [one, *rest]
        dead.add((left, state))
        return None

    return explained(frozenset(range(len(operations))), begins)


def _is(state: State, ends: tuple[str, str]) -> bool:
    return (state.status, state.attempt) == ends


def _after(state: State, one: Operation, meanwhile: Sequence[Operation]) -> Iterator[State]:
    """The states that the operation, answered so, may have led to."""
    if one.answer is Answer.UNKNOWN:
        yield state
        for answer in (Answer.DONE, Answer.REFUSED):
            yield from _after(state, replace(one, answer=answer), meanwhile)
        return
    after = _RULES[one.did](state, one, meanwhile)
    if after is not None:
        yield after


Meanwhile = Sequence[Operation]


def _hold(state: State, one: Operation, meanwhile: Meanwhile) -> State | None:
    if one.answer is Answer.REFUSED:
        # Or of a hold that another had begun, and gave up.
        return state if meanwhile or not state.is_free else None
    if one.answer is not Answer.DONE:
        return None
    if state.is_free:
        return replace(state, status="reserved", attempt=one.attempt, who=one.who)
    is_own = state.is_held_by(one.attempt) and state.who == one.who
    return state if is_own else None


def _verify(state: State, one: Operation, _: Meanwhile) -> State | None:
    is_held, was_confirmed = state.is_held_by(one.attempt), one.attempt in state.confirmed
    if one.answer is Answer.DONE and is_held:
        return replace(state, status="booked", confirmed=state.confirmed | {one.attempt})
    is_so = {
        Answer.AGAIN: was_confirmed,
        Answer.REFUSED: not is_held and not was_confirmed,
    }
    return state if is_so.get(one.answer) else None


def _release(state: State, one: Operation, _: Meanwhile) -> State | None:
    is_held = state.is_held_by(one.attempt)
    if one.answer is Answer.DONE:
        return state.now("active") if is_held else None
    return state if one.answer is Answer.REFUSED and not is_held else None


def _cancel(state: State, one: Operation, meanwhile: Meanwhile) -> State | None:
    if one.answer is Answer.DONE:
        if (state.status, state.attempt) == ("booked", one.attempt):
            return replace(state.now("active"), cancelled=state.cancelled | {one.attempt})
        return state if one.attempt in state.cancelled else None
    # A booking that is only just being written down is not there yet.
    is_new = any((o.did, o.attempt) == (Did.VERIFY, one.attempt) for o in meanwhile)
    is_absent = is_new or one.attempt not in state.confirmed
    return state if one.answer is Answer.REFUSED and is_absent else None


def _block(state: State, one: Operation, meanwhile: Meanwhile) -> State | None:
    if one.answer is Answer.DONE:
        return state.now("blocked") if state.is_free or state.status == "blocked" else None
    return _not_the_clinics(state, one, meanwhile)


def _unblock(state: State, one: Operation, meanwhile: Meanwhile) -> State | None:
    if one.answer is Answer.DONE:
        return (
            state.now("active") if state.status == "blocked" else state if state.is_free else None
        )
    return _not_the_clinics(state, one, meanwhile)


def _not_the_clinics(state: State, one: Operation, meanwhile: Meanwhile) -> State | None:
    is_taken = meanwhile or state.status in {"reserved", "booked"}
    return state if one.answer is Answer.REFUSED and is_taken else None


def _lapse(state: State, _: Operation, __: Meanwhile) -> State | None:
    return replace(state, status="lapsed") if state.status == "reserved" else state


def _sweep(state: State, _: Operation, __: Meanwhile) -> State | None:
    return state.now("active") if state.status == "lapsed" else state


_RULES: Mapping[Did, Callable[[State, Operation, Meanwhile], State | None]] = {
    Did.HOLD: _hold,
    Did.VERIFY: _verify,
    Did.RELEASE: _release,
    Did.CANCEL: _cancel,
    Did.BLOCK: _block,
    Did.UNBLOCK: _unblock,
    Did.LAPSE: _lapse,
    Did.SWEEP: _sweep,
}
"""The slot after an operation that answered so, or None: it cannot have."""
