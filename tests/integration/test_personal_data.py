"""A person is told all that is held of them, and forgotten, on real stores."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.check import check
from slotkeeper.adapters.mongo.documents import (
    AUDIT_LOGS,
    BOOKINGS,
    DELIVERIES,
    SLOTS,
    USERS,
)
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.adapters.redis.requests import RedisRequests
from slotkeeper.bootstrap import SystemClock
from slotkeeper.contracts.export import ExportQuery, ExportResponse
from slotkeeper.domain.attempt import request_key
from slotkeeper.domain.errors import AppointmentsAhead, InvalidRequest, Unavailable
from slotkeeper.domain.timetable import Asked
from slotkeeper.domain.user import Caller, Channel, Role, User
from slotkeeper.ports.pages import LastView
from slotkeeper.services.export_person import export_person
from slotkeeper.services.send_notification import Post, send_code
from tests.support.house import House
from tests.support.post import Consumer, LetterBox

PHONE, EMAIL, REASON = "+15550777001", "canary-7@example.com", "canary: my knee again"


@dataclass
class NoViews:
    """`Views` of somebody who looked at nothing."""

    seen: Mapping[str, LastView] = field(default_factory=dict)

    def last(self, user_id: str) -> LastView | None:
        return self.seen.get(user_id)


def patient(user_id: str) -> Caller:
    return Caller(user_id=user_id, role=Role.PATIENT)


def send_all(house: House, box: LetterBox) -> None:
    """Codes that are queued go out."""
    for job in house.queue.codes:
        send_code(
            job,
            codes=house.codes,
            maker=house.maker,
            users=house.users,
            quota=MongoCodeQuota(house.database, house.policy),
            post=Post(deliveries=house.deliveries, notifier=box, fallback_to_email=False),
        )
    house.queue.codes.clear()


def full_life(house: House, user_id: str) -> str:
    """A past with everything in it: holds, codes, notices, a reason. The booking is cancelled."""
    box = LetterBox()
    attempt = house.hold(house.slot(starts_in=timedelta(days=3)), user_id)
    send_all(house, box)
    booking = house.verify(attempt, user_id).booking
    house.cancel(booking.id, patient(user_id), reason=REASON)
    house.relay()
    Consumer(house, box).take(house.queue.events)
    house.queue.events.clear()
    house.hold(house.slot(starts_in=timedelta(days=4)), user_id)
    send_all(house, box)
    return booking.id


@pytest.fixture
def alice(house: House) -> str:
    user = User(
        id=f"alice-{uuid.uuid4().hex[:8]}",
        phone=PHONE,
        email=EMAIL,
        preferred_channel=Channel.SMS,
        locale="en",
        time_zone="Europe/Berlin",
    )
    return house.users.put(user).id


def everything(house: House) -> str:
    """All that the stores hold, as text."""
    documents = {
        name: list(house.database[name].find()) for name in house.database.list_collection_names()
    }
    redis: dict[str, Any] = {}
    for key in house.redis.scan_iter(f"{house.keys.environment}:*"):
        kind = str(house.redis.type(key))
        if kind == "hash":
            redis[key] = house.redis.hgetall(key)
        else:
            redis[key] = house.redis.zrange(key, 0, -1) if kind == "zset" else house.redis.get(key)
    return str(documents) + str(redis)


def violations(house: House) -> list[str]:
    found = check(
        house.database,
        house.redis,
        environment=house.keys.environment,
        grace=timedelta(0),
    )
    return [str(one) for one in found]


def export_pages(house: House, user_id: str, limit: int = 100) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    for _ in range(200):
        query = ExportQuery.model_validate(
            {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        )
        request = uuid.uuid4().hex
        page = export_person(
            user_id=user_id,
            asked=Asked(actor=user_id, request_id=request, request_key=request),
            place=query.place(user_id),
            limit=query.limit,
            data=house.personal,
            kept=house.personal_keys,
            users=house.users,
            views=NoViews({user_id: LastView(doctor_id="dr-1", filters={})}),
            clock=SystemClock(),
        )
        told: dict[str, Any] = json.loads(ExportResponse.text_of(page))
        yield told
        cursor = told["nextCursor"]
        if cursor is None:
            return
    raise AssertionError("it never ends")


# --- export ---------------------------------------------------------------------------------------


def test_an_export_tells_everything(house: House, alice: str) -> None:
    booking = full_life(house, alice)

    [page] = export_pages(house, alice)

    current = page["current"]
    assert current["profile"] == {
        "phone": PHONE,
        "email": EMAIL,
        "preferredChannel": "sms",
        "locale": "en",
        "timeZone": "Europe/Berlin",
        "clinicId": None,
    }
    assert current["codesToday"] >= 2
    assert len(current["codesSent"]) == 2
    assert len(current["holds"]) == 1
    assert current["lastViewed"] == {"doctorId": "dr-1", "filters": {}}
    assert current["remembered"]["answers"] == 2
    [told] = page["bookings"]
    assert (told["id"], told["status"], told["reason"]) == (booking, "cancelled", REASON)
    assert [fact["type"] for fact in page["history"]] == ["booking.confirmed", "booking.cancelled"]
    assert {fact["by"] for fact in page["history"]} == {"you"}
    assert len(page["notices"]) == 1
    assert page["nextCursor"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_together_tell_each_thing_once(house: House, alice: str, limit: int) -> None:
    made = []
    for days in range(3):
        booking = house.book(house.slot(starts_in=timedelta(days=3 + days)), alice)
        house.cancel(booking.id, patient(alice))
        made.append(booking.id)
    house.relay()

    pages = list(export_pages(house, alice, limit))

    assert [b["id"] for page in pages for b in page["bookings"]] == made
    facts = [fact["id"] for page in pages for fact in page["history"]]
    assert len(facts) == len(set(facts)) == 6
    assert [page["current"] is not None for page in pages] == [True] + [False] * (len(pages) - 1)
    assert all(len(page["bookings"]) + len(page["history"]) <= limit for page in pages)


def test_an_export_tells_nothing_of_anybody_else(house: House, alice: str) -> None:
    bob = house.patient(phone="+15550888002", email="bob@example.com")
    doctor = house.doctor()
    first, second = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=5))
    theirs = house.book(first, bob)
    house.cancel(theirs.id, patient(bob), reason="bob's reason")
    mine = house.book(first, alice)
    staff = house.patient(clinicId="clinic-1")
    house.cancel(mine.id, Caller(user_id=staff, role=Role.STAFF), reason="closed")
    house.hold(second, bob)
    house.relay()

    text = json.dumps(list(export_pages(house, alice)))

    for other in (bob, staff, theirs.id, "+15550888002", "bob"):
        assert other not in text
    assert '"clinic"' in text


def test_a_cursor_of_somebody_else_is_refused(house: House, alice: str) -> None:
    for days in (3, 4):
        house.cancel(
            house.book(house.slot(starts_in=timedelta(days=days)), alice).id, patient(alice)
        )
    first = next(export_pages(house, alice, 1))

    with pytest.raises(InvalidRequest):
        ExportQuery.model_validate({"cursor": first["nextCursor"]}).place("bob")


def test_an_export_is_noted_once_whatever_pages_it_has(house: House, alice: str) -> None:
    full_life(house, alice)

    list(export_pages(house, alice, 1))

    [noted] = house.audit(type="user.exported")
    assert (noted["aggregateId"], noted["actor"]) == (alice, alice)
    assert violations(house) == []


# --- erasure --------------------------------------------------------------------------------------


def test_the_erased_have_nothing_left_but_bookings_and_their_history(
    house: House, alice: str
) -> None:
    booking = full_life(house, alice)
    before = house.bookings(_id=booking)[0]
    audit = house.audit(userId=alice)
    assert all(word in everything(house) for word in (PHONE, EMAIL, REASON))

    done = house.erase(alice)

    assert (done.profile, done.reasons, done.holds, done.messages) == (True, 1, 1, 3)
    text = everything(house)
    assert not [word for word in (PHONE, EMAIL, REASON, "***", "**01") if word in text]
    assert house.database[USERS].find_one({"_id": alice}) is None
    [after] = house.bookings(_id=booking)
    assert after == {name: value for name, value in before.items() if name != "reason"}
    kept = [row for row in house.audit(userId=alice) if row in audit]
    assert kept == audit
    assert not house.database[SLOTS].find_one({"status": "reserved"})
    left = {key.partition(":")[0] for key in house.redis_keys()}
    assert left <= {"otp"}  # wrong codes stay counted; here there are none
    house.relay()
    assert violations(house) == []


def test_an_erasure_is_noted_by_id_alone(house: House, alice: str) -> None:
    house.erase(alice)

    [noted] = house.audit(type="user.erased")
    assert noted["aggregateId"] == noted["actor"] == alice
    told = {"_id", "type", "aggregateId", "actor", "requestId", "at", "recordedAt", "details"}
    assert set(noted) == told
    assert violations(house) == []


def test_who_is_expected_is_not_forgotten_and_nothing_changes(house: House, alice: str) -> None:
    house.book(house.slot(), alice)
    house.hold(house.slot(starts_in=timedelta(days=5)), alice)
    before = everything(house)

    with pytest.raises(AppointmentsAhead):
        house.erase(alice)

    assert everything(house) == before


def test_who_had_an_appointment_is_forgotten_with_it_kept(house: House, alice: str) -> None:
    booking = house.book(house.slot(), alice)
    past = datetime.now(UTC) - timedelta(hours=1)
    house.database[BOOKINGS].update_one({"_id": booking.id}, {"$set": {"startTime": past}})

    assert house.erase(alice).profile
    assert house.bookings(_id=booking.id)[0]["status"] == "confirmed"


def test_a_booking_that_comes_in_between_refuses_the_erasure_too(house: House, alice: str) -> None:
    """Found by the transaction that erases, where the look before it found nothing."""
    house.book(house.slot(), alice)
    request = uuid.uuid4().hex
    asked = Asked(actor=alice, request_id=request, request_key=request)

    with pytest.raises(AppointmentsAhead):
        house.personal.erase_profile(alice, asked, now=datetime.now(UTC))

    assert house.users.get(alice).phone == PHONE
    assert not house.audit(type="user.erased")


def test_erasing_again_is_harmless(house: House, alice: str) -> None:
    full_life(house, alice)
    house.erase(alice)
    before = house.bookings()

    again = house.erase(alice)

    assert (again.profile, again.reasons, again.messages, again.holds) == (False, 0, 0, 0)
    assert house.bookings() == before


def test_nobody_known_can_be_erased(house: House) -> None:
    assert not house.erase("nobody").profile


def test_staff_lose_their_own_data_and_keep_their_clinic(house: House) -> None:
    carol = house.patient(phone=PHONE, clinicId="clinic-1")

    house.erase(carol)

    assert house.database[USERS].find_one({"_id": carol}) == {"_id": carol, "clinicId": "clinic-1"}


def test_a_profile_made_anew_starts_fresh(house: House, alice: str) -> None:
    full_life(house, alice)
    house.erase(alice)

    house.users.put(User(id=alice, phone="+15550999003"))
    attempt = house.hold(house.slot(starts_in=timedelta(days=6)), alice)
    booking = house.verify(attempt, alice).booking

    assert booking.user_id == alice
    assert house.users.get(alice).email is None
    house.relay()
    assert violations(house) == []


def test_forgetting_gives_no_code_and_no_guess_back(house: House, alice: str) -> None:
    full_life(house, alice)
    house.codes.count_failure(user_id=alice)

    house.erase(alice)

    house.users.put(User(id=alice, phone=PHONE))
    _, today = house.users.get_for_code(alice)
    # Two codes and a notice.
    assert (today.of_user, today.of_phone) == (3, 3)
    assert house.personal_keys.remembered(alice).wrong_codes == 1


def test_a_reason_on_its_way_to_the_booking_is_erased_too(house: House, alice: str) -> None:
    """The function died between the decision and the booking: the slot alone knows the reason."""
    booking = house.book(house.slot(), alice)
    house.relay()
    house.booked_slots.give_back(booking, _cancelling(alice), ahead=None)
    past = datetime.now(UTC) - timedelta(hours=1)
    house.database[BOOKINGS].update_one({"_id": booking.id}, {"$set": {"startTime": past}})
    assert REASON in everything(house)

    house.erase(alice)
    assert REASON not in everything(house)

    house.relay()
    [after] = house.bookings(_id=booking.id)
    assert (after["status"], after.get("reason")) == ("cancelled", None)


def _cancelling(user_id: str) -> Any:
    from slotkeeper.domain.booking import CANCEL, BookingChange

    return BookingChange(
        transition=CANCEL, actor=user_id, request_id="r", request_key="k", reason=REASON
    )


def test_a_reason_in_a_fact_set_aside_is_erased_too(house: House, alice: str) -> None:
    bob = house.patient()
    slot = house.slot()
    facts = [
        {
            "fact": {
                "attemptId": house.ticket(slot, who).attempt_id,
                "userId": who,
                "reason": REASON,
            },
            "at": datetime.now(UTC),
            "why": "x",
        }
        for who in (alice, bob)
    ]
    house.database[SLOTS].update_one({"_id": slot}, {"$set": {"setAsideEvents": facts}})

    house.erase(alice)

    mine, theirs = house.document(slot)["setAsideEvents"]
    assert mine["fact"]["reason"] is None
    assert theirs["fact"]["reason"] == REASON


def test_what_is_anybody_elses_stays(house: House, alice: str) -> None:
    bob = house.patient(phone="+15550888002", email="bob@example.com")
    full_life(house, alice)
    full_life(house, bob)
    keys = {key for key in house.redis.scan_iter(f"{house.keys.environment}:*") if bob in key}
    documents = {
        name: list(house.database[name].find({"$or": [{"userId": bob}, {"_id": bob}]}))
        for name in (USERS, BOOKINGS, AUDIT_LOGS)
    }

    house.erase(alice)

    assert {
        key for key in house.redis.scan_iter(f"{house.keys.environment}:*") if bob in key
    } == keys
    assert documents == {
        name: list(house.database[name].find({"$or": [{"userId": bob}, {"_id": bob}]}))
        for name in (USERS, BOOKINGS, AUDIT_LOGS)
    }
    assert house.database[DELIVERIES].count_documents({"messageId": {"$type": "string"}}) == 3


def test_events_on_their_way_find_nobody_to_tell(house: House, alice: str) -> None:
    booking = house.book(house.slot(), alice)
    house.cancel(booking.id, patient(alice))
    house.erase(alice)
    box = LetterBox()

    house.relay()
    again = Consumer(house, box).take(house.queue.events)

    assert (again, box.letters) == ([], [])
    house.relay()
    assert violations(house) == []


def test_a_code_on_its_way_is_not_sent(house: House, alice: str) -> None:
    house.hold(house.slot(), alice)
    house.erase(alice)
    box = LetterBox()

    send_all(house, box)

    assert box.letters == []


def test_without_redis_the_database_is_erased_and_the_rest_when_it_is_back(
    house: House, alice: str
) -> None:
    full_life(house, alice)
    away = house.on_database(house.database)
    broken = _Broken()

    with pytest.raises(Unavailable):
        away.erase(alice, broken)

    assert house.database[USERS].find_one({"_id": alice}) is None
    assert REASON not in everything(house)
    house.erase(alice)
    assert "***" not in everything(house)


class _Broken:
    def remembered(self, user_id: str) -> Any:
        raise Unavailable

    def forget(self, user_id: str) -> int:
        raise Unavailable


def test_a_request_under_way_keeps_no_answer_once_its_user_is_forgotten(house: House) -> None:
    requests = RedisRequests(house.redis, Keys(house.keys.environment))
    key = request_key("alice", "k" * 16)
    requests.begin(key, fingerprint="f", owner="one")

    house.personal_keys.forget("alice")
    requests.complete(key, owner="one", answer="secret")

    assert not house.redis.exists(house.keys.request(key))


def test_of_a_users_requests_the_newest_are_known_and_lapse(house: House) -> None:
    requests = RedisRequests(house.redis, house.keys)
    for number in range(1_005):
        requests.begin(request_key("alice", f"key-{number:016}"), fingerprint="f", owner="one")

    assert house.personal_keys.remembered("alice").answers == 1_000
    owner = request_key("alice", "k")[:16]
    assert 0 < house.redis.pttl(house.keys.requests_of(owner)) <= 24 * 3_600_000
