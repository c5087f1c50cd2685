"""One run: a fresh system, load, faults, rest, verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from chaos import rest, truth, verdict
from chaos.faults import Fault
from chaos.findings import Finding
from chaos.ground import Ground
from chaos.history import History
from chaos.load import Load, inbox_of
from chaos.nemesis import CALM_SECONDS, Struck, schedule, strike
from chaos.observer import Observer
from chaos.place import config_of
from chaos.proxy import Proxies
from chaos.report import Report, report
from local import identity, servers
from local.config import Config, Topology
from local.identity import Person

PATIENTS = 12
A_SECOND = 12.0
BUSY = 5
"""So many codes were sent in: the load is on."""
BUSY_SECONDS = 60.0
NOBODY_WAITS_FOR = frozenset({"expire_locks", "relay_outbox", "send_notification"})
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done; the same seed gives the same faults in the same order."""

    topology: Topology
    seconds: float
    seed: int
    hold_seconds: int = 30
    patients: int = PATIENTS
    a_second: float = A_SECOND
    calm: tuple[float, float] = CALM_SECONDS
    faults: Sequence[Fault] | None = None
    """These and no others, once each; None: all that the topology has, for as long as it takes."""
    is_short: bool = False
    """Does not wait for the schedule and for messages to come back by themselves, but has them
    come: the sweep and the relay are invoked, messages come back sooner."""


@dataclass(slots=True)
class Run:
    """A run as it was left: still up, for who wants to look."""

    ground: Ground
    history: History
    people: Sequence[Person]
    struck: Sequence[Struck] = ()
    findings: list[Finding] = field(default_factory=list)
    report: Report | None = None

    @property
    def config(self) -> Config:
        return self.ground.config

    def judge(self) -> Iterator[Finding]:
        """The verdict on what is in the stores now."""
        with self.database() as database:
            inboxes = {p.user_id: inbox_of(self.config, p.phone) for p in self.people}
            found = truth.read(database, inboxes)
            yield from verdict.judge(self.history, found)
            yield from rest.check(database)

    @contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        with MongoClient[dict[str, Any]](self.config.mongo_uri, tz_aware=True) as client:
            yield client.get_default_database()


@contextmanager
def chaos(
    plan: Plan,
    *,
    name: str = "chaos",
    tell: Tell = lambda _: None,
    builds_with: Config | None = None,
) -> Iterator[Run]:
    """The run, done and judged, its system still up; taken down at the end, whatever happens.

    `builds_with` is another local system whose build of the functions is used.
    """
    config = config_of(plan.topology, hold_seconds=plan.hold_seconds, name=name)
    config.state.mkdir(parents=True, exist_ok=True)
    history = History(config.state / "history.jsonl")
    with Proxies(plan.seed) as proxies:
        ground = Ground(config, proxies)
        try:
            if builds_with is not None:
                ground.take_build_of(builds_with)
            ground.bring_up()
            people = identity.sign_in(
                config, [identity.anybody("patient") for _ in range(plan.patients)]
            )
            run = Run(ground, history, people)
            _do(plan, run, tell)
            yield run
        finally:
            ground.bring_down()
            history.close()


def _do(plan: Plan, run: Run, tell: Tell) -> None:
    ground, history = run.ground, run.history
    emulator = servers.emulator(run.config).pid
    if plan.is_short:
        rest.have_messages_come_back_soon(run.config, run.ground.stack)
    load = Load(
        run.config,
        ground.stack,
        run.people,
        history=history,
        a_second=plan.a_second,
        seed=plan.seed,
    )
    observer = Observer(ground)
    tell(f"{len(run.people)} patients, {plan.a_second:g} requests a second at most")
    load.warm_up()
    began = time.monotonic()
    load.start()
    observer.start()
    try:
        _busy(history, load.stopping)
        tell("the load is on; faults begin")
        run.struck = strike(
            ground,
            schedule(plan.topology, plan.seed) if plan.faults is None else plan.faults,
            history,
            until=began + plan.seconds,
            seed=plan.seed,
            tell=tell,
            stopping=load.stopping,
            calm=plan.calm,
        )
        ground.heal()
        load.stop()
    finally:
        load.stopping.set()
        observer.stop()
    loaded = time.monotonic() - began
    tell("load has stopped; the system comes to rest")
    run.findings = [
        *rest.come(run.ground, is_short=plan.is_short, tell=tell),
        *observer.findings,
        *_not_back(run.struck),
        *rest.deadlines(run.config, history),
    ]
    if servers.emulator(run.config).pid != emulator:
        run.findings.append(Finding("restarted", "emulator"))
    run.findings += run.judge()
    run.report = report(
        topology=plan.topology,
        seed=plan.seed,
        seconds=loaded,
        history=history,
        struck=run.struck,
        findings=run.findings,
        more=_more(run, observer),
    )


def _busy(history: History, stopping: threading.Event) -> None:
    """Until every patient is at it; at most a minute."""
    ends_at = time.monotonic() + BUSY_SECONDS
    already = len(history.of("verify"))
    while len(history.of("verify")) < already + BUSY and time.monotonic() < ends_at:
        stopping.wait(0.2)


def _not_back(struck: Sequence[Struck]) -> Iterator[Finding]:
    for done in struck:
        if done.recovered_at is None:
            yield Finding("not_back", done.fault)


def _more(run: Run, observer: Observer) -> Mapping[str, int | float]:
    with run.database() as database:
        inboxes = {p.user_id: inbox_of(run.config, p.phone) for p in run.people}
        again = verdict.duplicates(truth.read(database, inboxes))
    longest = rest.longest_invocations(run.config, run.ground.stack)
    return {
        "texts sent twice": again,
        "looks while it happened": observer.looks,
        "seconds at most in a function that a request waits for": max(
            took for name, took in longest.items() if name not in NOBODY_WAITS_FOR
        ),
    }
