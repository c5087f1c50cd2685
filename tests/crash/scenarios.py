"""What is cut: a row for each function, operation and path with effects of its own.

To add one: set the stage (the house's use cases, in this process) and answer the event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, QUOTAS
from slotkeeper.adapters.mongo.quotas import MongoCodeQuota
from slotkeeper.contracts.messages import CodeMessage, EventMessage
from slotkeeper.domain.attempt import booking_id
from slotkeeper.domain.slot import SlotStatus
from slotkeeper.domain.user import Caller, Role
from tests.crash.asking import LET_GO, TRIES, request, scenarios_of
from tests.crash.matrix import Scenario
from tests.crash.paid import PAID
from tests.crash.stage import Stage
from tests.support.aws_events import (
    Event,
    authorizer_event,
    sqs_event,
)
from tests.support.managing import in_days
from tests.support.secrets_manager import STEPS

TOO_MANY = "429 "


# --- hold_slot


def _hold(slot: str, user: str, *, key: str | None = "", **more: Any) -> Event:
    return request("POST", "/bookings", user=user, key=key, body={"slotId": slot, **more})


def hold_first(stage: Stage) -> Event:
    return _hold(stage.slot(), stage.patient())


def hold_by_email(stage: Stage) -> Event:
    return _hold(stage.slot(), stage.patient(), channel="email")


def hold_replayed(stage: Stage) -> Event:
    event = hold_first(stage)
    stage.invoke("hold_slot", event)
    return event


def hold_own_again(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    stage.invoke("hold_slot", _hold(slot, alice))
    return _hold(slot, alice)


def hold_replacing(stage: Stage) -> Event:
    doctor, alice = stage.doctor(), stage.patient()
    old = stage.house.book(stage.slot("old", doctor, days=4), alice)
    return _hold(stage.slot("new", doctor, days=5), alice, replaces=old.id)


def hold_refused_by_the_lock(stage: Stage) -> Event:
    slot, bob = stage.slot(), stage.patient("bob")
    stage.invoke("hold_slot", _hold(slot, bob))
    return _hold(slot, stage.patient())


def hold_refused_by_the_slot(stage: Stage) -> Event:
    slot = stage.slot()
    stage.house.book(slot, stage.patient("bob"))
    return _hold(slot, stage.patient())


def hold_refused_for_an_overlap(stage: Stage) -> Event:
    alice = stage.patient()
    stage.house.book(stage.slot("other", stage.doctor("other doctor")), alice)
    return _hold(stage.slot(), alice)


def hold_one_too_many(stage: Stage) -> Event:
    doctor, alice = stage.doctor(), stage.patient()
    for number in range(3):
        slot = stage.slot(f"slot {number}", doctor, days=3 + number)
        stage.invoke("hold_slot", _hold(slot, alice))
    return _hold(stage.slot("one more", doctor), alice)


def hold_with_the_queue_down(stage: Stage) -> Event:
    stage.cloud.down.add("sqs SendMessage")
    return hold_first(stage)


def hold_after_a_lapsed_hold(stage: Stage) -> Event:
    slot, bob = stage.slot(), stage.patient("bob")
    stage.house.hold(slot, bob)
    stage.holds_end()
    return _hold(slot, stage.patient())


# --- verify_otp


def _verify(stage: Stage, attempt: str, user: str, code: str | None = None) -> Event:
    code = code or stage.house.code(attempt, user)
    path = "/bookings/{id}/verify-otp"
    return request("POST", path, attempt, user=user, body={"code": code})


def verify_right(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    return _verify(stage, stage.house.hold(slot, alice), alice)


def verify_again(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    attempt = stage.house.hold(slot, alice)
    code = stage.house.code(attempt, alice)
    stage.house.verify(attempt, alice, code)
    return _verify(stage, attempt, alice, code)


def verify_wrong(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    attempt = stage.house.hold(slot, alice)
    return _verify(stage, attempt, alice, stage.house.wrong_code(attempt, alice))


def verify_wrong_for_the_last_time(stage: Stage) -> Event:
    event = verify_wrong(stage)
    for _ in range(stage.house.policy.max_tries - 1):
        stage.invoke("verify_otp", event)
    return event


def verify_too_late(stage: Stage) -> Event:
    event = verify_right(stage)
    stage.holds_end()
    return event


def verify_with_redis_lost(stage: Stage) -> Event:
    event = verify_right(stage)
    stage.house.lose_redis()
    return event


def verify_replacing(stage: Stage) -> Event:
    doctor, alice = stage.doctor(), stage.patient()
    old = stage.house.book(stage.slot("old", doctor, days=4), alice)
    new = stage.slot("new", doctor, days=5)
    return _verify(stage, stage.house.hold(new, alice, replaces=old.id), alice)


def verify_replacing_what_was_cancelled(stage: Stage) -> Event:
    event = verify_replacing(stage)
    [old] = stage.house.bookings(status="confirmed")
    stage.house.cancel(old["_id"], Caller(user_id=old["userId"], role=Role.PATIENT))
    return event


def verify_where_another_was_cancelled(stage: Stage) -> Event:
    """The cancelled booking of the slot is not known to have ended yet."""
    slot, alice = stage.slot(), stage.patient()
    booking = stage.house.book(slot, stage.patient("bob"))
    owner = Caller(user_id=booking.user_id, role=Role.PATIENT)
    stage.house.cancel(booking.id, owner)
    return _verify(stage, stage.house.hold(slot, alice), alice)


# --- resend_otp, release_hold


def resend(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    attempt = stage.house.hold(slot, alice)
    return request("POST", "/bookings/{id}/resend-otp", attempt, user=alice)


def resend_with_the_queue_down(stage: Stage) -> Event:
    stage.cloud.down.add("sqs SendMessage")
    return resend(stage)


def resend_with_redis_lost(stage: Stage) -> Event:
    event = resend(stage)
    stage.house.lose_redis()
    return event


def release(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    attempt = stage.house.hold(slot, alice)
    return request("DELETE", "/bookings/{id}/hold", attempt, user=alice, key=None)


# --- cancel, reschedule


def _booked(stage: Stage, *, days: float = 3) -> tuple[str, str]:
    alice = stage.patient()
    return stage.house.book(stage.slot(days=days), alice).id, alice


def cancel(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    body = {"reason": "ill"}
    return request("PATCH", "/bookings/{id}/cancel", booking, user=alice, body=body)


def cancel_by_staff(stage: Stage) -> Event:
    booking, _ = _booked(stage)
    path = "/bookings/{id}/cancel"
    return request("PATCH", path, booking, user=stage.staff(), role="staff")


def cancel_replayed(stage: Stage) -> Event:
    event = cancel(stage)
    stage.invoke("cancel", event)
    return event


def reschedule(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    return request("PATCH", "/bookings/{id}/reschedule", booking, user=alice)


def reschedule_too_late(stage: Stage) -> Event:
    booking, alice = _booked(stage, days=0.5)
    return request("PATCH", "/bookings/{id}/reschedule", booking, user=alice)


# --- what is read


def get_booking(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    return request("GET", "/bookings/{id}", booking, user=alice, key=None)


def get_calendar(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    return request("GET", "/bookings/{id}/calendar.ics", booking, user=alice, key=None)


def list_bookings(stage: Stage) -> Event:
    _, alice = _booked(stage)
    return request("GET", "/bookings", user=alice, key=None)


def list_bookings_of_a_clinic(stage: Stage) -> Event:
    _booked(stage)
    return request("GET", "/bookings", user=stage.staff(), role="staff", key=None)


def list_doctors(stage: Stage) -> Event:
    stage.doctor()
    return request("GET", "/doctors", user=stage.patient(), key=None)


def list_doctors_again(stage: Stage) -> Event:
    event = list_doctors(stage)
    stage.invoke("list_doctors", event)
    return event


def get_doctor(stage: Stage) -> Event:
    return request("GET", "/doctors/{id}", stage.doctor(), user=stage.patient(), key=None)


def list_slots(stage: Stage) -> Event:
    doctor = stage.doctor()
    stage.slot("slot", doctor)
    return request("GET", "/doctors/{id}/slots", doctor, user=stage.patient(), key=None)


def list_slots_again(stage: Stage) -> Event:
    event = list_slots(stage)
    stage.invoke("list_slots", event)
    return event


def get_me(stage: Stage) -> Event:
    return request("GET", "/me", user=stage.patient(), key=None)


def health(stage: Stage) -> Event:
    return request("GET", "/health", key=None)


# --- what people and clinics change


def put_me(stage: Stage) -> Event:
    body = {"email": "new@example.com", "preferredChannel": "email"}
    return request("PUT", "/me", user=stage.patient(), key=None, body=body)


def _lived(stage: Stage) -> str:
    """Somebody with a cancelled booking and a hold."""
    alice = stage.patient()
    booking = stage.house.book(stage.slot("past", days=3), alice)
    stage.house.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT), reason="ill")
    stage.sweep()
    stage.house.hold(stage.slot(), alice)
    return alice


def get_export(stage: Stage) -> Event:
    return request("GET", "/me/export", user=_lived(stage), key=None)


def delete_me(stage: Stage) -> Event:
    return request("DELETE", "/me", user=_lived(stage), key=None)


def delete_me_with_appointments(stage: Stage) -> Event:
    _, alice = _booked(stage)
    return request("DELETE", "/me", user=alice, key=None)


def _by_staff(
    stage: Stage, method: str, path: str, id_: str | None, body: Mapping[str, Any]
) -> Event:
    return request(method, path, id_, user=stage.staff(), role="staff", body=body)


def post_doctor(stage: Stage) -> Event:
    body = {"name": "Dr. Ada", "specialty": "cardiology", "timeZone": "Europe/Berlin"}
    return _by_staff(stage, "POST", "/doctors", None, body)


def patch_doctor(stage: Stage) -> Event:
    return _by_staff(stage, "PATCH", "/doctors/{id}", stage.doctor(), {"name": "Dr. Grace"})


def patch_doctor_s_time_zone(stage: Stage) -> Event:
    doctor, alice = stage.doctor(), stage.patient()
    stage.house.book(stage.slot("booked", doctor, days=3), alice)
    stage.slot("free", doctor, days=4)
    return _by_staff(stage, "PATCH", "/doctors/{id}", doctor, {"timeZone": "Pacific/Auckland"})


def post_schedule(stage: Stage) -> Event:
    day = in_days(3).date().isoformat()
    body = {
        "timeZone": "Europe/Berlin",
        "weekly": [{"day": n, "start": "09:00", "end": "11:00"} for n in range(1, 8)],
        "slotMinutes": 30,
        "from": day,
        "to": day,
    }
    return _by_staff(stage, "POST", "/doctors/{id}/schedules", stage.doctor(), body)


def _time(stage: Stage, doctor: str, status: str) -> Event:
    period = {"from": in_days(1).isoformat(), "to": in_days(3).isoformat()}
    body = {**{k: v.replace("+00:00", "Z") for k, v in period.items()}, "status": status}
    return _by_staff(stage, "PATCH", "/doctors/{id}/slots", doctor, body)


def block_time(stage: Stage) -> Event:
    doctor, bob = stage.doctor(), stage.patient("bob")
    stage.slot("free", doctor, days=2)
    stage.house.hold(stage.slot("held", doctor, days=2.1), bob)
    stage.holds_end()
    stage.house.hold(stage.slot("held now", doctor, days=2.2), bob)
    return _time(stage, doctor, "blocked")


def free_time(stage: Stage) -> Event:
    doctor = stage.doctor()
    stage.slot("blocked", doctor, status=SlotStatus.BLOCKED)
    return _time(stage, doctor, "active")


def remove_time(stage: Stage) -> Event:
    """Slots with facts that nobody recorded, and one whose hold is over."""
    doctor, alice, bob = stage.doctor(), stage.patient(), stage.patient("bob")
    booking = stage.house.book(stage.slot("given back", doctor, days=2), alice)
    stage.house.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT))
    stage.house.hold(stage.slot("held", doctor, days=2.1), bob)
    stage.holds_end()
    return _time(stage, doctor, "removed")


def _patch_slot(stage: Stage, slot: str, status: str) -> Event:
    return _by_staff(stage, "PATCH", "/slots/{id}", slot, {"status": status})


def block_slot(stage: Stage) -> Event:
    return _patch_slot(stage, stage.slot(), "blocked")


def block_slot_after_a_lapsed_hold(stage: Stage) -> Event:
    slot = stage.slot()
    stage.house.hold(slot, stage.patient())
    stage.holds_end()
    return _patch_slot(stage, slot, "blocked")


def free_slot(stage: Stage) -> Event:
    return _patch_slot(stage, stage.slot(status=SlotStatus.BLOCKED), "active")


def authorize(stage: Stage) -> Event:
    return authorizer_event(stage.identity.bearer(sub=stage.patient()))


# --- what runs by itself


def sweep_a_lapsed_hold(stage: Stage) -> Event:
    stage.house.hold(stage.slot(), stage.patient())
    stage.holds_end()
    return {}


def relay_what_nobody_recorded(stage: Stage) -> Event:
    slot, alice = stage.slot(), stage.patient()
    attempt = stage.house.hold(slot, alice)
    stage.house.slots.confirm(
        slot,
        attempt_id=attempt,
        user_id=alice,
        send_number=1,
        booking_id=booking_id(attempt),
        request_id="died",
    )
    return {}


def relay_two_of_one_booking(stage: Stage) -> Event:
    booking, alice = _booked(stage)
    stage.house.cancel(booking, Caller(user_id=alice, role=Role.PATIENT))
    return {}


def seal_what_was_recorded(stage: Stage) -> Event:
    """A block there already, facts of a booking, a clinic's entry, and one without a stamp."""
    stage.seals = True
    booking, alice = _booked(stage)
    stage.invoke("seal_audit", {})
    stage.house.cancel(booking, Caller(user_id=alice, role=Role.PATIENT))
    stage.invoke("manage_clinic", post_doctor(stage))
    old = {"_id": "calendar_old", "type": "calendar.blocked", "at": in_days(-9), "details": {}}
    stage.house.database[AUDIT_LOGS].insert_one(old)
    return {}


