"""Every statement of every route is an index scan that reads next to nothing it does not return.

On 200,000 slots and 100,000 bookings. Statements are not copied here: those that the use cases send
are explained on their way (`tests.support.explained`), which tells also what "returned" means.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from slotkeeper.adapters.mongo.booking_lists import MongoBookingLists
from slotkeeper.adapters.mongo.catalogue import MongoCatalogue
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.contracts.booking_lists import ListBookingsQuery
from slotkeeper.contracts.doctors import ListDoctorsQuery
from slotkeeper.contracts.slots import ListSlotsQuery
from slotkeeper.domain.errors import NotFound, OtpInvalid
from slotkeeper.domain.timetable import Asked, TimeChange
from slotkeeper.domain.user import Caller, Role, User
from slotkeeper.ports.pages import Page, Position
from slotkeeper.services.export_person import Place, export_person
from slotkeeper.services.get_booking import get_booking
from slotkeeper.services.list_bookings import list_bookings
from slotkeeper.services.list_doctors import get_doctor, list_doctors
from slotkeeper.services.profile import get_profile, put_profile
from tests.support import crowd
from tests.support.explained import Explained, explained
from tests.support.house import House
from tests.support.managing import Managing, day_schedule
from tests.support.reading import Reader
from tests.support.servers import Stores

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SLOTS_OF_PERIOD = 2 * 16
"""A day of the schedules below, and the one before."""
DOCTOR = "dr-3"
PATIENT = Caller(user_id="p-7", role=Role.PATIENT)
STAFF = Caller(user_id="staff", role=Role.STAFF)
ADMIN = Caller(user_id="admin", role=Role.ADMIN)
Plans = Callable[[Callable[[], object]], Explained]


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


TOMORROW = (NOW + DAY).date().isoformat()
RANGES = {
    "all": {},
    "from": {"from": _text(NOW + DAY)},
    "to": {"to": _text(NOW + 2 * DAY)},
    "from and to": {"from": _text(NOW - 3 * DAY), "to": _text(NOW + 4 * DAY)},
}
DATES = {**RANGES, "date": {"date": TOMORROW}, "both": {"date": TOMORROW, **RANGES["from and to"]}}
PAGES = {"first page": {}, "page 3": {"page": "3", "limit": "5"}, "100": {"limit": "100"}}


pytestmark = pytest.mark.one_server("how MongoDB finds is the same in a set of one and of three")


@pytest.fixture(scope="module")
def busy(stores: Stores, mongo: MongoClient[dict[str, Any]]) -> Iterator[House]:
    """A house in which a year has passed."""
    name = f"t{uuid.uuid4().hex[:12]}"
    crowd.fill(mongo[name])
    mongo[name].users.insert_one({"_id": "staff", "clinicId": crowd.BIG_CLINIC})
    with stores.connect_redis() as redis:
        yield (made := House.on(stores.database_uri(name), redis, environment=name))
        made.database.client.close()
        made.lose_redis()
    mongo.drop_database(name)


@pytest.fixture
def plans(mongo: MongoClient[dict[str, Any]]) -> Plans:
    """What a call sends to MongoDB, explained."""

    def plans_of(call: Callable[[], object]) -> Explained:
        with explained(mongo) as found:
            call()
        assert found.plans
        return found

    return plans_of


def test_there_are_as_many_as_was_asked_for(busy: House) -> None:
    assert busy.database["slots"].estimated_document_count() == 200_000
    assert busy.database["bookings"].estimated_document_count() == 100_000


def test_a_statement_without_its_index_is_found_out(busy: House, plans: Plans) -> None:
    slots = busy.database["slots"]

    scan = plans(lambda: list(slots.find({"endTime": NOW})))
    sort = plans(lambda: list(slots.find({"doctorId": DOCTOR}).sort("endTime", 1).limit(5)))
    filtered = plans(lambda: list(slots.find({"doctorId": DOCTOR, "endTime": NOW})))
    change = plans(lambda: slots.update_many({"endTime": NOW}, {"$inc": {"version": 1}}))

    assert all(len(found.unbounded) == 1 for found in (scan, sort, filtered, change))


# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("dates", DATES.values(), ids=DATES)
def test_free_slots(busy: House, plans: Plans, dates: dict[str, str], page: dict[str, str]) -> None:
    reader = Reader(busy, kept=timedelta(0))

    found = plans(lambda: reader.read(DOCTOR, **dates, **page))

    assert found.unbounded == []


@pytest.mark.parametrize("dates", DATES.values(), ids=DATES)
def test_free_slots_far_in_by_cursor(busy: House, plans: Plans, dates: dict[str, str]) -> None:
    wanted = ListSlotsQuery.model_validate(dates).wanted(DOCTOR)
    some = busy.slots.free_slots(wanted, now=NOW, after=None, skip=0, limit=100)
    place = Position(key=some[-6].start_time, id=some[-6].id)

    found = plans(lambda: busy.slots.free_slots(wanted, now=NOW, after=place, skip=0, limit=21))

    assert found.unbounded == []


def test_a_doctor_who_is_not_there_is_looked_for_by_index(busy: House, plans: Plans) -> None:
    def read() -> None:
        with pytest.raises(NotFound):
            Reader(busy).read("dr-nobody")

    assert plans(read).unbounded == []


@pytest.mark.parametrize("caller", [PATIENT, STAFF, ADMIN], ids=lambda caller: caller.role)
@pytest.mark.parametrize("specialty", [{}, {"specialty": "cardiology"}], ids=["any", "one"])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_doctors(
    busy: House, plans: Plans, caller: Caller, specialty: dict[str, str], page: dict[str, str]
) -> None:
    found = plans(lambda: _doctors(busy, caller, {**specialty, **page}))

    assert found.unbounded == []


@pytest.mark.parametrize("caller", [PATIENT, STAFF, ADMIN], ids=lambda caller: caller.role)
@pytest.mark.parametrize("specialty", [{}, {"specialty": "cardiology"}], ids=["any", "one"])
def test_doctors_far_in_by_cursor(
    busy: House, plans: Plans, caller: Caller, specialty: dict[str, str]
) -> None:
    some = _doctors(busy, caller, {**specialty, "limit": "25"})
    last = Position(key=some.items[-1].name, id=some.items[-1].id)

    found = plans(lambda: _doctors(busy, caller, specialty, after=last))

    assert found.unbounded == []


def _doctors(
    house: House, caller: Caller, asked: dict[str, str], after: Position | None = None
) -> Page[Any]:
    query, made = ListDoctorsQuery.model_validate(asked), list[Page[Any]]()
    list_doctors(
        wanted=query.wanted(),
        asked=repr(query),
        caller=caller,
        skip=query.skip,
        limit=query.limit,
        after=after,
        view=query.view("u"),
        to_text=lambda page: made.append(page) or "",  # type: ignore[func-returns-value]  # None
        catalogue=MongoCatalogue(house.database),
        users=house.users,
        pages=Reader(house, kept=timedelta(0)).doctor_pages,
        together=together,
    )
    return made[0]


STATUSES = [{}, {"status": "confirmed"}]


@pytest.mark.parametrize("caller", [PATIENT, STAFF, ADMIN], ids=lambda caller: caller.role)
@pytest.mark.parametrize("status", STATUSES, ids=["any", "confirmed"])
@pytest.mark.parametrize("dates", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_bookings(
    busy: House,
    plans: Plans,
    caller: Caller,
    status: dict[str, str],
    dates: dict[str, str],
    page: dict[str, str],
) -> None:
    found = plans(lambda: _bookings(busy, caller, {**status, **dates, **page}))

    assert found.unbounded == []


@pytest.mark.parametrize("caller", [PATIENT, STAFF, ADMIN], ids=lambda caller: caller.role)
@pytest.mark.parametrize("status", STATUSES, ids=["any", "confirmed"])
@pytest.mark.parametrize("dates", RANGES.values(), ids=RANGES)
def test_bookings_far_in_by_cursor(
    busy: House, plans: Plans, caller: Caller, status: dict[str, str], dates: dict[str, str]
) -> None:
    # In the midst of 250 bookings that begin at once.
    some = _bookings(busy, caller, {**status, **dates, "limit": "50"})
    middle = some.items[len(some.items) // 2]
    place = Position(key=middle.start_time, id=middle.id)

    found = plans(lambda: _bookings(busy, caller, {**status, **dates}, after=place))

    assert found.unbounded == []


def _bookings(
    house: House, caller: Caller, asked: dict[str, str], after: Position | None = None
) -> Page[Any]:
    query = ListBookingsQuery.model_validate(asked)
    return list_bookings(
        wanted=query.wanted(),
        caller=caller,
        skip=query.skip,
        limit=query.limit,
        after=after,
        bookings=MongoBookingLists(house.database),
        catalogue=MongoCatalogue(house.database),
        users=house.users,
        together=together,
    )


# --- one of each ----------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [PATIENT, STAFF, ADMIN], ids=lambda caller: caller.role)
def test_one_doctor_one_booking_and_a_profile(busy: House, plans: Plans, caller: Caller) -> None:
    reader = Reader(busy, kept=timedelta(0))
    booking_id = next(row["_id"] for row in busy.bookings(userId="p-7", doctorId="dr-21"))

    def read() -> None:
        get_booking(
            booking_id=booking_id,
            caller=caller,
            ledger=busy.ledger,
            doctors=busy.doctors,
            users=busy.users,
        )
        get_doctor(
            doctor_id="dr-21",
            caller=caller,
            view=ListDoctorsQuery().view("u"),
            to_page=lambda doctor: Any,  # type: ignore[arg-type,return-value]  # not looked at
            catalogue=MongoCatalogue(busy.database),
            users=busy.users,
            pages=reader.doctor_pages,
        )
        get_profile(user_id=caller.user_id, users=busy.users, views=reader.views, together=together)

    assert plans(read).unbounded == []


def test_a_profile_is_put_by_its_id(busy: House, plans: Plans) -> None:
    views = Reader(busy).views

    def put() -> None:
        for user in (User(id="p-9", phone="+15550001"), User(id="a-new-one")):
            put_profile(user=user, users=busy.users, views=views, together=together)

    assert plans(put).unbounded == []


def test_a_person_is_told_and_forgotten_by_index(busy: House, plans: Plans) -> None:
    """Whose past is as long as anybody's; a hold, a reason and a notice among it."""
    alice = "p-11"
    booking = busy.book(_free(busy, 11), alice)
    busy.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT), reason="a cold")
    busy.hold(_free(busy, 12), alice)
    busy.relay()
    busy.database["bookings"].update_many(
        {"userId": alice, "status": "confirmed", "startTime": {"$gt": NOW}},
        {"$set": {"status": "completed"}},
    )
    request = uuid.uuid4().hex

    def tell(limit: int) -> None:
        place: Place | None = None
        while True:
            page = export_person(
                user_id=alice,
                asked=Asked(actor=alice, request_id=request, request_key=uuid.uuid4().hex),
                place=place,
                limit=limit,
                data=busy.personal,
                kept=busy.personal_keys,
                users=busy.users,
                views=Reader(busy).views,
                clock=SystemClock(),
            )
            place = page.next
            if place is None:
                return

    told = plans(lambda: tell(100))
    forgotten = plans(lambda: busy.erase(alice))
    again = plans(lambda: busy.erase(alice))

    assert told.unbounded == []
    assert forgotten.unbounded == []
    assert again.unbounded == []


