from __future__ import annotations

import pytest

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import State
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import AddressRefused, MaybeSent, NobodyAsked, NotTaken, Outcome
from slotkeeper.services.by_providers import ByProviders
from tests.support.fakes import FakeBreakers, FakeCarrier, FakeWatch


class World:
    """Two providers of SMS, one of email."""

    def __init__(self) -> None:
        self.first, self.second = FakeCarrier("sns"), FakeCarrier("eum")
        self.email = FakeCarrier("ses")
        self.breakers = FakeBreakers()
        self.watch = FakeWatch()
        self.sms = [self.first, self.second]

    def send(self, channel: Channel = Channel.SMS) -> str:
        by = ByProviders(
            in_use={Channel.SMS: self.sms, Channel.EMAIL: [self.email]},
            breakers=self.breakers,
            watch=self.watch,
        )
        try:
            return by.send(channel, "+15550100", "subject", "text")
        finally:
            self.told_by_then = list(self.breakers.told)
            by.tell_taken()
            by.tell_taken()

    @property
    def asked(self) -> tuple[int, int, int]:
        return self.first.asked, self.second.asked, self.email.asked


@pytest.fixture
def world() -> World:
    return World()


def test_first_provider_takes_it_and_no_other_is_asked(world: World) -> None:
    assert world.send() == "sns-1"

    assert world.asked == (1, 0, 0)
    assert world.told_by_then == []
    assert world.breakers.told == [("sns", Outcome.TAKEN)]
    assert world.watch.seen == [("sns", Outcome.TAKEN, State.CLOSED)]


def test_email_goes_by_its_own_provider(world: World) -> None:
    assert world.send(Channel.EMAIL) == "ses-1"

    assert world.asked == (0, 0, 1)


def test_provider_that_rests_is_left_alone_and_the_next_one_asked(world: World) -> None:
    world.breakers.open = {"sns"}

    assert world.send() == "eum-1"

    assert world.asked == (0, 1, 0)
    assert world.watch.seen == [
        ("sns", None, State.OPEN),
        ("eum", Outcome.TAKEN, State.CLOSED),
    ]


def test_provider_that_surely_did_not_take_it_is_followed_by_the_next_one(world: World) -> None:
    world.first.error = NotTaken()

    assert world.send() == "eum-1"

    assert world.breakers.told == [("sns", Outcome.FAILED), ("eum", Outcome.TAKEN)]


def test_message_that_may_have_been_sent_goes_by_no_other_sms(world: World) -> None:
    world.first.error = MaybeSent()

    with pytest.raises(MaybeSent):
        world.send()

    assert world.asked == (1, 0, 0)
    assert world.breakers.told == [("sns", Outcome.FAILED)]


def test_refused_address_is_not_the_providers_failure_and_is_not_asked_of_the_next(
    world: World,
) -> None:
    world.first.error = AddressRefused()

    with pytest.raises(AddressRefused):
        world.send()

    assert world.asked == (1, 0, 0)
    assert world.breakers.told == [("sns", Outcome.REFUSED)]


def test_where_all_rest_nobody_was_asked(world: World) -> None:
    world.breakers.open = {"sns", "eum"}

    with pytest.raises(NobodyAsked):
        world.send()

    assert world.asked == (0, 0, 0)


def test_where_none_is_in_use_nobody_was_asked(world: World) -> None:
    world.sms = []

    with pytest.raises(NobodyAsked):
        world.send()


def test_where_one_failed_and_others_rest_somebody_was_asked(world: World) -> None:
    world.breakers.open, world.second.error = {"sns"}, NotTaken()

    with pytest.raises(Unavailable) as failed:
        world.send()

    assert not isinstance(failed.value, NobodyAsked)
