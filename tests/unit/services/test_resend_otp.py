from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from slotkeeper.domain.attempt import Attempt, CodeSent
from slotkeeper.domain.errors import (
    HoldExpired,
    InvalidRequest,
    NotFound,
    OtpLocked,
    RateLimited,
    Unavailable,
)
from slotkeeper.domain.slot import Hold
from slotkeeper.domain.user import Channel
from slotkeeper.ports.codes import CodeRecord
from slotkeeper.ports.notifications import CodeJob
from slotkeeper.ports.people import CodesToday
from slotkeeper.services.resend_otp import resend_otp
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    BOB,
    NOW,
    POLICY,
    SLOT,
    FakeClock,
    FakeCodes,
    FakeJobs,
    FakeSlots,
    FakeUsers,
    a_hold,
    a_record,
    a_slot,
    a_user,
)

FRESH = CodeRecord(slot_id="", seed="FRESHSEED", send_number=0)


class World:
    """Alice holds the slot, was sent a code, and has waited long enough for another."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW + POLICY.resend_wait)
        self.slots = FakeSlots(a_slot(hold=a_hold()), clock=self.clock)
        self.codes = FakeCodes()
        self.codes.records[ALICE, ATTEMPT] = a_record()
        self.users = FakeUsers(a_user())
        self.jobs = FakeJobs()
        self.requests = 0

    def resend(self, *, user: str = ALICE, key: str | None = None) -> CodeSent:
        self.requests += 1
        return resend_otp(
            attempt=Attempt(id=ATTEMPT, user_id=user, request_id=f"resend-{self.requests}"),
            request_key=key or f"resend-{self.requests}",
            fresh=FRESH,
            codes=self.codes,
            slots=self.slots,
            users=self.users,
            jobs=self.jobs,
            policy=POLICY,
        )

    @property
    def hold(self) -> Hold:
        hold = self.slots.slots[SLOT].hold
        assert hold is not None
        return hold

    @property
    def record(self) -> CodeRecord:
        return self.codes.records[ALICE, ATTEMPT]


def test_new_code_of_the_same_seed_is_queued_under_the_next_send_number() -> None:
    world = World()

    world.resend()

    assert world.record == a_record(send_number=2)
    assert world.jobs.codes == [
        CodeJob(
            attempt_id=ATTEMPT,
            slot_id=SLOT,
            user_id=ALICE,
            channel=Channel.SMS,
            send_number=2,
            request_id="resend-1",
        )
    ]


def test_patient_is_told_where_the_new_code_goes_and_how_long_it_works() -> None:
    world = World()

    sent = world.resend()

    assert sent == CodeSent(
        channel=Channel.SMS,
        destination="+1*****00",
        expires_at=NOW + POLICY.hold,  # not past the hold
        resend_at=NOW + POLICY.resend_wait + POLICY.wait_after(2),
    )
    assert world.codes.lifetimes_ms[ALICE, ATTEMPT] == 270_000


def test_seed_lost_with_redis_is_replaced_by_a_fresh_one() -> None:
    world = World()
    world.codes.records.clear()

    world.resend()

    assert world.record == replace(FRESH, slot_id=SLOT, send_number=2)
    assert len(world.jobs.codes) == 1


def test_resend_too_soon_is_refused_until_the_wait_is_over() -> None:
    world = World()
    world.clock.advance(-timedelta(seconds=10))

    with pytest.raises(RateLimited) as refused:
        world.resend()

    assert refused.value.retry_after_seconds == 10
    assert world.jobs.codes == []
    assert world.record == a_record()


def test_each_new_code_is_waited_for_twice_as_long_and_the_answer_tells_how_long() -> None:
    world = World()
    waited = []

    for _ in range(2):
        sent = world.resend()
        waited.append(sent.resend_at - world.clock.now())
        world.clock.advance(waited[-1] - timedelta(seconds=1))
        with pytest.raises(RateLimited) as refused:
            world.resend()
        assert refused.value.retry_after_seconds == 1
        world.clock.advance(timedelta(seconds=1))

    assert waited == [2 * POLICY.resend_wait, 4 * POLICY.resend_wait]


@pytest.mark.parametrize(
    ("today", "wait"),
    [
        (CodesToday(failures_in_a_row=100), 86_400),
        (CodesToday(failures_of_late=20, of_late_ends_in=77), 77),
    ],
)
def test_no_code_goes_to_whom_too_many_were_wrong_whatever_redis_knows(
    today: CodesToday, wait: int
) -> None:
    world = World()
    world.codes.records.clear()
    world.users.codes_today = today

    with pytest.raises(OtpLocked) as refused:
        world.resend()

    assert refused.value.retry_after_seconds == wait
    assert world.jobs.codes == []
    assert world.hold.sends == 1


def test_resends_are_capped() -> None:
    world = World()
    for sent in range(2, POLICY.max_sends + 1):
        world.clock.advance(POLICY.wait_after(sent - 1) if sent > 2 else timedelta(0))
        world.resend()

    with pytest.raises(RateLimited):
        world.resend()

    assert world.hold.sends == POLICY.max_sends
    assert [job.send_number for job in world.jobs.codes] == [2, 3, 4]


def test_flushed_redis_gives_no_resend_back() -> None:
    world = World()
    world.slots.slots[SLOT] = a_slot(hold=replace(a_hold(), sends=POLICY.max_sends))
    world.codes.records.clear()

    with pytest.raises(RateLimited) as refused:
        world.resend()

    assert refused.value.retry_after_seconds == 270
    assert world.jobs.codes == []


def test_no_code_is_sent_that_no_try_is_left_for() -> None:
    world = World()
    world.slots.slots[SLOT] = a_slot(hold=replace(a_hold(), tries=POLICY.max_tries))

    with pytest.raises(OtpLocked) as refused:
        world.resend()

    assert refused.value.retry_after_seconds == 270
    assert world.jobs.codes == []


def test_hold_that_is_over_gets_no_code() -> None:
    world = World()
    world.clock.advance(POLICY.hold)

    with pytest.raises(HoldExpired):
        world.resend()

    assert world.jobs.codes == []


def test_attempt_of_which_nothing_is_left_has_expired() -> None:
    world = World()
    world.slots.slots[SLOT] = a_slot()
    world.codes.records.clear()

    with pytest.raises(HoldExpired):
        world.resend()


def test_slot_that_went_to_another_attempt_gets_no_code() -> None:
    world = World()
    other = a_hold(attempt="at_other", user=BOB)
    world.slots.slots[SLOT] = a_slot(hold=other)

    with pytest.raises(HoldExpired):
        world.resend()

    assert world.hold == other


def test_foreign_attempt_is_not_found_without_any_call() -> None:
    world = World()

    with pytest.raises(NotFound):
        world.resend(user=BOB)

    assert world.codes.calls + world.slots.calls + world.users.calls + world.jobs.calls == []


def test_resend_is_undone_when_the_queue_is_down() -> None:
    world = World()
    world.jobs.down = {"send_code"}

    with pytest.raises(Unavailable):
        world.resend()

    assert world.hold.sends == 1
    assert world.record == a_record()


def test_resend_is_undone_when_the_new_code_cannot_be_put() -> None:
    world = World()
    world.codes.down = {"put"}

    with pytest.raises(Unavailable):
        world.resend()

    assert world.hold.sends == 1
    assert world.record == a_record()
    assert world.jobs.codes == []


def test_send_number_can_be_used_after_its_send_was_undone() -> None:
    world = World()
    world.jobs.down = {"send_code"}
    with pytest.raises(Unavailable):
        world.resend()
    world.jobs.down = set()
    world.clock.advance(POLICY.resend_wait)

    world.resend()

    assert [job.send_number for job in world.jobs.codes] == [2]


def test_resend_of_a_lost_seed_is_undone_when_the_queue_is_down() -> None:
    world = World()
    world.codes.records.clear()
    world.jobs.down = {"send_code"}

    with pytest.raises(Unavailable):
        world.resend()

    assert world.hold.sends == 1
    assert world.record.send_number == 1


def test_resend_is_undone_when_the_address_is_gone() -> None:
    world = World()
    world.users.users[ALICE] = a_user(phone=None, email=None)

    with pytest.raises(InvalidRequest):
        world.resend()

    assert world.hold.sends == 1
    assert world.record == a_record()


def test_refusal_stands_when_nothing_can_be_undone() -> None:
    world = World()
    world.jobs.down = {"send_code"}
    world.slots.down = {"undo_send"}

    with pytest.raises(Unavailable):
        world.resend()

    assert world.record == a_record()  # the earlier code is put back all the same


@pytest.mark.parametrize("store", ["codes", "users", "slots"])
def test_server_down_before_the_count_is_unavailable_and_sends_nothing(store: str) -> None:
    world = World()
    down = {"codes": (world.codes, "find"), "users": (world.users, "get_for_code")}
    fake, call = down.get(store, (world.slots, "count_send"))
    fake.down = {call}

    with pytest.raises(Unavailable):
        world.resend()

    assert world.hold.sends == 1
    assert world.jobs.codes == []


def test_day_without_codes_left_is_refused_and_nothing_has_changed() -> None:
    world = World()
    world.users.codes_today = CodesToday(of_user=POLICY.max_codes_per_user, day_ends_in=3_600)

    with pytest.raises(RateLimited) as refused:
        world.resend()

    assert refused.value.retry_after_seconds == 3_600
    assert world.jobs.codes == []
    assert world.record == a_record()
    assert world.hold.sends == 1


def test_number_without_codes_left_is_refused() -> None:
    world = World()
    world.users.codes_today = CodesToday(of_phone=POLICY.max_codes_per_phone)

    with pytest.raises(RateLimited):
        world.resend()

    assert world.jobs.codes == []


def test_same_request_sent_again_asks_for_the_same_code_and_is_not_counted() -> None:
    world = World()
    first = world.resend(key="mine")

    again = world.resend(key="mine")

    assert again == first
    assert world.hold.sends == 2
    assert [job.send_number for job in world.jobs.codes] == [2, 2]


def test_request_whose_send_was_undone_is_counted_when_sent_again() -> None:
    world = World()
    world.jobs.down = {"send_code"}
    with pytest.raises(Unavailable):
        world.resend(key="mine")
    world.jobs.down = set()
    world.clock.advance(POLICY.resend_wait)

    world.resend(key="mine")

    assert world.hold.sends == 2


def test_code_before_works_though_a_function_died_on_the_way_to_the_next() -> None:
    world = World()
    world.jobs.down = {"send_code"}
    world.codes.records[ALICE, ATTEMPT] = a_record(send_number=2)

    with pytest.raises(Unavailable):
        world.resend()

    assert world.record == a_record()
