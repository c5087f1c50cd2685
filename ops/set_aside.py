"""Documents that could not be read and were set aside: listed, and put back once repaired.

Exit codes: 0 nothing is set aside, or all that was named was put back; 1 something is, or an id
names nothing; 2 the database does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys

from ops import stores
from slotkeeper.adapters.mongo.set_aside import MongoSetAside, SetAside
from slotkeeper.domain.errors import Unavailable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "retry"], nargs="?", default="list")
    parser.add_argument("ids", nargs="*", metavar="ID", help="what to put back: ids of the list")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    with stores.opened(stores.named(arguments)) as (database, _):
        aside = MongoSetAside(database)
        try:
            if arguments.action == "retry":
                return _retry(aside, arguments.ids)
            return _list(aside, as_json=arguments.json)
        except Unavailable as error:
            raise stores.OpsError("MongoDB does not answer") from error


def _list(aside: MongoSetAside, *, as_json: bool) -> int:
    count = 0
    for one in aside.all():
        count += 1
        print(_json_of(one) if as_json else _line_of(one))
    print(f"{count} set aside", file=sys.stderr)
    return 1 if count else 0


def _retry(aside: MongoSetAside, ids: list[str]) -> int:
    if not ids:
        raise stores.OpsError("name the ids to put back: see `set-aside list`")
    put_back = {id_: aside.put_back(id_) for id_ in ids}
    for id_, count in put_back.items():
        print(f"{id_}: {'put back' if count else 'not set aside'}")
    return 0 if all(put_back.values()) else 1


def _json_of(one: SetAside) -> str:
    at = one.at.isoformat() if one.at else None
    return json.dumps(
        {"collection": one.collection, "id": one.id, "what": one.what, "at": at, "why": one.why}
    )


def _line_of(one: SetAside) -> str:
    at = f"{one.at:%Y-%m-%d %H:%M:%S}Z" if one.at else "?"
    return f"{at}  {one.collection}/{one.id}  {one.what}  {one.why}"
