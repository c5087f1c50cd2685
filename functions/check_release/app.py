"""CodeDeploy, before it shifts an alias: whether the new version starts and reaches its stores."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.release import HookEvent
from slotkeeper.entrypoints.observability import instrumented, logger
from slotkeeper.services.check_release import check_release


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    asked = HookEvent.model_validate(event)
    unfit = check_release(
        deployment=asked.deployment, hook=asked.hook, deployments=bootstrap.deployments()
    )
    if unfit:
        logger.error("release.unfit", unfit=[str(target) for target in unfit])
    logger.info("release.checked", refused=len(unfit))
