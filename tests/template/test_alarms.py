"""Alarms and dashboard: each is on something that is measured, and tells somebody what to do."""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.deploy import _ALARMS
from slotkeeper.entrypoints.metrics import LABELS, METRICS
from tests.support import translated
from tests.support.translated import Node, whatever_the_condition
from tests.template.test_template import FUNCTIONS, RESOURCES, ROOT, TEMPLATE, folder_of, walk

ALARMS = {
    name: alarm
    for name, alarm in translated.of_type("AWS::CloudWatch::Alarm").items()
    # Those that take a release back tell CodeDeploy, nobody else (test_release).
    if translated.resources()[name]["Condition"] != "IsCanary"
}
[PAGE] = translated.of_type("AWS::CloudWatch::CompositeAlarm").values()
[DASHBOARD] = translated.of_type("AWS::CloudWatch::Dashboard").values()
PARAMETERS: Node = TEMPLATE["Parameters"]
OURS = "Slotkeeper/${Environment}"

NAMED = {
    # point 4 of the issue, and what stands with it in the plan
    *("api-latency-p95", "api-5xx", "lock-contention", "otp-failures", "otp-undelivered"),
    *("queue-backlog", "queue-age", "dlq-notifications", "dlq-schedules", "sweep-lag"),
    *("outbox-lag", "mongodb-connections", "mongodb-errors", "redis-errors", "redis-memory"),
    *("sms-provider-down", "function-errors", "function-throttles", "documents-set-aside"),
    *("payments-set-aside", "jwks-refresh", "audit-lag"),
}
MEASURED = {name: one.labels for name, one in METRICS.items()}
OF_AWS = {
    "AWS/ApiGateway": ({"Latency", "4XXError", "5XXError", "Count"}, {"ApiName", "Stage"}),
    "AWS/SQS": (
        {
            *("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"),
            "ApproximateAgeOfOldestMessage",
        },
        {"QueueName"},
    ),
    "AWS/Lambda": ({"Errors", "Throttles", "Duration", "ConcurrentExecutions"}, {"FunctionName"}),
}
"""AWS's metrics, and the dimensions by which a whole stage, queue or function is told."""


def id_of(alarm: Node) -> str:
    return str(alarm["AlarmName"]["Fn::Sub"]).removeprefix("${AWS::StackName}-")


IDS = [id_of(alarm) for alarm in ALARMS.values()]


def text_of(alarm: Node) -> str:
    return str(alarm["AlarmDescription"]["Fn::Sub"])


def sub(value: Any) -> str:
    return str(value["Fn::Sub"]) if isinstance(value, dict) and "Fn::Sub" in value else str(value)


Metric = tuple[str, str, dict[str, Any]]


def metrics_of(alarm: Node) -> Iterator[Metric]:
    """Namespace, name and dimensions of all that the alarm looks at."""
    if "MetricName" in alarm:
        named = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        yield sub(alarm["Namespace"]), alarm["MetricName"], named
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            named = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
            yield sub(metric["Namespace"]), metric["MetricName"], named
        elif "SELECT" in sub(query["Expression"]):
            yield selected(sub(query["Expression"]))


def selected(query: str) -> Metric:
    found = re.match(r'SELECT SUM\((\w+)\) FROM SCHEMA\("([^"]+)", ([\w, ]+)\)', query)
    assert found, query
    return found[2], found[1], dict.fromkeys(found[3].split(", "))


def is_known(namespace: str, name: str, dimensions: dict[str, Any]) -> bool:
    """The metric is measured, by these dimensions and no other."""
    if namespace in OF_AWS:
        names, by = OF_AWS[namespace]
        return name in names and set(dimensions) == by
    labels = {key: value for key, value in dimensions.items() if key != "service"}
    return (
        namespace == OURS
        and dimensions.get("service") in {"slotkeeper", None}
        and "service" in dimensions
        # In all, or by its label (docs/metrics.md).
        and set(labels) in (set(), set(MEASURED[name]) if name in MEASURED else None)
        and name in MEASURED
        and all(value is None or value in LABELS.get(key, {value}) for key, value in labels.items())
    )


# --- alarms ---------------------------------------------------------------------------------------


