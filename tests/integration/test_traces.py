"""A booking followed by its traces: the real handlers on real stores, spans read by a collector."""

from __future__ import annotations

import importlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from slotkeeper import bootstrap, settings, tracing
from slotkeeper.adapters.aws import signed
from slotkeeper.adapters.aws.client import connect
from slotkeeper.adapters.mongo.documents import OUTBOX
from slotkeeper.adapters.mongo.ledger import MongoLedger
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.user import Caller, Role
from slotkeeper.entrypoints.auth import policy_for
from slotkeeper.entrypoints.observability import instrumented, logger
from slotkeeper.services.authorize import Verdict
from tests.support.aws_events import Context, Event, authorizer_event, http_event, id_event
from tests.support.by_moto import ByMoto
from tests.support.collector import Collector, Told, collecting
from tests.support.house import House
from tests.support.servers import Stores

REGION = "eu-central-1"
THEIRS = f"00-{'4b' * 16}-{'0f' * 8}-01"


@dataclass
class World:
    """The functions with their own settings, traced; what they sent is in moto."""

    house: House
    collector: Collector
    queue_url: str
    patch: pytest.MonkeyPatch

    def set(self, **more: str) -> None:
        for name, value in more.items():
            self.patch.setenv(name, value)
        restart()

    def invoke(self, function: str, event: Event, **context: Any) -> Any:
        handler = importlib.import_module(f"functions.{function}.app").lambda_handler
        return handler(event, Context(aws_request_id=str(uuid.uuid4()), **context))

    def authorized(self, event: Event, user_id: str) -> Event:
        """The event as the gateway has it from the authorizer, which is an invocation too."""
        verdict = Verdict(caller=Caller(user_id=user_id, role=Role.PATIENT))
        authorizer = instrumented(lambda asked, _: policy_for(asked, verdict))
        policy = authorizer(authorizer_event(), Context(aws_request_id=str(uuid.uuid4())))
        event["requestContext"]["authorizer"] = policy["context"]
        return event

    def hold(self, slot_id: str, user_id: str, *headers: tuple[str, str]) -> str:
        event = http_event(
            "POST",
            "/bookings",
            headers=[("Idempotency-Key", uuid.uuid4().hex), *headers],
            body={"slotId": slot_id, "channel": "sms"},
            authorizer={"userId": user_id, "role": "patient"},
        )
        answer = self.invoke("hold_slot", self.authorized(event, user_id))
        assert answer["statusCode"] == 202, answer
        return str(json.loads(answer["body"])["attemptId"])

    def verify(self, attempt_id: str, user_id: str, code: str) -> None:
        event = id_event("POST", "/bookings/{id}/verify-otp", attempt_id, body={"code": code})
        event["resource"] = "/bookings/{id}/verify-otp"
        answer = self.invoke("verify_otp", self.authorized(event, user_id))
        assert answer["statusCode"] == 201, answer

    def deliver(self) -> None:
        """What is on the queue, as Lambda hands it to the function."""
        sqs = bootstrap.aws("sqs")
        found = sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        records = [
            {
                "messageId": message["MessageId"],
                "body": message["Body"],
                "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:notifications",
                "messageAttributes": {
                    name: {"stringValue": value["StringValue"], "dataType": "String"}
                    for name, value in message.get("MessageAttributes", {}).items()
                },
            }
            for message in found
        ]
        assert self.invoke("send_notification", {"Records": records}) == {"batchItemFailures": []}
        for message in found:
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def texts(self) -> list[str]:
        sent = sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages
        return [text for _, text in sent.values()]


def restart() -> None:
    """As in a new container."""
    stop()
    if settings.is_traced():
        tracing.provide(bootstrap.tracer)


def stop() -> None:
    if tracing._tracer is not None:
        tracing._tracer.close()  # type: ignore[attr-defined]  # ours
    tracing.provide(None)
    if bootstrap.database.cache_info().currsize:
        bootstrap.database().client.close()
    if bootstrap.redis.cache_info().currsize:
        bootstrap.redis().close()
    for made in vars(bootstrap).values():
        if clear := getattr(made, "cache_clear", None):
            clear()


