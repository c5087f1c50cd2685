"""Lambda's hooks around a snapshot (SnapStart), where there are any.

Every start of a version goes on from the one snapshot of it. `snapshot_restore_py` is part of
Lambda's own runtime, from Python 3.12; elsewhere there is no snapshot, and nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable


def hooks(*, before: Callable[[], None], after: Callable[[], None]) -> bool:
    """Have `before` run when a snapshot is made, and `after` at each start from it; whether so."""
    try:
        import snapshot_restore_py as lambdas
    except ImportError:
        return False
    lambdas.register_before_snapshot(before)
    lambdas.register_after_restore(after)
    return True
