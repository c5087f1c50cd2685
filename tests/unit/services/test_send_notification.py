from __future__ import annotations

import pytest
from msgspec.structs import replace

from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.user import Channel, User
from slotkeeper.ports.notifications import CodeJob, NobodyAsked
from slotkeeper.services.send_notification import CodeFate, NoticeFate, Post, send_code, tell_event
from tests.support.fakes import (
    ALICE,
    ATTEMPT,
    SLOT,
    FakeCodeMaker,
    FakeCodes,
    FakeDeliveries,
    FakeLedger,
    FakeNotifier,
    FakeQuota,
    FakeUsers,
    FakeWatch,
    a_booking,
    a_record,
    a_user,
    an_event,
)

JOB = CodeJob(
    attempt_id=ATTEMPT,
    slot_id=SLOT,
    user_id=ALICE,
    channel=Channel.SMS,
    send_number=1,
    request_id="request-1",
)
CODE = FakeCodeMaker().code(a_record())


class World:
    """Alice has a live code number 1, and a booking."""

    def __init__(self, user: User | None = None, *, fallback: bool = True) -> None:
        self.codes = FakeCodes()
        self.codes.records[ALICE, ATTEMPT] = a_record()
        self.maker = FakeCodeMaker()
        self.users = FakeUsers(user or a_user())
        self.ledger = FakeLedger(a_booking())
        self.deliveries = FakeDeliveries()
        self.notifier = FakeNotifier()
        self.quota = FakeQuota()
        self.watch = FakeWatch()
        self.post = Post(
            deliveries=self.deliveries,
            notifier=self.notifier,
            fallback_to_email=fallback,
            watch=self.watch,
        )

    def send_code(self, job: CodeJob = JOB) -> bool:
        return self.fate(job) is CodeFate.SENT

    def fate(self, job: CodeJob = JOB) -> CodeFate:
        return send_code(
            job,
            codes=self.codes,
            maker=self.maker,
            users=self.users,
            quota=self.quota,
            post=self.post,
        )

    def tell(self, **changes: str | None) -> bool:
        return self.fate_of_notice(**changes) is NoticeFate.SENT

    def fate_of_notice(self, **changes: str | int | None) -> NoticeFate:
        event = replace(an_event(), **changes)
        return tell_event(
            event, ledger=self.ledger, users=self.users, quota=self.quota, post=self.post
        )

    @property
    def channels(self) -> list[Channel]:
        return [sent.channel for sent in self.notifier.sent]


# --- codes ----------------------------------------------------------------------------------------


def test_code_is_computed_and_sent_to_the_patients_number() -> None:
    world = World()

    was_sent = world.send_code()

    assert was_sent
    [sent] = world.notifier.sent
    assert (sent.channel, sent.address) == (Channel.SMS, "+15550100")
    assert CODE in sent.text


def test_second_delivery_of_the_job_sends_nothing() -> None:
    world = World()
    world.send_code()

    was_sent = world.send_code()

    assert not was_sent
    assert len(world.notifier.sent) == 1


def test_job_being_worked_on_by_another_is_tried_again_later() -> None:
    world = World()
    world.send_code()
    [key] = world.deliveries.sent
    world.deliveries.sent.clear()
    world.deliveries.under_way.add(key)

    with pytest.raises(Unavailable):
        world.send_code()

    assert len(world.notifier.sent) == 1


@pytest.mark.parametrize("newest", [2, 0])
def test_superseded_code_is_not_sent(newest: int) -> None:
    world = World()
    world.codes.records[ALICE, ATTEMPT] = a_record(send_number=newest)

    was_sent = world.send_code()

    assert not was_sent
    assert world.deliveries.calls == []
    assert "code" not in world.maker.calls


def test_code_that_is_over_is_not_sent() -> None:
    world = World()
    world.codes.records.clear()

    was_sent = world.send_code()

    assert not was_sent
    assert world.notifier.sent == []


def test_code_of_a_seed_that_replaced_a_lost_one_is_sent_though_its_number_was() -> None:
    world = World()
    world.send_code()
    world.codes.records[ALICE, ATTEMPT] = a_record(seed="ANOTHERSEED")

    was_sent = world.send_code()

    assert was_sent
    assert world.notifier.sent[0].text != world.notifier.sent[1].text


