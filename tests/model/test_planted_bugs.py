"""The control: each planted mistake is found, so a machine that finds none has looked."""

from __future__ import annotations

import pytest

from tests.model.conftest import Founded
from tests.model.machine import Bookings
from tests.model.planted import PLANTED
from tests.model.runs import run
from tests.support.house import House

HISTORIES = 25
SEED = 7


@pytest.mark.parametrize("broken", PLANTED, ids=lambda house: house.__name__)
def test_a_planted_mistake_is_found(found: Founded, broken: type[House]) -> None:
    machine = Bookings.on(found(broken))

    with pytest.raises(AssertionError):
        run(machine, histories=HISTORIES, seeded=SEED, shrink=False)
