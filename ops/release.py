"""What serves, and back to what served before: moves each function's alias `live`, at once.

A release publishes a version of every function, which says at the end of its description what it
is of. Those who ask for codes go back first, and last those who send and check them, so that no
code is asked for that nobody can check (docs/release.md). What was taken back is written at the
alias, and is not gone back to. Deploy what is meant to serve afterwards: the stack does not know
that its aliases were moved.

Exit codes: 0 done; 1 there is nothing to go back to, or what serves is not one release; 2 AWS does
not answer.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops import queues
from ops.queues import Account, answering
from ops.stores import OpsError

ALIAS = "live"
FIRST = ("hold-slot", "resend-otp")
"""Who asks for codes."""
LAST = ("verify-otp", "send-notification")
"""Who checks and sends them: these know records of both releases' askers."""
_RELEASE = re.compile(r" ([0-9a-f]{10,64})$")
_TAKEN_BACK = "taken back:"
_MOST_TAKEN_BACK = 10


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its alias, and its versions, newest first, with the release each is of."""

    name: str
    live: str
    releases: Mapping[str, str]
    taken_back: Sequence[str] = ()
    """Releases that were, oldest first."""
    standby: Mapping[str, str] = field(default_factory=dict)
    """Versions by what they say of standing by, as far as that may be read."""

    @property
    def release(self) -> str:
        return self.releases.get(self.live, "")


@dataclass(frozen=True, slots=True)
class Move:
    function: str
    from_version: str
    to_version: str
    taken_back: Sequence[str]
    """All that were by now, this one the last."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show", "back"])
    parser.add_argument("--to", metavar="RELEASE", help="to this one; without it, the one before")
    parser.add_argument("--function", metavar="NAME", help="this one alone, like hold-slot")
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    queues.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    account = queues.account(arguments)
    with answering():
        client = account.client("lambda")
        functions = functions_of(account, client)
        if arguments.action == "show":
            return _show(functions, as_json=arguments.json)
        if arguments.function:
            functions = [
                one for one in functions if one.name == f"{account.stack}-{arguments.function}"
            ]
            if not functions:
                raise OpsError(f"{account.stack} has no function {arguments.function}")
        return _back(client, moves_back(functions, to=arguments.to), arguments)


def functions_of(account: Account, client: Any) -> list[Function]:
    """The stack's functions that have the alias. Raises OpsError: there is none."""
    found = []
    for page in client.get_paginator("list_functions").paginate():
        for told in page["Functions"]:
            name = told["FunctionName"]
            if name.startswith(f"{account.stack}-"):
                found += _function(client, name)
    if not found:
        raise OpsError(f"{account.stack} has no function with the alias {ALIAS}")
    return sorted(found, key=lambda one: one.name)


def serve_latest(account: Account, *, standby: str) -> int:
    """Publish each function as its stack has it by now, where what serves differs in that.

    It serves at once.

    Who asks for codes begins last to serve, and first to stand by. Returns how many there were.

    Raises:
        OpsError: the stack has no function with the alias.
    """
    client = account.client("lambda")
    waiting = [one for one in functions_of(account, client) if one.standby.get(one.live) != standby]
    waiting.sort(key=lambda one: _rank(one.name), reverse=standby == "false")
    for one in waiting:
        version = client.publish_version(FunctionName=one.name)["Version"]
        # With SnapStart that takes its snapshot; until then it refuses to be called.
        client.get_waiter("published_version_active").wait(FunctionName=one.name, Qualifier=version)
        _serve(client, one.name, version)
    return len(waiting)


def _serve(client: Any, function: str, version: str, **told: str) -> None:
    """Nothing of a canary that is under way stays: all traffic is the one version's."""
    client.update_alias(
        FunctionName=function,
        Name=ALIAS,
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": {}},
        **told,
    )


