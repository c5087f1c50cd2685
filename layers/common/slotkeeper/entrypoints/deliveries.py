"""What becomes of messages to people, counted."""

from __future__ import annotations

from slotkeeper.domain.provider import State
from slotkeeper.entrypoints.observability import count, logger
from slotkeeper.ports.notifications import Outcome
from slotkeeper.readings import note


class CountedDeliveries:
    """`Watch` that counts by provider, and logs what a provider did not take."""

    def told(self, provider: str, outcome: Outcome | None, state: State, why: str = "") -> None:
        if outcome is not None:
            note("deliveries_total", 1, provider)
        if outcome is Outcome.FAILED:
            note("deliveries_failed_total", 1, provider)
        if outcome is Outcome.REFUSED:
            note("deliveries_refused_total", 1, provider)
        if outcome is not Outcome.TAKEN:
            fate = outcome or "not_asked"
            logger.warning("provider.not_taken", provider=provider, fate=fate, state=state, why=why)
        note("provider_open", int(state is not State.CLOSED), provider)

    def fell_back(self) -> None:
        count("fallbacks_total")
