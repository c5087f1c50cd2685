"""What stands between the internet and the functions, as CloudFormation is asked for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from slotkeeper.contracts.problems import problem
from slotkeeper.domain import errors
from slotkeeper.entrypoints.answers import SAFE_HEADERS
from slotkeeper.entrypoints.incoming import MAX_BODY_BYTES
from slotkeeper.entrypoints.operation import STATUS
from tests.support import translated
from tests.support.translated import Node, whatever_the_condition
from tests.template.test_template import (
    FUNCTIONS,
    GATEWAY_RESPONSES,
    RESOURCES,
    ROOT,
    SETTINGS,
    TEMPLATE,
    events_of,
    routes,
    walk,
)

PARAMETERS: Node = TEMPLATE["Parameters"]
[STAGE] = translated.of_type("AWS::ApiGateway::Stage").values()
[REST_API] = translated.of_type("AWS::ApiGateway::RestApi").values()
[WEB_ACL] = translated.of_type("AWS::WAFv2::WebACL").values()
MAX_CONNECTIONS = 5_000
"""To MongoDB, as the parameters' comment and docs/deploy.md say."""


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GATEWAY_RESPONSES)
def test_what_the_gateway_answers_itself_has_the_headers_of_ours(name: str) -> None:
    headers = GATEWAY_RESPONSES[name]["ResponseParameters"]["Headers"]

    # In the gateway's language a constant stands in single quotes.
    constants = {key: value[1:-1] for key, value in headers.items() if value.startswith("'")}

    assert {key: constants[key] for key in SAFE_HEADERS} == SAFE_HEADERS


def test_the_gateway_translates_every_header_of_its_answers() -> None:
    answers = REST_API["Body"]["x-amazon-apigateway-gateway-responses"]

    for answer in answers.values():
        names = {name.rpartition(".")[2] for name in answer["responseParameters"]}
        assert set(SAFE_HEADERS) <= names


def own_answers_of_the_web_acl() -> list[tuple[str, Node]]:
    return [
        (rule["Name"], rule["Action"]["Block"]["CustomResponse"])
        for rule in WEB_ACL["Rules"]
        if "Action" in rule
    ]


@pytest.mark.parametrize(("name", "answer"), own_answers_of_the_web_acl())
def test_what_the_web_acl_answers_itself_is_a_problem_of_ours(name: str, answer: Node) -> None:
    headers = {header["Name"]: header["Value"] for header in answer["ResponseHeaders"]}
    body = WEB_ACL["CustomResponseBodies"][answer["CustomResponseBodyKey"]]
    document = json.loads(body["Content"])
    [error] = [error for error in STATUS if error.code == document["code"]]

    expected = problem(
        status=STATUS[error], code=error.code, detail=error.detail, request_id="", more={}
    )
    assert document == {key: expected[key] for key in expected if key != "requestId"}
    assert answer["ResponseCode"] == STATUS[error]
    assert {key: headers[key] for key in SAFE_HEADERS} == SAFE_HEADERS
    assert ("Retry-After" in headers) == (error is errors.RateLimited)


# --- throttling, concurrency ----------------------------------------------------------------------


def throttle_of(method: str, path: str) -> str:
    """The parameter that says how often the route is served."""
    settings = {(one["HttpMethod"], one["ResourcePath"]): one for one in STAGE["MethodSettings"]}
    found = settings.get((method.upper(), path), settings["*", "/*"])
    rate, burst = found["ThrottlingRateLimit"]["Ref"], found["ThrottlingBurstLimit"]["Ref"]
    assert burst == rate + "Burst"
    return str(rate)


@pytest.mark.parametrize(("_folder", "method", "path"), list(routes()))
def test_every_route_is_throttled(_folder: str, method: str, path: str) -> None:
    assert PARAMETERS[throttle_of(method, path)]["Default"] > 0


def test_what_sends_or_tries_a_code_is_throttled_tightest() -> None:
    tight = {
        (method, path)
        for _, method, path in routes()
        if throttle_of(method, path) == "ThrottleCodes"
    }
    rates = [PARAMETERS[f"Throttle{kind}"]["Default"] for kind in ("Codes", "Writes", "Reads")]

    assert tight == {
        ("POST", "/bookings"),
        ("POST", "/bookings/{id}/verify-otp"),
        ("POST", "/bookings/{id}/resend-otp"),
    }
    assert rates == sorted(rates)
    assert len(set(rates)) == 3


def test_no_setting_is_of_a_route_that_is_not_there() -> None:
    named = {(one["HttpMethod"], one["ResourcePath"]) for one in STAGE["MethodSettings"]}

    assert named - {("*", "/*")} <= {(method.upper(), path) for _, method, path in routes()}


def test_no_setting_logs_or_keeps_what_passes() -> None:
    for setting in STAGE["MethodSettings"]:
        assert setting["LoggingLevel"] == "OFF"
        assert setting["DataTraceEnabled"] is False
        assert not setting.get("CachingEnabled", False)


