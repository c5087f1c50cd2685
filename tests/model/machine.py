"""Histories of what patients, clinics, schedules and misfortune do, in any order.

Each rule asks the model what will be answered, does the thing, and compares. After every step the
stores are compared with the model, and the operator's check must find nothing.

One long module: rules are made of each other, and read best side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.booking import (
    CANCEL,
    RESCHEDULE,
    BookingChange,
    BookingStatus,
    BookingTransition,
)
from slotkeeper.domain.errors import AppointmentError, NotFound
from slotkeeper.domain.schedule import Hours, WeeklySchedule
from slotkeeper.domain.timetable import TimeChange
from tests.model.refused import Refused, Said
from tests.model.world import (
    CLINICS,
    PATIENTS,
    SLOT_IDS,
    World,
    ends_of,
    new_model,
    new_slot,
    plain,
    said,
)
from tests.support.managing import Managing

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A request to hold a slot."""

    user: str
    slot: str
    key: str
    channel: str | None = None
    replaces: str | None = None

    @property
    def attempt(self) -> str:
        return attempt_id(self.user, self.key, self.slot)


def mostly(usual: T, *others: T) -> st.SearchStrategy[T]:
    return st.sampled_from([usual] * 4 * len(others) + [*others])


def _of_machine(choose: Callable[[Bookings], Sequence[T]]) -> st.SearchStrategy[T]:
    machine: st.SearchStrategy[Bookings] = st.runner()
    return machine.flatmap(lambda machine: st.sampled_from(choose(machine)))


users = st.sampled_from([patient.id for patient in PATIENTS])
channels = mostly(None, "sms", "email")
slots = st.sampled_from(SLOT_IDS)
free_slots = _of_machine(lambda machine: machine.now_free() or SLOT_IDS)
some_slot = free_slots | free_slots | slots
held = _of_machine(lambda machine: machine.live_attempts() or machine.asked)
attempts = held | held | _of_machine(lambda machine: machine.asked)
booked = _of_machine(lambda machine: machine.confirmed() or machine.ever_booked)
bookings = booked | booked | _of_machine(lambda machine: machine.ever_booked)
staff = st.sampled_from(["sue", "tom"])
instants = st.sampled_from(["now", "now", "code's end", "hold's end"])
incidents = st.sampled_from(
    [
        *("a wrong code", "a wrong code", "an earlier code", "a resend", "a resend"),
        *("the same request again", "the sweep", "a lost Redis"),
    ]
)
sometimes_down = st.sampled_from([*[True] * 4, False])
outages = mostly(frozenset[str](), frozenset({"sms"}), frozenset({"sms", "email"}))
some_attempt = precondition(lambda machine: machine.asked)
some_booking = precondition(lambda machine: machine.ever_booked)

SHORT = [
    timedelta(seconds=1),
    timedelta(seconds=20),  # what a request took is claimed so long
    timedelta(seconds=30),  # the wait between codes
    timedelta(minutes=1),
    timedelta(minutes=3),  # a code's life
    timedelta(minutes=5),  # a hold
    timedelta(minutes=5, seconds=1),
]
LONG = [timedelta(minutes=20), timedelta(hours=3), timedelta(hours=17)]


