"""Where scenarios are played: the real handlers on real stores, with AWS and a bank in memory."""

from __future__ import annotations

import importlib
import os
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from local.payment_simulator import Simulator
from slotkeeper import bootstrap
from slotkeeper.adapters.mongo.documents import SAGAS
from slotkeeper.adapters.payment.stripe import StripePayments
from slotkeeper.domain.slot import SlotStatus
from tests.crash.bank import Bank
from tests.crash.cloud import Cloud
from tests.crash.life import Cut, Killed, Life, die, lived
from tests.crash.passing import A_HOLD, A_MINUTE, end_transactions, open_transactions, pass_time
from tests.support.aws_events import Context, Event, sqs_event
from tests.support.house import House
from tests.support.identity_provider import IdentityProvider

CLIENTS = {"settings", "database", "redis", "aws"}
"""What bootstrap keeps from one invocation to the next here: as good as new, and slow to make."""
BATCH = 10
_DELIVERIES = 5
_SETTLEMENTS = 6
TIME_MS = 60_000
"""That an invocation has."""


def cold_start(*, keeping: set[str] = CLIENTS) -> None:
    """Bootstrap has made nothing yet, but for what is kept."""
    for name, made in vars(bootstrap).items():
        clear = getattr(made, "cache_clear", None)
        if clear is not None and name not in keeping:
            clear()


