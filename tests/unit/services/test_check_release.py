"""A new version is let go on only where all that it stands on was reached."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slotkeeper.domain.errors import Unavailable
from slotkeeper.ports.release import Target
from slotkeeper.services.check_release import check_release, needs_of

HOLD = Target("slotkeeper-hold-slot", "7")
CANCEL = Target("slotkeeper-cancel", "8")


class Deployment:
    """One deployment; `unfit` are the versions that do not start, `silent` those nobody asks."""

    def __init__(
        self,
        *targets: Target,
        unfit: Sequence[Target] = (),
        silent: Sequence[Target] = (),
        is_known: bool = True,
    ) -> None:
        self._targets = targets
        self._unfit, self._silent = unfit, silent
        self._is_known = is_known
        self.reported: list[bool] = []
        self.asked: dict[Target, Sequence[str]] = {}

    def targets(self, deployment: str) -> Sequence[Target]:
        if not self._is_known:
            raise Unavailable
        return self._targets

    def is_ready(self, target: Target, needs: Sequence[str]) -> bool:
        self.asked[target] = needs
        if target in self._silent:
            raise Unavailable
        return target not in self._unfit

    def report(self, deployment: str, hook: str, *, is_fit: bool) -> None:
        assert (deployment, hook) == ("d-1", "hook-1")
        self.reported.append(is_fit)


def _check(deployment: Deployment) -> Sequence[Target]:
    return check_release(deployment="d-1", hook="hook-1", deployments=deployment)


def test_versions_that_are_ready_go_on() -> None:
    deployment = Deployment(HOLD, CANCEL)

    assert _check(deployment) == []
    assert deployment.reported == [True]
    assert set(deployment.asked) == {HOLD, CANCEL}


@pytest.mark.parametrize("how", ["unfit", "silent"])
def test_one_version_that_is_not_ready_takes_all_back(how: str) -> None:
    deployment = Deployment(HOLD, CANCEL, **{how: [CANCEL]})  # type: ignore[arg-type]  # either

    assert _check(deployment) == [CANCEL]
    assert deployment.reported == [False]


@pytest.mark.parametrize(
    "deployment", [Deployment(), Deployment(HOLD, is_known=False)], ids=["of nothing", "unknown"]
)
def test_a_deployment_that_cannot_be_checked_is_taken_back(deployment: Deployment) -> None:
    assert _check(deployment) == []
    assert deployment.reported == [False]


def test_a_version_is_asked_for_what_its_function_needs() -> None:
    deployment = Deployment(HOLD, Target("slotkeeper-authorize", "1"))

    _check(deployment)

    assert list(deployment.asked.values()) == [("mongodb", "redis"), ("redis",)]
    assert needs_of("slotkeeper-rotate-otp-keys") == ()
