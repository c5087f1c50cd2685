"""The one parameter of a deployed stack that says whether its region is active."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from ops import release
from ops.queues import Account
from ops.stores import OpsError

PARAMETER = "Standby"
_POLL_SECONDS = 5.0
_LONGEST_SECONDS = 1_800.0
_DONE = "UPDATE_COMPLETE"
_NOTHING_TO_DO = "No updates are to be performed"


class Stack:
    """A deployed stack, by its template and parameters as they are."""

    def __init__(
        self,
        account: Account,
        *,
        wait: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ):
        self.name = account.stack
        self._account = account
        self._client = account.client("cloudformation")
        self._wait = wait
        self._say = say

    def parameters(self) -> Mapping[str, str]:
        return {
            one["ParameterKey"]: one.get("ParameterValue", "")
            for one in self._described().get("Parameters", [])
        }

    @property
    def status(self) -> str:
        return str(self._described()["StackStatus"])

    def update(self, *, standby: bool) -> None:
        """Update that parameter and nothing else; returns when it is done.

        What serves is a version of each function, with the parameters of its time, and an update
        with the template as it is publishes none (CloudFormation has it translated already): they
        are published, and served at once.

        Raises:
            OpsError: the update failed, and was rolled back.
        """
        from botocore.exceptions import ClientError

        known = self.parameters()
        if PARAMETER not in known:
            raise OpsError(f"stack {self.name} knows no {PARAMETER}: deploy this version first")
        value = "true" if standby else "false"
        kept = [
            {"ParameterKey": one, "UsePreviousValue": True} for one in known if one != PARAMETER
        ]
        try:
            self._client.update_stack(
                StackName=self.name,
                UsePreviousTemplate=True,
                Parameters=[{"ParameterKey": PARAMETER, "ParameterValue": value}, *kept],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except ClientError as error:
            if _NOTHING_TO_DO not in str(error.response["Error"].get("Message")):
                raise
        else:
            self._wait_until_done()
        # Also where there was nothing to update: it may have been cut off here before.
        moved = release.serve_latest(self._account, standby=value)
        self._say(f"{self.name}: {moved} functions serve with {PARAMETER}={value} from now on")

    def _wait_until_done(self) -> None:
        waited, before = 0.0, ""
        while True:
            status = self.status
            if status != before:
                self._say(f"{self.name}: {status}, after {waited:.0f} s")
            before = status
            if status == _DONE:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise OpsError(f"the update of {self.name} ended as {status}: see its events")
            if waited >= _LONGEST_SECONDS:
                raise OpsError(f"the update of {self.name} takes too long: it is {status}")
            self._wait(_POLL_SECONDS)
            waited += _POLL_SECONDS

    def _described(self) -> Mapping[str, Any]:
        [described] = self._client.describe_stacks(StackName=self.name)["Stacks"]
        found: Mapping[str, Any] = described
        return found
