"""What Secrets Manager sends to a function that rotates a secret."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from slotkeeper.services.rotate_keys import Step


class RotationEvent(BaseModel):
    """One step; fields that are added to it later are let pass."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    step: Annotated[Step, Field(alias="Step")]
    secret_id: Annotated[str, Field(alias="SecretId", min_length=1, max_length=2_048)]
    version: Annotated[str, Field(alias="ClientRequestToken", pattern=r"^[A-Za-z0-9-]{32,64}$")]
