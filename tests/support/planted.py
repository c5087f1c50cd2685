"""A small house in order, and every way to bring it out of order: one violation each."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.timestamp import Timestamp

from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.booking import Booking
from slotkeeper.domain.user import Caller, Role
from tests.support.house import House

Document = dict[str, Any]  # Any: BSON
DAY = timedelta(days=1)


@dataclass
class Scene:
    """What the planted violations are made of: all of it recorded and sent."""

    house: House
    patient: str
    held: str
    """A slot that the patient holds, and its attempt."""
    attempt: str
    booking: Booking
    ended: Booking
    """Cancelled; its slot is free."""
    old: Booking
    new: Booking
    """Took the place of `old`."""
    heads: dict[int, str] = field(default_factory=dict)
    """Blocks of the audit chain, as an operator noted them."""

    @classmethod
    def of(cls, house: House) -> Scene:
        patient = house.patient()
        held = house.slot(starts_in=2 * DAY)
        booking = house.book(house.slot(starts_in=3 * DAY), patient)
        ended = house.book(house.slot(starts_in=4 * DAY), patient)
        house.cancel(ended.id, Caller(user_id=patient, role=Role.PATIENT))
        old = house.book(house.slot(starts_in=5 * DAY), patient)
        new = house.book(house.slot(starts_in=6 * DAY), patient, replaces=old.id)
        attempt = house.hold(held, patient)
        scene = cls(house, patient, held, attempt, booking, ended, old, new)
        scene.settle()
        return scene

    def settle(self) -> None:
        self.house.sweep()
        self.house.relay()

    def seal(self, blocks: int = 1) -> None:
        """The entries in so many blocks of the chain, and the newest noted."""
        for number in range(1, blocks + 1):
            if number > 1:
                self.insert("audit_logs", clinic_s_entry(f"calendar_{number}"))
            head = self.house.seal().head
            assert head is not None
            assert head.number == number
            self.heads = {head.number: head.hash}

    def of_booking(self, booking: Booking) -> list[str]:
        """The ids of the facts that tell of it, oldest first."""
        return [entry["_id"] for entry in self.house.audit(bookingId=booking.id)]

    def change(self, collection: str, id_: object, **fields: object) -> None:
        self._update(collection, id_, {"$set": fields})

    def change_in(self, collection: str, id_: object, name: str, value: object) -> None:
        self._update(collection, id_, {"$set": {name: value}})

    def without(self, collection: str, id_: object, *names: str) -> None:
        self._update(collection, id_, {"$unset": dict.fromkeys(names, "")})

    def insert(self, collection: str, document: Document) -> None:
        self.house.database[collection].insert_one(document)

    def delete(self, collection: str, *ids: object) -> None:
        deleted = self.house.database[collection].delete_many({"_id": {"$in": list(ids)}})
        assert deleted.deleted_count == len(ids)

    def document(self, collection: str, id_: object) -> Document:
        found: Document | None = self.house.database[collection].find_one({"_id": id_})
        assert found is not None
        return found

    def anew(self, booking: Booking, **changes: object) -> str:
        """A copy of the booking under another id and attempt of its patient's; the id."""
        attempt = attempt_id(booking.user_id, uuid.uuid4().hex, booking.slot_id)
        copied = self.document("bookings", booking.id)
        made = {**copied, "_id": booking_id(attempt), "attemptId": attempt, **changes}
        self.insert("bookings", made)
        return str(made["_id"])

    def _update(self, collection: str, id_: object, update: Document) -> None:
        assert self.house.database[collection].update_one({"_id": id_}, update).matched_count == 1


@dataclass(frozen=True)
class Planted:
    """A violation: what plants it, what is found, and what else follows from it.

    `plant` answers what the violation is about and the ids of the documents it names.
    """

    rule: str
    also: frozenset[str]
    plant: Callable[[Scene], tuple[str, set[str]]]

    @property
    def name(self) -> str:
        return f"{self.rule}: {self.plant.__name__}"


ALL: list[Planted] = []
Plant = Callable[[Scene], tuple[str, set[str]]]


def planted(rule: str, *also: str) -> Callable[[Plant], Plant]:
    def keep(plant: Plant) -> Plant:
        ALL.append(Planted(rule, frozenset(also), plant))
        return plant

    return keep


def now() -> datetime:
    return datetime.now(UTC)


