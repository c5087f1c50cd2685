"""Forget a person (docs/privacy.md): what was or would be taken away, as one JSON object.

Who has confirmed appointments to come is not forgotten, unless --cancel cancels them first. What is
cut off is completed by running it again. Exit codes: 0 done; 1 appointments to come; 2 a store does
not answer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import asdict

from ops import person
from slotkeeper.adapters.together import together
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.booking import CANCEL, Booking, BookingChange
from slotkeeper.domain.errors import AppointmentsAhead, BookingNotConfirmed
from slotkeeper.services.change_booking import end_booking
from slotkeeper.services.erase_person import MESSAGES_KEPT, erase_person


def add_arguments(parser: argparse.ArgumentParser) -> None:
    person.add_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken away")
    parser.add_argument(
        "--cancel", action="store_true", help="cancel confirmed appointments to come first"
    )


def run(arguments: argparse.Namespace) -> int:
    with person.opened(arguments) as house:
        return _erase(house, arguments)


def _erase(house: person.House, arguments: argparse.Namespace) -> int:
    now = SystemClock().now()
    coming = house.data.coming(arguments.user, now=now)
    if arguments.dry_run:
        counted = asdict(house.data.count(arguments.user, since=now - MESSAGES_KEPT))
        remembered = asdict(house.kept.remembered(arguments.user))
        told = {**counted, "answers": remembered["answers"]}
        return _told(arguments, coming, would=told, is_done=not coming or arguments.cancel)
    cancelled = coming if arguments.cancel else []
    for booking in cancelled:
        _cancel(house, booking)
    try:
        erased = erase_person(
            user_id=arguments.user,
            asked=person.asked(),
            data=house.data,
            kept=house.kept,
            slots=house.slots,
            ledger=house.ledger,
            gate=house.gate,
            clock=SystemClock(),
            together=together,
            sagas=house.sagas,
        )
    except AppointmentsAhead:
        return _told(arguments, coming, is_done=False)
    ids = [booking.id for booking in cancelled]
    return _told(arguments, [], erased=asdict(erased), cancelled=ids, is_done=True)


def _cancel(house: person.House, booking: Booking) -> None:
    asked = person.asked()
    change = BookingChange(
        transition=CANCEL,
        actor=asked.actor,
        request_id=asked.request_id,
        request_key=asked.request_key,
        reason=None,
    )
    # Ended by somebody else meanwhile: all the same.
    with suppress(BookingNotConfirmed):
        end_booking(booking, change, ahead=None, expected=None, ends=house.ends)


def _told(
    arguments: argparse.Namespace,
    ahead: Sequence[Booking],
    *,
    is_done: bool,
    **more: object,
) -> int:
    told = {"user": arguments.user, "appointmentsAhead": [booking.id for booking in ahead], **more}
    print(json.dumps(told))
    return 0 if is_done else 1
