"""Points about MongoDB, Redis, and what is kept there."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bson.timestamp import Timestamp
from pymongo import DESCENDING
from pymongo.errors import OperationFailure
from redis import Redis
from redis.exceptions import RedisError

from ops import drills, roles
from ops.check import check
from ops.check.report import progress_to
from ops.golive.ground import Ground, Missing
from ops.indexes import validated
from ops.queries.seen import profile_level
from slotkeeper.adapters.mongo.documents import AUDIT_LOGS, AUDIT_SEALS
from slotkeeper.adapters.mongo.indexes import BY_RECORDING
from slotkeeper.adapters.redis.connect import connect
from slotkeeper.redis_url import read

DRILL_DAYS = 90
"""A drill that is older proves little of what runs today."""
SEALED_WITHIN = timedelta(minutes=10)
FIXED = {(7, 0): 35, (8, 0): 24, (8, 2): 10, (8, 3): 3}
"""Of each series of mongod the first patch that CVE-2026-9740 does not end (docs/deploy.md)."""
MEMBERS = 3
_SHOWN = 3
_FEW = 20


def indexes(ground: Ground) -> str:
    found = list(validated(ground.database))
    if found:
        raise Missing("; ".join(one.line for one in found[:_SHOWN]) + _more(found, _SHOWN))
    return "all there, and every critical statement goes by one"


def mongodb_members(ground: Ground) -> str:
    hello = ground.database.command("hello")
    if hello.get("msg") == "isdbgrid":
        return "a sharded cluster"
    hosts = hello.get("hosts", [])
    if len(hosts) < MEMBERS:
        raise Missing(f"{len(hosts)} members in the replica set, not {MEMBERS}")
    return f"a replica set of {len(hosts)}"


def mongodb_version(ground: Ground) -> str:
    version = str(ground.database.command("buildInfo")["version"])
    numbers = [int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:3]]
    series, patch = (numbers[0], numbers[1]), numbers[2]
    if series > max(FIXED):
        return version
    if patch < FIXED.get(series, sys.maxsize):
        fixed = ", ".join(f"{major}.{minor}.{least}" for (major, minor), least in FIXED.items())
        raise Missing(f"{version} can be ended by anybody who reaches it; fixed in {fixed}")
    return version


def profile_off(ground: Ground) -> str:
    level, kept = profile_level(ground.database)
    if level or kept:
        raise Missing("slow statements are kept, with their values")
    return "off"


def redis_members(ground: Ground) -> str:
    if ground.redis is None or ground.where.redis_url is None:
        raise Missing("no Redis is named: --redis-url")
    if ground.where.redis_mode == "cluster":
        return _cluster(ground.where.redis_url)
    told = ground.redis.info("replication")
    replicas = int(told.get("connected_slaves", 0))
    if told.get("role") != "master" or not replicas:
        raise Missing(f"mode {ground.where.redis_mode}, and no replica that could take over")
    if ground.where.redis_mode == "single":
        # Whoever has the name of the endpoint changed does what a Sentinel would.
        return f"{replicas} replicas behind one address, which has to follow the master"
    return f"Sentinels, {replicas} replicas"


def _cluster(url: str) -> str:
    nodes = _asked_of_any(url, _nodes_as_told_by)
    rows = [line.split() for line in nodes.splitlines() if line.strip()]
    masters = {row[0] for row in rows if "master" in row[2] and len(row) > _SLOTS_AT}
    with_replica = {
        row[3] for row in rows if "slave" in row[2] and "fail" not in row[2]
    } & masters  # fmt: skip
    if masters != with_replica:
        alone = len(masters) - len(with_replica)
        raise Missing(f"{alone} of {len(masters)} masters have no replica that could take over")
    return f"a Cluster of {len(masters)} masters, each with a replica"


def _nodes_as_told_by(node: Any) -> str:  # Any: redis-py types none of it
    return str(node.execute_command("CLUSTER", "NODES"))


_SLOTS_AT = 8
"""From there on a line of CLUSTER NODES names what the node serves."""


def _asked_of_any(url: str, ask: Callable[[Redis], str]) -> str:
    parts = urlsplit(url)
    who, at, hosts = parts.netloc.rpartition("@")
    found: Exception | None = None
    for host in hosts.split(","):
        one = urlunsplit(parts._replace(netloc=f"{who}{at}{host}"))
        with connect(one, "single") as node:
            try:
                return ask(node)
            except (RedisError, OSError) as error:
                found = error
    raise found or Missing(f"no node in {len(read(url, 'cluster').hosts)} answers")


def sealed(ground: Ground) -> str:
    before = Timestamp(ground.now - SEALED_WITHIN, 0)
    newest = ground.database[AUDIT_LOGS].find_one(
        {"recordedAt": {"$lte": before, "$gt": Timestamp(0, 0)}},
        {"_id": 1},
        sort=[("recordedAt", DESCENDING)],
        hint=BY_RECORDING,
    )
    if newest is None:
        return "nothing older than ten minutes"
    if ground.database[AUDIT_SEALS].find_one({"ids": newest["_id"]}, {"_id": 1}) is None:
        raise Missing("what was written ten minutes ago is in no block")
    return "within ten minutes"


def role(ground: Ground) -> str:
    database = ground.database
    told = database.command("rolesInfo", roles.ROLE, showPrivileges=True)["roles"]
    if not told:
        raise Missing(f"there is no role {roles.ROLE}")
    wanted = _granted(roles.privileges(database.name))
    if _granted(told[0]["privileges"]) != wanted or told[0].get("roles"):
        raise Missing(f"{roles.ROLE} may do other things than the functions do")
    users = database.client["admin"].command("usersInfo", {"forAllDBs": True})["users"]
    alone = [{"role": roles.ROLE, "db": database.name}]
    those = [user["user"] for user in users if alone[0] in user["roles"]]
    if not those:
        raise Missing(f"nobody has {roles.ROLE}: who are the functions signed in as?")
    if any(user["roles"] != alone for user in users if user["user"] in those):
        raise Missing(f"who has {roles.ROLE} has other roles too")
    return f"{roles.ROLE}, alone, for {', '.join(sorted(those))}"


def _granted(privileges: list[Any]) -> dict[str, set[str]]:  # Any: BSON
    return {one["resource"]["collection"]: set(one["actions"]) for one in privileges}


def invariants(ground: Ground) -> str:
    read: Counter[str] = Counter()
    found = list(
        islice(
            check(
                ground.database,
                ground.redis,
                environment=ground.where.environment,
                progress=progress_to(sys.stderr, read),
            ),
            _FEW,
        )
    )
    if found:
        rules = ", ".join(sorted({one.rule for one in found}))
        raise Missing(f"{len(found)}{'+' if len(found) == _FEW else ''} violations: {rules}")
    return f"nothing wrong in {read.total():,} documents"


def drill(kind: str) -> Callable[[Ground], str]:
    """That it was practised lately, and passed."""

    def check_drill(ground: Ground) -> str:
        found = drills.latest(ground.database, kind)
        if found is None:
            raise Missing("never practised")
        age = (ground.now - found.at).days
        if found.outcome != "passed":
            raise Missing(f"the last one, {age} days ago, failed")
        if age > DRILL_DAYS:
            raise Missing(f"the last one was {age} days ago, more than {DRILL_DAYS}")
        return f"passed {age} days ago"

    return check_drill


def may_see(check_it: Callable[[Ground], str]) -> Callable[[Ground], str]:
    """What the operator's user may not look at is missing, and told as that."""

    def looked(ground: Ground) -> str:
        try:
            return check_it(ground)
        except OperationFailure as error:
            raise Missing(f"MongoDB does not let this user look (code {error.code})") from error

    return looked


def _more(found: list[Any], shown: int) -> str:  # Any: whatever there are many of
    return f"; and {len(found) - shown} more" if len(found) > shown else ""
