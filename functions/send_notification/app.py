"""SQS: tell patients their codes and what became of their bookings."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.messages import CodeMessage, EventMessage, Message
from slotkeeper.entrypoints.deliveries import CountedDeliveries
from slotkeeper.entrypoints.observability import count, instrumented, logger
from slotkeeper.entrypoints.queue import process
from slotkeeper.services.send_notification import CodeFate, NoticeFate, Post, send_code, tell_event


def handle(message: Message) -> None:
    with bootstrap.post(CountedDeliveries()) as post:
        if isinstance(message, CodeMessage):
            _send_code(message, post)
        else:
            _tell(message, post)


def _send_code(message: CodeMessage, post: Post) -> None:
    fate = send_code(
        message.to_job(),
        codes=bootstrap.codes(),
        maker=bootstrap.code_maker(),
        users=bootstrap.users(),
        quota=bootstrap.code_quota(),
        post=post,
    )
    logger.info("code.handled", fate=fate)
    count("otp_sent_total", fate is CodeFate.SENT)
    count("otp_capped_total", fate is CodeFate.CAPPED)


def _tell(message: EventMessage, post: Post) -> None:
    told = tell_event(
        message.to_event(),
        ledger=bootstrap.ledger(),
        users=bootstrap.users(),
        quota=bootstrap.code_quota(),
        post=post,
    )
    count("notifications_sent_total", told is NoticeFate.SENT)
    count("notifications_superseded_total", told is NoticeFate.SUPERSEDED)


def _postpone(receipt: str, seconds: int) -> None:
    bootstrap.waits().postpone(receipt, seconds)


bootstrap.prime(
    bootstrap.codes, bootstrap.code_maker, bootstrap.code_quota, bootstrap.ledger, bootstrap.users
)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return process(event, handle, _postpone)
