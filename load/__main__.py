"""`make load` and `make soak`: load by locust, and whether everything was as it must be."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from load.run import CLASSES, Plan, run
from load.verdict import as_json, as_text, complaints
from local import servers
from local.config import TOOLS, as_running, from_environment
from local.progress import LocalError, say


def main() -> int:
    """0: all is good; 1: it is not, and lines say why; 2: it could not be done."""
    signal.signal(signal.SIGTERM, _interrupt)
    arguments = _parser().parse_args()
    try:
        plan = _plan(arguments)
        say(
            f"{plan.kind} of {plan.seconds:.0f} s against {plan.api_url}: up to {plan.most_users} "
            f"users, {plan.rate:g} turns a second each; into {plan.out}"
        )
        found = run(plan)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    told = complaints(found, tolerate_503=arguments.tolerate_503)
    text = as_text(found, told)
    (plan.out / "summary.json").write_text(as_json(found, told))
    (plan.out / "summary.txt").write_text(text + "\n")
    print(f"\n{text}\n\n{plan.out}/report.html")
    return 1 if told else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    parser.add_argument("kind", choices=["ramp", "soak"])
    parser.add_argument("--host", metavar="URL", help="another system; default: the local one")
    parser.add_argument("--users", type=_count, default=10, help="of a ramp: at 1x the peak")
    parser.add_argument("--rate", type=_positive, default=1.0, help="turns a second of each user")
    parser.add_argument("--minutes", type=_positive, default=3.0)
    parser.add_argument("--scenario", choices=list(CLASSES), default="all")
    parser.add_argument(
        "--tokens", type=Path, metavar="FILE", help='{"token": ..., "phone": ...} a line'
    )
    parser.add_argument(
        "--codes", default="", metavar="COMMAND", help="prints the texts of the phone after it"
    )
    parser.add_argument("--mongo-uri", default="", metavar="URI", help="to check the database of")
    parser.add_argument("--tolerate-503", type=_share, default=0.0, metavar="SHARE", help="0 to 1")
    parser.add_argument("--sample-seconds", type=_positive, default=60.0, help="of a soak")
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    """Raises LocalError: the local system does not run, or another one's people are not named."""
    system, stack, uri = None, {}, arguments.mongo_uri
    if arguments.host:
        if not arguments.host.startswith(("https://", "http://")):
            raise LocalError(f"HOST is an https:// or http:// address; not {arguments.host!r}")
        if arguments.tokens is None:
            raise LocalError(
                "another system's patients are not ours to make: TOKENS=file, see docs/load.md"
            )
        _require_people(arguments.tokens)
        if not arguments.codes:
            say("codes cannot be read there: patients hold and let go (CODES=command reads them)")
    else:
        system = as_running(from_environment())
        if not servers.emulator(system).is_running():
            raise LocalError("the system is not running here: make run")
        stack = json.loads((system.state / "stack.json").read_text())
        uri = stack["mongo_uri"]
    now = datetime.now(UTC)
    home = system.state if system is not None else TOOLS
    return Plan(
        kind=arguments.kind,
        api_url=(arguments.host or stack["api_url"]).rstrip("/"),
        users=arguments.users,
        rate=arguments.rate,
        seconds=60 * arguments.minutes,
        scenario=arguments.scenario,
        out=(home / "load" / f"{now:%Y%m%dT%H%M%S}-{arguments.kind}").resolve(),
        system=system,
        stack=stack,
        tokens=arguments.tokens if arguments.host else None,
        codes=arguments.codes,
        mongo_uri=uri,
        sample_seconds=arguments.sample_seconds,
    )


def _require_people(file: Path) -> None:
    try:
        people = [json.loads(line) for line in file.read_text().splitlines()]
        is_usable = bool(people) and all(isinstance(one["token"], str) for one in people)
    except (OSError, ValueError, KeyError, TypeError):
        is_usable = False
    if not is_usable:
        raise LocalError(f"{file} is no file of tokens: a JSON object with `token` on each line")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError("a number above 0")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError("a share from 0 to 1")
    return number


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
