"""A function's log, as the emulator's CloudWatch Logs keeps it."""

from __future__ import annotations

from botocore.exceptions import ClientError

from local import aws
from local.config import STACK, Config
from local.progress import LocalError


def print_logs(config: Config, function: str, limit: int = 200) -> None:
    """Print the newest lines of that function. Raises LocalError: there is no such function."""
    group = f"/aws/lambda/{STACK}-{function.replace('_', '-')}"
    logs = aws.client(config, "logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        events = [event for page in pages for event in page["events"]]
    except ClientError as error:
        raise LocalError(f"no log group {group}: is {function} a folder of functions/?") from error
    for event in sorted(events, key=lambda event: event["timestamp"])[-limit:]:
        print(event["message"].rstrip())