def reserved(function: str) -> int:
    value = FUNCTIONS[function]["ReservedConcurrentExecutions"]
    condition, given, otherwise = value["Fn::If"]
    assert (condition, otherwise) == ("ReservesConcurrency", {"Ref": "AWS::NoValue"})
    return int(PARAMETERS[given["Ref"]]["Default"] if isinstance(given, dict) else given)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_its_share_of_the_concurrency(function: str) -> None:
    assert reserved(function) >= 1
    for event in events_of(FUNCTIONS[function], "SQS"):
        # More would be taken from the queue than may run, and come back as failures.
        assert event["ScalingConfig"]["MaximumConcurrency"] <= reserved(function)


def test_all_together_leave_mongodb_and_the_account_room() -> None:
    pool = int(
        re.findall(
            r"maxPoolSize=(\d+)",
            (ROOT / "layers/common/slotkeeper/adapters/mongo/client.py").read_text(),
        )[0]
    )
    with_mongo = sum(reserved(name) for name in FUNCTIONS if name != "AuthorizeFunction")

    assert with_mongo * pool <= MAX_CONNECTIONS
    # An account has a thousand by default, and keeps a hundred for functions without a share.
    assert with_mongo + reserved("AuthorizeFunction") <= 900


# --- encrypted at rest ----------------------------------------------------------------------------


LOG_GROUPS = translated.of_type("AWS::Logs::LogGroup")


@pytest.mark.parametrize("name", LOG_GROUPS)
def test_log_is_encrypted_by_our_key_and_ends(name: str) -> None:
    assert LOG_GROUPS[name]["KmsKeyId"] == {"Fn::GetAtt": ["LogKey", "Arn"]}
    assert LOG_GROUPS[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


SECRETS = translated.of_type("AWS::SecretsManager::Secret")


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_encrypted_by_our_key_and_outlives_the_stack(name: str) -> None:
    resource = translated.resources()[name]

    assert SECRETS[name]["KmsKeyId"] == {"Fn::GetAtt": ["SecretKey", "Arn"]}
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("name", translated.of_type("AWS::Lambda::Function"))
def test_functions_variables_are_encrypted_by_our_key(name: str) -> None:
    function = translated.of_type("AWS::Lambda::Function")[name]

    assert function["KmsKeyArn"] == {"Fn::GetAtt": ["SecretKey", "Arn"]}


# --- encrypted on the way -------------------------------------------------------------------------


def test_tls_is_required_unless_it_is_said_otherwise() -> None:
    assert PARAMETERS["RequireTls"]["Default"] == "true"
    assert SETTINGS["REQUIRE_TLS"].default is True
    for function in translated.of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["REQUIRE_TLS"] == {"Ref": "RequireTls"}


def test_api_and_its_domain_take_tls_1_2_or_newer_and_no_other_name() -> None:
    [domain] = translated.of_type("AWS::ApiGateway::DomainName").values()

    for one in (REST_API, domain):
        assert one["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2_")
        assert one["EndpointAccessMode"] == "STRICT"


def test_with_a_domain_the_gateways_own_name_is_off() -> None:
    endpoint = REST_API["Body"]["x-amazon-apigateway-endpoint-configuration"]

    assert endpoint["disableExecuteApiEndpoint"] == {"Fn::If": ["HasDomain", True, False]}


# --- log of requests ------------------------------------------------------------------------------


def test_log_of_requests_is_json_and_holds_nobodys_data() -> None:
    setting = STAGE["AccessLogSetting"]
    logged = json.loads(setting["Format"])
    variables = set(re.findall(r"\$context\.[\w.]+", setting["Format"]))

    assert all(value in variables for value in logged.values())
    assert variables <= {
        # The route as it is declared, not the path that was asked for.
        *("$context.requestId", "$context.requestTimeEpoch", "$context.httpMethod"),
        *("$context.resourcePath", "$context.status", "$context.responseLength"),
        *("$context.responseLatency", "$context.integrationLatency"),
        *("$context.integrationStatus", "$context.authorizer.status"),
        *("$context.error.responseType", "$context.wafResponseCode", "$context.tlsVersion"),
    }


def test_log_of_requests_has_a_group_of_its_own() -> None:
    assert STAGE["AccessLogSetting"]["DestinationArn"] == {
        "Fn::GetAtt": ["ApiAccessLogGroup", "Arn"]
    }
    assert "ApiAccessLogGroup" in LOG_GROUPS


# --- web ACL --------------------------------------------------------------------------------------


RULES: dict[str, Node] = {rule["Name"]: rule for rule in WEB_ACL["Rules"]}


def test_web_acl_stands_before_the_stage() -> None:
    [association] = translated.of_type("AWS::WAFv2::WebACLAssociation").values()

    assert association["WebACLArn"] == {"Fn::GetAtt": ["ApiWebAcl", "Arn"]}
    assert "restapis/${Api}/stages/" in json.dumps(association["ResourceArn"])
    assert PARAMETERS["WebAcl"]["Default"] == "true"


def test_web_acl_has_the_rules_of_aws_and_none_is_only_counted() -> None:
    managed = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]: rule
        for rule in RULES.values()
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }

    assert set(managed) == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
    }
    assert all(rule["OverrideAction"] == {"None": {}} for rule in managed.values())


