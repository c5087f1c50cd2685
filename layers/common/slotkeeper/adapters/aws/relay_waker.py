"""The relay, woken right after a commit rather than at its next minute."""

from __future__ import annotations

from typing import Any

from slotkeeper import tracing
from slotkeeper.adapters.aws.client import call

_INVOKE = {"rpc.service": "Lambda", "rpc.method": "Invoke"}


class LambdaRelayWaker:
    """`RelayWaker` by an asynchronous invocation, which does not wait for the relay."""

    def __init__(self, lambda_: Any, function_name: str):  # Any: `Signed`, or a client
        self._lambda = lambda_
        self._function_name = function_name

    def wake(self) -> None:
        with tracing.start("invoke relay", "client", _INVOKE), call():
            self._lambda.invoke(
                FunctionName=self._function_name, InvocationType="Event", Payload=b"{}"
            )