@pytest.fixture
def world(house: House, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with mock_aws(), collecting() as collector:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        monkeypatch.setattr(signed, "URLLib3Session", ByMoto)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        connect("secretsmanager").create_secret(
            Name="otp-keys", SecretString=json.dumps({"k1": "secret of k1"})
        )
        queue_url = connect("sqs").create_queue(QueueName="notifications")["QueueUrl"]
        made = World(house, collector, queue_url, monkeypatch)
        made.set(
            ENVIRONMENT=house.keys.environment,
            MONGO_URI=stores.database_uri(house.database.name),
            REDIS_URL=stores.redis_url,
            REDIS_MODE=stores.redis_mode,
            REQUIRE_TLS="false",
            NOTIFICATION_QUEUE_URL=queue_url,
            OTP_SECRET_ID="otp-keys",
            RELAY_FUNCTION_NAME="relay",
            EMAIL_FROM="clinic@example.org",
            JWT_ISSUER="https://identity.example.org",
            TRACING_ENDPOINT=collector.endpoint,
            TRACING_SAMPLE_RATE="1",
        )
        yield made
        stop()


def chain(collector: Collector, span: Told) -> list[str]:
    """Names from the span up to the root of its trace."""
    by_id = {one.id: one for one in collector.spans}
    names = [span.name]
    while span.parent:
        span = by_id[span.parent]
        names.append(span.name)
    return names


def booked(world: World) -> Mapping[str, str]:
    """A booking from its first request to its last message; all that is nobody's to know of it."""
    doctor = world.house.doctor()
    slot, alice = world.house.slot(doctor), world.house.patient(phone="+15550123456")
    attempt = world.hold(slot, alice)
    world.deliver()
    [text] = world.texts()
    [code] = re.findall(r"\d{6}", text)
    world.verify(attempt, alice, code)
    world.invoke("relay_outbox", {"source": "aws.scheduler"})
    world.deliver()
    assert len(world.texts()) == 2
    return {"user": alice, "phone": "5550123456", "code": code, "doctor": doctor, "text": text}


def test_a_booking_is_traced_from_its_request_to_its_messages(world: World) -> None:
    booked(world)
    spans = world.collector

    code_sent, told = [one for one in spans.spans if one.name == "send by sns"]
    asked = ["process", "send", "POST /bookings", "authorize POST /bookings"]
    assert chain(spans, code_sent) == ["send by sns", *asked]
    proved = ["process", "send", "POST /bookings/{id}/verify-otp", "authorize POST /bookings"]
    assert chain(spans, told) == ["send by sns", *proved]
    for trace, stores in ((code_sent.trace, {"redis", "mongodb"}), (told.trace, {"mongodb"})):
        of_request = [one for one in spans.of(trace) if "POST" in chain(spans, one)[-2:][0]]
        assert stores <= {one.attributes.get("db.system.name") for one in of_request}
    collections = {one.attributes.get("db.collection.name") for one in spans.of(told.trace)}
    assert {"slots", "bookings", "outbox", "audit_logs", "deliveries"} <= collections
    assert not [one.name for one in spans.spans if one.has_failed and one.name != "invoke relay"]


def test_what_a_batch_is_part_of_is_linked_to_what_it_is_about(world: World) -> None:
    booked(world)
    spans = world.collector

    relay = spans.named("slotkeeper-test")
    events = [one for one in spans.spans if one.name == "send" and one.links]
    [event] = [one for one in events if one.trace != relay.trace]
    [link] = event.links
    assert link[0] == relay.trace
    batches = {(one.trace, one.id) for one in spans.spans if one.name.startswith("receive")}
    records = [one for one in spans.spans if one.name == "process"]
    assert {one.links[0] for one in records} == batches
    assert relay.trace not in {one.trace for one in records}


def test_spans_tell_of_nobody_and_nothing_that_is_not_allowed(world: World) -> None:
    known = booked(world)
    spans = world.collector.spans
    everything = b"".join(world.collector.raw)

    for what in known.values():
        assert what.encode() not in everything
    assert {name for one in spans for name in one.attributes} <= set(tracing.ATTRIBUTES)
    told = {name for one in spans for name in one.attributes}
    assert {"slotkeeper.attempt_id", "slotkeeper.booking_id", "slotkeeper.request_id"} <= told
    assert world.collector.resource == {
        "service.name": "slotkeeper",
        "deployment.environment.name": world.house.keys.environment,
    }


def test_log_lines_tell_the_trace_of_the_request_that_they_are_about(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[tuple[str, str]] = []
    keep = logger._logger.handle

    def look(record: Any) -> None:
        line = json.loads(logger.registered_formatter.format(record))
        lines.append((line["message"], line.get("traceId", "")))
        keep(record)

    monkeypatch.setattr(logger._logger, "handle", look)
    logger.setLevel("INFO")
    booked(world)
    spans = world.collector

    code_sent = next(one for one in spans.spans if one.name == "send by sns")
    assert [trace for name, trace in lines if name == "code.handled"] == [code_sent.trace]
    ends = [trace for name, trace in lines if name == "invocation.completed"]
    assert all(ends)
    received = {one.trace for one in spans.spans if one.name.startswith("receive")}
    assert received <= set(ends)


def test_a_callers_own_trace_is_linked_to_and_not_gone_on_with(world: World) -> None:
    world.invoke("health", http_event("GET", "/health", headers=[("traceparent", THEIRS)]))

    span = world.collector.named("GET /health")
    assert (span.parent, span.trace != THEIRS.split("-")[1]) == ("", True)
    assert span.links == ((THEIRS.split("-")[1], THEIRS.split("-")[2]),)


def test_a_callers_own_trace_is_gone_on_with_where_callers_are_trusted(world: World) -> None:
    world.set(TRACING_TRUSTS_CALLERS="true", TRACING_SAMPLE_RATE="0")

    world.invoke("health", http_event("GET", "/health", headers=[("Traceparent", THEIRS)]))

    span = world.collector.named("GET /health")
    assert (span.trace, span.parent) == (THEIRS.split("-")[1], THEIRS.split("-")[2])


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", "00-not-a-context")],
        [("traceparent", THEIRS), ("traceparent", THEIRS.replace("4b", "5b"))],
    ],
)
def test_a_header_that_is_no_context_is_nothing(
    world: World, headers: list[tuple[str, str]]
) -> None:
    world.set(TRACING_TRUSTS_CALLERS="true")

    world.invoke("health", http_event("GET", "/health", headers=headers))

    span = world.collector.named("GET /health")
    assert (span.parent, span.links) == ("", ())