def test_there_is_an_alarm_for_everything_that_was_asked_for() -> None:
    assert set(IDS) == NAMED
    assert len(IDS) == len(NAMED)


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_is_named_after_what_it_is_about(name: str) -> None:
    words = id_of(ALARMS[name]).split("-")

    assert name == "".join(word.capitalize() for word in words) + "Alarm"


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_tells_somebody_when_it_begins_and_when_it_is_over(name: str) -> None:
    alarm = ALARMS[name]

    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm.get("ActionsEnabled", True) is True


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_says_what_it_means_and_names_a_runbook_that_is_there(name: str) -> None:
    text = text_of(ALARMS[name])

    said = re.fullmatch(r"\[(page|ticket)\] [A-Z].+\. Runbook: \$\{RunbookBase\}/(\S+)\.md", text)

    assert said, text
    assert said[2] == id_of(ALARMS[name])
    assert (ROOT / PARAMETERS["RunbookBase"]["Default"] / f"{said[2]}.md").exists()


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_threshold_is_a_parameter_that_is_sane_by_itself(name: str) -> None:
    parameter = PARAMETERS[ALARMS[name]["Threshold"]["Ref"]]

    assert parameter["Type"] == "Number"
    assert parameter["MinValue"] <= parameter["Default"]
    assert parameter["Default"] <= parameter.get("MaxValue", parameter["Default"])


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_periods_are_parameters_and_it_can_be_one(name: str) -> None:
    alarm = ALARMS[name]
    periods = {
        period["Ref"]
        for node in walk(alarm)
        if isinstance(node, dict) and "Period" in node
        for period in [node["Period"]]
    }

    def number(value: Any) -> int:
        return int(PARAMETERS[value["Ref"]]["Default"] if isinstance(value, dict) else value)

    assert len(periods) == 1
    assert periods <= {"AlarmPeriodSeconds", "AlarmSlowPeriodSeconds"}
    assert 1 <= number(alarm["DatapointsToAlarm"]) <= number(alarm["EvaluationPeriods"])
    # CloudWatch looks back a day at most.
    [period] = periods
    assert number(alarm["EvaluationPeriods"]) * PARAMETERS[period]["Default"] <= 86_400


@pytest.mark.parametrize("name", ALARMS)
def test_alarm_looks_at_what_is_measured(name: str) -> None:
    looked_at = list(metrics_of(ALARMS[name]))

    assert looked_at
    assert [metric for metric in looked_at if not is_known(*metric)] == []


@pytest.mark.parametrize(
    "metric",
    [
        (OURS, "outbox_lag", {"service": "slotkeeper"}),
        (OURS, "outbox_lag_seconds", {}),
        (OURS, "outbox_lag_seconds", {"service": "slotkeeper", "environment": "prod"}),
        (OURS, "cache_hits_total", {"service": "slotkeeper", "command": "find"}),
        (OURS, "cache_hits_total", {"service": "slotkeeper", "cache": "bookings"}),
        ("Slotkeeper", "outbox_lag_seconds", {"service": "slotkeeper"}),
        ("AWS/SQS", "ApproximateNumberOfMessages", {"QueueName": "q"}),
        ("AWS/Lambda", "Errors", {}),
    ],
)
def test_a_metric_that_nobody_measures_is_found(metric: Metric) -> None:
    assert not is_known(*metric)


def silence_of(alarm: Node) -> str:
    """What silence means in an active region (`test_standby` has the other)."""
    silence = alarm["TreatMissingData"]
    match silence:
        case {"Fn::If": ["IsActive", active, "notBreaching"]}:
            return str(active)
    return str(silence)


@pytest.mark.parametrize("name", ALARMS)
def test_silence_means_what_the_metric_makes_of_it(name: str) -> None:
    alarm = ALARMS[name]
    each_run_tells = {"sweep-lag", "outbox-lag", "audit-lag"}
    may_not_ask = {"mongodb-connections", "redis-memory"}
    expected = (
        "breaching"
        if id_of(alarm) in each_run_tells
        else "missing"
        if id_of(alarm) in may_not_ask
        else "ignore"
        if id_of(alarm) == "sms-provider-down"
        else "notBreaching"
    )

    assert silence_of(alarm) == expected