def _code_job(stage: Stage, **profile: Any) -> Event:
    stage.house.hold(stage.slot(), stage.patient(**profile))
    job = CodeMessage.model_validate(stage.house.queue.codes[-1])
    return sqs_event(job.model_dump_json(by_alias=True))


def send_code(stage: Stage) -> Event:
    return _code_job(stage)


def send_code_by_email(stage: Stage) -> Event:
    return _code_job(stage, preferredChannel="email")


def send_code_with_sms_down(stage: Stage) -> Event:
    stage.cloud.down.add("sns Publish")
    return _code_job(stage)


def _event_job(stage: Stage) -> Event:
    stage.house.relay()
    event = EventMessage.model_validate(stage.house.queue.events[-1])
    return sqs_event(event.model_dump_json(by_alias=True))


def tell_of_a_booking(stage: Stage) -> Event:
    _booked(stage)
    return _event_job(stage)


def tell_of_a_cancellation(stage: Stage) -> Event:
    relay_two_of_one_booking(stage)
    return _event_job(stage)


def tell_by_email_where_sms_is_used_up(stage: Stage) -> Event:
    event = tell_of_a_booking(stage)
    [alice] = [id_ for id_, name in stage.names.items() if name == "alice"]
    policy = stage.house.policy
    MongoCodeQuota(stage.house.database, policy).take(user_id=alice, phone=None)
    stage.fast[QUOTAS].update_many({}, {"$set": {"count": policy.max_codes_per_user}})
    return event


