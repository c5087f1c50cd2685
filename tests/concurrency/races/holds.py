"""Many who want to hold."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from slotkeeper.adapters.mongo.documents import SLOTS
from slotkeeper.domain.errors import AppointmentError, SlotHeld, TooManyHolds, Unavailable
from tests.concurrency import guards
from tests.concurrency.lost import ensure
from tests.concurrency.race import THREADS, Control, Race, Results, Round
from tests.support.house import House

SEVERAL_HOLD = "several patients were told that they hold one slot"
TOO_MANY = "a patient holds more slots than allowed"
AT_ONE_TIME = "a patient holds two slots at one time"
TWICE = "one request had two effects"


def _one_slot(house: House, _: int, *, lock_decides: bool) -> Round:
    slot, patients = house.slot(), house.patients(THREADS)

    def judge(results: Results) -> str:
        won = [result for result in results["patients"] if isinstance(result, str)]
        ensure(len(won) <= 1, SEVERAL_HOLD, won)
        assert len(won) == 1
        refused = [result for result in results["patients"] if isinstance(result, SlotHeld)]
        assert len(refused) == THREADS - 1
        hold = house.document(slot)["hold"]
        assert hold["attemptId"] == won[0]
        if lock_decides:
            assert house.redis.get(house.keys.lock(slot)) == won[0]
        assert [job.attempt_id for job in house.queue.codes if job.slot_id == slot] == won
        seeds = [key for key in house.redis_keys() if key.startswith("otp:user:")]
        theirs = [key for key in seeds if key.split(":")[2] in patients]
        assert theirs == [f"otp:user:{hold['userId']}:{won[0]}"]
        return "held"

    holds = [partial(house.hold, slot, patient) for patient in patients]
    return Round(sides={"patients": holds}, judge=judge, slots=[slot])


_TWO_HOLDERS = Control(
    guard="Redis's lock and the condition of the update",
    off=lambda house: guards.grants_every_lock(guards.decides_on_a_read(house)),
    harms=frozenset({SEVERAL_HOLD}),
)

HOLD_HOLD = Race(
    name="hold/hold",
    begin=partial(_one_slot, lock_decides=True),
    controls=[_TWO_HOLDERS],
    rounds=20,
    outcomes={"held": 0},
)

HOLD_HOLD_WITHOUT_LOCK = Race(
    name="hold/hold without Redis's lock",
    begin=partial(_one_slot, lock_decides=False),
    house=guards.grants_every_lock,
    controls=[_TWO_HOLDERS],
    rounds=10,
    outcomes={"held": 0},
)


# --- one patient's many tabs ----------------------------------------------------------------------


def _many_days(house: House, _: int) -> Round:
    doctor, alice = house.doctor(), house.patient()
    days = [timedelta(days=day) for day in range(1, THREADS + 1)]
    slots = [house.slot(doctor, starts_in=ahead) for ahead in days]
    most = house.policy.max_live_holds

    def judge(results: Results) -> str:
        won = [result for result in results["tabs"] if isinstance(result, str)]
        held = house.database[SLOTS].count_documents({"hold.userId": alice})
        ensure(len(won) <= most and held <= most, TOO_MANY, held)
        assert len(won) == held == most
        assert sum(isinstance(r, TooManyHolds) for r in results["tabs"]) == THREADS - most
        return "as many as allowed"

    return Round(sides={"tabs": [partial(house.hold, s, alice) for s in slots]}, judge=judge)


MANY_TABS = Race(
    name="tabs of one patient",
    begin=_many_days,
    controls=[
        Control(
            guard="the count of places",
            off=guards.counts_no_places,
            harms=frozenset({TOO_MANY}),
        )
    ],
    rounds=10,
    outcomes={"as many as allowed": 0},
)


def _one_time(house: House, _: int) -> Round:
    alice = house.patient()
    slots = [house.slot(starts_in=timedelta(days=2, seconds=n * 25)) for n in range(THREADS)]

    def judge(results: Results) -> str:
        held = house.database[SLOTS].count_documents({"hold.userId": alice})
        won = sum(isinstance(result, str) for result in results["tabs"])
        ensure(held <= 1 and won <= 1, AT_ONE_TIME, held)
        assert held == won
        assert all(isinstance(r, (str, AppointmentError)) for r in results["tabs"])
        return "one" if won else "none"

    return Round(sides={"tabs": [partial(house.hold, s, alice) for s in slots]}, judge=judge)


OVERLAPPING_TABS = Race(
    name="tabs of one patient at one time",
    begin=_one_time,
    house=lambda house: house.with_policy(max_live_holds=THREADS + 1),
    controls=[
        Control(
            guard="the sight of the others' places",
            off=guards.sees_no_others,
            harms=frozenset({AT_ONE_TIME}),
        )
    ],
    rounds=5,
    also=frozenset({"one", "none"}),
)


def _one_request(house: House, _: int) -> Round:
    slot, alice = house.slot(), house.patient()

    def judge(results: Results) -> str:
        answers = {result for result in results["sent"] if isinstance(result, str)}
        codes = [job for job in house.queue.codes if job.slot_id == slot]
        ensure(len(answers) <= 1, TWICE, answers)
        # Where one request failed, the next one begins afresh and has the same code sent again.
        is_known = not any(isinstance(result, Unavailable) for result in results["sent"])
        ensure(len(codes) <= 1 or not is_known, TWICE, codes)
        refusals = {r.code for r in results["sent"] if isinstance(r, AppointmentError)}
        assert len(answers) == len(codes) == 1
        assert refusals <= {"request_in_progress"}
        return "once"

    sent = [partial(house.hold, slot, alice, "k" * 16) for _ in range(THREADS)]
    return Round(sides={"sent": sent}, judge=judge)


SAME_REQUEST = Race(
    name="one request many times",
    begin=_one_request,
    controls=[
        Control(
            guard="the memory of requests",
            off=guards.forgets_requests,
            harms=frozenset({TWICE}),
        )
    ],
    rounds=10,
    outcomes={"once": 0},
)
