"""Points about the deployed stack, and what it answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3

from ops.golive.ground import Ground, Missing

ALARMS = (
    *("api-latency-p95", "api-5xx", "lock-contention", "otp-failures", "otp-undelivered"),
    *("queue-backlog", "queue-age", "dlq-notifications", "dlq-schedules", "sweep-lag"),
    *("outbox-lag", "mongodb-connections", "mongodb-errors", "redis-errors", "redis-memory"),
    *("sms-provider-down", "function-errors", "documents-set-aside", "jwks-refresh", "audit-lag"),
)
"""Each has a page in docs/runbooks."""
OTP_LIMITS = ("RateLimitIp", "RateLimitWrites", "OtpDailyPerUser", "OtpDailyPerPhone")
PASSWORD_DAYS = 365
ALIAS = "live"
DEAD_LETTERS = ("notifications-dlq", "schedules-dlq")
_KEY = "Idempotency-Key"
_SECONDS = 30.0


def canary(ground: Ground) -> str:
    parameters, function = ground.parameters, f"{ground.stack.stack}-hold-slot"
    functions = ground.client("lambda")
    try:
        found = functions.get_alias(FunctionName=function, Name=ALIAS)
    except functions.exceptions.ResourceNotFoundException as error:
        raise Missing(f"{function} has no alias {ALIAS} to shift or take back") from error
    if parameters.get("CanaryEnabled") != "true":
        raise Missing(f"releases go to everybody at once (CanaryEnabled); {ALIAS} is there")
    return f"{parameters.get('CanaryType', 'on')}; {ALIAS} is version {found['FunctionVersion']}"


def otp_limits(ground: Ground) -> str:
    parameters = ground.parameters
    off = [name for name in OTP_LIMITS if parameters.get(name, "0") in {"", "0"}]
    if off:
        raise Missing(f"no limit: {', '.join(off)}")
    return ", ".join(f"{name} {parameters[name]}" for name in OTP_LIMITS)


def tls(ground: Ground) -> str:
    if ground.parameters.get("RequireTls") != "true":
        raise Missing("functions speak to the stores in the clear (RequireTls)")
    return "functions start with nothing else"


def secrets(ground: Ground) -> str:
    known, stack = ground.client("secretsmanager"), ground.stack.stack
    keys = known.describe_secret(SecretId=f"{stack}/otp-keys")
    if not keys.get("RotationEnabled"):
        raise Missing("the keys of codes are never rotated (OtpKeyRotationDays)")
    every = int(keys.get("RotationRules", {}).get("AutomaticallyAfterDays", 30))
    rotated = keys.get("LastRotatedDate") or keys["CreatedDate"]
    if _days_since(rotated) > 2 * every:
        raise Missing(f"the keys of codes were rotated {_days_since(rotated)} days ago")
    stores = known.describe_secret(SecretId=f"{stack}/stores")
    changed = _days_since(stores.get("LastChangedDate") or stores["CreatedDate"])
    if changed > PASSWORD_DAYS:
        raise Missing(f"the passwords of the stores are {changed} days old")
    return f"keys of codes every {every} days; the stores' passwords are {changed} days old"


def web_acl(ground: Ground) -> str:
    found = ground.client("cloudformation").get_paginator("list_stack_resources")
    kinds = {
        one["ResourceType"]
        for page in found.paginate(StackName=ground.stack.stack)
        for one in page["StackResourceSummaries"]
        if one["ResourceStatus"].endswith("_COMPLETE")
    }
    if "AWS::WAFv2::WebACLAssociation" not in kinds:
        raise Missing("no web ACL stands before the API (WebAcl)")
    return "before the API"


def alarms(ground: Ground) -> str:
    stack = ground.stack.stack
    pages = ground.client("cloudwatch").get_paginator("describe_alarms")
    found: dict[str, Any] = {
        one["AlarmName"].removeprefix(f"{stack}-"): one
        for page in pages.paginate(AlarmNamePrefix=f"{stack}-")
        for one in page["MetricAlarms"]
    }
    missing = [name for name in ALARMS if name not in found]
    if missing:
        raise Missing(f"{len(missing)} of {len(ALARMS)} are not there: {', '.join(missing)}")
    mute = [
        name
        for name in ALARMS
        if not (found[name].get("ActionsEnabled") and found[name].get("AlarmActions"))
    ]
    if mute:
        raise Missing(f"they tell nobody: {', '.join(mute)}")
    topics = {action for name in ALARMS for action in found[name]["AlarmActions"]}
    heard = [topic for topic in topics if ":sns:" in topic and _is_heard(ground, topic)]
    if not heard:
        raise Missing("nobody has subscribed to the topic that they tell (AlarmEmail)")
    return f"{len(ALARMS)}, each with an action that somebody hears"


def dashboard(ground: Ground) -> str:
    stack = ground.stack.stack
    found = ground.client("cloudwatch").list_dashboards(DashboardNamePrefix=stack)
    names = [one["DashboardName"] for one in found.get("DashboardEntries", [])]
    if not names:
        raise Missing("there is none (Alarms)")
    return ", ".join(names)


def dead_letters(ground: Ground) -> str:
    sqs: Any = ground.client("sqs")
    counts = {}
    for name in DEAD_LETTERS:
        url = sqs.get_queue_url(QueueName=f"{ground.stack.stack}-{name}")["QueueUrl"]
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
        counts[name] = sum(int(found.get(one, 0)) for one in wanted)
    full = [f"{count} in {name}" for name, count in counts.items() if count]
    if full:
        raise Missing(", ".join(full))
    return "empty"


def idempotency(ground: Ground) -> str:
    """A hold without a key is refused, for want of it; nothing could be booked by it either way."""
    if not ground.token:
        raise Missing("no token to ask the API with: --token-file")
    with urllib3.PoolManager(retries=False, timeout=_SECONDS) as http:
        try:
            answer = http.request(
                "POST",
                f"{ground.api}/bookings",
                body=json.dumps({"slotId": "nobody_20000101T0000Z"}),
                headers={
                    "Authorization": f"Bearer {ground.token}",
                    "Content-Type": "application/json",
                },
            )
        except urllib3.exceptions.HTTPError as error:
            raise Missing(f"the API does not answer: {type(error).__name__}") from error
    if answer.status == 401:
        raise Missing("the API does not know the token: is it a new one?")
    named = _fields_refused(answer.data)
    if answer.status != 400 or _KEY.lower() not in named:
        raise Missing(f"a hold without a key is answered {answer.status}, not 400 for want of it")
    return "a hold without a key is refused"


def _fields_refused(body: bytes) -> set[str]:
    try:
        errors = json.loads(body).get("errors", [])
        return {str(error["field"]).lower() for error in errors}
    except (ValueError, AttributeError, TypeError, KeyError):
        return set()


def _is_heard(ground: Ground, topic: str) -> bool:
    found = ground.client("sns").list_subscriptions_by_topic(TopicArn=topic)
    told = found.get("Subscriptions", [])
    return any(one["SubscriptionArn"].startswith("arn:") for one in told)


def _days_since(at: datetime) -> int:
    return (datetime.now(UTC) - at) // timedelta(days=1)
