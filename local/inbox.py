"""What the system really sent, as the emulator's SNS and SES received it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from local.config import Config
from slotkeeper.adapters.mongo.documents import DELIVERIES


def messages(config: Config, to: str | None = None) -> list[dict[str, str]]:
    """Messages to one number or address, or to all, oldest first: channel, to, text, at."""
    found = _sms(config, to) + _emails(config, to)
    return sorted(found, key=lambda message: message["at"])


def _sms(config: Config, to: str | None) -> list[dict[str, str]]:
    by_number = _get(config, "sns/sms-messages")["sms_messages"]
    records = [
        record
        for number, received in by_number.items()
        for record in received
        if to in {None, number}
    ]
    # The emulator notes no time for an SMS; our own record of the sending does, by its id.
    sent_at = _sent_at(config, [record["MessageId"] for record in records])
    just_now = datetime.now(UTC)
    return [
        {
            "channel": "sms",
            "to": record["PhoneNumber"],
            "text": record["Message"],
            "at": _text(sent_at.get(record["MessageId"], just_now)),
        }
        for record in records
    ]


def _sent_at(config: Config, message_ids: list[str]) -> Mapping[str, datetime]:
    with MongoClient[dict[str, Any]](config.mongo_uri, tz_aware=True) as client:
        deliveries = client.get_default_database()[DELIVERIES]
        return {
            row["messageId"]: row["sentAt"]
            for row in deliveries.find({"messageId": {"$in": message_ids}})
        }


def _emails(config: Config, to: str | None) -> list[dict[str, str]]:
    by_account = _get(config, "ses/messages")["messages"].values()
    return [
        {
            "channel": "email",
            "to": address,
            "text": record["BodyText"],
            "at": _text(datetime.fromtimestamp(record["Timestamp"], UTC)),
        }
        for received in by_account
        for record in received
        for address in record["To"]
        if to in {None, address}
    ]


def _get(config: Config, path: str) -> Any:  # Any: free JSON
    with urllib.request.urlopen(f"{config.aws_endpoint}/_ministack/{path}", timeout=10) as answer:
        return json.load(answer)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
