"""The real thing, on real stores by a clock that stands, and what of it the model is compared with.

Nothing is simulated but time, the queue between functions and the providers of SMS and email.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import replace
from pymongo import MongoClient

from ops.check import check
from ops.violation import Violation
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DELIVERIES,
    DOCTORS,
    OUTBOX,
    QUOTAS,
    SCHEDULES,
    SLOTS,
    USERS,
    booking_of,
    event_of,
    pending_event_of,
    slot_document,
    user_failures_id,
)
from slotkeeper.adapters.mongo.indexes import create_indexes
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.domain import slot as domain
from slotkeeper.domain.attempt import request_key
from slotkeeper.domain.errors import AppointmentError, Unavailable
from slotkeeper.domain.events import DomainEvent
from slotkeeper.domain.policy import BookingPolicy
from slotkeeper.domain.user import Caller, Channel, Role
from slotkeeper.ports.holds import HoldTicket
from slotkeeper.ports.notifications import CodeJob
from slotkeeper.ports.slots import SlotFilter
from slotkeeper.services.send_notification import Post, send_code, tell_event
from tests.model.model import Model
from tests.model.refused import Said
from tests.model.things import CodeMessage, Held, Hold, Patient, Row, Slot
from tests.support.frozen_time import FrozenDatabase, FrozenRedis, Time
from tests.support.house import House, QueueInMemory
from tests.support.managing import Managing

Answered = TypeVar("Answered")

START = datetime(2031, 3, 4, 8, 0, tzinfo=UTC)
"""A Tuesday to come: what MongoDB deletes by its own clock (TTL) is not over."""
POLICY = BookingPolicy(
    # Small, so that a history gets past every one of them.
    code_lifetime=timedelta(minutes=3),
    max_tries=3,
    max_resends=2,
    max_calls=7,
    max_live_holds=2,
    max_failures_per_user=6,
    max_failures_in_a_row=9,
    failure_window=timedelta(minutes=20),
    max_codes_per_user=5,
    max_codes_per_phone=7,
    cancel_window=timedelta(hours=1),
)
PATIENTS = (
    Patient("ann", phone="+15550123", email="ann@example.com"),
    Patient("ben", phone="+15550123"),  # ann's number
    Patient("cyd", phone="+15550177", email="cyd@example.com", preferred="email"),
)
CLINICS = {"dr-a": "clinic-1", "dr-b": "clinic-2", "sue": "clinic-1", "tom": "clinic-2"}
"""Two doctors, and one of the staff of each one's clinic."""
_STARTS = {
    # About to begin, within 24 hours, and later; some of one doctor's at the time of the other's.
    "dr-a": ("0d00:08", "0d20:00", "1d06:00", "2d01:00"),
    "dr-b": ("0d02:00", "1d06:15", "2d01:00"),
}


def _slots() -> list[Slot]:
    found = []
    for doctor, starts in _STARTS.items():
        for text in starts:
            days, _, time = text.partition("d")
            hours, _, minutes = time.partition(":")
            start = START + timedelta(days=int(days), hours=int(hours), minutes=int(minutes))
            id_ = domain.slot_id(doctor, start)
            found.append(Slot(id_, doctor, start, end=start + timedelta(minutes=30)))
    return found


SLOT_IDS = tuple(slot.id for slot in _slots())


def new_slot(slot_id: str) -> Slot:
    return next(slot for slot in _slots() if slot.id == slot_id)


def new_model() -> Model:
    return Model(START, POLICY, PATIENTS, _slots(), CLINICS)


@dataclass
class Providers:
    """`Notifier` that remembers what it was given; either way may be down."""

    down: frozenset[str] = frozenset()
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, channel: Channel, address: str, subject: str, text: str) -> str:
        if channel.value in self.down:
            raise Unavailable
        self.sent.append((address, text))
        return f"message-{len(self.sent)}"


