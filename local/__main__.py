"""The commands of the local system, for `make`: progress to stderr, answers to stdout."""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from local.config import TOOLS, Config, as_running, from_environment
from local.progress import LocalError, say

_OF_THE_RUNNING = frozenset(
    {
        *("token", "tokens", "inbox", "logs", "demo"),
        *("demo-ops", "watch", "rollback-drill", "cost"),
    }
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up")
    commands.add_parser("down")
    commands.add_parser("clean")
    commands.add_parser("demo")
    commands.add_parser("demo-ops")
    commands.add_parser("watch")
    commands.add_parser("build")
    commands.add_parser("rollback-drill")
    deploy = commands.add_parser("deploy")
    deploy.add_argument("--environment", required=True)
    deploy.add_argument("--parameters", default="", help="NAME=value ..., before all others")
    deploy.add_argument("--dry-run", action="store_true", help="print what SAM would be told")
    cost = commands.add_parser("cost")
    cost.add_argument("--bookings", type=int, default=20)
    cost.add_argument("--write", action="store_true", help="into docs/cost.md")
    token = commands.add_parser("token")
    token.add_argument("--user", required=True)
    tokens = commands.add_parser("tokens")
    tokens.add_argument("--count", type=int, required=True)
    for command in (token, tokens):
        command.add_argument("--role", choices=("patient", "staff", "admin"), default="patient")
    inbox = commands.add_parser("inbox")
    inbox.add_argument("--to")
    logs = commands.add_parser("logs")
    logs.add_argument("--function", required=True)
    arguments = parser.parse_args()
    try:
        return _run(arguments, from_environment())
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace, config: Config) -> int:
    if arguments.command in _OF_THE_RUNNING:
        _require_running(config)
        return _use(arguments, as_running(config))
    return _manage(arguments, config)


# Imported where used: `make token` should not wait for what only `make run` needs.


def _manage(arguments: argparse.Namespace, config: Config) -> int:
    match arguments.command:
        case "up":
            from local.up import up, what_to_try

            print(what_to_try(up(config)))
        case "down" | "clean":
            from local.down import down

            down(config)
            if arguments.command == "clean":
                shutil.rmtree(TOOLS, ignore_errors=True)
                say(f"removed {TOOLS}")
        case "build":
            from local.deploy import build_for_deployment

            print(f"built: deploy with PyRuntime={build_for_deployment(config)}")
        case "deploy":
            from local.ship import ship

            return ship(
                config,
                arguments.environment,
                given=arguments.parameters.split(),
                is_dry=arguments.dry_run,
            )
    return 0


def _use(arguments: argparse.Namespace, config: Config) -> int:
    match arguments.command:
        case "demo":
            from local.demo import demo

            return demo(config)
        case "rollback-drill":
            from local.rollback_drill import drill

            return 0 if drill(config).passed else 1
        case "cost":
            from local.cost import report

            report(config, bookings=arguments.bookings, is_written=arguments.write)
        case "demo-ops":
            from local.demo_ops import demo_ops

            return demo_ops(config)
        case "watch":
            from local.metrics_bridge import watch

            watch(config, json.loads((config.state / "stack.json").read_text()))
        case "token" | "tokens":
            _print_tokens(arguments, config)
        case "inbox":
            from local.inbox import messages

            for message in messages(config, arguments.to):
                print(json.dumps(message))
        case "logs":
            from local.logs import print_logs

            print_logs(config, arguments.function)
    return 0


def _require_running(config: Config) -> None:
    from local import servers

    if not servers.emulator(config).is_running():
        raise LocalError("the system is not running here: make run")


def _print_tokens(arguments: argparse.Namespace, config: Config) -> None:
    from local import identity

    if arguments.command == "token":
        [person] = identity.sign_in(config, [identity.named(arguments.user, arguments.role)])
        print(person.token)
        return
    people = [identity.anybody(arguments.role) for _ in range(arguments.count)]
    for person in identity.sign_in(config, people):
        shown = {"userId": person.user_id, "token": person.token}
        print(json.dumps({**shown, "phone": person.phone, "email": person.email}))


if __name__ == "__main__":
    sys.exit(main())