def test_key_of_a_delivery_tells_neither_seed_nor_code() -> None:
    world = World()

    world.send_code()

    [key] = world.deliveries.sent
    assert a_record().seed not in key
    assert CODE not in key


# --- providers ------------------------------------------------------------------------------------


def test_sms_that_is_down_falls_back_to_email() -> None:
    world = World()
    world.notifier.down = {"sms"}

    was_sent = world.send_code()

    assert was_sent
    [sent] = world.notifier.sent
    assert (sent.channel, sent.address) == (Channel.EMAIL, "alice@example.org")
    assert CODE in sent.text


def test_sms_does_not_fall_back_where_that_is_switched_off() -> None:
    world = World(fallback=False)
    world.notifier.down = {"sms"}

    with pytest.raises(Unavailable):
        world.send_code()

    assert world.notifier.sent == []


def test_sms_does_not_fall_back_without_an_email_address() -> None:
    world = World(a_user(email=None))
    world.notifier.down = {"sms"}

    with pytest.raises(Unavailable):
        world.send_code()

    assert world.deliveries.under_way == set()


def test_email_does_not_fall_back_to_sms() -> None:
    world = World()
    world.notifier.down = {"email"}

    with pytest.raises(Unavailable):
        world.send_code(replace(JOB, channel=Channel.EMAIL))

    assert world.notifier.sent == []


def test_address_that_sms_refuses_falls_back_to_email() -> None:
    world = World()
    world.notifier.refuses = {"sms"}

    assert world.send_code()

    assert world.channels == [Channel.EMAIL]


@pytest.mark.parametrize("refused", [{"sms"}, {"sms", "email"}])
def test_address_that_is_refused_for_good_is_not_tried_again(refused: set[str]) -> None:
    world = World(a_user(email=None) if refused == {"sms"} else None)
    world.notifier.refuses = refused

    fates = [world.fate(), world.fate()]

    assert fates == [CodeFate.NOT_DUE] * 2
    assert world.notifier.calls == sorted(refused, reverse=True)
    assert list(world.deliveries.sent.values()) == [None]


def test_address_that_is_refused_and_a_provider_that_is_down_are_tried_again() -> None:
    world = World()
    world.notifier.refuses, world.notifier.down = {"email"}, {"sms"}

    with pytest.raises(Unavailable):
        world.send_code()

    world.notifier.down = set()
    assert world.send_code()


def test_who_waits_for_a_provider_that_failed_is_told_so_though_others_were_not_asked() -> None:
    world = World()
    world.notifier.down, world.notifier.rest = {"email"}, {"sms"}

    with pytest.raises(Unavailable) as waits:
        world.send_code()

    assert not isinstance(waits.value, NobodyAsked)


def test_fallbacks_are_counted_and_nothing_else_is() -> None:
    world = World()
    world.send_code(replace(JOB, channel=Channel.EMAIL))
    world.notifier.rest = {"sms"}
    assert world.watch.fallbacks == 0

    world.tell()

    assert world.watch.fallbacks == 1


def test_claim_is_given_up_when_both_providers_are_down() -> None:
    world = World()
    world.notifier.down = {"sms", "email"}

    with pytest.raises(Unavailable):
        world.send_code()

    assert world.notifier.calls == ["sms", "email"]
    assert world.deliveries.under_way == set()
    assert world.deliveries.sent == {}


def test_next_delivery_sends_what_the_first_could_not() -> None:
    world = World()
    world.notifier.down = {"sms", "email"}
    with pytest.raises(Unavailable):
        world.send_code()
    world.notifier.down = set()

    was_sent = world.send_code()

    assert was_sent


def test_message_to_nobody_is_done_without_being_sent() -> None:
    world = World(a_user(phone=None, email=None))

    was_sent = world.send_code()

    assert not was_sent
    assert list(world.deliveries.sent.values()) == [None]


def test_providers_id_is_kept_with_the_delivery() -> None:
    world = World()

    world.send_code()

    assert list(world.deliveries.sent.values()) == ["message-1"]