def _rotation(step: str) -> Callable[[Stage], Event]:
    """The step, the earlier ones done."""

    def prepare(stage: Stage) -> Event:
        version = stage.cloud.keys.begin()
        for earlier in STEPS[: STEPS.index(step)]:
            stage.invoke("rotate_otp_keys", stage.cloud.keys.event(earlier, version))
        return stage.cloud.keys.event(step, version)

    return prepare


_CODES = frozenset({"count"})


SCENARIOS: Sequence[Scenario] = [
    *scenarios_of(
        "hold_slot",
        "hold",
        {
            "hold": hold_first,
            "hold, code by email": hold_by_email,
            "hold, sent again": hold_replayed,
            "hold, own slot by another request": hold_own_again,
            "hold, to replace a booking": hold_replacing,
            "hold, refused by the lock": hold_refused_by_the_lock,
            "hold, refused by the slot": hold_refused_by_the_slot,
            "hold, one too many": hold_one_too_many,
            "hold, after a lapsed hold": hold_after_a_lapsed_hold,
        },
    ),
    *scenarios_of(
        "hold_slot",
        "hold",
        {
            "hold, refused for an overlap": hold_refused_for_an_overlap,
            "hold, queue down": hold_with_the_queue_down,
        },
        may_hold_on=True,
    ),
    *scenarios_of(
        "verify_otp",
        "verify",
        {
            "verify": verify_right,
            "verify, again": verify_again,
            "verify, too late": verify_too_late,
            "verify, Redis lost": verify_with_redis_lost,
            "verify, to replace a booking": verify_replacing,
            "verify, to replace a cancelled booking": verify_replacing_what_was_cancelled,
            "verify, of a slot given back a moment ago": verify_where_another_was_cancelled,
        },
        # Booked by what died: the same booking again.
        also=["200 "],
        loose=TRIES,
    ),
    *scenarios_of(
        "verify_otp",
        "verify",
        {
            "verify, wrong": verify_wrong,
            "verify, wrong for the last time": verify_wrong_for_the_last_time,
        },
        # The try that died was counted, and was the last.
        also=[TOO_MANY],
        loose=TRIES,
    ),
    *scenarios_of(
        "resend_otp",
        "resend",
        {
            "resend": resend,
            "resend, queue down": resend_with_the_queue_down,
            "resend, Redis lost": resend_with_redis_lost,
        },
    ),
    *scenarios_of("release_hold", "release", {"release": release}, also=[LET_GO]),
    *scenarios_of(
        "cancel",
        "cancel",
        {
            "cancel": cancel,
            "cancel, by staff": cancel_by_staff,
            "cancel, sent again": cancel_replayed,
        },
    ),
    *scenarios_of(
        "reschedule",
        "reschedule",
        {"reschedule": reschedule, "reschedule, too late": reschedule_too_late},
    ),
    *scenarios_of("get_booking", "get_one", {"get a booking": get_booking}),
    *scenarios_of("get_booking", "get_calendar_file", {"get a calendar file": get_calendar}),
    *scenarios_of(
        "list_bookings",
        "get_bookings",
        {"list bookings": list_bookings, "list a clinic's bookings": list_bookings_of_a_clinic},
    ),
    *scenarios_of(
        "list_doctors",
        "get_doctors",
        {"list doctors": list_doctors, "list doctors, kept": list_doctors_again},
    ),
    *scenarios_of("list_doctors", "get_doctor", {"get a doctor": get_doctor}),
    *scenarios_of(
        "list_slots", "get_slots", {"list slots": list_slots, "list slots, kept": list_slots_again}
    ),
    *scenarios_of("profile", "get_me", {"get a profile": get_me}),
    *scenarios_of("profile", "put_me", {"put a profile": put_me}),
    *scenarios_of("profile", "get_export", {"export": get_export}),
    *scenarios_of(
        "profile",
        "delete_me",
        {
            "erase": delete_me,
            "erase, with appointments to come": delete_me_with_appointments,
        },
    ),
    *scenarios_of("health", "get_health", {"health": health}),
    *scenarios_of("manage_clinic", "post_doctor", {"add a doctor": post_doctor}),
    *scenarios_of(
        "manage_clinic",
        "patch_doctor",
        {"change a doctor": patch_doctor, "change a time zone": patch_doctor_s_time_zone},
    ),
    *scenarios_of("manage_clinic", "post_schedule", {"make slots": post_schedule}),
    *scenarios_of(
        "manage_clinic",
        "patch_slots",
        {"block time": block_time, "free time": free_time, "remove time": remove_time},
    ),
    *scenarios_of(
        "manage_clinic",
        "patch_slot",
        {
            "block a slot": block_slot,
            "block a slot, after a lapsed hold": block_slot_after_a_lapsed_hold,
            "free a slot": free_slot,
        },
    ),
    *scenarios_of("authorize", None, {"authorize": authorize}),
    *scenarios_of("expire_locks", None, {"sweep a lapsed hold": sweep_a_lapsed_hold}),
    *scenarios_of(
        "relay_outbox",
        None,
        {
            "relay what nobody recorded": relay_what_nobody_recorded,
            "relay two of one booking": relay_two_of_one_booking,
        },
    ),
    *scenarios_of("seal_audit", None, {"seal what was recorded": seal_what_was_recorded}),
    *scenarios_of(
        "send_notification",
        None,
        {
            "send a code": send_code,
            "send a code by email": send_code_by_email,
            "send a code, SMS down": send_code_with_sms_down,
            "tell of a booking": tell_of_a_booking,
            "tell of a cancellation": tell_of_a_cancellation,
            "tell by email, SMS used up": tell_by_email_where_sms_is_used_up,
        },
        loose=_CODES,
    ),
    *scenarios_of(
        "rotate_otp_keys",
        None,
        {f"rotate keys, {step}": _rotation(step) for step in STEPS},
        answer="null",
    ),
    *PAID,
]

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