# --- one slot, one booking


@planted("guard_missing")
def without_a_unique_index(scene: Scene) -> tuple[str, set[str]]:
    scene.house.database["bookings"].drop_index("one_confirmed_per_slot")
    return "one_confirmed_per_slot", set()


@planted("confirmed_twice", "guard_missing", "booking_without_slot", "booking_without_fact")
def a_second_booking_of_a_booked_slot(scene: Scene) -> tuple[str, set[str]]:
    scene.house.database["bookings"].drop_index("one_confirmed_per_slot")
    other = scene.anew(scene.booking)
    return scene.booking.slot_id, {scene.booking.id, other, scene.booking.slot_id}


@planted("confirmed_twice", "guard_missing", "booking_without_slot", "booking_without_fact")
def two_bookings_of_a_free_slot(scene: Scene) -> tuple[str, set[str]]:
    scene.house.database["bookings"].drop_index("one_confirmed_per_slot")
    both = {scene.anew(scene.ended, status="confirmed") for _ in range(2)}
    return scene.ended.slot_id, {*both, scene.ended.slot_id}


@planted(
    "confirmed_twice",
    *("booking_without_slot", "booking_without_fact", "booking_differs_from_slot"),
)
def a_second_booking_under_another_doctor(scene: Scene) -> tuple[str, set[str]]:
    # The unique index does not see this one.
    other = scene.anew(scene.booking, doctorId="dr-else")
    return scene.booking.slot_id, {scene.booking.id, other, scene.booking.slot_id}


@planted("overlapping_booked")
def a_booked_slot_within_another(scene: Scene) -> tuple[str, set[str]]:
    house, booked = scene.house, scene.booking
    start = booked.start_time + timedelta(minutes=15)
    later = house.slot(booked.doctor_id, starts_in=start - now() + timedelta(seconds=30))
    house.book(later, house.patient())
    scene.settle()
    return later, {booked.slot_id, later}


@planted("slot_without_booking", "booking_lost")
def the_booking_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.delete("bookings", scene.booking.id)
    return scene.booking.slot_id, {scene.booking.slot_id}


@planted("slot_without_booking", "booking_disagrees_with_facts")
def the_booking_has_ended(scene: Scene) -> tuple[str, set[str]]:
    scene.change("bookings", scene.booking.id, status="cancelled")
    return scene.booking.slot_id, {scene.booking.slot_id, scene.booking.id}


@planted("slot_without_booking", "booking_disagrees_with_facts", "booking_without_slot")
def the_booking_names_another_slot(scene: Scene) -> tuple[str, set[str]]:
    start, doctor = scene.booking.start_time + timedelta(hours=1), scene.booking.doctor_id
    elsewhere = scene.house.slot(doctor, starts_in=start - now() + timedelta(seconds=30))
    scene.change("bookings", scene.booking.id, slotId=elsewhere)
    return scene.booking.slot_id, {scene.booking.slot_id, scene.booking.id}


@planted("booking_without_slot", "slot_disagrees_with_facts")
def the_slot_is_free(scene: Scene) -> tuple[str, set[str]]:
    scene.change("slots", scene.booking.slot_id, status="active")
    scene.without("slots", scene.booking.slot_id, "bookingId")
    return scene.booking.id, {scene.booking.id, scene.booking.slot_id}


@planted("booking_without_slot", "slot_disagrees_with_facts")
def the_slot_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.delete("slots", scene.booking.slot_id)
    return scene.booking.id, {scene.booking.id}


@planted("booking_differs_from_slot")
def the_booking_starts_later(scene: Scene) -> tuple[str, set[str]]:
    scene.change("bookings", scene.booking.id, startTime=scene.booking.end_time)
    return scene.booking.id, {scene.booking.id, scene.booking.slot_id}


@planted("status_disagrees")
def a_free_slot_with_a_booking(scene: Scene) -> tuple[str, set[str]]:
    scene.change("slots", scene.ended.slot_id, bookingId=scene.ended.id)
    return scene.ended.slot_id, {scene.ended.slot_id}


@planted("status_disagrees")
def a_free_slot_with_a_hold(scene: Scene) -> tuple[str, set[str]]:
    scene.change("slots", scene.ended.slot_id, hold=scene.document("slots", scene.held)["hold"])
    return scene.ended.slot_id, {scene.ended.slot_id}


