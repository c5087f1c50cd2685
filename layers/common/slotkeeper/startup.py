"""A Lambda's start: from the import of the layer to the function's readiness for its first call.

Nothing of what is imported and made then is garbage, and looking for some takes a tenth of the
time: Python's collector is off meanwhile, and never looks at any of it again.
"""

from __future__ import annotations

import gc
import os

_NAME = "AWS_LAMBDA_FUNCTION_NAME"


def is_in_lambda() -> bool:
    """Whether this process serves a function, rather than a test or an operator."""
    # Asked before anything is imported that reads settings.
    return _NAME in os.environ  # nosemgrep: environment-outside-settings  # before there are any


def begin() -> None:
    if is_in_lambda():
        gc.disable()


def end() -> None:
    """The function is ready."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
