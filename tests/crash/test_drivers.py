"""That a cut is one: nothing before it is missing, nothing after it reaches a server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pymongo.monitoring
import pytest

from slotkeeper import bootstrap
from slotkeeper.adapters.redis.client import one_trip
from slotkeeper.domain.payment import Price, Saga, SagaState
from tests.crash.life import Cut, Killed, Life, Side, in_turn, lived
from tests.crash.paid import PAYING
from tests.crash.stage import Stage
from tests.support.paying import FEE, VISA


def _saga(attempt: str) -> Saga:
    return Saga(
        id=attempt,
        slot_id="slot",
        doctor_id="doctor",
        user_id="alice",
        booking_id="bk_1",
        price=Price(amount=FEE, currency="eur"),
        state=SagaState.AUTHORISING,
        payment_id=None,
        try_=1,
        version=1,
        created_at=datetime.now(UTC),
        updated_at=datetime.now(UTC),
    )


def _dies(life: Life, act: Callable[[], Any]) -> None:
    with lived(life), pytest.raises(Killed):
        act()


@pytest.mark.parametrize(("side", "there"), [("before", 0), ("after", 1)])
def test_mongodb_command_is_done_or_not(stage: Stage, side: Side, there: int) -> None:
    stage.empty()
    things = bootstrap.database()["users"]

    _dies(Life(cut=Cut(0, side)), lambda: things.insert_one({"_id": "x"}))

    assert things.count_documents({"_id": "x"}) == there


@pytest.mark.parametrize(
    ("cut", "there"),
    [
        (Cut(0, "before"), [None, None, None]),
        (Cut(0, "after"), ["1", None, None]),
        (Cut(1, "before"), ["1", None, None]),
        (Cut(2, "before"), ["1", "2", None]),
        (Cut(2, "after"), ["1", "2", "3"]),
    ],
)
def test_pipeline_is_done_as_far_as_the_cut(
    stage: Stage, cut: Cut, there: list[str | None]
) -> None:
    stage.empty()
    keys = [f"{stage.house.keys.environment}:k{number}" for number in range(3)]
    commands = [lambda p, n=n: p.set(keys[n], str(n + 1), ex=9) for n in range(3)]

    _dies(Life(cut=cut), lambda: one_trip(bootstrap.redis(), *commands))

    assert stage.house.redis.mget(keys) == there


@pytest.mark.parametrize("client", ["aws", "signed"])
@pytest.mark.parametrize(("side", "queued"), [("before", 0), ("after", 1)])
def test_call_to_aws_is_done_or_not(stage: Stage, client: str, side: Side, queued: int) -> None:
    stage.empty()
    sqs = getattr(bootstrap, client)("sqs")
    send = {"QueueUrl": bootstrap.settings().notification_queue_url, "MessageBody": "{}"}

    _dies(Life(cut=Cut(0, side)), lambda: sqs.send_message(**send))

    assert len(stage.cloud.queue) == queued


@pytest.mark.parametrize(("side", "reserved"), [("before", 0), ("after", FEE)])
def test_request_to_the_provider_is_done_or_not(stage: Stage, side: Side, reserved: int) -> None:
    stage.empty()
    stage.under(PAYING)
    provider = bootstrap.payment_provider()
    payment = provider.open(_saga("at_1"))

    _dies(
        Life(cut=Cut(0, side)), lambda: provider.authorise(payment, method=VISA, key="at_1-1-pay")
    )

    assert stage.bank.reserved == reserved


def test_request_to_the_provider_is_an_effect_whatever_library_sends_it(stage: Stage) -> None:
    stage.empty()

    with lived(Life()) as life, pytest.raises(HTTPError):
        urlopen(f"{stage.simulator.url}/v1/payment_intents/pi_0123")  # noqa: S310

    assert [effect.label for effect in life.begun] == ["provider GET /v1/payment_intents/{id} #1"]


def test_who_is_dead_undoes_nothing(stage: Stage) -> None:
    stage.empty()
    redis, things = bootstrap.redis(), bootstrap.database()["users"]
    key = f"{stage.house.keys.environment}:k"
    tried = []

    def handler() -> None:
        try:
            redis.set(key, "taken", ex=9)
        finally:
            for undo in (
                lambda: redis.delete(key),
                lambda: things.insert_one({"_id": "undone"}),
                lambda: bootstrap.aws("lambda").invoke(FunctionName="relay"),
                lambda: bootstrap.signed("lambda").invoke(
                    FunctionName="relay", InvocationType="Event", Payload=b""
                ),
            ):
                try:
                    undo()
                except Killed:
                    tried.append(undo)

    _dies(Life(cut=Cut(0, "after")), handler)

    assert len(tried) == 4
    assert stage.house.redis.get(key) == "taken"
    assert things.count_documents({}) == 0
    assert stage.cloud.woken == 0


def test_the_driver_keeps_a_listener_s_errors_but_not_its_death() -> None:
    """What the matrix stands on, in pymongo."""

    class Listener(pymongo.monitoring.CommandListener):
        error: BaseException = ValueError()

        def started(self, event: Any) -> None:
            raise self.error

        succeeded = failed = started

    listener = Listener()
    publish = pymongo.monitoring._EventListeners([listener]).publish_command_start
    publish({"ping": 1}, "admin", 1, ("127.0.0.1", 1), None)
    listener.error = Killed()

    with pytest.raises(Killed):
        publish({"ping": 1}, "admin", 1, ("127.0.0.1", 1), None)


def test_a_way_out_that_nobody_watches_is_noted(stage: Stage) -> None:
    with lived(Life()) as life, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 9))

    assert life.strangers == ["127.0.0.1:9"]


def test_an_effect_has_one_place_whichever_call_goes_first() -> None:
    def lived_through(*, is_reversed: bool) -> Life:
        life = Life(is_reversed=is_reversed)
        with lived(life):
            life.begins("first")
            in_turn(
                lambda: life.begins("left"),
                lambda: in_turn(lambda: life.begins("up"), lambda: life.begins("down")),
            )
            life.begins("last")
        return life

    there, back = lived_through(is_reversed=False), lived_through(is_reversed=True)

    assert [e.label.split()[0] for e in there.begun] == ["first", "left", "up", "down", "last"]
    assert [e.label.split()[0] for e in back.begun] == ["first", "down", "up", "left", "last"]
    assert set(there.begun) == set(back.begun)


def test_of_calls_made_in_turn_the_first_error_is_raised_when_all_are_done() -> None:
    done = []

    def fail(error: Exception) -> None:
        done.append(error)
        raise error

    with lived(Life(is_reversed=True)), pytest.raises(KeyError):
        in_turn(lambda: fail(KeyError()), lambda: fail(ValueError()))

    assert len(done) == 2
