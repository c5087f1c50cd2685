"""Secrets Manager rotation: a new key for one-time codes, and none whose codes are all dead."""

from __future__ import annotations

from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.otp_secret import read_ring, text_of
from slotkeeper.contracts.rotation import RotationEvent
from slotkeeper.entrypoints.observability import count, instrumented, logger
from slotkeeper.services.rotate_keys import Step, rotate_keys


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> None:
    asked = RotationEvent.model_validate(event)
    made = rotate_keys(
        asked.step,
        secret_id=asked.secret_id,
        version=asked.version,
        secret=bootstrap.otp_secret(),
        new_key=bootstrap.new_otp_key,
        read=read_ring,
        write=text_of,
        clock=bootstrap.clock(),
        hold=bootstrap.policy().hold,
    )
    logger.info("otp_keys.rotation", step=asked.step, version=asked.version, changed=made)
    count("otp_key_rotations_total", made and asked.step is Step.FINISH)
