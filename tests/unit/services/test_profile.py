from __future__ import annotations

import pytest

from slotkeeper.domain.errors import InvalidRequest, Unavailable
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.pages import LastView
from slotkeeper.services.profile import get_profile, put_profile
from tests.support.fakes import ALICE, FakeUsers, FakeViews, a_user, one_by_one

VIEWED = LastView(doctor_id="doc_1", filters={"date": "2026-03-02"})


class World:
    def __init__(self, *users: User) -> None:
        self.users = FakeUsers(*users)
        self.views = FakeViews(alice=VIEWED)

    def get(self, user_id: str = ALICE) -> tuple[User, LastView | None]:
        return get_profile(user_id=user_id, users=self.users, views=self.views, together=one_by_one)

    def put(self, user: User) -> tuple[User, LastView | None]:
        return put_profile(user=user, users=self.users, views=self.views, together=one_by_one)


def test_a_profile_comes_with_what_was_viewed_last() -> None:
    assert World(a_user()).get() == (a_user(), VIEWED)


def test_a_profile_never_filled_in_is_empty() -> None:
    assert World().get("bob") == (User(id="bob"), None)


def test_what_is_put_takes_the_place_of_what_was_there() -> None:
    world = World(a_user(phone="+15550100", email="alice@example.org"))

    stored, viewed = world.put(User(id=ALICE, email="a@example.org", locale="en"))

    assert world.get() == (stored, viewed)
    assert (stored.phone, stored.email, stored.locale) == (None, "a@example.org", "en")


def test_the_clinic_stays_what_it_is() -> None:
    world = World(User(id=ALICE, clinic_id="clinic_1"))

    stored, _ = world.put(User(id=ALICE, phone="+15550100"))

    assert stored.clinic_id == "clinic_1"


@pytest.mark.parametrize(
    "user",
    [
        User(id=ALICE, preferred_channel=Channel.SMS),
        User(id=ALICE, preferred_channel=Channel.SMS, email="alice@example.org"),
        User(id=ALICE, preferred_channel=Channel.EMAIL, phone="+15550100"),
    ],
)
def test_a_preferred_channel_needs_its_address(user: User) -> None:
    world = World(a_user())

    with pytest.raises(InvalidRequest):
        world.put(user)

    assert world.users.users[ALICE] == a_user()


def test_store_down_is_unavailable() -> None:
    world = World()
    world.users.down = {"get", "put"}

    with pytest.raises(Unavailable):
        world.get()
    with pytest.raises(Unavailable):
        world.put(a_user())
