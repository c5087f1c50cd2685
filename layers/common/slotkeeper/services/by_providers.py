"""Hand a message to the first of its channel's providers that takes it, but for those that rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import State
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import (
    Breakers,
    MaybeSent,
    NobodyAsked,
    Outcome,
    Provider,
    Watch,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByProviders:
    """`Notifier` by the providers in use, in their order."""

    in_use: Mapping[Channel, Sequence[Provider]]
    breakers: Breakers
    watch: Watch

    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        failed: Unavailable = NobodyAsked()
        for provider in self.in_use[channel]:
            try:
                return self._ask(provider, address, subject, text)
            except MaybeSent:
                raise  # by the next provider it might arrive a second time
            except NobodyAsked:
                continue
            except Unavailable as error:
                failed = error
        raise failed

    def _ask(self, provider: Provider, address: str, subject: str, text: str) -> str:
        leave = self.breakers.ask(provider.name)
        if not leave.is_given:
            self.watch.told(provider.name, None, State.OPEN)
            raise NobodyAsked
        # Whatever else ends it, an error of ours, says nothing of the provider.
        outcome = Outcome.REFUSED
        try:
            message_id = provider.send(address, subject, text)
            outcome = Outcome.TAKEN
        except Unavailable:
            outcome = Outcome.FAILED
            raise
        finally:
            state = self.breakers.tell(provider.name, leave, outcome)
            self.watch.told(provider.name, outcome, state)
        return message_id
