"""Functions that send and check codes, each with keys it read itself, on one Secrets Manager."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from slotkeeper.adapters.aws.secrets import KeptSecret
from slotkeeper.adapters.code_maker import HotpCodes
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.adapters.otp_keys import OtpKeys
from slotkeeper.contracts.otp_secret import read_ring
from slotkeeper.domain.user import Channel
from slotkeeper.ports.common import Clock
from slotkeeper.ports.notifications import CodeJob
from slotkeeper.services.send_notification import CodeFate, Post, send_code
from tests.support.house import House
from tests.support.secrets_manager import SecretsManager


def maker_of(manager: SecretsManager, clock: Clock) -> HotpCodes:
    """As `bootstrap` makes it, for a container that has read nothing yet."""
    return HotpCodes(OtpKeys(KeptSecret(manager, manager.name, read_ring, clock), clock))


@dataclass
class Phones:
    """`Notifier`: what each number was sent, oldest first."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        self.sent.append((address, text))
        return f"message-{len(self.sent)}"

    def code(self, number: str) -> str:
        """The newest code there."""
        text = next(text for address, text in reversed(self.sent) if address == number)
        found = re.match(r"\d{6}", text)
        assert found
        return found[0]


@dataclass
class Sender:
    """A container of `send_notification`."""

    house: House
    phones: Phones

    @classmethod
    def on(cls, house: House, phones: Phones, manager: SecretsManager, clock: Clock) -> Sender:
        return cls(replace(house, maker=maker_of(manager, clock)), phones)

    def send(self, job: CodeJob) -> CodeFate:
        return send_code(
            job,
            codes=self.house.codes,
            maker=self.house.maker,
            users=self.house.users,
            quota=MongoCodeQuota(self.house.database, self.house.policy),
            post=Post(
                deliveries=self.house.deliveries, notifier=self.phones, fallback_to_email=False
            ),
        )