@pytest.mark.parametrize("call", ["settle_key", "get", "claim", "code", "key_in_use"])
def test_server_down_before_sending_is_tried_again_and_leaves_no_claim(call: str) -> None:
    world = World()
    for fake in (world.codes, world.users, world.deliveries, world.maker):
        fake.down = {call}

    with pytest.raises(Unavailable):
        world.send_code()

    assert world.notifier.sent == []
    assert world.deliveries.under_way == set()


# --- the key of a code ----------------------------------------------------------------------------


def test_first_sender_settles_the_key_that_is_in_use() -> None:
    world = World()
    world.codes.records[ALICE, ATTEMPT] = replace(a_record(), key_id=None)
    world.maker.in_use = "k7"

    world.send_code()

    [sent] = world.notifier.sent
    assert world.codes.records[ALICE, ATTEMPT].key_id == "k7"
    assert world.maker.code(replace(a_record(), key_id="k7")) in sent.text


def test_code_delivered_again_after_a_rotation_is_the_same() -> None:
    """Its first sender died between the provider and noting that it was sent."""
    world = World()
    world.codes.records[ALICE, ATTEMPT] = replace(a_record(), key_id=None)
    world.send_code()
    world.deliveries.sent.clear()
    world.maker.in_use = "k2"

    world.send_code()

    first, again = world.notifier.sent
    assert again.text == first.text


def test_resent_code_keeps_the_key_of_its_seed() -> None:
    world = World()
    world.send_code()
    world.maker.in_use = "k2"
    resent = replace(a_record(send_number=2), key_id=None)
    world.codes.put(user_id=ALICE, attempt_id=ATTEMPT, record=resent, lifetime_ms=1, tries=0)

    world.send_code(replace(JOB, send_number=2))

    assert world.codes.records[ALICE, ATTEMPT].key_id == "k1"


def test_code_whose_key_was_taken_away_is_made_with_another() -> None:
    world = World()
    world.maker.gone, world.maker.in_use = {"k1"}, "k2"

    world.send_code()

    [sent] = world.notifier.sent
    assert world.codes.records[ALICE, ATTEMPT].key_id == "k2"
    assert world.maker.code(replace(a_record(), key_id="k2")) in sent.text


def test_sender_that_cannot_have_keys_settles_none() -> None:
    world = World()
    world.codes.records[ALICE, ATTEMPT] = replace(a_record(), key_id=None)
    world.maker.down = {"key_in_use"}

    with pytest.raises(Unavailable):
        world.send_code()

    assert world.codes.records[ALICE, ATTEMPT].key_id is None


# --- events ---------------------------------------------------------------------------------------


def test_confirmation_is_told_with_the_time_in_the_patients_zone() -> None:
    world = World(replace(a_user(), time_zone="America/New_York"))

    was_sent = world.tell()

    assert was_sent
    [sent] = world.notifier.sent
    assert "Tue 03 Mar 2026, 04:00 (America/New_York)" in sent.text


@pytest.mark.parametrize("zone", ["Nowhere/City", "", "../../etc/passwd", "\x00"])
def test_unknown_zone_is_told_in_utc(zone: str) -> None:
    world = World(replace(a_user(), time_zone=zone))

    world.tell()

    assert "Tue 03 Mar 2026, 09:00 (UTC)" in world.notifier.sent[0].text


@pytest.mark.parametrize(
    ("type_", "more", "words"),
    [
        ("booking.confirmed", {"replaces": "bk_0"}, "was moved. It is now: "),
        ("booking.cancelled", {}, "is cancelled: "),
        ("booking.rescheduled", {}, "was given up, so that you can book another time: "),
    ],
)
def test_patient_is_told_what_became_of_the_booking(
    type_: str, more: dict[str, str], words: str
) -> None:
    world = World()

    was_sent = world.tell(type=type_, **more)

    assert was_sent
    assert words in world.notifier.sent[0].text
    assert "Tue 03 Mar 2026, 09:00 (UTC)" in world.notifier.sent[0].text