# --- booking --------------------------------------------------------------------------------------


def _free(house: House, number: int) -> str:
    # Judged by now: in two days, a slot that is held now would count as free.
    wanted = ListSlotsQuery.model_validate({"from": _text(NOW + 2 * DAY)}).wanted("dr-10")
    found = house.slots.free_slots(wanted, now=NOW, after=None, skip=number, limit=1)
    return found[0].id


def test_a_booking_from_hold_to_cancellation(busy: House, plans: Plans) -> None:
    slot, alice = _free(busy, 0), busy.patient()
    caller = Caller(user_id=alice, role=Role.PATIENT)

    def book_and_cancel() -> None:
        attempt = busy.hold(slot, alice)
        busy.resend(attempt, alice)
        with pytest.raises(OtpInvalid):
            busy.verify(attempt, alice, busy.wrong_code(attempt, alice))
        booking = busy.verify(attempt, alice).booking
        busy.verify(attempt, alice, "000000")
        busy.cancel(booking.id, caller)

    found = plans(book_and_cancel)

    assert {"findAndModify", "update", "find"} <= {next(iter(p.statement)) for p in found.plans}
    assert found.unbounded == []


def test_a_booking_that_is_moved_and_given_up(busy: House, plans: Plans) -> None:
    slots, alice = [_free(busy, number) for number in (3, 9)], busy.patient()
    caller = Caller(user_id=alice, role=Role.PATIENT)

    def move() -> None:
        first = busy.book(slots[0], alice)
        second = busy.book(slots[1], alice, replaces=first.id)
        busy.reschedule(second.id, caller)

    assert plans(move).unbounded == []