def test_what_is_not_sampled_is_sent_by_none_of_the_functions_it_goes_through(
    world: World,
) -> None:
    world.set(TRACING_SAMPLE_RATE="0")
    slot, alice = world.house.slot(), world.house.patient()
    attempt = world.hold(slot, alice)

    world.set(TRACING_SAMPLE_RATE="1")
    world.deliver()

    assert attempt
    assert len(world.texts()) == 1
    names = {one.name for one in world.collector.spans}
    assert "receive slotkeeper-test" in names
    assert not names & {"process", "send by sns", "POST /bookings"}


def test_who_records_what_another_decided_is_not_its_cause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = world.house
    lapsed, booked_, alice = house.slot(), house.slot(), house.patient()
    house.hold(lapsed, house.patient())
    house.end_hold(lapsed)
    attempt = house.hold(booked_, alice)
    with monkeypatch.context() as broken, suppress(Unavailable):
        broken.setattr(MongoLedger, "record", down)
        house.verify(attempt, alice)

    world.invoke("expire_locks", {"source": "aws.scheduler"})

    told = {row["type"]: row.get("traceparent") for row in house.database[OUTBOX].find()}
    sweep = world.collector.named("slotkeeper-test").context
    assert told == {"hold.expired": sweep, "booking.confirmed": None}


def down(*_: object, **__: object) -> None:
    raise Unavailable


def test_a_collector_that_is_gone_costs_no_request(world: World) -> None:
    world.set(TRACING_ENDPOINT="http://127.0.0.1:9")
    slot, alice = world.house.slot(), world.house.patient()

    for _ in range(2):
        assert world.invoke("health", http_event("GET", "/health"))["statusCode"] == 200
    assert world.hold(slot, alice)


def test_a_collector_that_hangs_keeps_nobody_for_longer_than_agreed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    told: list[str | None] = []
    flush = tracing.flush

    def watched(seconds: float) -> str | None:
        waited.append(seconds)
        told.append(flush(seconds))
        return told[-1]

    monkeypatch.setattr(tracing, "flush", watched)
    world.collector.answers.clear()

    for left in (15_000, 15_000, 300, 100):
        world.invoke("health", http_event("GET", "/health"), remaining_ms=left)

    assert waited == pytest.approx([0.3, 0.3, 0.1, -0.1])
    assert told[:1] == ["late"]
    assert told[1:] == [None, None, None]


MODES = {
    "off": {"TRACING_ENDPOINT": ""},
    "on, not sampled": {"TRACING_SAMPLE_RATE": "0"},
    "on, sampled": {"TRACING_SAMPLE_RATE": "1"},
}
ROUNDS = int(os.environ.get("TRACING_ROUNDS", "2"))


def test_what_is_traced_is_answered_alike_and_what_it_costs_is_told(world: World) -> None:
    """`make tracing-cost` takes many rounds: times are told, and nothing is asserted of them."""
    endpoint = world.collector.endpoint
    took: dict[tuple[str, str], list[float]] = {}
    sampled: dict[str, int] = dict.fromkeys(MODES, 0)
    for _ in range(max(2, ROUNDS // 10)):
        for mode, settings_ in MODES.items():
            world.set(**{"TRACING_ENDPOINT": endpoint, **settings_})
            before, doctor = len(world.collector.spans), world.house.doctor()
            slots = [
                world.house.slot(doctor, starts_in=timedelta(days=2, minutes=30 * number))
                for number in range(min(ROUNDS, 10) + 1)
            ]
            for slot in slots:
                for name in ("GET /health", "POST /bookings"):
                    patient = world.house.patient()
                    began = time.perf_counter()
                    if name == "GET /health":
                        world.invoke("health", http_event("GET", "/health"))
                    else:
                        world.hold(slot, patient)
                    if slot != slots[0]:  # the container's first
                        took.setdefault((name, mode), []).append(time.perf_counter() - began)
            sampled[mode] += len(world.collector.spans) - before

    for (name, mode), times in took.items():
        told = [
            f"{of(times) * 1000:7.2f} ms {of(times) / of(took[name, 'off']):5.2f}x"
            for of in (min, median)
        ]
        print(f"\n{name:16} {mode:16} best {told[0]}  median {told[1]}", end="")
    assert sampled["off"] == sampled["on, not sampled"] == 0
    assert sampled["on, sampled"] >= ROUNDS * 6
