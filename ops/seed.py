"""Doctors, schedules and free slots to try a system out with, made as a clinic would make them.

Each by the stores that the use cases have, so that the audit log tells of them; repeated on the
same day it adds nothing. Not where patients book (an environment named prod, or bookings of other
doctors), unless --yes-really.

Exit codes: 0 they are there; 2 a store does not answer, or it is refused.
"""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import asdict
from pymongo.database import Database

from ops import demo_clinic, person, stores
from ops.stores import OpsError
from ops.telling import answer, say
from slotkeeper.adapters.mongo.doctor_file import MongoDoctorFile
from slotkeeper.adapters.mongo.documents import BOOKINGS, DOCTORS, Document
from slotkeeper.adapters.mongo.timetables import MongoTimetables
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.contracts.schedules import ScheduleRequest
from slotkeeper.domain.doctor import Doctor
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.schedule import slots_of
from slotkeeper.domain.timetable import Asked, Filled

MOST_DOCTORS = 80
MOST_DAYS = 90
_WEEKDAYS = range(1, 6)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    doctors = len(demo_clinic.DOCTORS_OF_CLINIC)
    parser.add_argument("--doctors", type=int, default=doctors, metavar="N", help="default: 3")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="say what would be added")
    parser.add_argument("--yes-really", action="store_true", help="even where patients book")
    parser.add_argument("--json", action="store_true", help="one JSON object a doctor")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    where = stores.named(arguments)
    _refuse(where.environment, is_meant=arguments.yes_really)
    if not 1 <= arguments.doctors <= MOST_DOCTORS or not 1 <= arguments.days <= MOST_DAYS:
        raise OpsError(f"1 to {MOST_DOCTORS} --doctors, 1 to {MOST_DAYS} --days")
    total = 0
    with stores.opened(where) as (database, redis):
        if not arguments.yes_really and _is_used(database):
            raise OpsError("patients book here: there are bookings of other doctors (--yes-really)")
        file, timetables = MongoDoctorFile(database), MongoTimetables(database)
        doctors = demo_clinic.doctors(arguments.doctors)
        for number, doctor in enumerate(doctors, 1):
            week = week_of(doctor, arguments.days)
            told = {"doctorId": doctor.id, "isDryRun": arguments.dry_run}
            if arguments.dry_run:
                is_there = database[DOCTORS].find_one({"_id": doctor.id}, {"_id": 1}) is not None
                slots = len(slots_of(week.schedule_in(doctor.time_zone), doctor))
                told |= {"isThere": is_there, "slots": slots}
                line = f"{doctor.id}: {'there' if is_there else 'new'}, up to {slots} slots"
            else:
                try:
                    file.add(doctor, _asked(doctor.id))
                    filled = _filled(timetables, doctor, week)
                except Unavailable as error:
                    raise OpsError("MongoDB does not answer; run it again: it goes on") from error
                if redis is not None:
                    keys = Keys(where.environment)
                    redis.delete(keys.slot_pages(doctor.id))
                    redis.delete(keys.doctor_pages())
                total += filled.created
                told |= asdict(filled)
                line = f"{doctor.id}: {filled.created} slots, {filled.skipped} were there"
            answer(told, as_json=arguments.json, line=line)
            say(f"{number} of {len(doctors)} doctors")
    say("nothing was added: a dry run" if arguments.dry_run else f"{total:,} slots added")
    return 0


def week_of(doctor: Doctor, days: int) -> ScheduleRequest:
    """Monday to Friday from nine to five with an hour's lunch, from tomorrow on."""
    today = datetime.now(ZoneInfo(doctor.time_zone)).date()
    return ScheduleRequest.model_validate(
        {
            "timeZone": doctor.time_zone,
            "weekly": [{"day": day, "start": "09:00", "end": "17:00"} for day in _WEEKDAYS],
            "breaks": [{"start": "12:00", "end": "13:00"}],
            "slotMinutes": 30,
            "from": (today + timedelta(days=1)).isoformat(),
            "to": (today + timedelta(days=days)).isoformat(),
        }
    )


def _refuse(environment: str, *, is_meant: bool) -> None:
    """Raises OpsError where it may be patients who would see them."""
    if is_meant:
        return
    if not environment:
        raise OpsError("name the --environment, so that made-up doctors do not come to patients")
    if environment.startswith("prod"):
        raise OpsError(f"not on {environment}: patients would see made-up doctors (--yes-really)")


def _is_used(database: Database[Document]) -> bool:
    ours = [doctor.id for doctor in demo_clinic.doctors(MOST_DOCTORS)]
    return database[BOOKINGS].find_one({"doctorId": {"$nin": ours}}, {"_id": 1}) is not None


def _filled(timetables: MongoTimetables, doctor: Doctor, week: ScheduleRequest) -> Filled:
    return timetables.fill(
        doctor.id,
        _asked(f"{doctor.id}/{week.from_}/{week.to}"),
        week.details(),
        lambda found, version: slots_of(week.schedule_in(found.time_zone), found, version=version),
    )


def _asked(about: str) -> Asked:
    """The same request, if it is repeated."""
    return Asked(
        actor=person.OPERATOR, request_id=person.asked().request_id, request_key=f"seed/{about}"
    )
