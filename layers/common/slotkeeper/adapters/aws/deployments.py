"""CodeDeploy's deployments, and the versions that they are of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from slotkeeper import readiness
from slotkeeper.adapters.aws.client import call
from slotkeeper.ports.release import Target

COLD_START_SECONDS = 25
"""As long as a version is waited for, with all that it asks."""


class CodeDeployments:
    """`Deployments` by CodeDeploy, each of some Lambda aliases."""

    def __init__(self, codedeploy: Any, lambda_: Any):  # Any: generated client types
        self._codedeploy = codedeploy
        self._lambda = lambda_

    def targets(self, deployment: str) -> Sequence[Target]:
        with call():
            ids = self._codedeploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
            told = self._codedeploy.batch_get_deployment_targets(
                deploymentId=deployment, targetIds=ids
            )["deploymentTargets"]
        of = [target["lambdaTarget"]["lambdaFunctionInfo"] for target in told]
        return [Target(info["functionName"], str(info["targetVersion"])) for info in of]

    def is_ready(self, target: Target, needs: Sequence[str]) -> bool:
        with call():
            answer = self._lambda.invoke(
                FunctionName=target.function,
                Qualifier=target.version,
                Payload=json.dumps(readiness.question(needs)).encode(),
            )
            text = answer["Payload"].read()
        if "FunctionError" in answer:
            return False
        try:
            return readiness.is_ready(json.loads(text), needs)
        except ValueError:
            return False

    def report(self, deployment: str, hook: str, *, is_fit: bool) -> None:
        with call():
            self._codedeploy.put_lifecycle_event_hook_execution_status(
                deploymentId=deployment,
                lifecycleEventHookExecutionId=hook,
                status="Succeeded" if is_fit else "Failed",
            )
