"""The queues of a running system, as an operator names them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.stores import OpsError

EMULATOR = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""Any will do there."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where the stack is; in AWS, endpoint, region and credentials come from the environment."""

    stack: str
    options: dict[str, Any]

    def client(self, service: Any) -> Any:  # Any: each service has its own generated client type
        import boto3

        return boto3.client(service, **self.options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where the system is")
    where.add_argument("--stack", type=Path, metavar="FILE", help="stack.json of a local system")
    where.add_argument("--stack-name", metavar="NAME", help="the deployed stack, like slotkeeper")
    where.add_argument("--endpoint-url", metavar="URL", help="other than AWS's own")


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """For a command that names its stores too, whose --stack tells both."""
    parser.add_argument("--stack-name", metavar="NAME", help="the deployed stack, like slotkeeper")
    parser.add_argument("--endpoint-url", metavar="URL", help="other than AWS's own")


def account(arguments: argparse.Namespace) -> Account:
    """Raises OpsError: no stack is named, or the file is none."""
    if arguments.stack_name:
        endpoint = {"endpoint_url": arguments.endpoint_url} if arguments.endpoint_url else {}
        return Account(arguments.stack_name, endpoint)
    if not arguments.stack:
        raise OpsError("name the stack: --stack-name, or --stack with a local stack.json")
    try:
        stack = json.loads(arguments.stack.read_text())
        options = {"endpoint_url": stack["aws_endpoint"], "region_name": stack["region"]}
        return Account(stack["stack_name"], {**options, **EMULATOR})
    except FileNotFoundError as error:
        raise OpsError(f"no {arguments.stack}: is the local system running (make run)?") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OpsError(f"{arguments.stack} cannot be read as a stack file") from error


@contextmanager
def answering() -> Iterator[None]:
    """Raises OpsError: AWS does not do it, in one line."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        told = error.response["Error"]
        raise OpsError(f"AWS refuses: {told.get('Code')}: {told.get('Message')}") from error
    except BotoCoreError as error:
        raise OpsError(f"AWS does not answer: {type(error).__name__}") from error


def invoke(functions: Any, name: str) -> None:  # Any: boto3's client of Lambda
    """Have the function run once: what serves (`live`), or the only one there is."""
    run = {"FunctionName": name, "InvocationType": "Event", "Payload": b"{}"}
    try:
        functions.invoke(Qualifier="live", **run)
    except functions.exceptions.ResourceNotFoundException:
        functions.invoke(**run)