@dataclass
class Stage:
    house: House
    cloud: Cloud
    simulator: Simulator
    mongo: MongoClient[dict[str, Any]]
    fast: Database[dict[str, Any]]
    """The same database, for what need not be on a majority: setting up and looking."""
    ports: list[int]
    """Those of the stores, and the identity provider's, which is only read from."""
    indexes: Mapping[str, set[str]]
    """Their names, by collection."""
    identity: IdentityProvider
    names: dict[str, str] = field(default_factory=dict)
    """What an id, number or address is called in pictures."""
    problems: list[str] = field(default_factory=list)
    seals: bool = False
    """Whether the audit log is sealed here by the sweeps."""
    may_be_open: bool = False
    """A transaction: somebody died in one."""
    _dead: list[Any] = field(default_factory=list)
    _settings: Mapping[str, str] = field(default_factory=dict)

    # --- who and what there is

    def under(self, settings: Mapping[str, str]) -> None:
        """Functions have these settings from now on, beside those they always have."""
        if settings != self._settings:
            for name in self._settings:
                del os.environ[name]
            os.environ.update(settings)
            self._settings = settings
            bootstrap.settings.cache_clear()

    @property
    def bank(self) -> Bank:
        payments = self.simulator.payments
        assert isinstance(payments, Bank)
        return payments

    @property
    def paying(self) -> House:
        """The house where fees are paid, by the functions' settings."""
        provider = StripePayments(lambda: "sk_test_crash", self.simulator.url)
        return self.house.with_payments(provider, bootstrap.settings().payment_late)

    def doctor(self, name: str = "doctor", **fields: Any) -> str:
        return self._named(name, self.house.doctor(**fields))

    def slot(
        self,
        name: str = "slot",
        doctor_id: str | None = None,
        *,
        days: float = 2,
        status: SlotStatus = SlotStatus.ACTIVE,
    ) -> str:
        doctor_id = doctor_id or self.doctor()
        slot_id = self.house.slot(doctor_id, starts_in=timedelta(days=days), status=status)
        return self._named(name, slot_id)

    def patient(self, name: str = "alice", **profile: Any) -> str:
        # The same number each time: answers show its last digits.
        phone, email = f"+1555{zlib.crc32(name.encode()):010}", f"{name}@example.com"
        self._named(f"{name}'s phone", phone)
        user_id = self.house.patient(**{"phone": phone, "email": email, **profile})
        return self._named(name, user_id)

    def staff(self, name: str = "carol", clinic: str = "clinic-1") -> str:
        return self.patient(name, clinicId=clinic)

    def _named(self, name: str, id_: str) -> str:
        self.names[id_] = name
        return id_

    def empty(self) -> None:
        """As it was before anybody came."""
        self._end_transactions()
        filled = [collection for collection, documents in self.look().items() if documents]
        for collection in filled:
            self.fast[collection].delete_many({})
        if filled:
            self._wait_for_majority()
        if keys := self.redis_keys():
            self.house.redis.unlink(*keys)
        self.cloud.empty()
        self.simulator.payments = Bank()
        self.names.clear()
        self.problems.clear()
        self.seals = False

    # --- what happens

    def invoke(
        self,
        function: str,
        event: Event,
        *,
        cut: Cut | None = None,
        is_reversed: bool = False,
        end: Callable[[], Any] = die,
    ) -> tuple[Any, Life]:
        """Run the handler in a new container; its answer (None if it was cut), and what it did."""
        handler = importlib.import_module(f"functions.{function}.app").lambda_handler
        cold_start()
        answer = None
        context = Context(remaining_ms=TIME_MS, aws_request_id=str(uuid.uuid4()))
        with lived(Life(cut=cut, is_reversed=is_reversed, end=end)) as life:
            try:
                answer = handler(event, context)
            except Killed:
                pass
            except Exception as error:  # noqa: BLE001  # what Lambda would report as failed
                answer = {"failed": f"{type(error).__name__} {error}"}
        self.problems += [f"{function} connected to {address}" for address in life.strangers]
        if life.is_dead:
            self._bury(life)
        return answer, life

    def _bury(self, life: Life) -> None:
        """Where it died in a transaction, nobody else may use its session, which would end it."""
        if any("(transaction)" in effect.label for effect in life.begun):
            self.may_be_open = True
            self._dead.append(bootstrap.database().client)
            bootstrap.database.cache_clear()

    def later(self, span: timedelta = A_MINUTE) -> None:
        self._end_transactions()
        prefix = self.house.keys.environment
        pass_time(span, database=self.fast, redis=self.house.redis, prefix=prefix)
        self._wait_for_majority()

    def _wait_for_majority(self) -> None:
        """Functions read what it has."""
        # Changes nothing, and is acknowledged when a majority has whatever was changed before.
        self.mongo[self.fast.name][SAGAS].delete_many({"_id": None})

    def _end_transactions(self) -> None:
        if self.may_be_open:
            end_transactions(self.mongo, open_transactions(self.mongo))
            self.may_be_open = False
        while self._dead:
            self._dead.pop().close()

    def holds_end(self) -> None:
        self.later(A_HOLD)

    def sweep(self) -> None:
        """What the schedules and the queue do by themselves, all of it."""
        for _ in range(_SETTLEMENTS):
            self._run("expire_locks")
            self._run("relay_outbox")
            is_settled = not bootstrap.settings().takes_payment or self._settle()
            self._deliver_all()
            if self.seals:
                self._run("seal_audit")
            if is_settled:
                return
            self.later()
        self.problems.append("payments are never done with")

    def _settle(self) -> bool:
        """Whether no payment is left to be settled, and none was."""
        done = self._run("settle_payments")
        if done.get("setAside"):
            self.problems.append("a payment was set aside")
        is_due = self.fast[SAGAS].find_one({"dueAt": {"$exists": True}}) is not None
        return not is_due and not done.get("settled")

    def _run(self, function: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any]
        answer, _ = self.invoke(function, {})
        if "failed" in answer:
            self.problems.append(f"{function} failed: {answer['failed']}")
        return answer

    def _deliver_all(self) -> None:
        for delivery in range(_DELIVERIES):
            if not self.cloud.queue:
                return
            if delivery:
                self.later()
            self.deliver()
        self.problems.append(f"{len(self.cloud.queue)} messages are never done with")

    def deliver(self) -> None:
        """Each message on the queue, once."""
        waiting, self.cloud.queue[:] = list(self.cloud.queue), []
        for start in range(0, len(waiting), BATCH):
            bodies = waiting[start : start + BATCH]
            answer, _ = self.invoke("send_notification", sqs_event(*bodies))
            self.cloud.queue += [bodies[number] for number in failed_of(answer)]

    def look(self) -> dict[str, list[dict[str, Any]]]:
        """Every document, by its collection."""
        collections = sorted(self.fast.list_collection_names())
        first, *others = collections
        found = self.fast[first].aggregate(
            [
                {"$project": {"of": first, "document": "$$ROOT"}},
                *(
                    {
                        "$unionWith": {
                            "coll": name,
                            "pipeline": [{"$project": {"of": name, "document": "$$ROOT"}}],
                        }
                    }
                    for name in others
                ),
            ]
        )
        documents: dict[str, list[dict[str, Any]]] = {name: [] for name in collections}
        for row in found:
            documents[row["of"]].append(row["document"])
        return documents

    def redis_keys(self) -> list[str]:
        return sorted(self.house.redis.scan_iter(f"{self.house.keys.environment}:*"))

    @property
    def is_transaction_open(self) -> bool:
        return self.may_be_open and bool(open_transactions(self.mongo))


def failed_of(answer: Mapping[str, Any]) -> Sequence[int]:
    """Places in the batch of the messages that are to be delivered again."""
    return [int(item["itemIdentifier"].removeprefix("m")) for item in answer["batchItemFailures"]]