@planted("unknown_status")
def a_slot_of_no_known_status(scene: Scene) -> tuple[str, set[str]]:
    scene.change("slots", scene.ended.slot_id, status="closed")
    return scene.ended.slot_id, {scene.ended.slot_id}


@planted("unknown_status")
def a_booking_of_no_known_status(scene: Scene) -> tuple[str, set[str]]:
    scene.change("bookings", scene.ended.id, status="lost")
    return scene.ended.id, {scene.ended.id}


# --- nothing lost, nobody else's


@planted("booking_lost")
def an_ended_booking_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.delete("bookings", scene.ended.id)
    return scene.ended.id, {*scene.of_booking(scene.ended), scene.ended.slot_id}


@planted("booking_without_fact")
def nothing_tells_of_a_booking(scene: Scene) -> tuple[str, set[str]]:
    facts = scene.of_booking(scene.ended)
    scene.delete("audit_logs", *facts)
    scene.delete("outbox", *facts)
    return scene.ended.id, {scene.ended.id}


@planted("attempt_of_other")
def a_hold_of_somebody_else(scene: Scene) -> tuple[str, set[str]]:
    scene.change_in("slots", scene.held, "hold.userId", "mallory")
    return scene.attempt, {scene.held}


@planted("attempt_of_other", "booking_disagrees_with_facts")
def a_booking_of_somebody_else(scene: Scene) -> tuple[str, set[str]]:
    scene.change("bookings", scene.booking.id, userId="mallory")
    return scene.booking.attempt_id, {scene.booking.id}


@planted("fence_broken")
def a_held_slot_that_was_changed(scene: Scene) -> tuple[str, set[str]]:
    version = scene.document("slots", scene.held)["version"]
    scene.change("slots", scene.held, version=version + 1)
    return scene.held, {scene.held}


@planted("code_stored")
def a_code_in_a_hold(scene: Scene) -> tuple[str, set[str]]:
    scene.change_in("slots", scene.held, "hold.otp.code", "123456")
    return scene.held, {scene.held}


@planted("code_stored")
def a_code_in_an_event(scene: Scene) -> tuple[str, set[str]]:
    fact = scene.of_booking(scene.booking)[0]
    scene.change("outbox", fact, code="123456")
    return fact, {fact}


@planted("code_stored")
def a_code_in_a_delivery(scene: Scene) -> tuple[str, set[str]]:
    scene.insert("deliveries", {"_id": "d-1", "at": now(), "sentAt": now(), "code": "123456"})
    return "d-1", {"d-1"}


@planted("code_stored")
def a_code_in_redis(scene: Scene) -> tuple[str, set[str]]:
    house = scene.house
    house.redis.hset(house.keys.code(scene.patient, scene.attempt), "code", "123456")
    about = f"otp:user:{scene.patient}:{scene.attempt}"
    return about, {about}


# --- told once


@planted("event_without_audit")
def an_audit_entry_is_gone(scene: Scene) -> tuple[str, set[str]]:
    [_, end] = scene.of_booking(scene.ended)
    scene.delete("audit_logs", end)
    return end, {end}


@planted("audit_without_event")
def an_event_is_gone(scene: Scene) -> tuple[str, set[str]]:
    [_, end] = scene.of_booking(scene.ended)
    scene.delete("outbox", end)
    return end, {end}


@planted("event_differs_from_audit")
def an_event_tells_something_else(scene: Scene) -> tuple[str, set[str]]:
    [_, end] = scene.of_booking(scene.ended)
    scene.change("outbox", end, userId="mallory")
    return end, {end}


@planted("event_not_sent")
def an_event_waits(scene: Scene) -> tuple[str, set[str]]:
    [_, end] = scene.of_booking(scene.ended)
    scene.without("outbox", end, "sentAt")
    scene.change("outbox", end, unsent=True, leasedUntil=None)
    return end, {end}


@planted("facts_do_not_chain", "booking_disagrees_with_facts")
def an_end_without_a_beginning(scene: Scene) -> tuple[str, set[str]]:
    [beginning, end] = scene.of_booking(scene.ended)
    scene.delete("audit_logs", beginning)
    scene.delete("outbox", beginning)
    return end, {end, scene.ended.slot_id}