@dataclass
class World:
    """The stores of all histories; each begins with `begin`."""

    time: Time
    house: House
    managing: Managing
    quota: MongoCodeQuota
    post: Post
    providers: Providers

    @classmethod
    def on(
        cls,
        client: MongoClient[dict[str, Any]],
        name: str,
        redis_url: str,
        house_class: type[House] = House,
    ) -> World:
        create_indexes(client[name])
        time = Time(START)
        database = FrozenDatabase(client, name, time)
        redis = FrozenRedis(redis_url, time)
        house = house_class.of(database, redis, environment=name, policy=POLICY)
        providers = Providers()
        post = Post(deliveries=house.deliveries, notifier=providers, fallback_to_email=True)
        quota = MongoCodeQuota(database, POLICY)
        return cls(time, house, Managing(house), quota, post, providers)

    def begin(self) -> None:
        """As if nothing had ever happened."""
        database = self.house.database
        for name in (
            SLOTS,
            BOOKINGS,
            OUTBOX,
            AUDIT_LOGS,
            DELIVERIES,
            QUOTAS,
            SCHEDULES,
            DOCTORS,
            USERS,
        ):
            database[name].delete_many({})
        self.time.set(START)
        redis = self.house.redis
        assert isinstance(redis, FrozenRedis)
        self.redis = redis
        redis.clear()
        self.house.queue = QueueInMemory()
        self.providers.sent.clear()
        self.providers.down = frozenset()
        database[DOCTORS].insert_many(
            [
                {"_id": doctor, "clinicId": CLINICS[doctor], "timeZone": "UTC", "version": 1}
                for doctor in _STARTS
            ]
        )
        people = [
            {
                "_id": patient.id,
                "phone": patient.phone,
                "email": patient.email,
                "preferredChannel": patient.preferred,
            }
            for patient in PATIENTS
        ]
        staff = [{"_id": one, "clinicId": CLINICS[one]} for one in ("sue", "tom")]
        database[USERS].insert_many([*people, *staff])
        database[SLOTS].insert_many([_document(slot) for slot in _slots()])

    def advance(self, by: timedelta) -> None:
        self.time.advance(by)
        self.redis.lapse()

    # --- what people do, by names that are the same in every run

    def caller(self, who: str) -> Caller:
        return Caller(user_id=who, role=Role.STAFF if who in CLINICS else Role.PATIENT)

    def ticket(
        self, user: str, slot_id: str, key: str, channel: str | None, replaces: str | None
    ) -> HoldTicket:
        plain = self.house.ticket(slot_id, user, key, f"{channel}/{replaces}")
        # The same seeds in every run, so that the same codes are wrong.
        seed = base64.b32encode(f"{user} {key} {slot_id} {self.time.ms}".encode()).decode()
        return replace(plain, seed=seed)

    def hold(
        self, user: str, slot_id: str, key: str, channel: str | None, replaces: str | None
    ) -> Held:
        ticket = self.ticket(user, slot_id, key, channel, replaces)
        by = Channel(channel) if channel else None
        said = json.loads(self.house.answer(ticket, by, replaces).text)
        code = said["otp"]
        return Held(
            said["attemptId"],
            said["slotId"],
            until=_instant(said["expiresAt"]),
            at=_instant(said["serverTime"]),
            sent=(code["channel"], _instant(code["expiresAt"]), _instant(code["resendAt"])),
        )

    def resend(self, user: str, attempt: str, key: str) -> tuple[str, datetime, datetime]:
        sent = self.house.resend(attempt, user, key)
        return sent.channel.value, sent.expires_at, sent.resend_at

    def deliver_code(
        self, job: CodeJob, down: frozenset[str]
    ) -> tuple[str, tuple[str, str] | None]:
        """The code's fate; where it was sent to now and what."""
        return self._delivered(
            down,
            lambda: (
                send_code(
                    job,
                    codes=self.house.codes,
                    maker=self.house.maker,
                    users=self.house.users,
                    quota=self.quota,
                    post=self.post,
                ).value
            ),
        )

    def deliver_event(self, fact: DomainEvent, down: frozenset[str]) -> tuple[str, str | None]:
        """The notice's fate; where the patient was told now."""
        fate, sent = self._delivered(
            down,
            lambda: (
                tell_event(
                    fact,
                    ledger=self.house.ledger,
                    users=self.house.users,
                    quota=self.quota,
                    post=self.post,
                ).value
            ),
        )
        return fate, sent[0] if sent else None

    def _delivered(
        self, down: frozenset[str], deliver: Callable[[], Answered]
    ) -> tuple[Answered, tuple[str, str] | None]:
        self.providers.down, self.providers.sent = down, []
        result = deliver()
        assert len(self.providers.sent) <= 1, "told twice"
        return result, self.providers.sent[0] if self.providers.sent else None

    def code(self, user: str, attempt: str, kind: str) -> str:
        """The newest code, the one before it or another; any, where there is none."""
        record = self.house.settled(attempt, user)
        if record is None:
            return "000000"
        right = self.house.maker.code(record)
        earlier = self.house.maker.code(replace(record, send_number=record.send_number - 1))
        if kind == "wrong" or earlier == right:
            return f"{(int(right) + 1) % 1_000_000:06}"
        return right if kind == "right" else earlier

    # --- what there is

    def slots(self) -> dict[str, Slot]:
        found = self.house.database[SLOTS].find()
        return {document["_id"]: _slot(document) for document in found}

    def bookings(self) -> dict[str, Any]:
        found = self.house.database[BOOKINGS].find()
        return {document["_id"]: booking_of(document) for document in found}

    def failures(self) -> dict[str, Row]:
        found = self.house.database[QUOTAS].find({"inARow": {"$exists": True}})
        return {
            row["_id"].removeprefix(user_failures_id("")): Row(
                row["inARow"], row["inWindow"], row["windowEndsAt"], row["failedAt"]
            )
            for row in found
        }

    def outbox(self) -> dict[str, tuple[DomainEvent, bool, datetime | None]]:
        return {
            row["_id"]: (event_of_row(row), "sentAt" in row, row.get("leasedUntil"))
            for row in self.house.database[OUTBOX].find()
        }

    def audit(self) -> dict[str, DomainEvent]:
        rows = self.house.database[AUDIT_LOGS].find({"slotId": {"$exists": True}})
        return {row["_id"]: event_of_row(row) for row in rows}

    def free(self, doctor: str) -> list[str]:
        found = self.house.slots.free_slots(
            SlotFilter(doctor_id=doctor), now=self.time.now(), after=None, skip=0, limit=100
        )
        return [slot.id for slot in found]

    def redis_ends(self) -> dict[str, int]:
        """When each key ends, cached pages and counts of requests aside."""
        environment = self.house.keys.environment
        aside = (f"{environment}:cache:", f"{environment}:booking:attempts:")
        return {k: end for k, end in self.redis.ends().items() if not k.startswith(aside)}

    def violations(self, *, grace: timedelta) -> list[Violation]:
        """What the operator's check finds."""
        house = self.house
        return list(
            check(
                house.database,
                house.redis,
                environment=house.keys.environment,
                now=self.time.now(),
                grace=grace,
                # Stamps are the server's, whose time does not stand still; nobody seals here.
                seal_grace=None,
            )
        )

    def codes_queued(self) -> list[CodeMessage]:
        return [
            CodeMessage(job.attempt_id, job.user_id, job.channel.value, job.send_number)
            for job in self.house.queue.codes
        ]


