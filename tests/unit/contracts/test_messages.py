from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from slotkeeper.contracts.messages import CodeMessage, EventMessage, parse_message
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import CodeJob
from tests.support.fakes import ALICE, ATTEMPT, SLOT, an_event

JOB = CodeJob(
    attempt_id=ATTEMPT,
    slot_id=SLOT,
    user_id=ALICE,
    channel=Channel.SMS,
    send_number=2,
    request_id="request-1",
)


def code_body(**changes: Any) -> str:
    fields = json.loads(CodeMessage.model_validate(JOB).model_dump_json(by_alias=True))
    return json.dumps(fields | changes)


def test_code_job_survives_the_queue() -> None:
    message = parse_message(code_body())

    assert isinstance(message, CodeMessage)
    assert message.to_job() == JOB


@pytest.mark.parametrize(
    "event", [an_event(), an_event(7, type_="hold.expired", booking=None)], ids=["booking", "hold"]
)
def test_event_survives_the_queue(event: Any) -> None:
    body = EventMessage.model_validate(event).model_dump_json(by_alias=True)

    message = parse_message(body)

    assert isinstance(message, EventMessage)
    assert message.to_event() == event


def test_code_job_on_the_wire_holds_ids_only() -> None:
    fields = json.loads(code_body())

    assert fields == {
        "v": 1,
        "kind": "otp.send",
        "attemptId": ATTEMPT,
        "slotId": SLOT,
        "userId": ALICE,
        "channel": "sms",
        "sendNumber": 2,
        "requestId": "request-1",
    }


def test_event_on_the_wire_has_its_id_and_camel_case_names() -> None:
    body = EventMessage.model_validate(an_event()).model_dump_json(by_alias=True)

    fields = json.loads(body)

    assert fields["kind"] == "event"
    assert fields["id"] == an_event().id
    assert fields["aggregateId"] == "bk_1"
    assert fields["at"] == "2026-03-02T09:00:00Z"
    assert not [name for name in fields if "_" in name]


def test_field_of_a_later_version_is_let_pass() -> None:
    message = parse_message(code_body(addedNextYear={"a": 1}))

    assert isinstance(message, CodeMessage)
    assert message.to_job() == JOB


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(code_body(v=2), id="unknown version"),
        pytest.param(code_body(v="1"), id="version of another type"),
        pytest.param(code_body(kind="otp.delete"), id="unknown kind"),
        pytest.param(code_body(channel="fax"), id="unknown channel"),
        pytest.param(code_body(sendNumber=None), id="no send number"),
        pytest.param("{}", id="no kind"),
        pytest.param("", id="empty"),
        pytest.param("not json", id="not JSON"),
        pytest.param("[]", id="a list"),
        pytest.param('{"kind": "event"}', id="event without its fields"),
    ],
)
def test_what_is_not_ours_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        parse_message(body)
