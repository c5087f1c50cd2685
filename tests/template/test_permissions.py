"""Who may do what: roles against the calls in the code, keys, queues, what nobody may."""

from __future__ import annotations

import ast
import json
from typing import Any

import botocore.client
import pytest

from slotkeeper import bootstrap
from slotkeeper.adapters.aws.jobs import SqsJobs
from slotkeeper.adapters.aws.providers import EumSms, SesEmail, SnsSms
from slotkeeper.adapters.aws.relay_waker import LambdaRelayWaker
from slotkeeper.adapters.aws.secrets import KeptSecret, read_api_key
from slotkeeper.adapters.aws.waits import SqsWaits
from slotkeeper.adapters.dependencies import NotificationQueue
from slotkeeper.domain.user import Channel
from slotkeeper.ports.notifications import CodeJob
from tests.support import aws_calls, translated
from tests.support.fakes import ALICE, ATTEMPT, SLOT, an_event
from tests.support.translated import Node, whatever_the_condition
from tests.template.test_template import FUNCTIONS, events_of, folder_of, many

FUNCTION_ROLES = {name: translated.role_of(name) for name in FUNCTIONS}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRIGGER_OF_A_QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
COLLECTOR = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""What a collector beside a function calls in its name, where there is one (docs/tracing.md)."""
NO_ARN = {
    # Whose resource cannot be named; each is said in the template, where it stands.
    ("SendNotificationRole", "sns:Publish"),
    ("CheckReleaseRole", "codedeploy:BatchGetDeploymentTargets"),
    ("CheckReleaseRole", "codedeploy:ListDeploymentTargets"),
    ("CheckReleaseRole", "codedeploy:PutLifecycleEventHookExecutionStatus"),
    *(
        ("NetworkInterfacePolicy", f"ec2:{action}")
        for action in (
            *("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"),
            *("DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
        )
    ),
    ("SnsEndpoint", "sns:Publish"),
    *(("TracingPolicy", action) for action in COLLECTOR),
    *(("TraceEndpoint", action) for action in COLLECTOR),
}


USES_NO_STORES = {"CheckReleaseFunction", "RotateOtpKeysFunction", "WebFunction"}
IN_NO_VPC = {"CheckReleaseFunction"}
"""What asks AWS alone."""
STORES = "${AWS::StackName}/stores"


def granted(function: str) -> set[str]:
    return {
        action
        for statement in translated.granted_to(function)
        if statement["Effect"] == "Allow"
        for action in many(statement["Action"])
    }


def needed(function: str) -> set[str]:
    """What the code calls, and what Lambda does in the function's name."""
    definition = FUNCTIONS[function]
    actions = {aws_calls.action_of(call) for call in aws_calls.calls_of(folder_of(definition))}
    if events_of(definition, "SQS"):
        actions |= TRIGGER_OF_A_QUEUE
    if "EventInvokeConfig" in definition:
        actions |= {"sqs:SendMessage"}
    if "sqs:SendMessage" in actions:
        actions |= {"kms:GenerateDataKey", "kms:Decrypt"}
    if aws_calls.uses_stores(folder_of(definition)):
        actions |= {"secretsmanager:GetSecretValue"}  # asked for by AWS's extension
    if actions & {"sqs:ReceiveMessage", "secretsmanager:GetSecretValue"}:
        actions |= {"kms:Decrypt"}
    if "secretsmanager:PutSecretValue" in actions:
        actions |= {"kms:GenerateDataKey"}
    return LOGS | actions


# --- roles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_may_do_what_its_code_calls_and_nothing_else(function: str) -> None:
    assert granted(function) == needed(function)