def event_of_row(row: dict[str, Any]) -> DomainEvent:
    return plain(event_of(row))


def plain(fact: DomainEvent) -> DomainEvent:
    """Without what only the request that made it knows."""
    return replace(fact, request_id="", request_key=None, reason=None)


def ends_of(model: Model, keys: Keys) -> dict[str, int]:
    """When each key in Redis ends, as the model has it."""
    memory = model.memory
    ends = {
        **{keys.lock(slot): lock.until for slot, lock in memory.locks.items()},
        **{keys.code(code.user, id_): code.until for id_, code in memory.codes.items()},
        **{keys.failures(user): known.until for user, known in memory.failures.items()},
        **{keys.places(user): places.until for user, places in memory.places.items()},
        **{
            keys.request(request_key(user, key)): request.until
            for (user, key), request in memory.requests.items()
        },
    }
    return {key: round(end.timestamp() * 1000) for key, end in ends.items()}


def said(error: AppointmentError) -> Said:
    return error.code, error.retry_after_seconds, getattr(error, "attempts_remaining", None)


def _document(slot: Slot) -> dict[str, Any]:
    return slot_document(
        domain.Slot(
            id=slot.id,
            doctor_id=slot.doctor,
            date=f"{slot.start:%Y-%m-%d}",
            start_time=slot.start,
            end_time=slot.end,
            status=domain.SlotStatus.ACTIVE,
            version=1,
        )
    )


def _slot(document: dict[str, Any]) -> Slot:
    hold = document.get("hold")
    return Slot(
        id=document["_id"],
        doctor=document["doctorId"],
        start=document["startTime"],
        end=document["endTime"],
        status=document["status"],
        version=document["version"],
        hold=_hold(hold) if hold else None,
        booking=document.get("bookingId"),
        facts=[plain(pending_event_of(document, f)) for f in document.get("pendingEvents", [])],
    )


def _hold(document: dict[str, Any]) -> Hold:
    code = document["otp"]
    return Hold(
        user=document["userId"],
        attempt=document["attemptId"],
        until=document["expiresAt"],
        channel=code["channel"],
        replaces=document["replaces"],
        sent_at=code["sentAt"],
        code_until=code["expiresAt"],
        sends=code["sends"],
        tries=code["tries"],
        resend_key=code.get("requestKey"),
        previous=_previous(code.get("previous")),
    )


def _previous(document: dict[str, Any] | None) -> tuple[datetime, datetime] | None:
    return (document["sentAt"], document["expiresAt"]) if document else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
