"""The versions of a secret in Secrets Manager."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Any

from slotkeeper.adapters.aws.client import call
from slotkeeper.ports.rotation import CURRENT, PENDING


class SecretVersions:
    """`RotatedSecret` of that name."""

    def __init__(self, secrets: Any, name: str):  # Any: generated client type
        self._secrets = secrets
        self._name = name

    def is_named(self, secret_id: str) -> bool:
        # An ARN ends in the name and six characters of Secrets Manager's own.
        name = re.escape(self._name)
        of_arn = rf"arn:[\w-]+:secretsmanager:[\w-]+:\d{{12}}:secret:{name}-\w{{6}}"
        return secret_id == self._name or re.fullmatch(of_arn, secret_id) is not None

    def stages(self) -> dict[str, AbstractSet[str]]:
        with call():
            told = self._secrets.describe_secret(SecretId=self._name)
        return {id_: set(stages) for id_, stages in told.get("VersionIdsToStages", {}).items()}

    def text(self, version: str) -> str | None:
        with call():
            try:
                told = self._secrets.get_secret_value(SecretId=self._name, VersionId=version)
            except self._secrets.exceptions.ResourceNotFoundException:
                # Staged, and nothing put there so far.
                return None
        return told.get("SecretString") or None

    def put_pending(self, version: str, text: str) -> None:
        with call():
            self._secrets.put_secret_value(
                SecretId=self._name,
                ClientRequestToken=version,
                SecretString=text,
                VersionStages=[PENDING],
            )

    def make_current(self, version: str, *, instead_of: str) -> None:
        with call():
            self._secrets.update_secret_version_stage(
                SecretId=self._name,
                VersionStage=CURRENT,
                MoveToVersionId=version,
                RemoveFromVersionId=instead_of,
            )
