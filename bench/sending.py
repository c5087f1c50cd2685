"""Where what is sent really goes: the emulator's SQS and Secrets Manager."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.ground import KEYS, Ground
from local import aws, servers
from local.processes import stop


@contextmanager
def emulated(ground: Ground) -> Iterator[dict[str, str]]:
    """The environment of a function that sends there; the emulator runs within the block."""
    server = servers.emulator(ground.config)
    server.start()
    server.wait_ready()
    try:
        sqs: Any = aws.client(ground.config, "sqs")
        queue = sqs.create_queue(QueueName="notifications")["QueueUrl"]
        secrets: Any = aws.client(ground.config, "secretsmanager")
        if not secrets.list_secrets()["SecretList"]:
            secrets.create_secret(Name="otp-keys", SecretString=KEYS)
        yield ground.environ(
            NOTIFICATION_QUEUE_URL=queue, AWS_ENDPOINT_URL=ground.config.aws_endpoint
        )
        sqs.purge_queue(QueueUrl=queue)
    finally:
        stop(server.pid_file)