@pytest.mark.parametrize(
    ("type_", "more"),
    [
        ("hold.released", {}),
        ("hold.expired", {}),
        ("slot.blocked", {}),
        ("booking.rescheduled", {"replaced_by": "bk_2"}),
        ("booking.of_next_year", {}),
    ],
)
def test_event_that_patients_are_not_told_of_sends_nothing(
    type_: str, more: dict[str, str]
) -> None:
    world = World()

    was_sent = world.tell(type=type_, **more)

    assert not was_sent
    assert world.deliveries.calls + world.ledger.calls + world.notifier.calls == []


def test_second_delivery_of_the_event_sends_nothing() -> None:
    world = World()
    world.tell()

    was_sent = world.tell()

    assert not was_sent
    assert len(world.notifier.sent) == 1


def test_event_ahead_of_its_booking_is_tried_again_later() -> None:
    world = World()

    with pytest.raises(Unavailable):
        world.tell(booking_id="bk_2")

    assert world.notifier.sent == []


@pytest.mark.parametrize(
    ("user", "channel"),
    [
        (a_user(), Channel.SMS),
        (a_user(phone=None), Channel.EMAIL),
        (replace(a_user(), preferred_channel=Channel.EMAIL), Channel.EMAIL),
    ],
)
def test_confirmation_goes_by_the_preferred_channel_or_the_one_there_is(
    user: User, channel: Channel
) -> None:
    world = World(user)

    world.tell()

    assert world.channels == [channel]


@pytest.mark.parametrize(
    "user",
    [
        replace(a_user(email=None), preferred_channel=Channel.EMAIL),
        replace(a_user(phone=None), preferred_channel=Channel.SMS),
    ],
    ids=["prefers email", "prefers sms"],
)
def test_confirmation_goes_by_the_other_channel_where_the_preferred_has_no_address(
    user: User,
) -> None:
    world = World(user, fallback=False)

    was_sent = world.tell()

    assert was_sent


def test_patient_without_any_address_is_told_nothing() -> None:
    world = World(a_user(phone=None, email=None))

    was_sent = world.tell()

    assert not was_sent


# --- a day's codes --------------------------------------------------------------------------------


def test_code_sent_by_sms_counts_for_the_patient_and_the_number() -> None:
    world = World()

    assert world.fate() is CodeFate.SENT

    assert world.quota.taken == {ALICE: 1, "+15550100": 1}


def test_code_beyond_the_days_quota_is_not_sent_and_never_will_be() -> None:
    world = World()
    world.quota.cap = 0

    assert world.fate() is CodeFate.CAPPED

    assert world.notifier.calls == []
    assert list(world.deliveries.sent.values()) == [None]
    world.quota.cap = 1
    assert world.fate() is CodeFate.NOT_DUE


def test_second_delivery_of_the_job_is_not_counted_again() -> None:
    world = World()
    world.fate()

    world.fate()

    assert world.quota.taken[ALICE] == 1


def test_code_that_no_provider_took_is_given_back_and_tried_again() -> None:
    world = World(fallback=False)
    world.notifier.down.add(Channel.SMS.value)
    with pytest.raises(Unavailable):
        world.fate()
    assert world.quota.taken == {ALICE: 0, "+15550100": 0}
    world.notifier.down.clear()

    assert world.fate() is CodeFate.SENT


def test_code_is_not_sent_while_it_cannot_be_counted() -> None:
    world = World()
    world.quota.down.add("take")

    with pytest.raises(Unavailable):
        world.fate()

    assert world.notifier.calls == []
    assert world.deliveries.under_way == set()


def test_notice_by_sms_counts_among_the_codes_of_the_day() -> None:
    world = World()

    world.tell()

    assert world.quota.calls == ["take"]


def test_notice_beyond_the_day_s_messages_goes_by_email() -> None:
    world = World()
    world.quota.cap = 0

    was_sent = world.tell()

    assert was_sent
    assert world.channels == [Channel.EMAIL]
    assert not world.tell()


def test_notice_beyond_the_day_s_messages_is_sent_later_if_email_is_down() -> None:
    world = World()
    world.quota.cap = 0
    world.notifier.down = {"email"}
    with pytest.raises(Unavailable):
        world.tell()

    world.notifier.down = set()

    assert world.tell()
    assert world.channels == [Channel.EMAIL]
