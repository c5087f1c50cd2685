"""What the handlers declare, function by function."""

from __future__ import annotations

import importlib
from pathlib import Path

from slotkeeper.entrypoints.http import App
from slotkeeper.entrypoints.operation import Operation

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


def operations_of(folder: str) -> list[Operation]:
    """The operations of one function; none for those that HTTP does not trigger."""
    app = getattr(importlib.import_module(f"functions.{folder}.app"), "app", None)
    return app.operations if isinstance(app, App) else []
