"""Let a user be sent codes again, who sent too many wrong ones in a row.

Ask who they are first: a hundred wrong codes are more than a person mistypes. Exit codes: 0 their
wrong codes are forgotten; 1 there were none; 2 a store does not answer.
"""

from __future__ import annotations

import argparse

from ops import stores
from slotkeeper.adapters.mongo.documents import QUOTAS, user_failures_id
from slotkeeper.adapters.redis.keys import Keys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", metavar="USER", help="the user's id: their token's subject")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    where = stores.named(arguments)
    with stores.opened(where) as (database, redis):
        gone = database[QUOTAS].delete_one({"_id": user_failures_id(arguments.user)})
        had_any = gone.deleted_count > 0
        if redis is not None:
            had_any |= redis.delete(Keys(where.environment).failures(arguments.user)) > 0
    print("unlocked" if had_any else "no wrong codes are counted against this user")
    return 0 if had_any else 1
