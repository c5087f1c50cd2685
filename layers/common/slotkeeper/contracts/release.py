"""What CodeDeploy sends to a function before it shifts an alias."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class HookEvent(BaseModel):
    """Which deployment waits for which answer; fields that are added later are let pass."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    deployment: Annotated[str, Field(alias="DeploymentId", pattern=r"^d-[A-Z0-9]{1,40}$")]
    hook: Annotated[
        str, Field(alias="LifecycleEventHookExecutionId", min_length=1, max_length=2_048)
    ]
