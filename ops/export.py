"""All that is held about a person, as they would be told it: one JSON object a page, a page a line.

Exit codes: 0 it was told; 2 a store does not answer. The audit log notes that it was asked for.
"""

from __future__ import annotations

import argparse

from ops import person
from ops.check.report import to_stdout
from slotkeeper.bootstrap import SystemClock
from slotkeeper.contracts.export import ExportResponse
from slotkeeper.contracts.paging import MAX_LIMIT
from slotkeeper.services.export_person import Place, export_person

add_arguments = person.add_arguments


def run(arguments: argparse.Namespace) -> int:
    place: Place | None = None
    with person.opened(arguments) as house:
        while True:
            page = export_person(
                user_id=arguments.user,
                asked=person.asked(),
                place=place,
                limit=MAX_LIMIT,
                data=house.data,
                kept=house.kept,
                users=house.users,
                views=house.views,
                clock=SystemClock(),
            )
            to_stdout(ExportResponse.text_of(page))
            place = page.next
            if place is None:
                return 0