def test_every_function_has_a_role_of_its_own() -> None:
    assert len(set(FUNCTION_ROLES.values())) == len(FUNCTIONS)
    for function, role in FUNCTION_ROLES.items():
        assert role == function.removesuffix("Function") + "Role"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_role_is_lambdas_alone_and_has_no_policy_made_elsewhere(function: str) -> None:
    role = translated.of_type("AWS::IAM::Role")[FUNCTION_ROLES[function]]
    [trust] = translated.statements_of(role["AssumeRolePolicyDocument"])

    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    attached = whatever_the_condition(role.get("ManagedPolicyArns", []))
    assert attached == ([] if function in IN_NO_VPC else [{"Ref": "NetworkInterfacePolicy"}])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_writes_to_its_own_log_alone(function: str) -> None:
    own = {"Fn::GetAtt": [function.removesuffix("Function") + "LogGroup", "Arn"]}

    resources = [
        statement["Resource"]
        for statement in translated.granted_to(function)
        if set(many(statement["Action"])) & LOGS
    ]

    assert resources == [own]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_reads_the_secrets_it_is_given_and_no_other(function: str) -> None:
    given = FUNCTIONS[function].get("Environment", {}).get("Variables", {})
    named = {value["Fn::Sub"] for key, value in given.items() if key.endswith("SECRET_ID")}
    if function not in USES_NO_STORES:
        named.add(STORES)

    readable = {
        # A secret's ARN ends in six characters of Secrets Manager's own.
        resource["Fn::Sub"].partition(":secret:")[2].removesuffix("-??????")
        for statement in translated.granted_to(function)
        if "secretsmanager:GetSecretValue" in many(statement["Action"])
        for resource in many(statement["Resource"])
    }

    assert readable == named


def test_all_functions_but_those_that_are_known_not_to_use_the_stores() -> None:
    without = {
        name
        for name, function in FUNCTIONS.items()
        if not aws_calls.uses_stores(folder_of(function))
    }

    assert without == USES_NO_STORES


