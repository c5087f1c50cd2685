"""The payment provider: the simulator of `local`, and what happens while it thinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from local.simulated_payments import Answer, SimulatedPayments


class Bank(SimulatedPayments):
    """Before it answers the next authorisation, `meanwhile` has happened, once."""

    meanwhile: Callable[[], object] | None = None

    def handle(self, method: str, path: str, form: Mapping[str, str], key: str | None) -> Answer:
        if self.meanwhile is not None and path.endswith("/confirm"):
            happen, self.meanwhile = self.meanwhile, None
            happen()
        return super().handle(method, path, form, key)
