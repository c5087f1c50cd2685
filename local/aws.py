"""Clients of the emulator, as its root user."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config as BotoConfig

from local.config import ADMIN, REGION, Config


def client(config: Config, service: Any) -> Any:  # Any: as in slotkeeper.adapters.aws.client
    return boto3.client(
        service,
        endpoint_url=config.aws_endpoint,
        region_name=REGION,
        aws_access_key_id=ADMIN["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ADMIN["AWS_SECRET_ACCESS_KEY"],
        config=BotoConfig(retries={"total_max_attempts": 2}, max_pool_connections=20),
    )