def moves_back(functions: Sequence[Function], *, to: str | None) -> list[Move]:
    """What to move, in order.

    Raises:
        OpsError: there is no such release, or none before, or it stood by and what serves does not.

    Without `to` it is the release before the newest that any of them serves, of those that were
    not taken back themselves. Who serves it already stays, and who is newer than it: nothing of
    that release calls it.
    """
    wanted = to or _before(functions)
    if not any(wanted in one.releases.values() for one in functions):
        raise OpsError(f"nothing has a version of release {wanted}")
    moves = []
    for one in functions:
        versions = [version for version, release in one.releases.items() if release == wanted]
        if versions and versions[0] != one.live:
            _ensure_stands_alike(one, versions[0])
            moves.append(Move(one.name, one.live, versions[0], _taken_back(one)))
    return sorted(moves, key=lambda move: (_rank(move.function), move.function))


def _ensure_stands_alike(one: Function, version: str) -> None:
    now, then = one.standby.get(one.live), one.standby.get(version)
    if now and then and now != then:
        raise OpsError(
            f"{one.name} {version} was published with Standby={then}, and {now} is what it is: "
            "promote and demote change that, and no rollback"
        )


def _before(functions: Sequence[Function]) -> str:
    """The release before the newest that any of them serves."""
    newest = max(functions, key=lambda one: int(one.live) if one.live.isdecimal() else 0)
    if any(
        int(version) > int(newest.live) and release in newest.taken_back
        for version, release in newest.releases.items()
    ):
        # A second time by mistake must not go a release further.
        raise OpsError(f"{newest.taken_back[-1]} is taken back already; --to goes further")
    older = [
        release
        for version, release in newest.releases.items()
        if int(version) < int(newest.live)
        and release != newest.release
        and release not in newest.taken_back
    ]
    if not older:
        raise OpsError(f"{newest.name} has no version before {newest.live}")
    return older[0]


def _taken_back(one: Function) -> list[str]:
    others = [release for release in one.taken_back if release != one.release]
    return [*others, one.release][-_MOST_TAKEN_BACK:]


def _rank(function: str) -> int:
    if function.endswith(tuple(f"-{name}" for name in FIRST)):
        return 0
    return 2 if function.endswith(tuple(f"-{name}" for name in LAST)) else 1


def _function(client: Any, name: str) -> list[Function]:
    try:
        alias = client.get_alias(FunctionName=name, Name=ALIAS)
    except client.exceptions.ResourceNotFoundException:
        return []
    told = [
        version
        for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        for version in page["Versions"]
        if version["Version"].isdecimal()
    ]
    told.sort(key=lambda version: int(version["Version"]), reverse=True)
    releases = {version["Version"]: _release_in(version["Description"]) for version in told}
    taken_back = alias.get("Description", "").partition(_TAKEN_BACK)[2].split()
    standby = {
        version["Version"]: version.get("Environment", {}).get("Variables", {}).get("STANDBY", "")
        for version in told
    }
    return [Function(name, alias["FunctionVersion"], releases, taken_back, standby)]


def _release_in(description: str) -> str:
    found = _RELEASE.search(description)
    return found[1] if found else ""


def _show(functions: Sequence[Function], *, as_json: bool) -> int:
    for one in functions:
        if as_json:
            told = {"function": one.name, "version": one.live, "release": one.release}
            print(json.dumps({**told, "versions": dict(one.releases)}))
        else:
            print(f"{one.name}  version {one.live}  release {one.release or '(no name)'}")
    releases = {one.release for one in functions}
    if len(releases) > 1:
        print(f"{len(releases)} releases serve together", file=sys.stderr)
    return 0 if len(releases) == 1 else 1


def _back(client: Any, moves: Sequence[Move], arguments: argparse.Namespace) -> int:
    if not moves:
        print("it serves already", file=sys.stderr)
        return 1
    for number, move in enumerate(moves, 1):
        if not arguments.dry_run:
            taken_back = f"{_TAKEN_BACK} {' '.join(move.taken_back)}"
            _serve(client, move.function, move.to_version, Description=taken_back)
        if arguments.json:
            told = {"function": move.function, "from": move.from_version, "to": move.to_version}
            print(json.dumps({**told, "moved": not arguments.dry_run}))
        else:
            print(f"{move.function}  {move.from_version} -> {move.to_version}")
        print(f"{number} of {len(moves)}", file=sys.stderr)
    return 0