@pytest.mark.parametrize("name", ALARMS)
def test_the_emulator_is_asked_for_nothing_that_it_refuses(name: str) -> None:
    """It refuses a whole stack for one alarm on several metrics."""
    is_left_out = RESOURCES[name]["Condition"] == "AsksMetrics"

    assert is_left_out == ("Metrics" in ALARMS[name])
    assert is_left_out == ("MetricName" not in ALARMS[name])
    assert _ALARMS["AlarmQueries"] == "false"


@pytest.mark.parametrize("name", ALARMS)
def test_one_of_an_alarms_queries_is_its_value(name: str) -> None:
    queries = ALARMS[name].get("Metrics", [])
    ids = [query["Id"] for query in queries]

    assert len(set(ids)) == len(ids)
    if queries:
        assert [query["Id"] for query in queries if query.get("ReturnData", True)] == ["asked"]
        words = set(re.findall(r"[a-z]+", sub(queries[-1]["Expression"])))
        assert set(ids) - {"asked"} <= words


def test_a_query_over_all_functions_names_every_one_of_them() -> None:
    for name in ("FunctionErrorsAlarm", "FunctionThrottlesAlarm"):
        [query] = ALARMS[name]["Metrics"]
        named = re.findall(
            r"FunctionName = '\$\{AWS::StackName\}-([\w-]+)'", sub(query["Expression"])
        )

        assert sorted(named) == sorted(
            folder_of(function).replace("_", "-") for function in FUNCTIONS.values()
        )
        # CloudWatch takes 2,048 characters.
        assert len(sub(query["Expression"]).replace("${AWS::StackName}", "s" * 40)) <= 2_048


# --- what each would do ---------------------------------------------------------------------------


DOES: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.GtE: operator.ge,
}


