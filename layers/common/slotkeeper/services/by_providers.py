"""Hand a message to the first of its channel's providers that takes it, but for those that rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import State
from slotkeeper.ports.notifications import (
    AddressRefused,
    Breakers,
    Leave,
    MaybeSent,
    NobodyAsked,
    NotTaken,
    Outcome,
    Provider,
    Watch,
)
from slotkeeper.value import Value

if TYPE_CHECKING:
    from slotkeeper.domain.user import Channel


class ByProviders(Value, kw_only=True):
    """`Notifier` by the providers in use, in their order.

    What was taken is told to the breakers by `tell_taken`, once it is noted that it was sent: the
    less there is between the two, the fewer messages are sent twice by a sender that dies.
    """

    in_use: Mapping[Channel, Sequence[Provider]]
    breakers: Breakers
    watch: Watch
    _taken: list[tuple[str, Leave]] = msgspec.field(default_factory=list)

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
        try:
            message_id = provider.send(address, subject, text)
        except NotTaken as error:
            self._tell(provider.name, leave, Outcome.FAILED, error.why)
            raise
        except AddressRefused as error:
            self._tell(provider.name, leave, Outcome.REFUSED, error.why)
            raise
        self._taken.append((provider.name, leave))
        return message_id

    def tell_taken(self) -> None:
        while self._taken:
            self._tell(*self._taken.pop(0), Outcome.TAKEN)

    def _tell(self, provider: str, leave: Leave, outcome: Outcome, why: str = "") -> None:
        state = self.breakers.tell(provider, leave, outcome)
        self.watch.told(provider, outcome, state, why)
