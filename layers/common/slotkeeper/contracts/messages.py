"""What travels on the notification queue: ids and facts, never a code, number or address."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import CodeJob

Text = Annotated[str, Field(max_length=4_000)]
"""More than any of ours: a field that is longer is not."""


class _Message(BaseModel):
    """Fields of a later version are let pass, so that old consumers outlive a deployment."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        extra="ignore",
        defer_build=True,  # who sends one kind does not wait for the other
    )
    v: Literal[1] = 1


class CodeMessage(_Message):
    """Send code number `sendNumber` of the attempt; the sender computes it."""

    model_config = ConfigDict(defer_build=False)  # a patient waits for it

    kind: Literal["otp.send"] = "otp.send"
    attempt_id: Text
    slot_id: Text
    user_id: Text
    channel: Channel
    send_number: int
    request_id: Text

    def to_job(self) -> CodeJob:
        return CodeJob(**self.model_dump(exclude={"v", "kind"}))


class EventMessage(_Message):
    """A domain event from the outbox; `id` is what consumers tell repetitions by."""

    kind: Literal["event"] = "event"
    id: Text
    type: Text
    aggregate_id: Text
    slot_id: Text
    doctor_id: Text
    user_id: Text
    attempt_id: Text
    booking_id: Text | None
    from_status: Text
    to_status: Text
    version: int
    actor: Text
    request_id: Text
    at: datetime
    replaces: Text | None = None
    replaced_by: Text | None = None

    def to_event(self) -> DomainEvent:
        return DomainEvent(**self.model_dump(exclude={"v", "kind"}))


Message = CodeMessage | EventMessage
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def parse_message(body: str) -> Message:
    """The message of an SQS record. Raises pydantic.ValidationError for what is not ours."""
    return _MESSAGE.validate_json(body)


def what_is_wrong(error: ValidationError) -> list[str]:
    """Where a message is not ours and how, without what it holds; not more than a few places."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [".".join([*map(str, one["loc"]), one["type"]]) for one in found[:5]]
