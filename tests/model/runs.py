"""How the machine is run: the same histories for the same seed."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Bookings

STEPS = 40
"""Of one history, at most."""


def run(machine: type[Bookings], *, histories: int, seeded: int, shrink: bool = True) -> None:
    """Up to so many histories; raises what the first that goes wrong raised, made short."""
    phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
    run_state_machine_as_test(
        seed(seeded)(machine),
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            phases=phases,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
