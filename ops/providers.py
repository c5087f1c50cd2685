"""The providers of SMS and email: how they do, and which are in use.

`status` tells which providers SMS go by, whether email stands in for SMS, how each provider's
breaker stands by the last messages, and how many messages wait. `switch sms --to ...` changes it
in a running system: all senders go by it within ten seconds, and the audit log says so. `--to
deployed` goes back to what was deployed. Exit codes: 0 done; 1 a provider in use fails (its
breaker is not closed); 2 a store or AWS does not answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ops import person, queues, stores
from ops.queues import Account, answering
from ops.stores import OpsError
from slotkeeper.adapters.mongo.controls import MongoControls, Switched
from slotkeeper.adapters.redis.breaker import Breaker
from slotkeeper.adapters.redis.keys import Keys
from slotkeeper.adapters.redis.provider_breakers import RedisBreakers
from slotkeeper.bootstrap import SystemClock
from slotkeeper.domain.errors import Unavailable
from slotkeeper.domain.provider import BY_SMS, EUM, SES, SmsChoice, State, names_of, sms_providers
from slotkeeper.ports.notifications import Standing

DEPLOYED = "deployed"
_MOST_REASON = 200
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_FUNCTION = "send-notification"


@dataclass(frozen=True, slots=True)
class Queued:
    """Messages that wait to be sent, and those set aside; None where no stack is named."""

    waiting: int | None = None
    failed: int | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    status = actions.add_parser("status", help="how the providers do")
    switch = actions.add_parser("switch", help="choose the providers of SMS")
    switch.add_argument("channel", choices=("sms",))
    switch.add_argument(
        "--to",
        metavar="PROVIDERS",
        help=f"none, {DEPLOYED}, or some of {', '.join(BY_SMS)} in their order, like sns,eum",
    )
    switch.add_argument(
        "--fallback",
        action=argparse.BooleanOptionalAction,
        help="whether who cannot get the SMS gets an email",
    )
    switch.add_argument("--reason", required=True, help="why, for colleagues; name no patient")
    switch.add_argument("--dry-run", action="store_true", help="say what would be chosen")
    for action in (status, switch):
        action.add_argument("--json", action="store_true", help="one JSON object")
        stores.add_arguments(action)
        queues.add_stack_arguments(action)


def run(arguments: argparse.Namespace) -> int:
    where = stores.named(arguments)
    account = _account(arguments)
    with stores.opened(where) as (database, redis), answering():
        controls = MongoControls(database)
        deployed = _deployed(account) if account else None
        try:
            if arguments.action == "switch":
                return _switch(controls, deployed, arguments)
            if redis is None:
                raise OpsError("name Redis too (--redis-url): it knows how the providers do")
            breakers = RedisBreakers(redis, Keys(where.environment), Breaker(SystemClock()))
            standing = {name: breakers.standing(name) for name in (*BY_SMS, SES)}
            queued = _queued(account) if account else Queued()
            status = _status_of(controls.sms(), deployed, standing, queued)
            return _show(status, as_json=arguments.json)
        except Unavailable as error:
            raise OpsError("a store does not answer") from error


def _account(arguments: argparse.Namespace) -> Account | None:
    return queues.account(arguments) if arguments.stack or arguments.stack_name else None


def _deployed(account: Account) -> SmsChoice | None:
    """What the stack was deployed with; None where it is not told, which is said."""
    from botocore.exceptions import ClientError

    name = f"{account.stack}-{_FUNCTION}"
    try:
        found = account.client("lambda").get_function_configuration(FunctionName=name)
    except ClientError as error:
        why = error.response["Error"].get("Code")
        print(f"what was deployed is not told ({why}): {name}", file=sys.stderr)
        return None
    given = found.get("Environment", {}).get("Variables", {})
    try:
        return SmsChoice(
            providers=sms_providers(given["SMS_PROVIDER"]),
            falls_back=given["SMS_FALLBACK_TO_EMAIL"] == "true",
        )
    except (KeyError, ValueError) as error:
        raise OpsError(f"{name} has no SMS_PROVIDER that is known here") from error


def _queued(account: Account) -> Queued:
    sqs = account.client("sqs")

    def count(queue: str) -> int:
        url = sqs.get_queue_url(QueueName=f"{account.stack}-{queue}")["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))["Attributes"]
        return sum(int(told[name]) for name in _COUNTS)

    return Queued(waiting=count("notifications"), failed=count("notifications-dlq"))


# --- switch ---------------------------------------------------------------------------------------


def _switch(
    controls: MongoControls, deployed: SmsChoice | None, arguments: argparse.Namespace
) -> int:
    now = controls.sms()
    providers, falls_back = _wanted(now, deployed, arguments)
    if not arguments.dry_run:
        reason = arguments.reason
        controls.switch_sms(providers, falls_back, asked=person.asked(), reason=reason)
    told = {
        "sms": None if providers is None else names_of(providers),
        "fallbackToEmail": falls_back,
        "dryRun": arguments.dry_run,
    }
    if arguments.json:
        print(json.dumps(told))
    else:
        does = "would go" if arguments.dry_run else "go, within ten seconds,"
        stands = {None: "as deployed", True: "on", False: "off"}[falls_back]
        print(f"SMS {does} by: {told['sms'] or 'what was deployed'}; fallback to email: {stands}")
    return 0


def _wanted(
    now: Switched | None, deployed: SmsChoice | None, arguments: argparse.Namespace
) -> tuple[tuple[str, ...] | None, bool | None]:
    """The choice as it is to be; what is not named stays.

    Raises:
        OpsError: nothing is named, or what cannot be.
    """
    if arguments.to is None and arguments.fallback is None:
        raise OpsError("say what to change: --to, --fallback or --no-fallback")
    if not arguments.reason.strip() or len(arguments.reason) > _MOST_REASON:
        raise OpsError(f"--reason is some words, {_MOST_REASON} characters at most")
    providers = now.providers if now else None
    falls_back = now.falls_back if now else None
    if arguments.to == DEPLOYED:
        providers = falls_back = None
    elif arguments.to is not None:
        try:
            providers = sms_providers(arguments.to)
        except ValueError as error:
            raise OpsError(f"--to {arguments.to}: {error}, nor {DEPLOYED}") from error
    if arguments.fallback is not None:
        falls_back = arguments.fallback
    if deployed and EUM in (providers or ()) and EUM not in deployed.providers:
        raise OpsError("the stack may not send by eum: deploy it with SmsProvider=sns,eum first")
    return providers, falls_back


# --- status ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    sms: str | None
    """Providers in their order, or none; None: as deployed, which nobody told."""
    fallback_to_email: bool | None
    switched_at: datetime | None
    providers: Mapping[str, Standing]
    """Those that are, or may be, in use."""
    queue: Queued

    @property
    def failing(self) -> list[str]:
        return [name for name, one in self.providers.items() if one.state is not State.CLOSED]

    def told(self) -> dict[str, object]:
        return {
            "sms": self.sms,
            "fallbackToEmail": self.fallback_to_email,
            "switchedAt": _text(self.switched_at),
            "providers": {name: _told(one) for name, one in self.providers.items()},
            "queue": asdict(self.queue),
        }


def _status_of(
    switched: Switched | None,
    deployed: SmsChoice | None,
    standing: Mapping[str, Standing],
    queue: Queued,
) -> Status:
    chosen = Switched() if switched is None else switched
    providers = chosen.providers
    falls_back = chosen.falls_back
    if deployed is not None:
        over = chosen.over(deployed)
        providers, falls_back = over.providers, over.falls_back
    in_use = {SES, *(BY_SMS if providers is None else providers)}
    return Status(
        sms=None if providers is None else names_of(providers),
        fallback_to_email=falls_back,
        switched_at=chosen.at,
        providers={name: one for name, one in standing.items() if name in in_use},
        queue=queue,
    )


def _show(status: Status, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(status.told()))
    else:
        for line in _lines(status):
            print(line)
    return 1 if status.failing else 0


def _lines(status: Status) -> Iterator[str]:
    how = f"switched {_text(status.switched_at)}" if status.switched_at else "as deployed"
    stands_in = {None: "as deployed", True: "on", False: "off"}[status.fallback_to_email]
    yield f"SMS by {status.sms or 'what was deployed'} ({how}), fallback to email {stands_in}"
    for name, one in status.providers.items():
        since = f" since {_text(one.since)}" if one.since else ""
        trial = f", next trial {_text(one.next_trial)}" if one.next_trial else ""
        told = f"of its last messages {one.taken} taken, {one.failed} failed"
        yield f"{name:4} {one.state.value}{since}{trial}; {told}"
    if status.queue.waiting is not None:
        yield f"queue {status.queue.waiting} waiting, {status.queue.failed} in the DLQ"


def _told(one: Standing) -> dict[str, object]:
    return {
        "state": one.state.value,
        "since": _text(one.since),
        "nextTrial": _text(one.next_trial),
        "taken": one.taken,
        "failed": one.failed,
    }


def _text(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    told = instant.astimezone(UTC).isoformat(timespec="seconds")
    return told.replace("+00:00", "Z")
