from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from slotkeeper.domain.key_ring import GOES_ON, KEPT, LEAD, LONGEST_HOLD, KeyRing, OtpKey

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOLD = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def a_key(id_: str, since: datetime = LONG_AGO) -> OtpKey:
    return OtpKey(id=id_, key=f"secret of {id_}", since=since)


def a_ring(*keys: OtpKey) -> KeyRing:
    return KeyRing(keys)


def rotated(ring: KeyRing, id_: str, now: datetime) -> KeyRing:
    return ring.rotated(key_id=id_, key=f"secret of {id_}", now=now, hold=HOLD)


def ids(ring: KeyRing) -> list[str]:
    return [key.id for key in ring.keys]


def test_codes_are_made_with_the_only_key() -> None:
    assert a_ring(a_key("k1")).current(NOW).id == "k1"


def test_new_key_is_known_for_a_while_before_it_is_used() -> None:
    ring = rotated(a_ring(a_key("k1")), "k2", NOW)

    in_use = [ring.current(NOW + later).id for later in (timedelta(0), LEAD - SECOND, LEAD)]

    assert in_use == ["k1", "k1", "k2"]
    assert LEAD > KEPT  # read by everybody by then


def test_ring_whose_keys_are_all_to_come_is_used_all_the_same() -> None:
    assert a_ring(a_key("k1", NOW + LEAD)).current(NOW).id == "k1"


def test_key_before_the_one_in_use_is_told() -> None:
    ring = rotated(a_ring(a_key("k1")), "k2", NOW)

    assert ring.previous(NOW) is None
    before = ring.previous(NOW + LEAD)
    assert before is not None
    assert before.id == "k1"


def test_key_stays_while_a_code_made_with_it_may_live() -> None:
    """Used on by a function that cannot read the ring, for a hold as long as there are."""
    ring = rotated(a_ring(a_key("k1")), "k2", NOW)
    last_code_dies = NOW + LEAD + GOES_ON + LONGEST_HOLD

    again = rotated(ring, "k3", last_code_dies)

    assert ids(again) == ["k1", "k2", "k3"]


def test_key_is_dropped_when_its_codes_are_all_dead() -> None:
    ring = rotated(a_ring(a_key("k1")), "k2", NOW)
    all_dead = NOW + LEAD + GOES_ON + LONGEST_HOLD + KEPT

    assert ids(rotated(ring, "k3", all_dead - SECOND)) == ["k1", "k2", "k3"]
    assert ids(rotated(ring, "k3", all_dead)) == ["k2", "k3"]


def test_longer_holds_keep_keys_for_longer() -> None:
    ring = rotated(a_ring(a_key("k1")), "k2", NOW)
    later = NOW + timedelta(hours=12)

    again = ring.rotated(key_id="k3", key="secret", now=later, hold=timedelta(hours=24))

    assert ids(again) == ["k1", "k2", "k3"]


def test_key_in_use_is_never_dropped() -> None:
    ring = a_ring(a_key("k1"))

    for number in range(2, 40):
        ring = rotated(ring, f"k{number}", NOW + number * timedelta(days=30))

        assert ids(ring) == [f"k{number - 1}", f"k{number}"]


def test_rotations_in_quick_succession_drop_nothing() -> None:
    ring = a_ring(a_key("k1"))

    for number in range(2, 7):
        ring = rotated(ring, f"k{number}", NOW + number * timedelta(minutes=1))

    assert ids(ring) == ["k1", "k2", "k3", "k4", "k5", "k6"]


def test_ring_follows_one_whose_live_keys_it_has() -> None:
    ring = a_ring(a_key("k1"))

    assert rotated(ring, "k2", NOW).follows(ring, NOW, HOLD)


@pytest.mark.parametrize(
    "pending",
    [
        a_ring(a_key("k1")),  # no new key
        a_ring(a_key("k2", NOW)),  # k1 is lost
        a_ring(OtpKey(id="k1", key="another", since=LONG_AGO), a_key("k2", NOW)),
    ],
)
def test_ring_that_would_lose_a_live_code_does_not_follow(pending: KeyRing) -> None:
    assert not pending.follows(a_ring(a_key("k1")), NOW, HOLD)


def test_ring_does_not_show_its_keys() -> None:
    assert "secret" not in repr(a_ring(a_key("k1")))
