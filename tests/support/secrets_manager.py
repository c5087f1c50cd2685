"""Secrets Manager with one secret, as a client of it sees it and as it rotates the secret."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from slotkeeper.adapters.aws.rotation import SecretVersions
from slotkeeper.contracts.otp_secret import read_ring, text_of
from slotkeeper.contracts.rotation import RotationEvent
from slotkeeper.ports.common import Clock
from slotkeeper.services.rotate_keys import rotate_keys

CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
FIRST = "first000-0000-4000-8000-000000000000"
"""The version that is current before any rotation."""
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"

HOLD = timedelta(minutes=5)

Event = dict[str, Any]  # Any: Lambda events are free JSON


class SecretsManager:
    """A version that is staged and holds nothing yet, which neither moto nor the emulator has, is
    what a rotation begins with. What a version holds cannot be changed."""

    class exceptions:  # noqa: N801  # as a client has it
        class ResourceNotFoundException(ClientError):
            pass

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.texts: dict[str, str] = {FIRST: text}
        self.staged: dict[str, str] = {CURRENT: FIRST}
        self.reads = 0
        self.is_down = False

    # --- as a client sees it

    def describe_secret(self, *, SecretId: str) -> Any:  # noqa: N803  # the API's names
        self._ensure_there(SecretId)
        versions: dict[str, list[str]] = {}
        for stage, version in self.staged.items():
            versions.setdefault(version, []).append(stage)
        return {"VersionIdsToStages": versions}

    def get_secret_value(self, *, SecretId: str, VersionId: str | None = None) -> Any:  # noqa: N803
        self.reads += 1
        self._ensure_there(SecretId)
        version = VersionId or self.staged[CURRENT]
        if version not in self.texts:
            raise self.exceptions.ResourceNotFoundException(
                {"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue"
            )
        return {"SecretString": self.texts[version], "VersionId": version}

    def put_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        VersionStages: list[str],  # noqa: N803
    ) -> Any:
        self._ensure_there(SecretId)
        if self.texts.setdefault(ClientRequestToken, SecretString) != SecretString:
            raise ClientError({"Error": {"Code": "ResourceExistsException"}}, "PutSecretValue")
        self.staged |= dict.fromkeys(VersionStages, ClientRequestToken)

    def update_secret_version_stage(
        self,
        *,
        SecretId: str,  # noqa: N803
        VersionStage: str,  # noqa: N803
        MoveToVersionId: str,  # noqa: N803
        RemoveFromVersionId: str,  # noqa: N803
    ) -> Any:
        self._ensure_there(SecretId)
        if self.staged[VersionStage] != RemoveFromVersionId:
            raise ClientError({"Error": {"Code": "InvalidParameterException"}}, "UpdateStage")
        self.staged[PREVIOUS] = RemoveFromVersionId
        self.staged[VersionStage] = MoveToVersionId
        if self.staged.get(PENDING) == MoveToVersionId:
            del self.staged[PENDING]

    def _ensure_there(self, secret_id: str) -> None:
        if self.is_down or secret_id != self.name:
            raise ClientError({"Error": {"Code": "InternalServiceError"}}, "any")

    # --- as it rotates the secret

    def begin(self) -> str:
        """Stage a version that holds nothing yet."""
        version = str(uuid.uuid4())
        self.staged[PENDING] = version
        return version

    def event(self, step: str, version: str) -> Event:
        secret_id = f"{ARN}{self.name}-a1B2c3"
        return {"Step": step, "SecretId": secret_id, "ClientRequestToken": version}

    def rotate(self, function: Callable[[Event], Any]) -> str:
        """A whole rotation; the version that is current by then."""
        version = self.begin()
        for step in STEPS:
            function(self.event(step, version))
        return version

    @property
    def current(self) -> str:
        return self.texts[self.staged[CURRENT]]


def rotate(manager: SecretsManager, event: Event, *, clock: Clock) -> bool:
    """One step, as the function that rotates the keys of one-time codes takes it."""
    asked = RotationEvent.model_validate(event)
    return rotate_keys(
        asked.step,
        secret_id=asked.secret_id,
        version=asked.version,
        secret=SecretVersions(manager, manager.name),
        new_key=lambda: secrets.token_urlsafe(32),
        read=read_ring,
        write=text_of,
        clock=clock,
        hold=HOLD,
    )