def reckoned(node: ast.AST, values: dict[str, float]) -> Any:
    """What CloudWatch would make of an expression; what IF does not choose is not reckoned."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left, does, right) | ast.Compare(left, [does], [right]):
            return DOES[type(does)](reckoned(left, values), reckoned(right, values))
        case ast.Call(ast.Name("IF"), [is_so, then, otherwise]):
            return reckoned(then if reckoned(is_so, values) else otherwise, values)
        case ast.Call(ast.Name("FILL"), [value, _]):
            return reckoned(value, values)
    raise AssertionError(ast.dump(node))


def is_alarm(name: str, values: dict[str, float]) -> bool:
    """Whether the alarm's one point is over its threshold, were these the metrics' sums."""
    alarm = ALARMS[name]
    queries = alarm.get("Metrics", [])
    if queries and "SELECT" not in sub(queries[-1]["Expression"]):
        expression = re.sub(
            r"\$\{(\w+)\}",
            lambda found: str(PARAMETERS[found[1]]["Default"]),
            sub(queries[-1]["Expression"]),
        )
        value = reckoned(ast.parse(expression, mode="eval").body, values)
    else:
        [value] = values.values()
    threshold = PARAMETERS[alarm["Threshold"]["Ref"]]["Default"]
    return bool(
        {
            "GreaterThanThreshold": value > threshold,
            "GreaterThanOrEqualToThreshold": value >= threshold,
            "LessThanThreshold": value < threshold,
        }[alarm["ComparisonOperator"]]
    )


@pytest.mark.parametrize(
    ("name", "usual", "trouble"),
    [
        ("ApiLatencyP95Alarm", {"ms": 400}, {"ms": 1001}),
        ("Api5xxAlarm", {"errors": 1, "requests": 100}, {"errors": 2, "requests": 100}),
        ("Api5xxAlarm", {"errors": 9, "requests": 9}, {"errors": 50, "requests": 50}),
        ("Api5xxAlarm", {"errors": 0, "requests": 0}, {"errors": 20, "requests": 1000}),
        ("LockContentionAlarm", {"conflicts": 60}, {"conflicts": 61}),
        ("OtpFailuresAlarm", {"wrong": 10, "right": 10}, {"wrong": 11, "right": 10}),
        ("OtpFailuresAlarm", {"wrong": 19, "right": 0}, {"wrong": 20, "right": 0}),
        ("OtpFailuresAlarm", {"wrong": 0, "right": 0}, {"wrong": 60, "right": 40}),
        ("OtpUndeliveredAlarm", {"messages": 5}, {"messages": 6}),
        ("QueueBacklogAlarm", {"messages": 1000}, {"messages": 1001}),
        ("QueueAgeAlarm", {"seconds": 60}, {"seconds": 61}),
        ("DlqNotificationsAlarm", {"messages": 0}, {"messages": 1}),
        ("DlqSchedulesAlarm", {"messages": 0}, {"messages": 1}),
        ("SweepLagAlarm", {"seconds": 60}, {"seconds": 181}),
        ("OutboxLagAlarm", {"seconds": 60}, {"seconds": 121}),
        ("MongodbConnectionsAlarm", {"ratio": 0.5}, {"ratio": 0.81}),
        ("MongodbErrorsAlarm", {"errors": 10}, {"errors": 11}),
        ("RedisErrorsAlarm", {"errors": 10}, {"errors": 11}),
        ("RedisMemoryAlarm", {"ratio": 0.5}, {"ratio": 0.81}),
        ("SmsProviderDownAlarm", {"open": 0}, {"open": 1}),
        ("FunctionErrorsAlarm", {"errors": 5}, {"errors": 6}),
        ("FunctionThrottlesAlarm", {"throttles": 10}, {"throttles": 11}),
        ("DocumentsSetAsideAlarm", {"documents": 0}, {"documents": 1}),
        ("PaymentsSetAsideAlarm", {"payments": 0}, {"payments": 1}),
        ("JwksRefreshAlarm", {"failures": 3}, {"failures": 4}),
        ("AuditLagAlarm", {"runs": 5}, {"runs": 0}),
    ],
)
def test_alarm_is_on_in_trouble_and_not_as_usual(
    name: str, usual: dict[str, float], trouble: dict[str, float]
) -> None:
    assert not is_alarm(name, usual)
    assert is_alarm(name, trouble)


# --- who is told ----------------------------------------------------------------------------------


def test_somebody_is_woken_by_every_alarm_that_says_so_and_no_other() -> None:
    rule = sub(PAGE["AlarmRule"])
    paging = {name for name, alarm in ALARMS.items() if text_of(alarm).startswith("[page]")}

    assert rule == " OR ".join(f'ALARM("${{{name}}}")' for name in ALARMS if name in paging)
    assert 5 <= len(paging) < len(ALARMS)
    assert RESOURCES["PageAlarm"]["Condition"] == "AsksMetrics"
    assert PAGE["AlarmActions"] == PAGE["OKActions"]


def test_topics_are_encrypted_and_only_our_alarms_write_to_them() -> None:
    topics = translated.of_type("AWS::SNS::Topic")
    [policy] = translated.of_type("AWS::SNS::TopicPolicy").values()
    [statement] = translated.statements_of(policy["PolicyDocument"])

    assert {topic["KmsMasterKeyId"]["Ref"] for topic in topics.values()} == {"AlarmKey"}
    assert {one["Ref"] for one in whatever_the_condition(policy["Topics"])} == set(topics)
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"}
    }
    assert sub(statement["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(
        ":alarm:${AWS::StackName}-*"
    )
    assert all(
        sub(topic["TopicName"]).startswith("${AWS::StackName}-") for topic in topics.values()
    )


def test_nobody_is_subscribed_who_was_not_named() -> None:
    subscriptions = translated.of_type("AWS::SNS::Subscription")

    assert {
        (RESOURCES[name]["Condition"], one["Protocol"], one["Endpoint"]["Ref"])
        for name, one in subscriptions.items()
    } == {("HasAlarmEmail", "email", "AlarmEmail"), ("HasPageUrl", "https", "PageUrl")}
    assert PARAMETERS["AlarmEmail"]["Default"] == PARAMETERS["PageUrl"]["Default"] == ""


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("AlarmEmail", ["", "night@clinic.example"], ["night", "a b@c.example", "a@b@c"]),
        ("PageUrl", ["", "https://pager.example/x"], ["http://pager.example", "https://a b"]),
        ("RunbookBase", ["docs/runbooks", "https://wiki.example/r"], ["", "docs/", "a b/c "]),
    ],
)
def test_parameter_takes_what_it_says(parameter: str, good: list[str], bad: list[str]) -> None:
    pattern = PARAMETERS[parameter]["AllowedPattern"]

    assert all(re.fullmatch(pattern, one) for one in good)
    assert not [one for one in bad if re.fullmatch(pattern, one)]


def test_the_index_has_every_alarm_with_its_threshold_and_severity() -> None:
    rows = re.findall(
        r"^\| \[([\w-]+)\]\(\1\.md\) \| (page|ticket) \| [^|]+ \| `(\w+)` ([\d.]+) \| (.+?) \|$",
        (ROOT / "docs/runbooks/README.md").read_text(),
        re.MULTILINE,
    )
    silence = {"notBreaching": "OK", "breaching": "ALARM", "missing": "unknown"}

    assert [tuple(row) for row in rows] == [
        (
            id_of(alarm),
            "page" if text_of(alarm).startswith("[page]") else "ticket",
            alarm["Threshold"]["Ref"],
            str(PARAMETERS[alarm["Threshold"]["Ref"]]["Default"]),
            silence.get(silence_of(alarm), "as it was"),
        )
        for alarm in ALARMS.values()
    ]


# --- dashboard ------------------------------------------------------------------------------------

BODY: Node = json.loads(DASHBOARD["DashboardBody"]["Fn::Sub"])
PANELS: dict[str, Node] = {one["properties"]["title"]: one for one in BODY["widgets"]}


def shown(panel: Node) -> Iterator[Metric]:
    """Namespace, name and dimensions of all that the panel shows."""
    for metric in panel["properties"].get("metrics", []):
        if isinstance(metric[0], str):
            namespace, name, *rest = (part for part in metric if isinstance(part, str))
            yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))
        elif "SEARCH" in metric[0]["expression"]:
            yield searched(metric[0]["expression"])


def searched(expression: str) -> Metric:
    found = re.match(r"""SEARCH\('\{"?([^",]+)"?,([\w,]+)\} MetricName="(\w+)\"""", expression)
    assert found, expression
    return found[1], found[3], dict.fromkeys(found[2].split(","))


@pytest.mark.parametrize("title", PANELS)
def test_every_metric_of_the_dashboard_is_measured(title: str) -> None:
    assert [metric for metric in shown(PANELS[title]) if not is_known(*metric)] == []


def test_the_dashboard_shows_what_every_alarm_looks_at() -> None:
    seen = {metric[:2] for panel in PANELS.values() for metric in shown(panel)}
    looked_at = {metric[:2] for alarm in ALARMS.values() for metric in metrics_of(alarm)}

    assert looked_at - seen == set()


def test_the_dashboard_shows_what_the_guide_asks_for() -> None:
    seen = {metric[1] for panel in PANELS.values() for metric in shown(panel)}

    assert {
        *("booking_attempts_total", "booking_success_total", "booking_lock_conflicts_total"),
        *("redis_ms", "mongodb_ms", "redis_errors_total", "mongodb_errors_total"),
        *("lock_acquisition_ms", "otp_verified_total", "otp_failed_total"),
        *("Latency", "5XXError", "ApproximateNumberOfMessagesVisible"),
    } <= seen


def test_the_dashboard_begins_with_every_alarm() -> None:
    first = BODY["widgets"][0]["properties"]
    named = [arn.rpartition(":${AWS::StackName}-")[2] for arn in first["alarms"]]

    # That of payments is not everywhere.
    assert named == [id_ for id_ in IDS if id_ != "payments-set-aside"]


def test_panels_do_not_lie_on_each_other() -> None:
    taken = [
        (x, y)
        for one in BODY["widgets"]
        for x in range(one["x"], one["x"] + one["width"])
        for y in range(one["y"], one["y"] + one["height"])
    ]

    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("title", PANELS)
def test_what_a_panel_reckons_is_of_what_it_has(title: str) -> None:
    metrics = PANELS[title]["properties"].get("metrics", [])
    options = [part for metric in metrics for part in metric if isinstance(part, dict)]
    ids = [one["id"] for one in options if "id" in one]
    words = {
        word
        for one in options
        if "SEARCH" not in one.get("expression", "SEARCH")
        for word in re.findall(r"[a-z]+", one["expression"])
    }

    assert len(ids) == len(set(ids))
    assert words <= set(ids)
