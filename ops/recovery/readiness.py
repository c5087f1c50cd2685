"""What has to be so before a region that stands by takes over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pymongo.database import Database

from ops.queues import Account
from ops.recovery.judged import newest, violations
from ops.recovery.stacks import PARAMETER, Stack
from slotkeeper.adapters.mongo.documents import Document

_SETTLED = {
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    is_so: bool
    told: str


def findings(account: Account, stack: Stack, database: Database[Document]) -> Iterator[Finding]:
    """Each, as it is found."""
    status, parameters = stack.status, stack.parameters()
    yield Finding("stack", status in _SETTLED, f"{stack.name} is {status}")
    standby = parameters.get(PARAMETER)
    yield Finding(PARAMETER, standby == "true", f"{PARAMETER} is {standby}")
    yield from _secrets(account, parameters)
    hello = database.command("hello")
    is_primary = bool(hello.get("isWritablePrimary"))
    told = "takes writes" if is_primary else "takes no writes: it is no primary"
    yield Finding("database", is_primary, f"{database.name} {told}")
    at = newest(database)
    if at is None:
        told = f"{database.name} knows of no event: is it the right one?"
        yield Finding("check", is_so=False, told=told)
        return
    found, read = violations(database, at)
    yield Finding(
        "check", not found, f"{len(found)} violations in {read.total():,} documents, as of {at}"
    )


def _secrets(account: Account, parameters: Mapping[str, str]) -> Iterator[Finding]:
    """Those that the stack's functions read, as its template has it."""
    from botocore.exceptions import ClientError

    client = account.client("secretsmanager")
    wanted = {
        "otp-keys": True,
        "stores": not parameters.get("MongoUri"),
        "payment": parameters.get("PaymentProvider") != "none",
    }
    for name in (name for name, is_wanted in wanted.items() if is_wanted):
        id_ = f"{account.stack}/{name}"
        try:
            is_there = "DeletedDate" not in client.describe_secret(SecretId=id_)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            is_there = False
        yield Finding("secret", is_there, f"{id_} is {'there' if is_there else 'not there'}")
