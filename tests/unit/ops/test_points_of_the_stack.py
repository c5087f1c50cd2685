"""What the checklist sees of a deployed stack; each point can also be missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import urllib3
from moto import mock_aws

from local.config import ROOT
from ops.__main__ import COMMANDS
from ops.golive import of_stack
from ops.golive.ground import Ground, Missing, Point
from ops.golive.of_stack import ALARMS
from ops.golive.of_stores import FIXED, mongodb_version
from ops.golive.points import POINTS
from ops.queues import Account
from ops.stores import Named

STACK = "slotkeeper"
PATIENT = "of-nobody"
OF_GUIDE = {
    "Canary + rollback tested": {"canary", "rollback-drill"},
    "Indexes created and validated with `explain()`": {"indexes"},
    "Redis HA tested (failover)": {"redis-replicas", "redis-failover-drill"},
    "OTP rate limits in place": {"otp-limits"},
    "Idempotency keys enforced on booking APIs": {"idempotency"},
    "Dashboards/alerts configured": {"alarms", "dashboard"},
    "Backup & restore drill completed": {"restore-drill"},
}
"""The guide's checklist, and the points that look at each line."""


class OneDatabase:
    """Answers the one command that is asked."""

    def __init__(self, **told: Any):
        self.told = told

    def command(self, _: str) -> dict[str, Any]:
        return self.told


def ground(account: Account | None, *, token: str | None = None, database: Any = None) -> Ground:
    where = Named(
        mongo_uri="mongodb://m",
        redis_url=None,
        redis_mode="single",
        redis_sentinel_master="slotkeeper",
        environment="prod",
    )
    return Ground(
        where=where,
        database=cast("Any", database),
        redis=None,
        account=account,
        api_url="https://api.example.com/prod",
        token=token,
    )


def missing(check: Callable[[Ground], str], of: Ground) -> str:
    with pytest.raises(Missing) as told:
        check(of)
    return str(told.value)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Account(STACK, {"region_name": "eu-central-1"})


