"""AWS clients, and the one way every call to them is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slotkeeper.domain.errors import Unavailable

_PEOPLE = {"sns", "sesv2", "pinpoint-sms-voice-v2"}


def connect(service: Any, *, answers_within: int = 0) -> Any:  # Any: a name known at run time
    """A client for `service`; endpoint, region and credentials come from the environment as usual.

    `answers_within` are the seconds of a service that is waited for longer than others.

    boto3 is imported here because it makes a cold start a third longer (ADR 0008): most functions
    never call it, and those that answer requests go by `Signed` (ADR 0011).
    """
    import boto3
    from botocore.config import Config

    # A message to a person is not repeated on a guess: SQS will, and we know what was sent. Others
    # are, and both times together leave a request enough to undo what it began.
    seconds, attempts = (3, 1) if service in _PEOPLE else (2, 2)
    return boto3.client(
        service,
        config=Config(
            connect_timeout=1,
            read_timeout=answers_within or seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
    )


@contextmanager
def call() -> Iterator[None]:
    """Translate failure.

    Raises:
        Unavailable: whatever kept AWS from doing it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable from error