def test_one_rule_of_aws_is_counted_because_ours_takes_its_place() -> None:
    overridden = [
        one
        for node in walk(WEB_ACL["Rules"])
        if isinstance(node, dict)
        for one in node.get("RuleActionOverrides", [])
    ]

    assert [one["Name"] for one in overridden] == ["SizeRestrictions_BODY"]
    assert RULES["too-large"]["Priority"] < RULES["common"]["Priority"]


def test_web_acl_refuses_a_body_that_is_larger_than_we_take_or_it_can_look_through() -> None:
    size = RULES["too-large"]["Statement"]["SizeConstraintStatement"]

    assert (size["ComparisonOperator"], size["Size"]) == ("GT", MAX_BODY_BYTES)
    assert size["FieldToMatch"]["Body"]["OversizeHandling"] == "MATCH"


def test_web_acl_counts_by_the_address_that_connects() -> None:
    rate = RULES["too-many"]["Statement"]["RateBasedStatement"]

    assert rate["AggregateKeyType"] == "IP"
    assert rate["Limit"] == {"Ref": "WebAclRequestsPer5Minutes"}
    five_minutes_of_ours = 5 * int(PARAMETERS["RateLimitIp"]["Default"])
    assert PARAMETERS["WebAclRequestsPer5Minutes"]["Default"] == five_minutes_of_ours


def test_web_acl_logs_what_it_refused_without_what_is_personal() -> None:
    [log] = translated.of_type("AWS::WAFv2::LoggingConfiguration").values()
    hidden = {
        field["SingleHeader"]["Name"] if "SingleHeader" in field else next(iter(field))
        for field in log["RedactedFields"]
    }

    assert {"authorization", "cookie", "QueryString"} <= hidden
    assert log["LoggingFilter"]["DefaultBehavior"] == "DROP"
    assert log["LoggingFilter"]["Filters"] == [
        {
            "Behavior": "KEEP",
            "Requirement": "MEETS_ANY",
            "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
        }
    ]


def test_web_acl_keeps_no_samples_of_requests() -> None:
    found = [
        node["SampledRequestsEnabled"]
        for node in walk(WEB_ACL)
        if isinstance(node, dict) and "SampledRequestsEnabled" in node
    ]

    assert len(found) == 1 + len(RULES)
    assert not any(found)


# --- private subnets ------------------------------------------------------------------------------


def test_functions_are_in_a_vpc_where_subnets_are_given() -> None:
    for name, function in translated.of_type("AWS::Lambda::Function").items():
        if name == "CheckReleaseFunction":  # it asks AWS alone
            assert function["VpcConfig"] == translated.NO_VALUE
            continue
        [vpc] = whatever_the_condition(function["VpcConfig"])
        assert vpc == {
            "SubnetIds": {"Ref": "SubnetIds"},
            "SecurityGroupIds": {"Ref": "SecurityGroupIds"},
        }


def test_endpoints_are_private_and_open_to_the_functions_alone() -> None:
    endpoints = translated.of_type("AWS::EC2::VPCEndpoint").values()
    [group] = translated.of_type("AWS::EC2::SecurityGroup").values()
    [way_in] = group["SecurityGroupIngress"]

    assert endpoints
    for endpoint in endpoints:
        assert endpoint["PrivateDnsEnabled"] is True
        assert endpoint["SecurityGroupIds"] == [{"Ref": "EndpointSecurityGroup"}]
    assert way_in["SourceSecurityGroupId"] == {"Fn::Select": [0, {"Ref": "SecurityGroupIds"}]}
    assert (way_in["FromPort"], way_in["ToPort"]) == (443, 443)


# --- the template itself --------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_says_what_it_is(name: str) -> None:
    is_setting = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() in SETTINGS

    assert PARAMETERS[name].get("Description") or is_setting


def skips() -> list[tuple[str, Any]]:
    return [
        (name, skip)
        for name, resource in RESOURCES.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]


@pytest.mark.parametrize(("_name", "skip"), skips())
def test_a_finding_that_stays_says_why(_name: str, skip: Any) -> None:
    assert re.fullmatch(r"CKV2?_AWS_\d+", skip["id"])
    assert len(skip["comment"].split()) >= 5


def test_nothing_is_skipped_by_a_comment_or_for_all() -> None:
    text = (ROOT / "template.yaml").read_text()

    assert not re.search(r"checkov:skip|cfn-lint|cfn_nag", text)
    assert "Metadata" not in TEMPLATE


LOOSE = {"RequireTls", "WebAcl", "ReserveConcurrency", "ApiLogRole"}


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_no_environment_on_the_internet_gives_up_protection(environment: str) -> None:
    text = Path(ROOT / "samconfig.toml").read_text()
    section = text.split(f"[{environment}.deploy.parameters]")[1].split("\n[")[0]
    loosened = {name for name in LOOSE if f"{name}=false" in section}

    assert loosened == set()