@planted("facts_do_not_chain", "booking_disagrees_with_facts")
def two_beginnings(scene: Scene) -> tuple[str, set[str]]:
    [beginning, end] = scene.of_booking(scene.ended)
    confirmed = {"type": "booking.confirmed", "from": "reserved", "to": "booked"}
    for collection in ("audit_logs", "outbox"):
        scene.change(collection, end, **confirmed)
    return end, {beginning, end, scene.ended.slot_id}


@planted("facts_out_of_order")
def a_later_fact_of_an_earlier_time(scene: Scene) -> tuple[str, set[str]]:
    [beginning, end] = scene.of_booking(scene.ended)
    earlier = scene.document("audit_logs", beginning)["at"] - timedelta(hours=1)
    for collection in ("audit_logs", "outbox"):
        scene.change(collection, end, at=earlier)
    scene.change("bookings", scene.ended.id, updatedAt=earlier)
    return end, {beginning, end, scene.ended.slot_id}


@planted("slot_disagrees_with_facts")
def a_slot_of_a_version_before_its_facts(scene: Scene) -> tuple[str, set[str]]:
    scene.change("slots", scene.ended.slot_id, version=1)
    return scene.ended.slot_id, {scene.of_booking(scene.ended)[-1], scene.ended.slot_id}


@planted("slot_disagrees_with_facts", "slot_without_booking")
def a_slot_that_nothing_tells_was_booked(scene: Scene) -> tuple[str, set[str]]:
    slot = scene.house.slot(starts_in=9 * DAY)
    scene.change("slots", slot, status="booked", bookingId="bk_nobody")
    return slot, {slot}


@planted("booking_disagrees_with_facts")
def a_booking_of_another_version(scene: Scene) -> tuple[str, set[str]]:
    scene.change("bookings", scene.ended.id, version=7)
    facts = scene.of_booking(scene.ended)
    return scene.ended.id, {scene.ended.id, *facts, scene.ended.slot_id}


@planted("set_aside")
def an_event_was_set_aside(scene: Scene) -> tuple[str, set[str]]:
    [_, end] = scene.of_booking(scene.ended)
    scene.without("outbox", end, "sentAt")
    scene.change("outbox", end, setAside={"at": now(), "why": "at: missing"})
    return end, {end}


@planted("delivery_unfinished")
def a_notification_stuck_half_way(scene: Scene) -> tuple[str, set[str]]:
    begun = now() - 2 * DAY
    stuck = {"_id": "e-1-sms", "at": begun, "leaseId": "l", "leasedUntil": begun}
    scene.insert("deliveries", stuck)
    return "e-1-sms", {"e-1-sms"}


# --- the audit log and its chain


def clinic_s_entry(id_: str, ago: timedelta = timedelta(0), **fields: object) -> Document:
    """An entry that nothing else refers to, recorded so long ago."""
    recorded = Timestamp(int((now() - ago).timestamp()), 1) if ago else Timestamp(0, 0)
    told = {"type": "calendar.blocked", "aggregateId": "dr-1", "doctorId": "dr-1", "details": {}}
    asked = {"actor": "staff", "requestId": "r-1", "at": now() - ago}
    return {"_id": id_, **told, **asked, "recordedAt": recorded, **fields}


@planted("audit_entry_gone", "event_without_audit")
def a_sealed_entry_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    [_, end] = scene.of_booking(scene.ended)
    scene.delete("audit_logs", end)
    return end, {"1"}


@planted("audit_entry_gone")
def a_sealed_entry_of_a_clinic_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=3)
    scene.delete("audit_logs", "calendar_2")
    return "calendar_2", {"2"}


@planted("audit_entry_changed", "event_differs_from_audit")
def a_sealed_entry_was_changed(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    [_, end] = scene.of_booking(scene.ended)
    scene.change("audit_logs", end, requestId="another")
    return end, {end, "1"}


@planted("audit_entry_changed", "malformed_document")
def a_sealed_number_is_of_another_type(scene: Scene) -> tuple[str, set[str]]:
    # Equal in every comparison, and yet not what was written.
    scene.seal()
    [_, end] = scene.of_booking(scene.ended)
    scene.change("audit_logs", end, version=float(scene.document("audit_logs", end)["version"]))
    return end, {end, "1"}


@planted("audit_block_missing")
def a_block_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=3)
    scene.delete("audit_seals", 2)
    return "2", {"2"}


