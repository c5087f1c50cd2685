"""The use cases on real stores, wired as `bootstrap` wires them, for one test."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from msgspec import structs
from pymongo.database import Database
from redis import Redis

from slotkeeper.adapters.code_maker import HotpCodes
from slotkeeper.adapters.mongo.booked_slots import MongoBookedSlots
from slotkeeper.adapters.mongo.client import connect
from slotkeeper.adapters.mongo.deliveries import MongoDeliveries
from slotkeeper.adapters.mongo.documents import (
    DOCTORS,
    SLOTS,
    USERS,
    phone_quota_id,
    slot_document,
)
from slotkeeper.adapters.mongo.failures import MongoFailures
from slotkeeper.adapters.mongo.ledger import MongoLedger
from slotkeeper.adapters.mongo.outbox import MongoOutbox
from slotkeeper.adapters.mongo.paid_slots import MongoPaidSlots
from slotkeeper.adapters.mongo.people import MongoDoctors, MongoUsers
from slotkeeper.adapters.mongo.personal import MongoPersonalData
from slotkeeper.adapters.mongo.sagas import MongoSagas
from slotkeeper.adapters.mongo.seals import MongoSeals
from slotkeeper.adapters.mongo.slots import MongoSlots
from slotkeeper.adapters.redis.codes import RedisCodes
from slotkeeper.adapters.redis.gate import RedisGate
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.adapters.redis.personal import RedisPersonalKeys
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.contracts.holds import HoldSlotResponse
from slotkeeper.domain.attempt import Attempt, CodeSent, attempt_id, request_key
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.key_ring import OtpKey
from slotkeeper.domain.payment import LatePayment
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.slot import Slot, SlotStatus, slot_id
from slotkeeper.domain.timetable import Asked
from slotkeeper.domain.user import Caller, Channel
from slotkeeper.ports.codes import CodeRecord, KeyGone
from slotkeeper.ports.common import Together
from slotkeeper.ports.holds import HoldTicket
from slotkeeper.ports.notifications import CodeJob
from slotkeeper.ports.pages import KeptPage, SlotPages, View
from slotkeeper.ports.payments import PaymentProvider
from slotkeeper.ports.personal import PersonalKeys
from slotkeeper.services.cancel_booking import cancel_booking
from slotkeeper.services.change_booking import BookingEnds
from slotkeeper.services.erase_person import Erased, erase_person
from slotkeeper.services.expire_locks import Sweep, expire_locks
from slotkeeper.services.hold_slot import Answer, hold_slot
from slotkeeper.services.payment_saga import Till
from slotkeeper.services.relay_outbox import Relayed, relay_outbox
from slotkeeper.services.release_hold import release_hold
from slotkeeper.services.reschedule_booking import reschedule_booking
from slotkeeper.services.resend_otp import resend_otp
from slotkeeper.services.seal_audit import Sealed, seal_audit
from slotkeeper.services.settle_payments import Settlement, settle_payments
from slotkeeper.services.verify_otp import Confirmation, verify_otp

POLICY = BookingPolicy(resend_wait=timedelta(0))


@dataclass
class QueueInMemory:
    """`JobQueue` without SQS, which the end-to-end tests have; may be switched off."""

    is_down: bool = False
    codes: list[CodeJob] = field(default_factory=list)
    events: list[DomainEvent] = field(default_factory=list)

    def send_code(self, job: CodeJob) -> None:
        if self.is_down:
            raise Unavailable
        self.codes.append(job)

    def send_events(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        if self.is_down:
            raise Unavailable
        self.events += events
        return events


@dataclass
class NoWaker:
    """`RelayWaker` that nobody hears: tests run the relay themselves."""

    woken: int = 0

    def wake(self) -> None:
        self.woken += 1


@dataclass
class NoPages:
    """`SlotPages` that keep nothing; those whose slots changed are noted."""

    forgotten: list[str] = field(default_factory=list)

    def read(
        self, doctor_id: str, asked: str, make: Callable[[], KeptPage], view: View
    ) -> KeptPage:
        return make()

    def forget(self, *doctor_ids: str) -> None:
        self.forgotten += doctor_ids


class OneKey:
    """`Keys` of which there is one, without Secrets Manager."""

    _KEY = OtpKey(id="k1", key="secret of k1", since=datetime(2020, 1, 1, tzinfo=UTC))

    def in_use(self) -> OtpKey:
        return self._KEY

    def recent(self) -> list[OtpKey]:
        return [self._KEY]

    def find(self, key_id: str) -> OtpKey:
        if key_id != self._KEY.id:
            raise KeyGone
        return self._KEY


def _stores(database: Database[dict[str, Any]], policy: BookingPolicy) -> dict[str, Any]:
    return {
        "database": database,
        "slots": MongoSlots(database, policy),
        "booked_slots": MongoBookedSlots(database, policy),
        "ledger": MongoLedger(database),
        "outbox": MongoOutbox(database),
        "users": MongoUsers(database),
        "doctors": MongoDoctors(database),
        "deliveries": MongoDeliveries(database),
        "failures": MongoFailures(database, policy),
        "seals": MongoSeals(database),
    }


@dataclass
class House:
    database: Database[dict[str, Any]]
    redis: Redis
    keys: Keys
    policy: BookingPolicy
    slots: MongoSlots
    booked_slots: MongoBookedSlots
    ledger: MongoLedger
    outbox: MongoOutbox
    users: MongoUsers
    doctors: MongoDoctors
    deliveries: MongoDeliveries
    failures: MongoFailures
    seals: MongoSeals
    gate: RedisGate
    codes: RedisCodes
    maker: HotpCodes
    queue: QueueInMemory = field(default_factory=QueueInMemory)
    waker: NoWaker = field(default_factory=NoWaker)
    pages: SlotPages = field(default_factory=NoPages)
    till: Till | None = None

    @classmethod
    def on(
        cls, mongo_uri: str, redis: Redis, *, environment: str, policy: BookingPolicy = POLICY
    ) -> Self:
        return cls.of(connect(mongo_uri), redis, environment=environment, policy=policy)

    @classmethod
    def of(
        cls,
        database: Database[dict[str, Any]],
        redis: Redis,
        *,
        environment: str,
        policy: BookingPolicy,
    ) -> Self:
        keys = Keys(environment)
        return cls(
            **_stores(database, policy),
            redis=redis,
            keys=keys,
            policy=policy,
            gate=RedisGate(redis, keys, policy),
            codes=RedisCodes(redis, keys, policy),
            maker=HotpCodes(OneKey()),
        )

    def with_policy(self, **changes: Any) -> House:
        """The same stores under other rules."""
        policy = structs.replace(self.policy, **changes)
        return replace(
            self,
            policy=policy,
            slots=MongoSlots(self.database, policy),
            booked_slots=MongoBookedSlots(self.database, policy),
            failures=MongoFailures(self.database, policy),
            gate=RedisGate(self.redis, self.keys, policy),
            codes=RedisCodes(self.redis, self.keys, policy),
        )

    def with_payments(
        self, provider: PaymentProvider, late: LatePayment = LatePayment.REFUND
    ) -> House:
        """The same stores, where doctors' fees are to be paid."""
        house = replace(self, ledger=MongoLedger(self.database, takes_payment=True))
        till = Till(
            provider=lambda: provider,
            sagas=MongoSagas(self.database),
            fees=self.doctors,
            slots=MongoPaidSlots(self.database, self.policy),
            gate=self.gate,
            ends=house.ends,
            currency="eur",
            late=late,
            forbid_overlaps=self.policy.forbid_overlaps,
        )
        return replace(house, till=till)

    def on_database(self, database: Database[dict[str, Any]]) -> House:
        """The same house with another way to its database."""
        return replace(self, **_stores(database, self.policy))

    # --- what there is

    def doctor(self, clinic: str = "clinic-1", *, fee: int | None = None) -> str:
        doctor_id = f"dr-{uuid.uuid4().hex[:10]}"
        self.database[DOCTORS].insert_one(
            {
                "_id": doctor_id,
                "clinicId": clinic,
                "name": f"Dr. {doctor_id}",
                "specialty": "general practice",
                "timeZone": "Europe/Berlin",
                "consultationFee": fee,
                "version": 1,
            }
        )
        return doctor_id

    def slot(
        self,
        doctor_id: str | None = None,
        *,
        starts_in: timedelta = timedelta(days=2),
        status: SlotStatus = SlotStatus.ACTIVE,
    ) -> str:
        doctor_id = doctor_id or self.doctor()
        start = (datetime.now(UTC) + starts_in).replace(second=0, microsecond=0)
        slot = Slot(
            id=slot_id(doctor_id, start),
            doctor_id=doctor_id,
            date=start.date().isoformat(),
            start_time=start,
            end_time=start + timedelta(minutes=30),
            status=status,
            version=1,
        )
        self.database[SLOTS].insert_one(slot_document(slot))
        return slot.id

    def patient(self, **profile: Any) -> str:
        return self.patients(1, **profile)[0]

    def patients(self, count: int, **profile: Any) -> list[str]:
        known = {"phone": "+15550123", "email": "p@example.com", **profile}
        if isinstance(known["phone"], str) and known["phone"]:
            known["phoneKey"] = phone_quota_id(known["phone"])
        ids = [uuid.uuid4().hex for _ in range(count)]
        self.database[USERS].insert_many([{"_id": user_id, **known} for user_id in ids])
        return ids

    # --- what people do

    def ticket(
        self, slot_id: str, user_id: str, key: str | None = None, body: str = "body"
    ) -> HoldTicket:
        key = key or secrets.token_hex(16)
        return HoldTicket(
            request_key=request_key(user_id, key),
            attempt_id=attempt_id(user_id, key, slot_id),
            slot_id=slot_id,
            user_id=user_id,
            fingerprint=f"{slot_id}/{body}",
            request_id=uuid.uuid4().hex,
            seed=base64.b32encode(secrets.token_bytes(20)).decode(),
        )

    def answer(
        self,
        ticket: HoldTicket,
        channel: Channel | None = None,
        replaces: str | None = None,
        together: Together = together,
    ) -> Answer:
        return hold_slot(
            ticket=ticket,
            channel=channel,
            replaces=replaces,
            to_text=HoldSlotResponse.text_of,
            gate=self.gate,
            slots=self.slots,
            ledger=self.ledger,
            users=self.users,
            jobs=self.queue,
            together=together,
            policy=self.policy,
        )

    def hold(
        self, slot_id: str, user_id: str, key: str | None = None, *, replaces: str | None = None
    ) -> str:
        """The attempt that now holds the slot."""
        text = self.answer(self.ticket(slot_id, user_id, key), replaces=replaces).text
        return str(json.loads(text)["attemptId"])

    def attempt(self, attempt: str, user_id: str) -> Attempt:
        return Attempt(id=attempt, user_id=user_id, request_id=uuid.uuid4().hex)

    def code(self, attempt: str, user_id: str) -> str:
        """The code the sender would send now, its key settled as the sender would."""
        record = self.settled(attempt, user_id)
        assert record is not None
        return self.maker.code(record)

    def settled(self, attempt: str, user_id: str) -> CodeRecord | None:
        """What the newest code is made of, if there is one."""
        known = self.codes.find(user_id=user_id, attempt_id=attempt)
        return known and self.codes.settle_key(
            user_id=user_id,
            attempt_id=attempt,
            send_number=known.send_number,
            key_id=self.maker.key_in_use(),
        )

    def wrong_code(self, attempt: str, user_id: str) -> str:
        return f"{(int(self.code(attempt, user_id)) + 1) % 1_000_000:06}"

    def verify(
        self, attempt: str, user_id: str, code: str | None = None, method: str | None = None
    ) -> Confirmation:
        return verify_otp(
            attempt=self.attempt(attempt, user_id),
            code=code or self.code(attempt, user_id),
            codes=self.codes,
            maker=self.maker,
            failures=self.failures,
            gate=self.gate,
            slots=self.slots,
            booked=self.booked_slots,
            ledger=self.ledger,
            relay=self.waker,
            together=together,
            policy=self.policy,
            payment_method=method,
            till=self.till,
        )

    def book(
        self, slot_id: str, user_id: str, *, replaces: str | None = None, method: str | None = None
    ) -> Booking:
        """The slot, held and confirmed."""
        attempt = self.hold(slot_id, user_id, replaces=replaces)
        return self.verify(attempt, user_id, method=method).booking

    @property
    def ends(self) -> BookingEnds:
        return BookingEnds(
            slots=self.booked_slots,
            ledger=self.ledger,
            pages=self.pages,
            relay=self.waker,
            together=together,
        )

    def cancel(self, booking_id: str, caller: Caller, **more: Any) -> Booking:
        return cancel_booking(booking_id=booking_id, caller=caller, **self._change(more))

    def reschedule(self, booking_id: str, caller: Caller, **more: Any) -> Booking:
        return reschedule_booking(booking_id=booking_id, caller=caller, **self._change(more))

    def _change(self, more: dict[str, Any]) -> dict[str, Any]:
        request = uuid.uuid4().hex
        return {
            "reason": None,
            "expected": None,
            "request_id": request,
            "request_key": request,
            "doctors": self.doctors,
            "users": self.users,
            "ends": self.ends,
            "policy": self.policy,
            **more,
        }

    def resend(self, attempt: str, user_id: str, key: str | None = None) -> CodeSent:
        seed = base64.b32encode(secrets.token_bytes(20)).decode()
        return resend_otp(
            attempt=self.attempt(attempt, user_id),
            request_key=key or uuid.uuid4().hex,
            fresh=CodeRecord(slot_id="", seed=seed, send_number=0),
            codes=self.codes,
            slots=self.slots,
            users=self.users,
            jobs=self.queue,
            policy=self.policy,
        )

    def release(self, attempt: str, user_id: str) -> None:
        release_hold(
            attempt=self.attempt(attempt, user_id),
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            together=together,
            sagas=self.till.sagas if self.till else None,
        )

    def erase(self, user_id: str, kept: PersonalKeys | None = None) -> Erased:
        request = uuid.uuid4().hex
        return erase_person(
            user_id=user_id,
            asked=Asked(actor=user_id, request_id=request, request_key=request),
            data=self.personal,
            kept=kept or self.personal_keys,
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            clock=SystemClock(),
            together=together,
            sagas=self.till.sagas if self.till else None,
        )

    @property
    def personal(self) -> MongoPersonalData:
        return MongoPersonalData(self.database)

    @property
    def personal_keys(self) -> RedisPersonalKeys:
        return RedisPersonalKeys(self.redis, self.keys)

    def settle(self) -> Settlement:
        return settle_payments(request_id=uuid.uuid4().hex, till=self.till, has_time=lambda: True)

    def sweep(self) -> Sweep:
        return expire_locks(
            request_id=uuid.uuid4().hex,
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            has_time=lambda: True,
        )

    def relay(self) -> Relayed:
        return relay_outbox(
            slots=self.slots,
            ledger=self.ledger,
            gate=self.gate,
            outbox=self.outbox,
            jobs=self.queue,
            has_time=lambda: True,
        )

    def seal(self) -> Sealed:
        return seal_audit(seals=self.seals, clock=SystemClock(), has_time=lambda: True)

    # --- what time and misfortune do

    def end_hold(self, slot_id: str, *, ago: timedelta = timedelta(milliseconds=1)) -> None:
        """Let the hold's end lie in the past: the database's clock cannot be set, its data can."""
        self.database[SLOTS].update_one(
            {"_id": slot_id}, {"$set": {"hold.expiresAt": datetime.now(UTC) - ago}}
        )

    def end_hold_if_any(self, slot_id: str) -> None:
        self.database[SLOTS].update_one(
            {"_id": slot_id, "status": "reserved"},
            {"$set": {"hold.expiresAt": datetime.now(UTC) - timedelta(milliseconds=1)}},
        )

    def lose_redis(self) -> None:
        for key in self.redis.scan_iter(f"{self.keys.environment}:*"):
            self.redis.delete(key)

    # --- what is there now

    def document(self, slot_id: str) -> dict[str, Any]:
        found = self.database[SLOTS].find_one({"_id": slot_id})
        assert found is not None
        return found

    def redis_keys(self) -> list[str]:
        """Without the environment, cached pages and who asked; requests without their names."""
        prefix = f"{self.keys.environment}:"
        keys = [key.removeprefix(prefix) for key in self.redis.scan_iter(f"{prefix}*")]
        requests = "booking:attempt:"
        return sorted(
            requests if key.startswith(requests) else key
            for key in keys
            if not key.startswith(("cache:", "booking:attempts:"))
        )

    def bookings(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.database["bookings"].find(query))

    def events(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.database["outbox"].find(query).sort([("at", 1), ("_id", 1)]))

    def audit(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.database["audit_logs"].find(query).sort([("at", 1), ("_id", 1)]))
