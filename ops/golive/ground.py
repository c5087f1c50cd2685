"""What the checklist looks at: the stores, the deployed stack, the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pymongo.database import Database
from redis import Redis

from ops.queues import Account
from ops.stores import Named
from slotkeeper.adapters.mongo.documents import Document


class Missing(Exception):
    """What the point asks for is not there; or it cannot be seen, which is no better."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One system. What is not named cannot be seen."""

    where: Named
    database: Database[Document]
    redis: Redis | None
    account: Account | None
    api_url: str | None
    token: str | None
    """Of a patient, by whom the API is asked; nothing is booked."""

    @cached_property
    def now(self) -> datetime:
        """By the database's clock."""
        hello = self.database.command("hello", codec_options=self.database.codec_options)
        told = hello["localTime"]
        assert isinstance(told, datetime)
        return told

    def client(self, service: str) -> Any:  # Any: each service has its own generated client type
        return self.stack.client(service)

    @property
    def stack(self) -> Account:
        if self.account is None:
            raise Missing("no stack is named: --stack-name")
        return self.account

    @cached_property
    def _described(self) -> Mapping[str, Any]:  # Any: as CloudFormation tells it
        found = self.client("cloudformation").describe_stacks(StackName=self.stack.stack)
        return dict(found["Stacks"][0])

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the stack was deployed with, defaults among them."""
        told = self._described.get("Parameters", [])
        return {one["ParameterKey"]: one.get("ParameterValue", "") for one in told}

    @cached_property
    def api(self) -> str:
        if self.api_url:
            return self.api_url
        told = self._described.get("Outputs", [])
        found = {one["OutputKey"]: str(one["OutputValue"]) for one in told}.get("ApiUrl")
        if not found:
            raise Missing("where the API is, is not known: --api-url")
        return found


Check = Callable[[Ground], str]
"""What was found, in a few words. Raises Missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One line of the checklist; `mend` is the command or page that puts it right."""

    id: str
    title: str
    check: Check
    mend: str
    guide: bool = False
    """Whether it is of the guide's own checklist."""
    not_here: str | None = None
    """Why it may be missing on one's own machine; None where it has no excuse there either."""
