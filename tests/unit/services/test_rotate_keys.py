from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotkeeper.contracts.otp_secret import read_ring
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.key_ring import GOES_ON, KEPT, LEAD, LONGEST_HOLD, KeyRing
from slotkeeper.ports.rotation import NotPending, NotSound
from tests.support.fakes import FakeClock
from tests.support.secrets_manager import (
    ARN,
    CURRENT,
    FIRST,
    PENDING,
    STEPS,
    Event,
    SecretsManager,
    rotate,
)

NAME = "slotkeeper-test/otp-keys"
ONE_KEY = '{"k1": "first"}'
HOLD = timedelta(minutes=5)


class World:
    """A secret as a new stack has it, and the function that rotates it."""

    def __init__(self) -> None:
        self.manager = SecretsManager(NAME, ONE_KEY)
        self.clock = FakeClock()

    def function(self, event: Event) -> bool:
        return rotate(self.manager, event, clock=self.clock)

    def step(self, step: str, version: str) -> bool:
        return self.function(self.manager.event(step, version))

    def rotate(self) -> str:
        return self.manager.rotate(self.function)

    @property
    def ring(self) -> KeyRing:
        return read_ring(self.manager.current)


def ids(ring: KeyRing) -> list[str]:
    return [key.id for key in ring.keys]


def test_rotation_adds_a_key_that_is_used_a_while_later_and_keeps_the_one_before() -> None:
    world = World()

    version = world.rotate()

    assert ids(world.ring) == ["k1", version]
    assert world.ring.current(world.clock.now()).id == "k1"
    world.clock.advance(LEAD)
    assert world.ring.current(world.clock.now()).id == version


def test_every_rotation_makes_another_key() -> None:
    world = World()

    for _ in range(20):
        world.rotate()

    keys = [key.key for key in world.ring.keys]
    assert len(keys) == len(set(keys)) == 21
    assert min(len(key) for key in keys[1:]) >= 43  # 256 bits


def test_monthly_rotations_keep_the_key_in_use_and_the_one_before() -> None:
    world = World()

    for _ in range(12):
        before = world.ring.keys[-1].id
        world.clock.advance(timedelta(days=30))
        version = world.rotate()

        assert ids(world.ring) == [before, version]


@given(order=st.lists(st.sampled_from(STEPS), min_size=1, max_size=12))
def test_steps_repeated_and_out_of_order_lose_no_key_and_make_no_second(
    order: Sequence[str],
) -> None:
    world = World()
    version = world.manager.begin()

    for step in order:
        try:
            world.step(step, version)
        except NotSound:
            assert "createSecret" not in order[: order.index(step)]

    for step in STEPS:  # Secrets Manager goes on until all are done
        world.step(step, version)
    assert ids(world.ring) == ["k1", version]
    assert world.manager.staged[CURRENT] == version
    assert PENDING not in world.manager.staged


@pytest.mark.parametrize("step", STEPS)
def test_step_of_a_rotation_that_is_over_changes_nothing(step: str) -> None:
    world = World()
    version = world.rotate()
    before = world.manager.current

    assert world.step(step, version) is False

    assert world.manager.current == before


@pytest.mark.parametrize("step", STEPS)
def test_version_that_is_not_pending_is_refused(step: str) -> None:
    world = World()
    world.rotate()
    world.rotate()
    texts = dict(world.manager.texts)
    staged = dict(world.manager.staged)
    for version in (FIRST, "0" * 32, staged["AWSPREVIOUS"]):
        with pytest.raises(NotPending):
            world.step(step, version)

    assert (world.manager.texts, world.manager.staged) == (texts, staged)


@pytest.mark.parametrize(
    "secret_id",
    [
        f"{ARN}slotkeeper-test/payment-a1B2c3",
        f"{ARN}{NAME}-old-a1B2c3",
        f"{ARN}another/{NAME}-a1B2c3",
        NAME + "x",
    ],
)
def test_no_other_secret_is_touched(secret_id: str) -> None:
    world = World()
    version = world.manager.begin()

    with pytest.raises(NotPending):
        world.function({**world.manager.event("createSecret", version), "SecretId": secret_id})

    assert list(world.manager.texts) == [FIRST]


@pytest.mark.parametrize(
    "pending", ["not json", "{}", '{"k2": "only the new one"}', ONE_KEY, '{"k1": "x", "k2": "y"}']
)
@pytest.mark.parametrize("step", ["testSecret", "finishSecret"])
def test_version_that_would_lose_live_codes_does_not_take_over(step: str, pending: str) -> None:
    world = World()
    version = world.manager.begin()
    world.manager.texts[version] = pending

    with pytest.raises(NotSound):
        world.step(step, version)

    assert world.manager.current == ONE_KEY


def test_keys_changed_by_hand_during_a_rotation_are_not_overwritten() -> None:
    world = World()
    version = world.manager.begin()
    world.step("createSecret", version)
    world.manager.texts[FIRST] = '{"k1": "first", "by-hand": "second"}'

    with pytest.raises(NotSound):
        world.step("finishSecret", version)

    assert ids(world.ring) == ["k1", "by-hand"]


@pytest.mark.parametrize("step", STEPS)
def test_secrets_manager_that_is_down_is_tried_again(step: str) -> None:
    world = World()
    version = world.manager.begin()
    for earlier in STEPS[: STEPS.index(step)]:
        world.step(earlier, version)
    world.manager.is_down = True
    with pytest.raises(Unavailable):
        world.step(step, version)
    world.manager.is_down = False

    for later in STEPS[STEPS.index(step) :]:
        world.step(later, version)

    assert ids(world.ring) == ["k1", version]


def test_key_is_gone_a_rotation_after_its_codes_are_all_dead() -> None:
    world = World()
    world.rotate()
    world.clock.advance(LEAD + GOES_ON + LONGEST_HOLD + KEPT)

    world.rotate()

    assert "k1" not in ids(world.ring)