class Deployed:
    """CloudFormation, with one stack."""

    def __init__(self, parameters: dict[str, str], kinds: tuple[str, ...]):
        self._parameters = parameters
        self._kinds = kinds

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's
        assert StackName == STACK
        told = [{"ParameterKey": k, "ParameterValue": v} for k, v in self._parameters.items()]
        return {"Stacks": [{"Parameters": told}]}

    def get_paginator(self, _: str) -> Deployed:
        return self

    def paginate(self, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803  # boto3's
        assert StackName == STACK
        for kind in self._kinds:
            one = {"ResourceType": kind, "ResourceStatus": "CREATE_COMPLETE"}
            yield {"StackResourceSummaries": [one]}


def deploy(monkeypatch: pytest.MonkeyPatch, *kinds: str, **parameters: str) -> None:
    real = Account.client

    def client(account: Account, service: str) -> Any:
        is_asked = service == "cloudformation"
        return Deployed(parameters, kinds) if is_asked else real(account, service)

    monkeypatch.setattr(Account, "client", client)


def test_the_guide_s_checklist_is_whole_and_each_point_says_how_it_is_mended() -> None:
    assert {id_ for ids in OF_GUIDE.values() for id_ in ids} == {
        point.id for point in POINTS if point.guide
    }
    assert len({point.id for point in POINTS}) == len(POINTS)
    assert all(point.mend for point in POINTS)


def test_a_point_without_a_stack_named_is_missing() -> None:
    told = {missing(point, ground(None)) for point in (of_stack.canary, of_stack.alarms)}

    assert told == {"no stack is named: --stack-name"}


def test_limits_that_are_off_are_missing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = dict.fromkeys(of_stack.OTP_LIMITS, "30")
    deploy(monkeypatch, **{**limits, "RateLimitIp": "0"})

    assert missing(of_stack.otp_limits, ground(account)) == "no limit: RateLimitIp"


def test_limits_that_are_set_are_there(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(monkeypatch, **dict.fromkeys(of_stack.OTP_LIMITS, "30"))

    assert "RateLimitWrites 30" in of_stack.otp_limits(ground(account))


def test_the_limits_are_parameters_of_the_template() -> None:
    template = (ROOT / "template.yaml").read_text()

    for name in (*of_stack.OTP_LIMITS, "RequireTls", "WebAcl", "OtpKeyRotationDays"):
        assert f"  {name}:" in template


@pytest.mark.parametrize(("value", "is_there"), [("true", True), ("false", False)])
def test_tls_is_what_the_stack_was_deployed_with(
    account: Account, monkeypatch: pytest.MonkeyPatch, value: str, is_there: bool
) -> None:
    deploy(monkeypatch, RequireTls=value)

    if is_there:
        assert of_stack.tls(ground(account))
    else:
        assert "in the clear" in missing(of_stack.tls, ground(account))


def test_keys_that_are_never_rotated_and_old_passwords_are_missing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    told: dict[str, dict[str, Any]] = {
        f"{STACK}/otp-keys": {"CreatedDate": now},
        f"{STACK}/stores": {"CreatedDate": now - timedelta(days=400)},
    }

    class Secrets:
        def describe_secret(self, SecretId: str) -> dict[str, Any]:  # noqa: N803  # boto3's
            return told[SecretId]

    monkeypatch.setattr(Account, "client", lambda *_: Secrets())
    of = ground(account)

    never = missing(of_stack.secrets, of)
    told[f"{STACK}/otp-keys"] |= {
        "RotationEnabled": True,
        "RotationRules": {"AutomaticallyAfterDays": 30},
        "LastRotatedDate": now - timedelta(days=61),
    }
    late = missing(of_stack.secrets, of)
    told[f"{STACK}/otp-keys"]["LastRotatedDate"] = now
    old = missing(of_stack.secrets, of)
    told[f"{STACK}/stores"]["LastChangedDate"] = now - timedelta(days=3)
    there = of_stack.secrets(of)

    assert "never rotated" in never
    assert "61 days ago" in late
    assert "400 days old" in old
    assert there == "keys of codes every 30 days; the stores' passwords are 3 days old"


def make_alarms(account: Account, names: list[str], actions: list[str]) -> None:
    cloudwatch = account.client("cloudwatch")
    for name in names:
        cloudwatch.put_metric_alarm(
            AlarmName=f"{STACK}-{name}",
            MetricName="m",
            Namespace="n",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=actions,
        )


def test_alarms_are_there_when_all_are_and_somebody_hears_them(account: Account) -> None:
    sns = account.client("sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    of = ground(account)

    make_alarms(account, list(ALARMS[1:]), [topic])
    one_less = missing(of_stack.alarms, of)
    make_alarms(account, [ALARMS[0]], [])
    mute = missing(of_stack.alarms, of)
    make_alarms(account, [ALARMS[0]], [topic])
    unheard = missing(of_stack.alarms, of)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    there = of_stack.alarms(of)

    assert one_less == f"1 of {len(ALARMS)} are not there: {ALARMS[0]}"
    assert mute == f"they tell nobody: {ALARMS[0]}"
    assert "nobody has subscribed" in unheard
    assert there.startswith(f"{len(ALARMS)}, ")


def test_a_dashboard_and_a_web_acl_are_there_once_they_are(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(monkeypatch, "AWS::WAFv2::WebACL")
    cloudwatch = account.client("cloudwatch")
    of = ground(account)

    missing(of_stack.dashboard, of)
    missing(of_stack.web_acl, of)
    cloudwatch.put_dashboard(
        DashboardName=STACK,
        DashboardBody=json.dumps({"widgets": []}),
    )

    deploy(monkeypatch, "AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation")

    assert of_stack.dashboard(of) == STACK
    assert of_stack.web_acl(ground(account)) == "before the API"


def test_each_alarm_is_one_of_the_template_and_has_its_page() -> None:
    template = (ROOT / "template.yaml").read_text()

    for name in ALARMS:
        assert f'AlarmName: !Sub "${{AWS::StackName}}-{name}"' in template
        assert (ROOT / "docs" / "runbooks" / f"{name}.md").exists()


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.id)
def test_what_mends_a_point_is_there(point: Point) -> None:
    for page in re.findall(r"docs/[\w/-]+\.md", point.mend):
        assert (ROOT / page).exists()
    for command in re.findall(r"python -m ops ([\w-]+)", point.mend):
        assert command in COMMANDS


def test_dead_letters_are_told(account: Account) -> None:
    sqs = account.client("sqs")
    urls = {
        name: sqs.create_queue(QueueName=f"{STACK}-{name}")["QueueUrl"]
        for name in of_stack.DEAD_LETTERS
    }
    of = ground(account)

    empty = of_stack.dead_letters(of)
    sqs.send_message(QueueUrl=urls["schedules-dlq"], MessageBody="x")

    assert empty == "empty"
    assert missing(of_stack.dead_letters, of) == "1 in schedules-dlq"


def test_without_an_alias_nothing_can_be_taken_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(monkeypatch, CanaryEnabled="true")

    assert "no alias live" in missing(of_stack.canary, ground(account))


# --- the API --------------------------------------------------------------------------------------

REFUSAL = {"code": "invalid_request", "errors": [{"field": "Idempotency-Key", "message": "none"}]}


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: object) -> list[dict[str, Any]]:
    """What the API answers, and what it is asked."""
    asked: list[dict[str, Any]] = []

    class Answer:
        def __init__(self) -> None:
            self.status = status
            self.data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def request(_: object, method: str, url: str, **more: Any) -> Answer:
        asked.append({"method": method, "url": url, **more})
        return Answer()

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    return asked


def test_a_hold_without_a_key_that_is_refused_for_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answering(monkeypatch, 400, REFUSAL)

    told = of_stack.idempotency(ground(None, token=PATIENT))

    assert told == "a hold without a key is refused"
    assert asked[0]["url"] == "https://api.example.com/prod/bookings"
    assert asked[0]["headers"]["Authorization"] == f"Bearer {PATIENT}"
    assert "Idempotency-Key" not in asked[0]["headers"]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (202, {"attemptId": "at_1"}, "answered 202"),
        (404, {"code": "not_found"}, "answered 404"),
        (400, {"code": "invalid_request", "errors": [{"field": "slotId"}]}, "answered 400"),
        (400, b"not json", "answered 400"),
        (400, [1], "answered 400"),
        (401, {"code": "unauthenticated"}, "does not know the token"),
    ],
)
def test_any_other_answer_is_missing(
    monkeypatch: pytest.MonkeyPatch, status: int, body: object, told: str
) -> None:
    answering(monkeypatch, status, body)

    assert told in missing(of_stack.idempotency, ground(None, token=PATIENT))


def test_without_a_token_the_api_cannot_be_asked() -> None:
    assert "--token-file" in missing(of_stack.idempotency, ground(None))


# --- versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [
        *(("7.0.34", False), ("7.0.35", True), ("8.0.23", False), ("8.0.24", True)),
        *(("8.2.10", True), ("8.3.2", False), ("8.3.3", True), ("8.4.0", True), ("9.0.0", True)),
        *(("6.0.99", False), ("8.1.99", False), ("8.0.24-rc0", True)),
    ],
)
def test_versions_are_judged_by_what_is_fixed(version: str, is_safe: bool) -> None:
    of = ground(None, database=OneDatabase(version=version))

    if is_safe:
        assert mongodb_version(of) == version
    else:
        assert version in missing(mongodb_version, of)


def test_the_fixed_versions_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    told = [f"{major}.{minor}.{patch}" for (major, minor), patch in FIXED.items()]

    assert f"before {', '.join(told[:-1])} and {told[-1]}" in page
