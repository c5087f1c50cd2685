"""Whoever runs `python -m ops`, in this process: what they type, and what they see."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from ops.__main__ import main
from tests.support.house import House
from tests.support.servers import Stores


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of a command that tells a JSON object a line."""
        return [json.loads(line) for line in self.lines]


@dataclass(frozen=True, slots=True)
class Operator:
    """Runs commands on the stores that `where` names."""

    where: tuple[str, ...]

    @staticmethod
    def of(house: House, stores: Stores) -> Operator:
        redis = ("--redis-url", stores.redis_url, "--redis-mode", stores.redis_mode)
        uri = stores.database_uri(house.database.name)
        return Operator(("--mongo-uri", uri, *redis, "--environment", house.keys.environment))

    def __call__(self, *arguments: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        typed = ["ops", *arguments, *self.where]
        with (
            patch.object(sys, "argv", typed),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main()
        return Done(code, out.getvalue(), err.getvalue())