def test_a_hold_that_is_released(busy: House, plans: Plans) -> None:
    slot, alice = _free(busy, 5), busy.patient()

    assert plans(lambda: busy.release(busy.hold(slot, alice), alice)).unbounded == []


def test_a_hold_whose_code_cannot_be_queued(busy: House, plans: Plans) -> None:
    slot, alice = _free(busy, 7), busy.patient()

    def fail() -> None:
        busy.queue.is_down = True
        with pytest.raises(Exception):  # noqa: B017, PT011  # Unavailable, or what it becomes
            busy.hold(slot, alice)
        busy.queue.is_down = False

    assert plans(fail).unbounded == []


# --- the clinic -----------------------------------------------------------------------------------


def test_doctors_are_added_and_changed(busy: House, plans: Plans) -> None:
    clinic = Managing(busy)

    def change() -> None:
        doctor = clinic.add_doctor("one-key")
        clinic.add_doctor("one-key")
        clinic.change_doctor(doctor.id, name="Dr. Eve")
        clinic.as_staff("clinic-1").change_doctor(doctor.id, specialty="dermatology")

    assert plans(change).unbounded == []


def test_schedules_are_filled_and_time_is_blocked_and_removed(busy: House, plans: Plans) -> None:
    clinic = Managing(busy)
    doctor = "dr-11"
    start = day_schedule(60).first

    def manage() -> None:
        clinic.fill(doctor, day_schedule(60, lasts=3))
        clinic.fill(doctor, day_schedule(61, lasts=3))
        begin = datetime.combine(start, time(), UTC)
        clinic.change_time(doctor, TimeChange.BLOCKED, begin + 10 * HOUR, begin + 12 * HOUR)
        clinic.change_time(doctor, TimeChange.REMOVED, begin + DAY, begin + 2 * DAY)
        slot = clinic.slots(doctor)[-1]["_id"]
        clinic.block(slot)
        clinic.block(slot, is_blocked=False)

    found = plans(manage)

    # Whether a period holds what must be settled first is told by reading the doctor's slots in it
    # (and before it, as far as one reaches): bounded by the period, but not by what is found.
    in_period = [plan for plan in found.unbounded if "endTime" in plan.statement.get("filter", {})]
    own = {"doctorId": doctor}  # how the tests themselves look at all of a doctor's slots
    others = [plan for plan in found.unbounded if plan not in in_period]
    assert [plan for plan in others if plan.statement.get("filter") != own] == []
    assert all(not plan.stages & {"COLLSCAN", "SORT"} for plan in in_period)
    assert all(plan.examined <= SLOTS_OF_PERIOD for plan in in_period)


