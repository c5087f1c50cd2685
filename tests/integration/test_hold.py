"""Holding a slot, on real stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from slotkeeper.adapters.together import together
from slotkeeper.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    RequestInProgress,
    SlotHeld,
    SlotInPast,
    SlotUnavailable,
    TooManyHolds,
    Unavailable,
)
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import CodeJob
from tests.support.house import House


def test_a_hold_reserves_the_slot_for_the_patient_until_it_expires(house: House) -> None:
    slot, alice = house.slot(), house.patient()

    attempt = house.hold(slot, alice)

    document = house.document(slot)
    assert document["status"] == "reserved"
    assert document["hold"]["attemptId"] == attempt
    assert document["hold"]["userId"] == alice
    left = document["hold"]["expiresAt"] - document["hold"]["placedAt"]
    assert left == house.policy.hold


def test_a_hold_takes_lock_seed_place_and_answer_in_redis(house: House) -> None:
    slot, alice = house.slot(), house.patient()

    attempt = house.hold(slot, alice)

    assert house.redis_keys() == sorted(
        [
            "booking:attempt:",
            f"holds:user:{alice}",
            f"lock:slot:{slot}",
            f"otp:user:{alice}:{attempt}",
        ]
    )
    assert house.redis.get(house.keys.lock(slot)) == attempt
    assert 299_000 < house.redis.pttl(house.keys.lock(slot)) <= 300_000
    record = house.redis.hgetall(house.keys.code(alice, attempt))
    assert set(record) == {"slotId", "seed", "sendNumber", "attempts", "issuedAt", "guesses"}
    assert house.code(attempt, alice) not in record.values()


def test_a_hold_queues_one_job_that_carries_ids_only(house: House) -> None:
    slot, alice = house.slot(), house.patient(phone="+15550199")

    attempt = house.hold(slot, alice)

    [job] = house.queue.codes
    assert (job.attempt_id, job.user_id, job.send_number) == (attempt, alice, 1)
    assert "+15550199" not in repr(job)
    assert house.code(attempt, alice) not in repr(job)


def test_the_answer_names_times_of_the_database_and_a_masked_destination(house: House) -> None:
    slot, alice = house.slot(), house.patient(phone="+4915123456789")

    answer = json.loads(house.answer(house.ticket(slot, alice)).text)

    assert set(answer) == {"attemptId", "slotId", "expiresAt", "serverTime", "otp"}
    assert set(answer["otp"]) == {"channel", "destination", "expiresAt", "resendAt"}
    assert answer["otp"]["destination"] == "+4**********89"
    hold = house.document(slot)["hold"]
    assert datetime.fromisoformat(answer["expiresAt"]) == hold["expiresAt"]
    assert datetime.fromisoformat(answer["serverTime"]) == hold["placedAt"]


def test_a_second_patient_is_refused_while_the_hold_is_live(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)

    with pytest.raises(SlotHeld) as refused:
        house.hold(slot, bob)

    assert refused.value.retry_after_seconds == 300
    assert house.redis.get(house.keys.lock(slot)) == attempt
    assert not [key for key in house.redis_keys() if bob in key]


def test_a_lost_lock_does_not_let_a_second_patient_in(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)
    house.lose_redis()

    with pytest.raises(SlotHeld) as refused:
        house.hold(slot, bob)

    assert refused.value.retry_after_seconds == 300
    assert house.document(slot)["hold"]["attemptId"] == attempt
    assert house.redis_keys() == []


def test_a_hold_past_its_end_is_free_at_once_though_no_sweep_has_run(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    house.hold(slot, alice)
    house.end_hold(slot)
    house.redis.delete(house.keys.lock(slot))

    attempt = house.hold(slot, bob)

    assert house.document(slot)["hold"]["attemptId"] == attempt
    house.relay()
    assert [event["type"] for event in house.events()] == ["hold.expired"]
    assert [entry["userId"] for entry in house.audit()] == [alice]


@pytest.mark.parametrize("status", [SlotStatus.BOOKED, SlotStatus.BLOCKED])
def test_a_slot_that_is_not_free_is_unavailable(house: House, status: SlotStatus) -> None:
    slot, alice = house.slot(status=status), house.patient()

    with pytest.raises(SlotUnavailable):
        house.hold(slot, alice)

    assert house.redis_keys() == []
    assert house.document(slot)["status"] == status


def test_a_slot_in_the_past_cannot_be_held(house: House) -> None:
    slot, alice = house.slot(starts_in=timedelta(minutes=-2)), house.patient()

    with pytest.raises(SlotInPast):
        house.hold(slot, alice)

    assert house.redis_keys() == []
    assert house.queue.codes == []


def test_an_unknown_slot_is_not_found_and_leaves_nothing(house: House) -> None:
    alice = house.patient()

    with pytest.raises(NotFound):
        house.hold("dr-nobody_20990101T0900Z", alice)

    assert house.redis_keys() == []


def test_a_slot_id_like_an_operator_is_only_a_string(house: House) -> None:
    slot, alice = house.slot(), "$hold.userId"
    house.database["users"].insert_one({"_id": alice, "phone": "+15550123"})

    house.hold(slot, alice)

    assert house.document(slot)["hold"]["userId"] == "$hold.userId"


def test_the_same_request_again_gets_the_same_bytes_and_does_nothing(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    first = house.answer(house.ticket(slot, alice, "k" * 16))
    before = house.document(slot)

    again = house.answer(house.ticket(slot, alice, "k" * 16))

    assert again.is_replay
    assert again.text == first.text
    assert house.document(slot) == before
    assert len(house.queue.codes) == 1


def test_a_replay_after_the_hold_is_over_takes_nothing(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    attempt = house.hold(slot, alice, "k" * 16)
    house.release(attempt, alice)

    again = house.answer(house.ticket(slot, alice, "k" * 16))

    assert again.is_replay
    assert house.redis_keys() == ["booking:attempt:"]
    assert house.document(slot)["status"] == "active"


def test_a_key_used_for_another_request_is_refused_and_takes_nothing(house: House) -> None:
    doctor = house.doctor()
    slot, other = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    alice = house.patient()
    house.hold(slot, alice, "k" * 16)
    before = house.redis_keys()

    with pytest.raises(IdempotencyKeyReused):
        house.hold(other, alice, "k" * 16)

    assert house.redis_keys() == before
    assert house.document(other)["status"] == "active"


def test_the_same_key_of_another_patient_is_another_request(house: House) -> None:
    doctor = house.doctor()
    slot, other = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    alice, bob = house.patient(), house.patient()

    attempts = {house.hold(slot, alice, "k" * 16), house.hold(other, bob, "k" * 16)}

    assert len(attempts) == 2


def test_a_request_under_way_is_not_begun_twice(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    house.gate.admit(house.ticket(slot, alice, "k" * 16))

    with pytest.raises(RequestInProgress) as refused:
        house.hold(slot, alice, "k" * 16)

    assert refused.value.retry_after_seconds is not None
    assert refused.value.retry_after_seconds <= 20


def test_a_refused_request_keeps_no_key(house: House) -> None:
    slot, alice, bob = house.slot(), house.patient(), house.patient()
    attempt = house.hold(slot, alice)
    with pytest.raises(SlotHeld):
        house.hold(slot, bob, "k" * 16)
    house.release(attempt, alice)

    answer = house.answer(house.ticket(slot, bob, "k" * 16))

    assert not answer.is_replay


def test_holding_ones_own_slot_again_answers_the_same_attempt_and_end(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    first = json.loads(house.answer(house.ticket(slot, alice)).text)
    keys = house.redis_keys()

    again = json.loads(house.answer(house.ticket(slot, alice)).text)

    assert again["attemptId"] == first["attemptId"]
    assert again["expiresAt"] == first["expiresAt"]
    assert len(house.queue.codes) == 1
    new = [key for key in house.redis_keys() if key not in keys]
    assert all(key.startswith("booking:attempt:") for key in new)
    assert house.redis.zcard(house.keys.places(alice)) == 1


@dataclass
class _Meanwhile:
    """A queue that takes nothing, and where something else happens first."""

    happens: Callable[[], Any]

    def send_code(self, job: CodeJob) -> None:
        self.happens()
        raise Unavailable


def test_a_hold_that_another_tab_was_told_of_stays_though_its_own_request_failed(
    house: House,
) -> None:
    slot, alice = house.slot(), house.patient()
    told: list[str] = []
    queue: Any = _Meanwhile(lambda: told.append(house.hold(slot, alice)))
    failing = replace(house, queue=queue)
    first = house.ticket(slot, alice)

    with pytest.raises(Unavailable):
        failing.answer(first)

    assert told == [first.attempt_id]
    assert house.document(slot)["hold"]["attemptId"] == first.attempt_id
    assert house.redis.get(house.keys.lock(slot)) == first.attempt_id
    assert house.redis.pttl(house.keys.lock(slot)) > 60_000
    assert house.redis.zscore(house.keys.places(alice), f"{slot}:{first.attempt_id}")
    assert not house.redis.exists(house.keys.request(first.request_key))
    assert house.verify(first.attempt_id, alice).is_new


def test_a_hold_given_up_while_another_tab_reads_it_is_not_told_to_that_tab(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    ticket = house.ticket(slot, alice)
    admission = house.gate.admit(ticket)
    house.slots.place_hold(
        slot, attempt_id=ticket.attempt_id, user_id=alice, channel=None, request_id="first"
    )

    def gives_up(*calls: Callable[[], Any]) -> list[Any]:
        read = together(*calls)
        assert house.slots.undo_hold(slot, attempt_id=ticket.attempt_id, request_id="first")
        return read

    with pytest.raises(SlotHeld) as refused:
        house.answer(house.ticket(slot, alice), together=gives_up)

    assert refused.value.retry_after_seconds == 1
    assert house.document(slot)["status"] == "active"
    house.gate.withdraw(ticket, admission)
    assert house.hold(slot, alice) != ticket.attempt_id


def test_a_crash_before_the_code_was_queued_is_made_good_by_the_retry(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    ticket = house.ticket(slot, alice, "k" * 16)
    house.gate.admit(ticket)
    house.slots.place_hold(
        slot, attempt_id=ticket.attempt_id, user_id=alice, channel=None, request_id="dead"
    )
    seed = house.redis.hget(house.keys.code(alice, ticket.attempt_id), "seed")
    house.redis.delete(house.keys.request(ticket.request_key))  # its lease is over

    attempt = house.hold(slot, alice, "k" * 16)

    assert attempt == ticket.attempt_id
    assert [job.send_number for job in house.queue.codes] == [1]
    assert house.redis.hget(house.keys.code(alice, attempt), "seed") == seed


def test_a_patient_holds_no_more_slots_at_once_than_allowed(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in range(1, 6)]
    attempts = [house.hold(slot, alice) for slot in slots[:3]]

    with pytest.raises(TooManyHolds) as refused:
        house.hold(slots[3], alice)
    house.release(attempts[0], alice)
    house.hold(slots[3], alice)

    assert refused.value.retry_after_seconds == 300
    assert house.document(slots[4])["status"] == "active"


def test_own_slots_can_be_held_again_at_the_limit(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    slots = [house.slot(doctor, starts_in=timedelta(days=day)) for day in range(1, 4)]
    attempts = [house.hold(slot, alice) for slot in slots]

    assert house.hold(slots[1], alice) == attempts[1]


def test_a_place_is_free_again_when_the_hold_ends(house: House) -> None:
    house = house.with_policy(max_live_holds=1)
    doctor, alice = house.doctor(), house.patient()
    slot = house.slot(doctor)
    attempt = house.hold(slot, alice)
    house.redis.zadd(house.keys.places(alice), {f"{slot}:{attempt}": 1})  # its end, long ago

    assert house.hold(house.slot(doctor, starts_in=timedelta(days=3)), alice)


def test_lock_and_place_end_with_the_hold_however_late_they_are_extended(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    ticket = house.ticket(slot, alice, "k" * 16)
    house.gate.admit(ticket)
    house.slots.place_hold(
        slot, attempt_id=ticket.attempt_id, user_id=alice, channel=None, request_id="dead"
    )
    house.end_hold(slot, ago=timedelta(seconds=-5))  # five seconds from now
    house.redis.delete(house.keys.request(ticket.request_key))

    attempt = house.hold(slot, alice, "k" * 16)

    ends_at = house.document(slot)["hold"]["expiresAt"].timestamp() * 1000
    assert 3_000 < house.redis.pttl(house.keys.lock(slot)) <= 5_000
    assert house.redis.zscore(house.keys.places(alice), f"{slot}:{attempt}") == pytest.approx(
        ends_at, abs=1
    )


def test_a_key_used_again_after_it_was_forgotten_is_another_attempt(house: House) -> None:
    doctor, alice = house.doctor(), house.patient()
    slot, other = house.slot(doctor), house.slot(doctor, starts_in=timedelta(days=3))
    first = house.verify(house.hold(slot, alice, "k" * 16), alice).booking
    house.lose_redis()

    second = house.verify(house.hold(other, alice, "k" * 16), alice).booking

    assert (first.slot_id, second.slot_id) == (slot, other)
    assert {b["slotId"] for b in house.bookings(status="confirmed")} == {slot, other}


def test_a_request_that_meets_itself_goes_on(house: House) -> None:
    ticket = house.ticket(house.slot(), house.patient())

    admissions = [house.gate.admit(ticket) for _ in range(2)]

    assert [admission.busy_for_ms for admission in admissions] == [None, None]


def test_a_request_given_up_keeps_no_answer_and_is_not_brought_back(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    ticket = house.ticket(slot, alice, "k" * 16)
    admission = house.gate.admit(ticket)
    decision = house.slots.place_hold(
        slot, attempt_id=ticket.attempt_id, user_id=alice, channel=None, request_id="x"
    )
    assert decision.slot.hold is not None

    house.gate.complete(ticket, admission, hold=decision.slot.hold, answer="kept unseen")
    house.gate.withdraw(ticket, admission)
    house.gate.complete(ticket, admission, hold=decision.slot.hold, answer="too late")

    assert house.redis_keys() == []


def test_a_double_click_takes_nothing_from_the_first(house: House) -> None:
    slot, alice = house.slot(), house.patient()
    first = house.ticket(slot, alice, "k" * 16)
    second = house.ticket(slot, alice, "k" * 16)
    # The first has begun its request and no more when the second comes along.
    request = house.keys.request(first.request_key)
    house.redis.hset(request, mapping={"fingerprint": first.fingerprint, "owner": "first"})
    admission = house.gate.admit(second)
    assert admission.busy_for_ms is not None
    assert admission.took_code

    house.gate.withdraw(second, admission)

    assert house.codes.find(user_id=alice, attempt_id=first.attempt_id) is not None
    assert house.redis.get(house.keys.lock(slot)) is None


def test_a_patient_without_an_address_is_told_and_nothing_stays(house: House) -> None:
    slot, alice = house.slot(), house.patient(phone=None)

    with pytest.raises(InvalidRequest):
        house.answer(house.ticket(slot, alice), Channel.SMS)

    assert house.document(slot)["status"] == "active"
    assert house.redis_keys() == []


def test_the_channel_asked_for_is_used(house: House) -> None:
    slot, alice = house.slot(), house.patient(email="alice@example.com")

    answer = json.loads(house.answer(house.ticket(slot, alice), Channel.EMAIL).text)

    assert answer["otp"]["channel"] == "email"
    assert answer["otp"]["destination"] == "a***@example.com"
    assert house.queue.codes[0].channel is Channel.EMAIL
