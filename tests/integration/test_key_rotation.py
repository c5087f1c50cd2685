"""Keys of one-time codes, rotated while codes are asked for, sent and checked, on real stores.

Time is the keys' own: a clock that the test moves, by which containers keep and drop what they
read. The stores' times are their own, and short beside it.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import pytest
from msgspec import structs

from slotkeeper.adapters.aws.secrets import ASK_AGAIN
from slotkeeper.contracts.otp_secret import read_ring
from slotkeeper.domain.errors import OtpInvalid, OtpLocked, Unavailable
from slotkeeper.domain.key_ring import GOES_ON, KEPT, LEAD, LONGEST_HOLD
from slotkeeper.ports.codes import CodeRecord
from slotkeeper.services.send_notification import CodeFate
from tests.support.containers import Phones, Sender, maker_of
from tests.support.fakes import FakeClock
from tests.support.house import House, QueueInMemory
from tests.support.secrets_manager import FIRST, Event, SecretsManager, rotate

NAME = "slotkeeper-test/otp-keys"
ALL_DEAD = LEAD + GOES_ON + LONGEST_HOLD + KEPT
MINUTE = timedelta(minutes=1)


@dataclass
class Keys:
    """One secret, its clock, and the function that rotates it."""

    manager: SecretsManager = field(default_factory=lambda: SecretsManager(NAME, '{"k1": "first"}'))
    clock: FakeClock = field(default_factory=FakeClock)
    phones: Phones = field(default_factory=Phones)

    def rotate(self) -> str:
        return self.manager.rotate(self._function)

    def _function(self, event: Event) -> None:
        rotate(self.manager, event, clock=self.clock)

    def sender(self, house: House) -> Sender:
        return Sender.on(house, self.phones, self.manager, self.clock)

    def verifier(self, house: House) -> House:
        return replace(house, maker=maker_of(self.manager, self.clock))

    @property
    def ids(self) -> list[str]:
        return [key.id for key in read_ring(self.manager.current).keys]


@pytest.fixture
def keys() -> Keys:
    return Keys()


def record_of(house: House, attempt: str, user: str) -> CodeRecord:
    found = house.codes.find(user_id=user, attempt_id=attempt)
    assert found is not None
    return found


def held(house: House) -> tuple[str, str, str]:
    """Attempt, patient and number of a new hold."""
    number = f"+1555{random.randrange(10**7):07d}"  # noqa: S311  # no secret
    alice = house.patient(phone=number)
    return house.hold(house.slot(), alice), alice, number


# --- one code -------------------------------------------------------------------------------------


def test_hold_knows_no_key_and_its_first_sender_settles_it(house: House, keys: Keys) -> None:
    attempt, alice, number = held(house)
    assert record_of(house, attempt, alice).key_id is None

    assert keys.sender(house).send(house.queue.codes[-1]) is CodeFate.SENT

    assert record_of(house, attempt, alice).key_id == "k1"
    assert keys.verifier(house).verify(attempt, alice, keys.phones.code(number)).is_new


def test_guess_before_any_code_was_sent_is_wrong_and_counted(house: House, keys: Keys) -> None:
    attempt, alice, _ = held(house)

    with pytest.raises(OtpInvalid) as refused:
        keys.verifier(house).verify(attempt, alice, "123456")

    assert refused.value.attempts_remaining == 4


def test_new_codes_are_made_with_the_new_key_without_any_deployment(
    house: House, keys: Keys
) -> None:
    sender, verifier = keys.sender(house), keys.verifier(house)
    first, alice, _ = held(house)
    sender.send(house.queue.codes[-1])
    new = keys.rotate()
    keys.clock.advance(LEAD)

    second, bob, number = held(house)
    sender.send(house.queue.codes[-1])

    assert record_of(house, first, alice).key_id == "k1"
    assert record_of(house, second, bob).key_id == new
    assert verifier.verify(second, bob, keys.phones.code(number)).is_new


def test_code_sent_before_a_rotation_is_good_after_it(house: House, keys: Keys) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    keys.rotate()
    keys.clock.advance(LONGEST_HOLD)

    assert keys.verifier(house).verify(attempt, alice, keys.phones.code(number)).is_new


def test_code_delivered_again_after_a_rotation_is_the_same(house: House, keys: Keys) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    code = keys.phones.code(number)
    house.database["deliveries"].delete_many({})  # died before it could note what it had sent
    keys.rotate()
    keys.clock.advance(LEAD)

    keys.sender(house).send(house.queue.codes[-1])

    assert [text[:6] for to, text in keys.phones.sent if to == number] == [code, code]
    assert keys.verifier(house).verify(attempt, alice, code).is_new


def test_resend_after_a_rotation_keeps_the_seeds_key_and_kills_the_earlier_code(
    house: House, keys: Keys
) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    early = keys.phones.code(number)
    keys.rotate()
    keys.clock.advance(LEAD)

    house.resend(attempt, alice)
    keys.sender(house).send(house.queue.codes[-1])

    assert record_of(house, attempt, alice).key_id == "k1"
    verifier = keys.verifier(house)
    if keys.phones.code(number) != early:
        with pytest.raises(OtpInvalid):
            verifier.verify(attempt, alice, early)
    assert verifier.verify(attempt, alice, keys.phones.code(number)).is_new


def test_resend_that_is_undone_leaves_the_earlier_code_its_key(house: House, keys: Keys) -> None:
    """Its sender settled the key after the resend had looked."""
    attempt, alice, number = held(house)
    first_job = house.queue.codes[-1]
    looked = record_of(house, attempt, alice)
    keys.sender(house).send(first_job)
    newest = structs.replace(looked, send_number=2)
    put = partial(house.codes.put, user_id=alice, attempt_id=attempt, lifetime_ms=60_000)
    put_back = partial(house.codes.put_back, user_id=alice, attempt_id=attempt, lifetime_ms=60_000)

    put(record=newest, tries=0)
    put_back(record=looked, instead_of=2)

    assert record_of(house, attempt, alice).key_id == "k1"
    assert keys.verifier(house).verify(attempt, alice, keys.phones.code(number)).is_new


def test_lost_redis_costs_a_new_code_under_the_key_in_use(house: House, keys: Keys) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    new = keys.rotate()
    keys.clock.advance(LEAD)
    house.lose_redis()

    house.resend(attempt, alice)
    keys.sender(house).send(house.queue.codes[-1])

    assert record_of(house, attempt, alice).key_id == new
    assert keys.verifier(house).verify(attempt, alice, keys.phones.code(number)).is_new


def test_record_of_before_there_were_rotations_goes_on(house: House, keys: Keys) -> None:
    """A hold of the version before names its key from the beginning."""
    attempt, alice, number = held(house)
    house.redis.hset(house.keys.code(alice, attempt), "keyId", "k1")
    house.redis.hdel(house.keys.code(alice, attempt), "guesses")
    keys.rotate()
    keys.clock.advance(LEAD)

    keys.sender(house).send(house.queue.codes[-1])

    assert record_of(house, attempt, alice).key_id == "k1"
    assert keys.verifier(house).verify(attempt, alice, keys.phones.code(number)).is_new


def test_key_that_was_leaked_is_taken_away_at_once_and_the_next_code_is_of_another(
    house: House, keys: Keys
) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    leaked = keys.phones.code(number)
    keys.manager.texts[FIRST] = '{"k2": "second"}'
    verifier = keys.verifier(house)

    with pytest.raises(OtpInvalid):
        verifier.verify(attempt, alice, leaked)
    house.resend(attempt, alice)
    keys.sender(house).send(house.queue.codes[-1])

    assert record_of(house, attempt, alice).key_id == "k2"
    assert verifier.verify(attempt, alice, keys.phones.code(number)).is_new


def test_no_code_is_accepted_once_its_key_is_gone(house: House, keys: Keys) -> None:
    """Had its hold lived on, which it cannot: the key goes when it is long over."""
    attempt, alice, number = held(house)
    verifier = keys.verifier(house)
    keys.sender(house).send(house.queue.codes[-1])
    with pytest.raises(OtpInvalid):
        verifier.verify(attempt, alice, house.wrong_code(attempt, alice))  # it has read the ring
    keys.rotate()
    keys.clock.advance(ALL_DEAD)
    keys.rotate()
    assert "k1" not in keys.ids

    keys.clock.advance(KEPT)

    with pytest.raises(OtpInvalid):
        verifier.verify(attempt, alice, keys.phones.code(number))
    assert house.bookings() == []


# --- Secrets Manager is down ----------------------------------------------------------------------


def test_codes_are_sent_and_checked_for_an_hour_without_secrets_manager(
    house: House, keys: Keys
) -> None:
    sender, verifier = keys.sender(house), keys.verifier(house)
    for seconds in (0, 55 * 60):
        keys.clock.advance(timedelta(seconds=seconds))
        attempt, alice, number = held(house)
        sender.send(house.queue.codes[-1])
        assert verifier.verify(attempt, alice, keys.phones.code(number)).is_new
        keys.manager.is_down = True

    keys.clock.advance(5 * MINUTE)
    attempt, alice, number = held(house)
    with pytest.raises(Unavailable):
        sender.send(house.queue.codes[-1])
    keys.manager.is_down = False
    keys.clock.advance(ASK_AGAIN)

    assert sender.send(house.queue.codes[-1]) is CodeFate.SENT
    assert verifier.verify(attempt, alice, keys.phones.code(number)).is_new


def test_code_that_cannot_be_checked_costs_no_try(house: House, keys: Keys) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    cold = keys.verifier(house)
    keys.manager.is_down = True
    for _ in range(6):
        with pytest.raises(Unavailable):
            cold.verify(attempt, alice, keys.phones.code(number))
    keys.manager.is_down = False
    keys.clock.advance(ASK_AGAIN)

    assert cold.verify(attempt, alice, keys.phones.code(number)).is_new


# --- many of everything ---------------------------------------------------------------------------

WORKERS = 4
ROTATIONS = 60
BOOKINGS = 100
"""At least; more where the machine has the time."""


@dataclass
class Worker:
    """Books by codes that are sent and checked by containers at random, of its own."""

    house: House
    keys: Keys
    odds: random.Random
    over: threading.Event
    booked: int = 0
    unavailable: int = 0
    rejected: list[str] = field(default_factory=list)
    kept_for: list[timedelta] = field(default_factory=list)
    key_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.house = replace(self.house, queue=QueueInMemory())
        self.senders = [self.keys.sender(self.house) for _ in range(3)]
        self.verifiers = [self.keys.verifier(self.house) for _ in range(3)]

    def work(self) -> None:
        while not self.over.is_set():
            self._replace_a_container()
            try:
                self._book()
            except Unavailable:
                self.unavailable += 1

    def _replace_a_container(self) -> None:
        """Some are new and know nothing, others have known it for long."""
        if self.odds.random() < 0.2:
            self.senders[self.odds.randrange(3)] = self.keys.sender(self.house)
            self.verifiers[self.odds.randrange(3)] = self.keys.verifier(self.house)

    def _book(self) -> None:
        attempt, alice, number = held(self.house)
        self._send()
        if self.odds.random() < 0.3:
            self.house.resend(attempt, alice)
            self._send()
        key_id = record_of(self.house, attempt, alice).key_id
        sent_at = self.keys.clock.now()
        code = self.keys.phones.code(number)
        for _ in range(self.odds.randrange(3)):
            self.over.wait(0.01)  # for the clock to move on, which is another thread's
        age = self.keys.clock.now() - sent_at
        if age > LONGEST_HOLD:
            return
        try:
            self.odds.choice(self.verifiers).verify(attempt, alice, code)
        except (OtpInvalid, OtpLocked):
            self.rejected.append(f"{attempt} of key {key_id}, {age} old")
            return
        self.booked += 1
        self.kept_for.append(age)
        self.key_ids.add(key_id or "none")

    def _send(self) -> None:
        job = self.house.queue.codes[-1]
        self.odds.choice(self.senders).send(job)
        if self.odds.random() < 0.3:
            self.odds.choice(self.senders).send(job)


def test_rotations_under_load_reject_no_valid_code(house: House, keys: Keys) -> None:
    odds = random.Random(4711)  # noqa: S311  # no secret
    over = threading.Event()
    rolls = [random.Random(n) for n in range(WORKERS)]  # noqa: S311  # no secret
    workers = [Worker(house, keys, roll, over) for roll in rolls]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    seen: set[str] = set()
    for thread in threads:
        thread.start()
    for number in itertools.count():
        if number >= ROTATIONS and sum(worker.booked for worker in workers) >= BOOKINGS:
            break
        # Every 15 minutes, in steps; Secrets Manager is down for some of it now and then.
        for _ in range(10):
            keys.clock.advance(1.5 * MINUTE)
            keys.manager.is_down = number % 7 == 3 and odds.random() < 0.7
            over.wait(0.01)
        keys.manager.is_down = False
        keys.rotate()
        seen |= set(keys.ids)
    over.set()
    for thread in threads:
        thread.join()

    assert [told for worker in workers for told in worker.rejected] == []
    assert len(seen) == number + 1
    assert len(keys.ids) < 15  # the dead ones went
    assert len(set().union(*(worker.key_ids for worker in workers))) > 10
    assert max(age for worker in workers for age in worker.kept_for) > timedelta(0)


def test_control_keys_dropped_at_once_reject_valid_codes(house: House, keys: Keys) -> None:
    attempt, alice, number = held(house)
    keys.sender(house).send(house.queue.codes[-1])
    version = keys.rotate()
    ring = json.loads(keys.manager.current)
    keys.manager.texts[version] = json.dumps({"keys": ring["keys"][-1:]})

    with pytest.raises(OtpInvalid):
        keys.verifier(house).verify(attempt, alice, keys.phones.code(number))