# --- in the background ----------------------------------------------------------------------------


def test_the_sweep(busy: House, plans: Plans) -> None:
    found = plans(busy.sweep)

    assert any(plan.returned == 200 for plan in found.plans)
    assert found.unbounded == []


def test_the_relay(busy: House, plans: Plans) -> None:
    assert plans(busy.relay).unbounded == []
    assert busy.events(unsent=True) == []


def test_the_sealing(busy: House, plans: Plans) -> None:
    busy.seal()
    busy.book(_free(busy, 11), busy.patient())

    found = plans(busy.seal)

    # Back to what was sealed some minutes ago, of which the index alone tells the ids.
    assert found.unbounded == []
    looks = [plan for plan in found.plans if plan.statement.get("filter", {}).get("recordedAt")]
    assert looks
    assert sum(plan.examined for plan in looks) == 0


def test_notifications_and_codes_of_the_day(busy: House, plans: Plans) -> None:
    quota = MongoCodeQuota(busy.database, busy.policy)

    def notify() -> None:
        busy.deliveries.claim("one")
        busy.deliveries.mark_sent("one", "message")
        busy.deliveries.claim("one")
        busy.deliveries.claim("two")
        busy.deliveries.give_up("two")
        taken = quota.take(user_id="p-1", phone="+15550000001")
        assert taken is not None
        quota.give_back(taken)
        busy.users.get_for_code("p-1")

    assert plans(notify).unbounded == []