class Bookings(RuleBasedStateMachine):
    """A history; `world` is set by `on`."""

    world: ClassVar[World]
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.model = new_model()
        self.world.begin()
        self.house = self.world.house
        self.asked: list[Asked] = []
        self.ever_booked: list[str] = []
        self.numbers = 0

    @classmethod
    def on(cls, world: World, seen: Counter[str] | None = None) -> type[Bookings]:
        """The machine on that world; `seen` counts the answers."""
        return type(
            cls.__name__, (cls,), {"world": world, "seen": Counter() if seen is None else seen}
        )

    # --- how a step is judged

    def same(self, what: str, predict: Callable[[], Any], do: Callable[[], Any]) -> Any:
        """The predicted answer, None for a refusal. Another than that ends the history."""
        refused: Said | None = None
        predicted: Any = None
        try:
            predicted = predict()
        except Refused as refusal:
            refused = refusal.said
        answered: Any = None
        try:
            answered = do()
        except AppointmentError as error:
            answered = said(error)
        wanted = refused or predicted
        assert answered == wanted, f"{what}: {answered}, not {wanted}"
        self.note(f"{what}: {refused[0] if refused else 'done'}")
        return predicted

    def note(self, what: str) -> None:
        event(what)
        self.seen[what] += 1

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    # --- what may be chosen from

    def live_attempts(self) -> list[Asked]:
        live = {hold.attempt for hold in map(self.model.live_hold, self.model.slots) if hold}
        return [asked for asked in self.asked if asked.attempt in live]

    def now_free(self) -> list[str]:
        return [*self.model.free("dr-a"), *self.model.free("dr-b")]

    def confirmed(self) -> list[str]:
        return [id_ for id_ in self.ever_booked if self.model.is_confirmed(id_)]

    @initialize(user=users, slot=slots)
    def somebody_has_booked(self, user: str, slot: str) -> None:
        self.book(user, slot)

    @initialize(user=users, slot=free_slots)
    def somebody_holds(self, user: str, slot: str) -> None:
        self.hold(user, slot, None, queue_is_up=True)

    # --- patients hold slots

    @rule(user=users, slot=some_slot, channel=channels, queue_is_up=sometimes_down)
    def hold(self, user: str, slot: str, channel: str | None, queue_is_up: bool) -> None:
        with self.queue(queue_is_up):
            self._hold("hold", Asked(user, slot, self.new_key(user), channel))

    @some_attempt
    @rule(asked=attempts, slot=mostly(None, *SLOT_IDS[:1]))
    def hold_with_the_same_key(self, asked: Asked, slot: str | None) -> None:
        self._hold("hold again", replace(asked, slot=slot or asked.slot))

    @some_attempt
    @rule(asked=held)
    def hold_what_one_holds(self, asked: Asked) -> None:
        self._hold("hold own", replace(asked, key=self.new_key(asked.user)))

    @some_booking
    @rule(booking=bookings, by=mostly("owner", "ann", "ben"), slot=some_slot)
    def hold_in_place_of(self, booking: str, by: str, slot: str) -> None:
        user = self.who(by, booking)
        self._hold("replace", Asked(user, slot, self.new_key(user), replaces=booking))

    @rule(user=users, slot=some_slot, retried=st.sampled_from([None, 0, 20, 21]))
    def hold_and_die(self, user: str, slot: str, retried: int | None) -> None:
        """The function dies as soon as MongoDB has decided; the client may try again."""
        asked = Asked(user, slot, self.new_key(user))
        self.asked.append(asked)
        self.model.hold_and_die(user, slot, asked.key)
        ticket = self.world.ticket(user, slot, asked.key, None, None)
        admission = self.house.gate.admit(ticket)
        if admission.took_lock and admission.took_place:
            with suppress(NotFound):
                self.house.slots.place_hold(
                    slot,
                    attempt_id=ticket.attempt_id,
                    user_id=user,
                    channel=None,
                    request_id=ticket.request_id,
                )
        if retried is not None:
            self._pass(timedelta(seconds=retried))
            self._hold("hold again", asked)

    @contextmanager
    def queue(self, is_up: bool) -> Iterator[None]:
        self.house.queue.is_down = not is_up
        yield
        self.house.queue.is_down = False

    def who(self, by: str, booking: str) -> str:
        known = self.model.bookings.get(booking)
        owner = known.user_id if known else "ann"
        return owner if by == "owner" else by

    def new_key(self, user: str) -> str:
        return f"key-of-{user}-{self.number():06}"

    def _hold(self, what: str, asked: Asked) -> None:
        self.asked.append(asked)
        parts = (asked.user, asked.slot, asked.key, asked.channel, asked.replaces)
        queue_is_up = not self.house.queue.is_down
        self.same(
            what,
            lambda: self.model.hold(*parts, queue_is_up=queue_is_up),
            lambda: self.world.hold(*parts),
        )

    # --- and prove themselves

    @some_attempt
    @rule(asked=attempts, when=instants)
    def verify(self, asked: Asked, when: str) -> None:
        hold = self.model.hold_of(asked.attempt)
        if hold is not None and when != "now":
            self._pass((hold.code_until if when == "code's end" else hold.until) - self.model.now)
        self._verify(asked.user, asked.attempt, "right")

    @some_attempt
    @rule(asked=attempts, times=st.integers(1, 4), kind=mostly("wrong", "earlier"))
    def guess(self, asked: Asked, times: int, kind: str) -> None:
        for _ in range(times):
            self._verify(asked.user, asked.attempt, kind)

    @rule(user=users, slot=some_slot)
    def book(self, user: str, slot: str) -> None:
        asked = Asked(user, slot, self.new_key(user))
        self._hold("hold", asked)
        self._verify(user, asked.attempt, "right")

    @rule(user=users, slot=free_slots, between=st.lists(incidents, max_size=4), when=instants)
    def make_an_attempt(self, user: str, slot: str, between: list[str], when: str) -> None:
        """From the hold to the right code, with what may come between."""
        asked = Asked(user, slot, self.new_key(user))
        self._hold("hold", asked)
        for incident in between:
            match incident:
                case "a wrong code" | "an earlier code":
                    self._verify(user, asked.attempt, incident.split()[1])
                case "a resend":
                    self._pass(self.model.resend_wait_of(asked.attempt))
                    self._resend(user, asked.attempt, f"resend-{self.number()}")
                case "the same request again":
                    self._hold("hold again", asked)
                case "the sweep":
                    self.sweep()
                case "a lost Redis":
                    self.lose_redis()
        self.verify(asked, when)

    @some_attempt
    @rule(asked=held)
    def verify_and_die(self, asked: Asked) -> None:
        """The function dies as soon as the slot is booked."""
        record = self.house.codes.find(user_id=asked.user, attempt_id=asked.attempt)
        if record is None or asked.replaces is not None:
            return
        self.model.confirm_and_die(asked.attempt)
        with suppress(NotFound):
            self.house.slots.confirm(
                record.slot_id,
                attempt_id=asked.attempt,
                user_id=asked.user,
                send_number=record.send_number,
                booking_id=self.booking(asked.attempt),
                request_id=f"request-{self.number()}",
            )

    def _verify(self, user: str, attempt: str, kind: str) -> None:
        code = self.world.code(user, attempt, kind)
        self.booking(attempt)
        self.same(
            "verify",
            lambda: self.model.verify(user, attempt, code, is_right=kind == "right"),
            lambda: self.house.verify(attempt, user, code).booking,
        )

    def booking(self, attempt: str) -> str:
        """What the attempt may have become."""
        id_ = booking_id(attempt)
        if id_ not in self.ever_booked:
            self.ever_booked.append(id_)
        return id_

    @some_attempt
    @rule(
        asked=attempts,
        key=st.sampled_from(["resend-1", "resend-2", "resend-3"]),
        waited=st.sampled_from([0, 30, 60]),
        queue_is_up=sometimes_down,
    )
    def resend(self, asked: Asked, key: str, waited: int, queue_is_up: bool) -> None:
        self._pass(timedelta(seconds=waited))
        with self.queue(queue_is_up):
            self._resend(asked.user, asked.attempt, key)

    def _resend(self, user: str, attempt: str, key: str) -> None:
        queue_is_up = not self.house.queue.is_down
        self.same(
            "resend",
            lambda: self.model.resend(user, attempt, key, queue_is_up=queue_is_up),
            lambda: self.world.resend(user, attempt, key),
        )

    @some_attempt
    @rule(asked=attempts)
    def release(self, asked: Asked) -> None:
        self._release(asked.user, asked.attempt)

    def _release(self, user: str, attempt: str) -> None:
        self.same(
            "release",
            lambda: self.model.release(user, attempt),
            lambda: self.house.release(attempt, user),
        )

    @some_attempt
    @rule(asked=held, other=users, does=st.sampled_from(["verify", "resend", "release"]))
    def meddle(self, asked: Asked, other: str, does: str) -> None:
        """Somebody comes with an attempt that may not be theirs."""
        match does:
            case "verify":
                self._verify(other, asked.attempt, "right")
            case "resend":
                self._resend(other, asked.attempt, "resend-1")
            case "release":
                self._release(other, asked.attempt)

    # --- bookings end

    @some_booking
    @rule(
        booking=bookings,
        status=st.sampled_from(["cancelled", "rescheduled"]),
        by=mostly("owner", "ann", "ben", "sue", "tom"),
        version=mostly(None, "right", "wrong"),
    )
    def end(self, booking: str, status: str, by: str, version: str | None) -> None:
        known = self.model.bookings.get(booking)
        caller = self.who(by, booking)
        right = known.version if known else 1
        expected = {None: None, "right": right, "wrong": right + 5}[version]
        # One key for each status: sent again, it is the same request.
        key = f"{status}-{booking}"
        more = {
            "expected": None if expected is None else frozenset({expected}),
            "request_key": key,
        }
        is_cancelled = status == "cancelled"
        predict = self.model.cancel if is_cancelled else self.model.reschedule
        do = self.house.cancel if is_cancelled else self.house.reschedule
        self.same(
            "cancel" if is_cancelled else "reschedule",
            lambda: predict(caller, booking, expected, key),
            lambda: do(booking, self.world.caller(caller), **more),
        )

    @some_booking
    @rule(booking=booked, transition=st.sampled_from([CANCEL, RESCHEDULE]))
    def end_and_die(self, booking: str, transition: BookingTransition) -> None:
        """The function dies as soon as the slot is given back."""
        known = self.model.bookings.get(booking)
        if known is None or known.status is not BookingStatus.CONFIRMED:
            return
        key = f"request-{self.number()}"
        self.model.end_and_die(known.user_id, booking, transition.target, key)
        asked = BookingChange(
            transition=transition,
            actor=known.user_id,
            request_id=key,
            request_key=key,
            reason=None,
        )
        with suppress(NotFound):
            self.house.booked_slots.give_back(known, asked, ahead=None)

    # --- clinics

    @rule(who=staff, slot=some_slot, is_blocked=st.booleans())
    def block(self, who: str, slot: str, is_blocked: bool) -> None:
        self.same(
            "block" if is_blocked else "unblock",
            lambda: self.model.block(who, slot, is_blocked=is_blocked),
            lambda: self._clinic(who).block(slot, is_blocked=is_blocked).status,
        )

    @rule(slot=slots, change=st.sampled_from(TimeChange), hours=mostly(0, 12))
    def change_time(self, slot: str, change: TimeChange, hours: int) -> None:
        """Of the slot alone, or of half a day around it."""
        made = new_slot(slot)
        start, end = made.start - timedelta(hours=hours), made.end + timedelta(hours=hours)
        who = CLINICS[made.doctor].replace("clinic-1", "sue").replace("clinic-2", "tom")

        def do() -> tuple[int, list[str]]:
            done = self._clinic(who).change_time(made.doctor, change, start, end)
            return done.changed, [kept.id for kept in done.kept]

        self.same(
            str(change), lambda: self.model.change_time(who, made.doctor, change, start, end), do
        )

    @precondition(lambda self: len(self.model.slots) < len(SLOT_IDS))
    @rule(slot=slots)
    def make_again(self, slot: str) -> None:
        made = new_slot(slot)
        minute = made.start.hour * 60 + made.start.minute
        schedule = WeeklySchedule(
            time_zone="UTC",
            weekly=(Hours(start=minute, end=minute + 30),),
            slot_minutes=30,
            first=made.start.date(),
            last=made.start.date(),
        )

        def do() -> tuple[int, int]:
            filled = self.world.managing.fill(made.doctor, schedule)
            return filled.created, filled.skipped

        self.same("make again", lambda: self.model.fill(made), do)

    def _clinic(self, who: str) -> Managing:
        return replace(self.world.managing, caller=self.world.caller(who))

    # --- schedules, deliveries, time and misfortune

    @precondition(lambda self: self.model.has_to_sweep())
    @rule()
    def sweep(self) -> None:
        def do() -> tuple[int, int]:
            swept = self.house.sweep()
            assert swept.refused == 0
            return swept.expired, swept.recorded

        self.same("sweep", self.model.sweep, do)

    @precondition(lambda self: self.model.has_to_relay())
    @rule(queue_is_up=sometimes_down)
    def relay(self, queue_is_up: bool) -> None:
        def do() -> tuple[int, int]:
            relayed = self.house.relay()
            assert relayed.refused == 0
            return relayed.recorded, relayed.sent

        with self.queue(queue_is_up):
            self.same("relay", lambda: self.model.relay(queue_is_up=queue_is_up), do)

    @precondition(lambda self: self.model.codes_queued)
    @rule(back=st.integers(0, 7), down=outages)
    def deliver_code(self, back: int, down: frozenset[str]) -> None:
        """Any code that was ever queued, whatever was delivered before."""
        at = -1 - back % len(self.model.codes_queued)
        message = self.model.codes_queued[at]

        def do() -> tuple[str, str | None]:
            fate, sent = self.world.deliver_code(self.house.queue.codes[at], down)
            if sent is None:
                return fate, None
            right = self.world.code(message.user, message.attempt, "right")
            assert right in sent[1], "another code was sent than will be accepted"
            return fate, sent[0]

        self.same("deliver code", lambda: self.model.deliver_code(message, down), do)

    @precondition(lambda self: self.model.events_queued)
    @rule(back=st.integers(0, 7), down=outages)
    def deliver_event(self, back: int, down: frozenset[str]) -> None:
        at = -1 - back % len(self.model.events_queued)
        fact = self.model.events_queued[at]
        self.same(
            "deliver event",
            lambda: self.model.deliver_event(fact, down),
            lambda: self.world.deliver_event(self.house.queue.events[at], down),
        )

    @precondition(lambda self: self.model.has_to_sweep() or self.model.has_to_relay())
    @rule()
    def settle(self) -> None:
        """The schedules run until nothing is under way: not a trace may be missing then."""
        self._pass(timedelta(minutes=1))
        self.sweep()
        self.relay(queue_is_up=True)
        self.check(grace=timedelta(0))

    @rule(by=mostly(*[st.sampled_from(SHORT), st.sampled_from(LONG)]).flatmap(lambda some: some))
    def pass_time(self, by: timedelta) -> None:
        self._pass(by)

    def _pass(self, by: timedelta) -> None:
        if by < timedelta(0):
            return
        self.model.advance(by)
        self.world.advance(by)

    @precondition(lambda self: self.model.memory.requests)
    @rule()
    def lose_redis(self) -> None:
        self.model.lose_redis()
        self.house.lose_redis()

    # --- what must be so after every step

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        self.everything_is_stored_as_the_model_has_it()
        for doctor in ("dr-a", "dr-b"):
            assert self.world.free(doctor) == self.model.free(doctor)
        # What is untold is under way, however long ago: schedules run when this machine says so.
        self.check(grace=timedelta(days=100))

    def check(self, *, grace: timedelta) -> None:
        found = self.world.violations(grace=grace)
        assert not found, "\n".join(map(str, ["the operator's check:", *found]))

    def everything_is_stored_as_the_model_has_it(self) -> None:
        model, world = self.model, self.world
        bare = {
            slot.id: replace(slot, facts=[plain(fact) for fact in slot.facts])
            for slot in model.slots.values()
        }
        self.agree("slots", world.slots(), bare)
        self.agree("bookings", world.bookings(), model.bookings)
        told = {
            id_: (plain(notice.fact), notice.is_sent, notice.leased_until)
            for id_, notice in model.outbox.items()
        }
        self.agree("outbox", world.outbox(), told)
        audit = {id_: plain(fact) for id_, fact in model.audit.items()}
        self.agree("audit log", world.audit(), audit)
        self.agree("failures", world.failures(), model.rows)
        self.agree("Redis", world.redis_ends(), ends_of(model, self.house.keys))
        queued = [plain(fact) for fact in self.house.queue.events]
        assert queued == [plain(fact) for fact in model.events_queued]
        assert world.codes_queued() == model.codes_queued

    def agree(self, where: str, stored: Mapping[str, Any], predicted: Mapping[str, Any]) -> None:
        if stored != predicted:
            wrong = {
                id_: (stored.get(id_), predicted.get(id_))
                for id_ in {*stored, *predicted}
                if stored.get(id_) != predicted.get(id_)
            }
            lines = (
                f"{id_}\n  is        {is_}\n  should be {be}" for id_, (is_, be) in wrong.items()
            )
            raise AssertionError("\n".join([f"{where} at {self.model.now}:", *lines]))
