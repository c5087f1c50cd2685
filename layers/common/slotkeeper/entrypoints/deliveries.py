"""What becomes of messages to people, counted."""

from __future__ import annotations

from slotkeeper.domain.provider import State
from slotkeeper.entrypoints.observability import count, count_by, logger
from slotkeeper.ports.notifications import Outcome


class CountedDeliveries:
    """`Watch` that counts by provider, and logs what a provider did not take."""

    def told(self, provider: str, outcome: Outcome | None, state: State, why: str = "") -> None:
        if outcome is Outcome.TAKEN:
            count_by("deliveries_total", provider=provider)
        elif outcome is Outcome.FAILED:
            count_by("deliveries_failed_total", provider=provider)
        elif outcome is Outcome.REFUSED:
            count_by("deliveries_refused_total", provider=provider)
        if outcome is not Outcome.TAKEN:
            fate = outcome or "not_asked"
            logger.warning("provider.not_taken", provider=provider, fate=fate, state=state, why=why)
        count_by("provider_open", int(state is not State.CLOSED), provider=provider)

    def fell_back(self) -> None:
        count("fallbacks_total")
