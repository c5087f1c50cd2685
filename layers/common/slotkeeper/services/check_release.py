"""Before a new version is given traffic, see that it can serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slotkeeper.domain.errors import Unavailable

if TYPE_CHECKING:
    from slotkeeper.ports.release import Deployments, Target

STORES = ("mongodb", "redis")
OTHERWISE: Mapping[str, tuple[str, ...]] = {
    "authorize": ("redis",),
    "rotate-otp-keys": (),
    "web": (),
}
"""What functions need that do not need both stores, by the ends of their names."""


def check_release(*, deployment: str, hook: str, deployments: Deployments) -> Sequence[Target]:
    """Tell the deployment to go on if all it is of is fit; the targets that are not.

    It is taken back where it cannot be found out, too: what serves now goes on serving.

    Raises:
        Unavailable: it could not be told; it then waits, and is taken back an hour later.
    """
    try:
        targets = deployments.targets(deployment)
    except Unavailable:
        targets = []
    unfit = [target for target in targets if not _is_fit(target, deployments)]
    deployments.report(deployment, hook, is_fit=bool(targets) and not unfit)
    return unfit


def needs_of(function: str) -> tuple[str, ...]:
    """The servers that the function of that name stands on."""
    for name, needs in OTHERWISE.items():
        if function.endswith(f"-{name}"):
            return needs
    return STORES


def _is_fit(target: Target, deployments: Deployments) -> bool:
    try:
        return deployments.is_ready(target, needs_of(target.function))
    except Unavailable:
        return False
