"""The ground that everything is asked on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from slotkeeper.entrypoints.observability import logger
from tests.fuzz.ground import Ground, made
from tests.support.servers import Stores


@pytest.fixture(scope="module")
def ground(stores: Stores, mongo: MongoClient[dict[str, Any]]) -> Iterator[Ground]:
    level = logger.log_level
    logger.setLevel(logging.ERROR)
    with made(stores, mongo) as ground:
        yield ground
    logger.setLevel(level)
