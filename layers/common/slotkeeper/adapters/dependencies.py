"""The servers behind us, as the health check sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo.database import Database
from redis import Redis

from slotkeeper.adapters.aws import client as aws
from slotkeeper.adapters.mongo import client as mongo
from slotkeeper.adapters.redis import client as redis_client


class MongoPrimary:
    name = "mongodb"

    def __init__(self, database: Database[dict[str, Any]]):
        self._database = database

    def check(self) -> None:
        """A primary answers: without one nothing can be decided."""
        with mongo.call(1.0):
            self._database.command("ping")


class RedisServer:
    name = "redis"

    def __init__(self, redis: Redis):
        self._redis = redis

    def check(self) -> None:
        with redis_client.call("ping"):
            self._redis.ping()


class NotificationQueue:
    name = "sqs"

    def __init__(self, connect: Callable[[str], Any], queue_url: str):
        self._connect = connect
        self._queue_url = queue_url

    def check(self) -> None:
        with aws.call():
            self._connect("sqs").get_queue_attributes(
                QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
            )
