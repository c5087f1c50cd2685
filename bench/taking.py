"""AWS that takes whatever it is given, at no cost: so that a request's time is what is ours.

Loaded in a function's process, after the function. The real send is measured as a row of its own.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_ANSWERS: dict[str, Any] = {"MessageId": "1", "StatusCode": 202}


class Taking:
    """A client of any service that answers at once."""

    def __init__(self, secret: str):
        self._answers = {**_ANSWERS, "SecretString": secret}

    def answer(self, **_: Any) -> dict[str, Any]:
        return self._answers

    send_message = send_message_batch = invoke = get_secret_value = answer


def have_aws_take(secret: str) -> None:
    """Nothing is sent from now on; the secret of one-time codes reads `secret`."""
    taking = Taking(secret)
    sys.modules["slotkeeper.bootstrap"].aws = lambda _: taking  # type: ignore[attr-defined]
    try:
        from slotkeeper.adapters.aws.signed import Signed
    except ImportError:
        return  # a function without the layer to send by
    # What was made at init goes by this one already.
    for name in ("send_message", "send_message_batch", "invoke", "get_secret_value"):
        setattr(Signed, name, lambda _, **asked: taking.answer(**asked))


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    """The function's own, where the runtime client starts this module instead of it."""
    return app.lambda_handler(event, context)


if "BENCH_TAKES" in os.environ:
    import app

    have_aws_take(os.environ["BENCH_TAKES"])