def test_only_the_function_that_rotates_keys_may_change_them() -> None:
    changes = {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}

    assert [name for name in FUNCTIONS if granted(name) & changes] == ["RotateOtpKeysFunction"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_sends_to_the_queues_it_is_given_and_no_other(function: str) -> None:
    definition = FUNCTIONS[function]
    given = definition.get("Environment", {}).get("Variables", {})
    calls = {operation for _, operation in aws_calls.calls_of(folder_of(definition))}
    expected = []
    if calls & {"SendMessage", "SendMessageBatch"}:
        expected.append({"Fn::GetAtt": [given["NOTIFICATION_QUEUE_URL"]["Ref"], "Arn"]})
    if "EventInvokeConfig" in definition:
        [event] = [definition["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]]
        expected.append(event["Destination"])

    sent_to = [
        statement["Resource"]
        for statement in translated.granted_to(function)
        if many(statement["Action"]) == ["sqs:SendMessage"]
    ]

    assert sent_to == expected


def test_schedules_start_the_functions_that_have_one_and_no_other() -> None:
    scheduled = [name for name, one in FUNCTIONS.items() if events_of(one, "ScheduleV2")]

    started = [
        resource["Ref"].removesuffix("Aliaslive")
        for name, kind, statement in translated.policies()
        if (name, kind) == ("ScheduleRole", "granted")
        and "lambda:InvokeFunction" in many(statement["Action"])
        for resource in many(statement["Resource"])
    ]

    assert sorted(started) == sorted(scheduled)
    for schedule in translated.of_type("AWS::Scheduler::Schedule").values():
        assert schedule["Target"]["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}


def test_every_role_of_the_stack_is_one_we_wrote() -> None:
    # SAM makes a role of AWS's own wide policies wherever none is named.
    others = set(translated.of_type("AWS::IAM::Role")) - set(FUNCTION_ROLES.values())

    assert others == {"ScheduleRole", "ApiLogRoleOfAccount", "CanaryRole"}


def test_the_one_policy_of_aws_is_what_the_gateway_insists_on() -> None:
    by_aws = {
        name: policy
        for name, role in translated.of_type("AWS::IAM::Role").items()
        for policy in whatever_the_condition(role.get("ManagedPolicyArns", []))
        if policy != {"Ref": "NetworkInterfacePolicy"}
    }

    assert set(by_aws) == {"ApiLogRoleOfAccount"}
    assert "AmazonAPIGatewayPushToCloudWatchLogs" in json.dumps(by_aws)


# --- everywhere -----------------------------------------------------------------------------------


def test_nothing_is_allowed_by_a_wildcard_of_actions() -> None:
    wide = [
        (name, action)
        for name, _, statement in translated.policies()
        if statement["Effect"] == "Allow"
        for action in many(statement["Action"])
        if "*" in action
    ]

    assert wide == []


def test_nothing_is_allowed_by_leaving_something_out() -> None:
    keys = {key for _, _, statement in translated.policies() for key in statement}

    assert keys <= {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


def test_no_resource_is_everything_but_where_it_has_no_name() -> None:
    wide = {
        (name, action)
        for name, kind, statement in translated.policies()
        if kind == "granted" and statement["Effect"] == "Allow"
        for action in many(statement["Action"])
        if "*" in many(statement["Resource"])
    }

    assert wide == NO_ARN


def test_nobody_may_publish_to_a_topic() -> None:
    denied = [
        statement["Resource"]
        for statement in translated.granted_to("SendNotificationFunction")
        if statement["Effect"] == "Deny" and statement["Action"] == "sns:Publish"
    ]

    assert denied == [{"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}]


def test_functions_own_code_may_not_make_network_interfaces() -> None:
    statements = [s for name, _, s in translated.policies() if name == "NetworkInterfacePolicy"]
    [allowed, denied] = statements

    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert denied["Action"] == allowed["Action"]
    assert "lambda:SourceFunctionArn" in denied["Condition"]["ArnLike"]


def test_who_is_allowed_without_a_name_is_of_this_account() -> None:
    for name, _, statement in translated.policies():
        if statement["Effect"] == "Allow" and statement.get("Principal") == "*":
            of = statement["Condition"]["StringEquals"]["aws:PrincipalAccount"]
            assert of == {"Ref": "AWS::AccountId"}, name


# --- keys -----------------------------------------------------------------------------------------


KEYS = translated.of_type("AWS::KMS::Key")
USES = {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"}


@pytest.mark.parametrize("name", KEYS)
def test_key_is_renewed_and_outlives_the_stack(name: str) -> None:
    resource = translated.resources()[name]

    assert KEYS[name]["EnableKeyRotation"] is True
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("name", KEYS)
def test_who_administers_a_key_may_not_use_it(name: str) -> None:
    for statement in translated.statements_of(KEYS[name]["KeyPolicy"]):
        if "Condition" not in statement:
            assert not {action for action in statement["Action"] if action in USES}


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("QueueKey", {"sqs"}),
        ("LogKey", {"logs"}),
        ("SecretKey", {"secretsmanager", "lambda"}),
        ("AlarmKey", {"cloudwatch"}),
    ],
)
def test_key_is_used_through_its_service_alone(name: str, services: set[str]) -> None:
    through = set()
    for statement in translated.statements_of(KEYS[name]["KeyPolicy"]):
        match statement:
            case {"Condition": {"StringEquals": {"kms:ViaService": {"Fn::Sub": via}, **more}}}:
                assert more == {"kms:CallerAccount": {"Ref": "AWS::AccountId"}}
                through.add(via.partition(".")[0])
            case {"Condition": _, "Principal": {"Service": {"Fn::Sub": service}}}:
                through.add(service.partition(".")[0])
            case {"Condition": more, "Principal": {"Service": str(service)}}:
                # All regions' by one name: it may come from this account alone.
                assert more["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
                through.add(service.partition(".")[0])

    assert through == services


def test_logs_encrypt_by_the_key_our_groups_alone() -> None:
    [statement] = [
        statement
        for statement in translated.statements_of(KEYS["LogKey"]["KeyPolicy"])
        if "Service" in statement["Principal"]
    ]
    patterns = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    ours = [pattern["Fn::Sub"].partition(":log-group:")[2] for pattern in patterns]

    for name, group in translated.of_type("AWS::Logs::LogGroup").items():
        text = group["LogGroupName"]["Fn::Sub"]
        assert any(text.startswith(one.removesuffix("*")) for one in ours), name
    assert all("${AWS::StackName}" in one for one in ours)


def test_every_key_that_a_role_uses_is_used_through_a_service() -> None:
    for name, kind, statement in translated.policies():
        if kind == "granted" and "kms:Decrypt" in many(statement["Action"]):
            [key, _] = statement["Resource"]["Fn::GetAtt"]
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
            assert (key, via.partition(".")[0]) in {
                ("QueueKey", "sqs"),
                ("SecretKey", "secretsmanager"),
            }, name


# --- queues ---------------------------------------------------------------------------------------


QUEUES = translated.of_type("AWS::SQS::Queue")


def queue_statements(queue: str) -> list[Node]:
    [policy] = [
        policy
        for policy in translated.of_type("AWS::SQS::QueuePolicy").values()
        if policy["Queues"] == [{"Ref": queue}]
    ]
    return translated.statements_of(policy["PolicyDocument"])


@pytest.mark.parametrize("queue", QUEUES)
def test_queue_is_encrypted_by_our_key(queue: str) -> None:
    assert QUEUES[queue]["KmsMasterKeyId"] == {"Ref": "QueueKey"}


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_policy_takes_away_only_and_from_itself(queue: str) -> None:
    for statement in queue_statements(queue):
        assert statement["Effect"] == "Deny"
        assert statement["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}


@pytest.mark.parametrize("queue", QUEUES)
def test_queue_refuses_what_comes_in_the_clear_or_for_somebody_else(queue: str) -> None:
    in_the_clear, of_another, for_another = queue_statements(queue)

    assert in_the_clear["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert "aws:PrincipalAccount" in of_another["Condition"]["StringNotEquals"]
    sources = for_another["Condition"]["ArnNotLikeIfExists"]["aws:SourceArn"]
    assert all("${AWS::StackName}-*" in source["Fn::Sub"] for source in many(sources))


def test_only_the_queue_it_is_for_sets_messages_aside_in_a_queue() -> None:
    aside = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]: queue["QueueName"]
        for queue in QUEUES.values()
        if "RedrivePolicy" in queue
    }

    for name, queue in QUEUES.items():
        allowed = queue.get("RedriveAllowPolicy", {})
        if name in aside:
            [source] = allowed["sourceQueueArns"]
            assert source["Fn::Sub"].endswith(":" + aside[name]["Fn::Sub"])
        elif "RedrivePolicy" not in queue:
            assert allowed == {"redrivePermission": "denyAll"}


# --- private subnets ------------------------------------------------------------------------------


def test_endpoints_let_through_what_the_functions_call_and_nothing_else() -> None:
    called = {
        aws_calls.action_of(call)
        for name, function in FUNCTIONS.items()
        for call in aws_calls.calls_of(folder_of(function))
        if name not in IN_NO_VPC
    }

    let_through = {
        action
        for endpoint in translated.of_type("AWS::EC2::VPCEndpoint").values()
        for statement in translated.statements_of(endpoint["PolicyDocument"])
        for action in many(statement["Action"])
    }

    assert let_through == called | COLLECTOR


# --- whether the calls are read right -------------------------------------------------------------


ANSWERS: Any = {
    "Invoke": {},
    "GetSecretValue": {"SecretString": '{"apiKey": "x"}'},
    "SendEmail": {"MessageId": "1"},
    "Publish": {"MessageId": "1"},
    "SendTextMessage": {"MessageId": "1"},
}


def test_what_adapters_really_ask_of_aws_is_what_was_read_from_their_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: set[aws_calls.Call] = set()

    def note(client: Any, operation: str, _: Any) -> Any:
        asked.add((client.meta.service_model.service_name, operation))
        return ANSWERS.get(operation, {})

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", note)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    bootstrap.aws.cache_clear()
    jobs = SqsJobs(bootstrap.aws("sqs"), "https://queue")
    jobs.send_code(
        CodeJob(
            attempt_id=ATTEMPT,
            slot_id=SLOT,
            user_id=ALICE,
            channel=Channel.SMS,
            send_number=1,
            request_id="request-1",
        )
    )
    jobs.send_events([an_event()])
    SnsSms(bootstrap.aws).send("+15550100", "", "text")
    EumSms(bootstrap.aws, sender="").send("+15550100", "", "text")
    SesEmail(bootstrap.aws, sender="a@b").send("a@b", "subject", "text")
    SqsWaits(bootstrap.aws("sqs"), "https://queue").postpone("receipt", 30)
    KeptSecret(bootstrap.aws("secretsmanager"), "payment", read_api_key, bootstrap.clock()).value()
    LambdaRelayWaker(bootstrap.aws("lambda"), "relay").wake()
    NotificationQueue(bootstrap.aws, "https://queue").check()
    bootstrap.aws.cache_clear()

    read = {
        call for function in FUNCTIONS.values() for call in aws_calls.calls_of(folder_of(function))
    }
    assert len(asked) == 9
    assert asked <= read


def test_a_call_that_nobody_was_told_of_is_noticed() -> None:
    source = "class Purger:\n    def run(self):\n        self._sqs.purge_queue(QueueUrl='q')\n"

    found = list(aws_calls.calls_in(ast.parse(source), ["sqs"]))

    assert found == [("sqs", "PurgeQueue")]


def test_calls_are_found_from_the_handler_through_its_factories() -> None:
    assert ("sqs", "SendMessage") in aws_calls.calls_of("hold_slot")
    assert aws_calls.calls_of("list_slots") == set()
