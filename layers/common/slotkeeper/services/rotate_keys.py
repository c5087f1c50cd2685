"""One step of a rotation of the keys that one-time codes are made with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from slotkeeper.ports.rotation import CURRENT, PENDING, NotPending, NotSound, RotatedSecret

if TYPE_CHECKING:
    from slotkeeper.domain.key_ring import KeyRing
    from slotkeeper.ports.common import Clock


class Step(StrEnum):
    """What Secrets Manager asks for, in this order; each perhaps more than once."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


def rotate_keys(
    step: Step,
    *,
    secret_id: str,
    version: str,
    secret: RotatedSecret,
    new_key: Callable[[], str],
    read: Callable[[str], KeyRing],
    write: Callable[[KeyRing], str],
    clock: Clock,
    hold: timedelta,
) -> bool:
    """Whether the step changed anything; repeated, it does not.

    The new version has a new key, for codes made a while from now (`key_ring.LEAD`), and none of
    the keys whose codes are all dead. It takes over only if no code that lives would be lost.

    Raises:
        NotPending: it is none that may take over.
        NotSound: it may not, as it is.
        Unavailable: Secrets Manager did not answer; repeating the step is safe.
    """
    if not secret.is_named(secret_id):
        raise NotPending("not the secret of the keys")
    stages = secret.stages()
    if CURRENT in stages.get(version, ()):
        return False
    if PENDING not in stages.get(version, ()):
        raise NotPending("not a pending version")
    current = next((known for known, its in stages.items() if CURRENT in its), None)
    if current is None:
        raise NotPending("there is none to take over from")
    ring = read(secret.text(current) or "")
    match step:
        case Step.CREATE if not secret.text(version):
            made = ring.rotated(key_id=version, key=new_key(), now=clock.now(), hold=hold)
            secret.put_pending(version, write(made))
            return True
        case Step.TEST:
            _ensure_sound(secret.text(version), ring, read, clock, hold)
        case Step.FINISH:
            _ensure_sound(secret.text(version), ring, read, clock, hold)
            secret.make_current(version, instead_of=current)
            return True
    # The keys are nobody's but ours: there is no other place to set them (setSecret).
    return False


def _ensure_sound(
    text: str | None,
    current: KeyRing,
    read: Callable[[str], KeyRing],
    clock: Clock,
    hold: timedelta,
) -> None:
    try:
        pending = read(text or "")
    except ValueError as error:
        raise NotSound("it holds no keys") from error
    if not pending.follows(current, clock.now(), hold):
        raise NotSound("it has no new key, or lacks one that codes live by")
