"""What the handlers declare, function by function."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from slotkeeper.entrypoints.http import App
from slotkeeper.entrypoints.operation import Operation

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


def operations_of(folder: str) -> list[Operation]:
    """The operations of one function; none for those that HTTP does not trigger."""
    app = getattr(importlib.import_module(f"functions.{folder}.app"), "app", None)
    return app.operations if isinstance(app, App) else []


def pages_of(folder: str) -> list[tuple[str, str]]:
    """Method and path, as the template has them, of the pages one function serves."""
    app = getattr(importlib.import_module(f"functions.{folder}.app"), "app", None)
    found = app.routes if isinstance(app, Starlette) else []
    paths = [route.path for route in found if isinstance(route, Route)]
    return [("GET", re.sub("^/assets/.*", "/assets/{proxy+}", path)) for path in paths]
