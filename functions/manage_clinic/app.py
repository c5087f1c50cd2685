"""POST and PATCH under /doctors and /slots: doctors, their schedules, blocked time."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from slotkeeper import bootstrap
from slotkeeper.contracts.clinic import (
    DoctorChangeRequest,
    DoctorRequest,
    SlotStatusRequest,
    TimeChangeRequest,
    TimeChangeResponse,
)
from slotkeeper.contracts.doctors import DoctorResponse
from slotkeeper.contracts.schedules import ScheduleRequest, ScheduleResponse
from slotkeeper.contracts.shapes import IdPath, Nothing
from slotkeeper.contracts.slots import SlotResponse
from slotkeeper.domain import errors
from slotkeeper.domain.timetable import Asked
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.answers import Response, answer
from slotkeeper.entrypoints.http import create_app
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.entrypoints.operation import Call
from slotkeeper.services.block_slot import block_slot
from slotkeeper.services.change_calendar import change_calendar
from slotkeeper.services.create_doctor import create_doctor
from slotkeeper.services.create_schedule import create_schedule
from slotkeeper.services.update_doctor import update_doctor

app = create_app(bootstrap.requests, is_standby=bootstrap.is_standby)
CLINIC = [Role.STAFF, Role.ADMIN]


@app.operation(
    "POST",
    "/doctors",
    roles=CLINIC,
    body_model=DoctorRequest,
    answers={HTTPStatus.CREATED: DoctorResponse},
    idempotency="honoured",
)
def post_doctor(call: Call[Nothing, Nothing, DoctorRequest]) -> Response[str]:
    """Add a doctor"""
    doctor = create_doctor(
        **call.body.model_dump(),
        caller=call.caller,
        asked=_asked(call),
        file=bootstrap.doctor_file(),
        users=bootstrap.users(),
        pages=bootstrap.doctor_pages(),
    )
    text, headers = DoctorResponse.with_etag(doctor)
    # Relative to the request, whatever stage or domain it came by.
    return answer(HTTPStatus.CREATED, text, {**headers, "Location": f"doctors/{doctor.id}"})


@app.operation(
    "PATCH",
    "/doctors/{id}",
    roles=CLINIC,
    path_model=IdPath,
    body_model=DoctorChangeRequest,
    answers={HTTPStatus.OK: DoctorResponse},
    refuses=[errors.NotFound, errors.PreconditionFailed, errors.VersionConflict],
    idempotency="honoured",
    takes_if_match=True,
)
def patch_doctor(call: Call[IdPath, Nothing, DoctorChangeRequest]) -> Response[str]:
    """Change a doctor"""
    doctor = update_doctor(
        doctor_id=call.path.id,
        change=call.body.change,
        caller=call.caller,
        expected=call.if_match,
        asked=_asked(call),
        catalogue=bootstrap.catalogue(),
        file=bootstrap.doctor_file(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
        doctor_pages=bootstrap.doctor_pages(),
        slot_pages=bootstrap.slot_pages(),
    )
    return answer(HTTPStatus.OK, *DoctorResponse.with_etag(doctor))


@app.operation(
    "POST",
    "/doctors/{id}/schedules",
    roles=CLINIC,
    path_model=IdPath,
    body_model=ScheduleRequest,
    answers={HTTPStatus.CREATED: ScheduleResponse},
    refuses=[errors.NotFound],
    idempotency="honoured",
)
def post_schedule(call: Call[IdPath, Nothing, ScheduleRequest]) -> Response[str]:
    """Make slots of weekly hours"""
    filled = create_schedule(
        doctor_id=call.path.id,
        schedule_in=call.body.schedule_in,
        details=call.body.details(),
        caller=call.caller,
        asked=_asked(call),
        timetables=bootstrap.timetables(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
        pages=bootstrap.slot_pages(),
    )
    return answer(HTTPStatus.CREATED, ScheduleResponse.text_of(filled))


@app.operation(
    "PATCH",
    "/doctors/{id}/slots",
    roles=CLINIC,
    path_model=IdPath,
    body_model=TimeChangeRequest,
    answers={HTTPStatus.OK: TimeChangeResponse},
    refuses=[errors.NotFound],
    idempotency="honoured",
)
def patch_slots(call: Call[IdPath, Nothing, TimeChangeRequest]) -> Response[str]:
    """Block, free or remove a doctor's time"""
    done = change_calendar(
        doctor_id=call.path.id,
        period=call.body.period,
        change=call.body.time_change,
        caller=call.caller,
        asked=_asked(call),
        timetables=bootstrap.timetables(),
        slots=bootstrap.slots(),
        ledger=bootstrap.ledger(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
        pages=bootstrap.slot_pages(),
    )
    return answer(HTTPStatus.OK, TimeChangeResponse.text_of(done))


@app.operation(
    "PATCH",
    "/slots/{id}",
    roles=CLINIC,
    path_model=IdPath,
    body_model=SlotStatusRequest,
    answers={HTTPStatus.OK: SlotResponse},
    refuses=[errors.NotFound, errors.SlotHeld, errors.SlotUnavailable],
    idempotency="honoured",
)
def patch_slot(call: Call[IdPath, Nothing, SlotStatusRequest]) -> Response[str]:
    """Block or unblock a slot"""
    slot = block_slot(
        slot_id=call.path.id,
        is_blocked=call.body.status == "blocked",
        caller=call.caller,
        request_id=call.request_id,
        blocks=bootstrap.slot_blocks(),
        ledger=bootstrap.ledger(),
        doctors=bootstrap.doctors(),
        users=bootstrap.users(),
        pages=bootstrap.slot_pages(),
        together=bootstrap.together,
    )
    return answer(HTTPStatus.OK, SlotResponse.of(slot).to_text())


def _asked(call: Call[Any, Any, Any]) -> Asked:
    return Asked(
        actor=call.caller.user_id, request_id=call.request_id, request_key=call.request_key
    )


bootstrap.prime(
    bootstrap.catalogue,
    bootstrap.doctor_file,
    bootstrap.doctor_pages,
    bootstrap.doctors,
    bootstrap.ledger,
    bootstrap.requests,
    bootstrap.slot_blocks,
    bootstrap.slot_pages,
    bootstrap.slots,
    bootstrap.timetables,
    bootstrap.users,
)


@instrumented
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
