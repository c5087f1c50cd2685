"""The matrix: a scenario is played without a cut, then with each of its cuts, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.crash.life import Cut, Effect, Life, Place, Side
from tests.crash.picture import NOTHING, Picture, picture_of, plain_answer
from tests.crash.stage import Stage
from tests.crash.truths import broken_truths
from tests.support.aws_events import Event

_TRIES = 6
_PATIENCE = 2
_READS = (
    *(
        "mongo find ",
        "mongo aggregate ",
        "redis GET",
        "redis HGETALL",
        "redis HMGET",
        "redis PTTL",
        "redis PING",
    ),
    *("mongo ping", "sqs GetQueueAttributes", "provider GET"),
    *("secrets-manager GetSecretValue", "secrets-manager DescribeSecret"),
)
_KEPT_ANSWER = "redis booking:attempt:"
PROVIDERS = {"sns Publish", "sesv2 SendEmail"}
_COME_BACK = {"sqs SendMessage", "sqs SendMessageBatch"}
"""What is down for a scenario's request is there again for the sweeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One request, message, run of a schedule or step of a rotation, and what there is before it.

    `prepare` sets the stage and answers the event. Sent again after a crash, an HTTP request is
    answered as if there had been none, or as in `also` (beginnings of what `plain_answer` makes).
    """

    name: str
    function: str
    prepare: Callable[[Stage], Event]
    operation: str | None = None
    """Of an HTTP function: as its handler is called."""
    also: Sequence[str] = ()
    answer: str = ""
    """How the answer begins where nobody dies."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of its functions, beside those of all."""
    loose: frozenset[str] = frozenset()
    """Fields whose number may be one higher for each death."""
    may_hold_on: bool = False
    """Refused when it is sent again, for a reason that has nothing to do with the hold which the
    dead one placed: that hold ends by itself."""

    @property
    def is_request(self) -> bool:
        return self.operation is not None or self.function in {"authorize", "rotate_otp_keys"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CutAt:
    """A cut of a scenario, and how to say which."""

    cut: Cut
    is_reversed: bool
    effect: Effect

    def __str__(self) -> str:
        order = ", last call first" if self.is_reversed else ""
        return f"{self.cut.side} {self.effect.label} (no. {self.cut.number}{order})"


@dataclass
class Played:
    """What became of one run."""

    life: Life
    answer: str = ""
    left: Picture = NOTHING
    """By the dead, at once."""
    soon: Picture = NOTHING
    """A minute later, everything swept."""
    late: Picture = NOTHING
    """When every hold is over, everything swept; nothing where there was none to wait for."""
    retry: Life | None = None
    """Of the client, a minute later."""
    deaths: int = 0
    sent_twice: int = 0
    """Messages that a provider had accepted when the sender died without noting it."""
    problems: list[str] = field(default_factory=list)

    @property
    def last(self) -> Picture:
        return self.soon if self.late is NOTHING else self.late


Kill = Callable[[str, Event, CutAt], Life]
"""Runs a function on an event up to a cut; what it had done by then."""


def play(
    stage: Stage,
    scenario: Scenario,
    at: CutAt | None = None,
    *,
    model: Played | None = None,
    is_reversed: bool = False,
    is_retried: bool = True,
    again: Cut | None = None,
    meanwhile: Callable[[], object] | None = None,
    kill: Kill | None = None,
) -> Played:
    """The scenario from its beginning to when all is over, with its cut and what follows it.

    `model` is how it goes without one; `again` cuts the client's first retry as well; `meanwhile`
    happens between the death and the retry; `kill` is another way to die.
    """
    stage.empty()
    stage.under(scenario.settings)
    event = scenario.prepare(stage)
    cut = at.cut if at else None
    is_reversed = at.is_reversed if at else is_reversed
    if kill is not None and at is not None:
        answer, life = None, kill(scenario.function, event, at)
    else:
        answer, life = stage.invoke(scenario.function, event, cut=cut, is_reversed=is_reversed)
    played = Played(life)
    if at is not None:
        played.left = picture_of(stage, stage.look(), scenario.loose)
    if scenario.function == "send_notification":
        _handed_back(stage, event, answer)
    if life.is_dead:
        _note_death(stage, played, life)
        if meanwhile is not None:
            meanwhile()
        if scenario.is_request and is_retried:
            assert model is not None
            _retry(stage, scenario, event, played, model.answer, again)
        elif scenario.function == "send_notification":
            stage.deliver()
    else:
        played.answer = plain_answer(stage, answer)
    stage.cloud.down -= _COME_BACK
    stage.later()
    played.soon = _at_rest(stage, scenario, played, is_all_over=False)
    if at is None or played.soon.holds:
        stage.holds_end()
        played.late = _at_rest(stage, scenario, played, is_all_over=True)
    played.problems += stage.problems
    return played


def _at_rest(stage: Stage, scenario: Scenario, played: Played, *, is_all_over: bool) -> Picture:
    stage.sweep()
    seen = stage.look()
    played.problems += broken_truths(stage, seen, is_all_over=is_all_over)
    return picture_of(stage, seen, scenario.loose)


def _handed_back(stage: Stage, event: Event, answer: object) -> None:
    """SQS keeps what was not reported as done."""
    failed = answer["batchItemFailures"] if isinstance(answer, dict) else event["Records"]
    ids = {item.get("itemIdentifier", item.get("messageId")) for item in failed}
    stage.cloud.queue += [r["body"] for r in event["Records"] if r["messageId"] in ids]


def _note_death(stage: Stage, played: Played, life: Life) -> None:
    played.deaths += 1
    done = [effect.label.rpartition(" ")[0] for effect in life.done]
    accepted = [way for way in done if way in PROVIDERS and way not in stage.cloud.down]
    if accepted and "mongo update deliveries" not in done:
        played.sent_twice += 1


def _retry(
    stage: Stage, scenario: Scenario, event: Event, played: Played, wanted: str, again: Cut | None
) -> None:
    """The client sends the very same request, at once and then each minute, until it is answered.

    Not at once where a transaction is open: that would wait for the server to end it.
    """
    if again is None and not stage.is_transaction_open:
        answer, _ = stage.invoke(scenario.function, event)
        played.answer = plain_answer(stage, answer)
    for number in range(_TRIES):
        if _is_accepted(scenario, played.answer, wanted):
            return
        stage.later()
        if number == _PATIENCE and scenario.settings:
            # A payment under way that no hold is there for any more is the sweep's.
            stage.sweep()
        answer, life = stage.invoke(scenario.function, event, cut=again)
        again = None
        played.retry = played.retry or life
        if life.is_dead:
            _note_death(stage, played, life)
        played.answer = plain_answer(stage, answer)


def _is_accepted(scenario: Scenario, answer: str, wanted: str) -> bool:
    return answer == wanted or answer.startswith(tuple(scenario.also) or ("never",))


def writes(effects: Sequence[Effect]) -> frozenset[Place]:
    """Those that leave something behind; the first in a transaction leaves it open."""
    return frozenset(
        e.place for e in effects if not e.label.startswith(_READS) or "(transaction)" in e.label
    )


def cuts_of(forward: Life, backward: Life, *, is_full: bool = False) -> list[CutAt]:
    """The cuts that leave different things done; with `is_full` both sides of every effect.

    Dead is dead: after one effect and before the next is the same, and so is either side of one
    that only reads, and either order of two calls made together once both are done.
    """
    seen: set[frozenset[Place]] = set()
    cuts: list[CutAt] = []
    for life in (forward, backward):
        done: list[Effect] = []
        for number, effect in enumerate(life.begun):
            sides: list[Side] = ["before", "after"]
            for side in sides:
                if side == "after":
                    done.append(effect)
                is_new = writes(done) not in seen
                seen.add(writes(done))
                if is_new or (is_full and life is forward):
                    is_reversed = life is backward
                    cuts.append(
                        CutAt(cut=Cut(number, side), is_reversed=is_reversed, effect=effect)
                    )
    return cuts


def differences(scenario: Scenario, model: Played, got: Played) -> Iterator[str]:
    """What a run with a cut, and the client's retry, left otherwise than one without."""
    yield from got.problems
    if scenario.is_request and not _is_accepted(scenario, got.answer, model.answer):
        yield f"answered {got.answer!r} instead of {model.answer!r}"
    held_on = scenario.may_hold_on and got.soon.holds > model.soon.holds
    for when, wanted, there in (
        ("soon", model.soon, got.soon),
        ("in the end", model.late, got.late),
    ):
        if there is NOTHING:
            continue
        missing, more = wanted.lines - there.lines, there.lines - wanted.lines
        if got.answer != model.answer:
            # What is kept of it follows the answer.
            missing, more = _but(_KEPT_ANSWER, missing), _but(_KEPT_ANSWER, more)
        again = [line for line in more.elements() if line.startswith("sent ")]
        if len(again) != got.sent_twice or not set(again) <= set(wanted.lines):
            yield f"{when}, sent twice {again} where {got.sent_twice} may be"
        if held_on:
            missing, more = _but_a_hold(missing, more, is_over=there is got.late)
        if when == "soon":
            # The seed of a code that was never made: it lapses with the hold that never was.
            more = _but("redis otp:user:", more)
        yield from (f"{when}, missing: {line}" for line in missing.elements())
        yield from (f"{when}, too much: {line}" for line in _but("sent ", more).elements())
        for name in wanted.counts | there.counts:
            least, most = wanted.counts[name], wanted.counts[name] + got.deaths
            if not least <= there.counts[name] <= most:
                yield f"{when}, {name} is {there.counts[name]}, not {least} to {most}"


def _but(beginning: str, lines: Counter[str]) -> Counter[str]:
    return Counter({line: n for line, n in lines.items() if not line.startswith(beginning)})


def _but_a_hold(
    missing: Counter[str], more: Counter[str], *, is_over: bool
) -> tuple[Counter[str], Counter[str]]:
    """The same without one hold that is, or was, where there should be none."""
    if is_over:
        for kind in ("audit_logs", "outbox"):
            [line] = [line for line in more if line.startswith(kind) and "hold.expired" in line]
            more = more - Counter([line])
        return missing, more
    more = Counter({line: n for line, n in more.items() if '"status": "reserved"' not in line})
    return Counter({m: n for m, n in missing.items() if '"status": "active"' not in m}), more


def differences_unretried(model: Played, nothing: Played, got: Played) -> Iterator[str]:
    """What is wrong where the client never comes back.

    People are told what they are told where all of it was done, or `nothing` was, and no more.
    """
    yield from got.problems
    said = got.last.lines - (model.last.lines | nothing.last.lines)
    again = [line for line in said.elements() if line.startswith("sent ")]
    if len(again) != got.sent_twice:
        yield f"sent {again}"


def was_cut_there(at: CutAt, played: Played, recorded: Life) -> bool:
    """Whether it died at that effect, and had done until then what it does without a cut."""
    begun = played.life.begun[: at.cut.number + 1]
    return played.life.is_dead and begun == recorded.begun[: at.cut.number + 1]