@planted("audit_block_missing")
def the_first_block_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=2)
    scene.delete("audit_seals", 1)
    return "1", {"1"}


@planted("audit_chain_broken")
def a_block_was_changed(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=3)
    scene.change("audit_seals", 2, sealedAt=Timestamp(1, 1))
    return "3", {"2", "3"}


@planted("audit_chain_broken", "audit_entry_changed")
def an_entry_and_its_block_were_changed_alike(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=3)
    scene.change("audit_logs", "calendar_2", actor="nobody")
    scene.change("audit_seals", 2, digests=b"x" * 32)
    return "3", {"2", "3"}


@planted("audit_chain_broken", "audit_head_differs")
def a_block_in_the_place_of_another(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=2)
    forged = {**scene.document("audit_seals", 2), "previous": "f" * 64}
    scene.delete("audit_seals", 2)
    scene.insert("audit_seals", forged)
    return "2", {"1", "2"}


@planted("malformed_document")
def a_block_of_an_old_number(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=2)
    scene.insert("audit_seals", {**scene.document("audit_seals", 1), "_id": 0, "ids": ["else"]})
    return "0", {"0"}


@planted("malformed_document")
def a_block_between_two_numbers(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=2)
    scene.insert("audit_seals", {**scene.document("audit_seals", 1), "_id": 1.5, "ids": ["else"]})
    return "(float)", {"(float)"}


@planted("malformed_document")
def a_block_without_its_digests(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    scene.heads = {}
    scene.change("audit_seals", 1, digests=b"")
    return "1", {"1"}


@planted("audit_not_sealed")
def entries_that_nobody_seals(scene: Scene) -> tuple[str, set[str]]:
    for number in (1, 2):
        scene.insert("audit_logs", clinic_s_entry(f"calendar_{number}", timedelta(minutes=10)))
    return "calendar_1", {"calendar_1"}


@planted("audit_not_sealed")
def an_entry_from_before_there_were_stamps(scene: Scene) -> tuple[str, set[str]]:
    entry = clinic_s_entry("calendar_1")
    del entry["recordedAt"]
    scene.insert("audit_logs", entry)
    return "calendar_1", {"calendar_1"}


@planted("audit_passed_over")
def an_entry_put_there_with_an_old_time(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    scene.insert("audit_logs", clinic_s_entry("calendar_old", DAY))
    scene.house.seal()
    return "calendar_old", {"calendar_old"}


@planted("audit_passed_over")
def an_entry_put_there_with_a_time_to_come(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    scene.insert("audit_logs", clinic_s_entry("calendar_new", -DAY))
    scene.house.seal()
    return "calendar_new", {"calendar_new"}


@planted("audit_passed_over")
def an_entry_whose_stamp_is_no_stamp(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    stamps = [Timestamp(1, 1), Timestamp(2, 1)]
    scene.insert("audit_logs", clinic_s_entry("calendar_odd", recordedAt=stamps))
    scene.house.seal()
    return "calendar_odd", {"calendar_odd"}


@planted("audit_head_missing")
def the_newest_blocks_are_cut_off(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=3)
    scene.delete("audit_seals", 2, 3)
    return "3", {"1"}


@planted("audit_head_missing")
def all_blocks_are_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.seal(blocks=2)
    scene.delete("audit_seals", 1, 2)
    return "2", set()


@planted("audit_head_differs", "event_differs_from_audit")
def the_whole_chain_was_written_anew(scene: Scene) -> tuple[str, set[str]]:
    scene.seal()
    noted = scene.heads
    [_, end] = scene.of_booking(scene.ended)
    scene.change("audit_logs", end, userId="nobody")
    scene.delete("audit_seals", 1)
    scene.seal()
    scene.heads = noted
    return "1", {"1"}


# --- one effect a request


@planted("attempt_booked_twice", "guard_missing", "booking_without_fact")
def two_bookings_of_one_attempt(scene: Scene) -> tuple[str, set[str]]:
    scene.house.database["bookings"].drop_index("one_per_attempt")
    other = scene.anew(scene.ended, attemptId=scene.ended.attempt_id)
    return scene.ended.attempt_id, {scene.ended.id, other}


@planted("booking_id_not_of_attempt", "booking_without_fact")
def a_booking_of_an_unlikely_id(scene: Scene) -> tuple[str, set[str]]:
    other = scene.anew(scene.ended, _id="bk_else")
    return other, {other}


# --- every hold ends


@planted("hold_not_ended")
def a_hold_that_nobody_swept(scene: Scene) -> tuple[str, set[str]]:
    scene.house.end_hold(scene.held)
    return scene.held, {scene.held}


@planted("fact_not_recorded")
def a_fact_that_stays_in_its_slot(scene: Scene) -> tuple[str, set[str]]:
    [_, end] = scene.of_booking(scene.ended)
    entry = scene.document("audit_logs", end)
    scene.change("slots", scene.ended.slot_id, pendingEvents=[entry])
    return end, {scene.ended.slot_id}


@planted("key_without_end")
def a_lock_for_ever(scene: Scene) -> tuple[str, set[str]]:
    scene.house.redis.persist(scene.house.keys.lock(scene.held))
    about = f"lock:slot:{scene.held}"
    return about, {about}


@planted("key_without_end")
def a_bucket_for_ever(scene: Scene) -> tuple[str, set[str]]:
    # Whose it is, is an address: it is not told.
    scene.house.redis.set(scene.house.keys.bucket("ip", "192.0.2.7"), 1)
    return "rl:ip:...", {"rl:ip:..."}


@planted("lock_outlives_hold")
def a_lock_of_a_slot_that_is_not_held(scene: Scene) -> tuple[str, set[str]]:
    lock = scene.house.keys.lock(scene.ended.slot_id)
    scene.house.redis.set(lock, scene.ended.attempt_id, ex=900)
    return scene.ended.attempt_id, {f"lock:slot:{scene.ended.slot_id}"}


@planted("lock_outlives_hold")
def a_place_of_a_slot_that_is_not_held(scene: Scene) -> tuple[str, set[str]]:
    places = scene.house.keys.places(scene.patient)
    place = f"{scene.ended.slot_id}:{scene.ended.attempt_id}"
    scene.house.redis.zadd(places, {place: (now() + timedelta(minutes=15)).timestamp() * 1000})
    return scene.ended.attempt_id, {f"holds:user:{scene.patient}"}


# --- money and bookings


def pay(scene: Scene, booking: Booking, state: str = "captured", **changes: object) -> str:
    """Give the booking a price, and a payment in this state; the payment's id."""
    price = {"amount": 5_000, "currency": "eur"}
    scene.change("bookings", booking.id, payment=price)
    saga = {
        "_id": booking.attempt_id,
        "slotId": booking.slot_id,
        "doctorId": booking.doctor_id,
        "userId": booking.user_id,
        "bookingId": booking.id,
        "state": state,
        "paymentId": "pi_1",
        "try": 1,
        "version": 3,
        "createdAt": booking.created_at,
        "updatedAt": booking.created_at,
        **price,
        **changes,
    }
    scene.insert("sagas", saga)
    return booking.attempt_id


@planted("unknown_saga_state")
def a_payment_in_no_known_state(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.booking, state="lost")
    return saga, {saga}


@planted("payment_unfinished")
def a_payment_half_way(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.booking, state="capturing")
    return saga, {saga}


@planted("money_without_booking")
def money_of_an_ended_booking(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.ended)
    return saga, {saga, scene.ended.id}


@planted("money_without_booking")
def money_of_no_booking(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.booking, _id="at_none", bookingId="bk_none")
    pay(scene, scene.booking)
    assert saga != "at_none"
    return "at_none", {"at_none"}


@planted("booking_without_payment")
def a_price_nobody_paid(scene: Scene) -> tuple[str, set[str]]:
    scene.change("bookings", scene.booking.id, payment={"amount": 5_000, "currency": "eur"})
    return scene.booking.id, {scene.booking.id}


@planted("booking_without_payment")
def a_booking_whose_money_was_given_back(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.booking, state="refunded")
    return scene.booking.id, {scene.booking.id, saga}


@planted("payment_differs")
def another_sum_than_the_price(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.booking, amount=4_000)
    return scene.booking.id, {scene.booking.id, saga}


# --- both together


@planted("replacement_one_sided", "booking_disagrees_with_facts")
def the_old_booking_does_not_say_so(scene: Scene) -> tuple[str, set[str]]:
    scene.without("bookings", scene.old.id, "replacedBy")
    return scene.new.id, {scene.new.id, scene.old.id}


@planted("replacement_one_sided", "booking_disagrees_with_facts")
def the_new_booking_does_not_say_so(scene: Scene) -> tuple[str, set[str]]:
    scene.without("bookings", scene.new.id, "replaces")
    return scene.old.id, {scene.new.id, scene.old.id}


@planted("replacement_one_sided", "booking_lost", "slot_without_booking")
def the_new_booking_is_gone(scene: Scene) -> tuple[str, set[str]]:
    scene.delete("bookings", scene.new.id)
    return scene.old.id, {scene.old.id}


# --- documents that are not what they must be


def _broken(collection: str, name: str, value: object, *also: str) -> None:
    def plant(scene: Scene) -> tuple[str, set[str]]:
        id_ = {
            "slots": scene.ended.slot_id,
            "bookings": scene.ended.id,
            "audit_logs": scene.of_booking(scene.ended)[-1],
            "outbox": scene.of_booking(scene.ended)[-1],
        }[collection]
        if value is None:
            scene.without(collection, id_, name)
        else:
            scene.change_in(collection, id_, name, value)
        return id_, {id_}

    plant.__name__ = f"{collection}.{name} = {value!r}"
    planted("malformed_document", *also)(plant)


for field_, wrong in (
    ("doctorId", 7),
    ("startTime", None),
    ("startTime", "2026-01-01"),
    ("endTime", datetime(1999, 1, 1, tzinfo=UTC)),
    ("version", None),
    ("version", "2"),
    ("version", 0),
    ("version", True),
    ("status", 1),
    ("status", None),
    ("status", "reserved"),
    ("hold", "mine"),
    ("pendingEvents", "none"),
    ("pendingEvents", [{"type": "hold.expired"}]),
    ("bookingId", {"$gt": ""}),
):
    _broken("slots", field_, wrong)
for field_, wrong in (
    ("userId", None),
    ("attemptId", 1),
    ("startTime", 0),
    ("status", []),
    ("version", -1),
    ("createdAt", None),
    ("payment", "much"),
):
    _broken("bookings", field_, wrong)
for field_, wrong in (("at", None), ("type", "booking.eaten"), ("to", "booked"), ("version", 99)):
    _broken("audit_logs", field_, wrong)
for field_, wrong in (("sentAt", None), ("unsent", "yes"), ("slotId", None)):
    _broken("outbox", field_, wrong)


@planted("malformed_document")
def a_date_that_python_cannot_hold(scene: Scene) -> tuple[str, set[str]]:
    scene.house.database["slots"].update_one(
        {"_id": scene.ended.slot_id},
        [{"$set": {"startTime": {"$toDate": {"$literal": 400_000_000_000_000}}}}],
    )
    return scene.ended.slot_id, {scene.ended.slot_id}


@planted("malformed_document")
def a_slot_whose_id_is_a_number(scene: Scene) -> tuple[str, set[str]]:
    scene.insert("slots", {**scene.document("slots", scene.ended.slot_id), "_id": 7})
    return "(int)", {"(int)"}


@planted("malformed_document")
def a_booking_whose_id_is_a_document(scene: Scene) -> tuple[str, set[str]]:
    copied = scene.document("bookings", scene.ended.id)
    scene.insert("bookings", {**copied, "_id": {"a": 1}, "attemptId": "at_x"})
    return "(dict)", {"(dict)"}


@planted("malformed_document", "audit_not_sealed")
def an_audit_entry_of_no_slot(scene: Scene) -> tuple[str, set[str]]:
    scene.insert("audit_logs", {"_id": "something", "type": "booking.confirmed"})
    return "something", {"something"}


@planted("malformed_document")
def a_delivery_without_its_time(scene: Scene) -> tuple[str, set[str]]:
    scene.insert("deliveries", {"_id": "d-2", "at": "today"})
    return "d-2", {"d-2"}


@planted("malformed_document")
def a_payment_without_a_sum(scene: Scene) -> tuple[str, set[str]]:
    saga = pay(scene, scene.booking, amount="much")
    return saga, {saga}


@planted("malformed_document")
def a_lock_that_is_a_list(scene: Scene) -> tuple[str, set[str]]:
    lock = scene.house.keys.lock(scene.ended.slot_id)
    scene.house.redis.rpush(lock, "x")
    scene.house.redis.expire(lock, 60)
    about = f"lock:slot:{scene.ended.slot_id}"
    return about, {about}
