"""`events/`: what `sam local` is fed fits the template, the code and itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from slotkeeper.contracts.holds import HoldSlotRequest
from slotkeeper.contracts.messages import CodeMessage, parse_message
from slotkeeper.contracts.schedules import ScheduleRequest
from slotkeeper.contracts.shapes import IdPath, read
from slotkeeper.contracts.slots import ListSlotsQuery
from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.slot import slot_id
from slotkeeper.settings import from_environment

ROOT = Path(__file__).parents[2]
Node = dict[str, Any]  # Any: events and templates are free JSON and YAML


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags: `!Ref x` is {"!Ref": x}."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Node:
    made: dict[type[yaml.Node], Any] = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: loader.construct_sequence,
        yaml.MappingNode: loader.construct_mapping,
    }
    return {f"!{suffix}": made[type(node)](node)}


_Loader.add_multi_constructor("!", _tag)


def _yaml(name: str) -> Node:
    found: Node = yaml.load((ROOT / name).read_text(), Loader=_Loader)  # noqa: S506  # a SafeLoader
    return found


def _json(name: str) -> Node:
    found: Node = json.loads((ROOT / "events" / name).read_text())
    return found


TEMPLATE = _yaml("template.yaml")
FUNCTIONS: dict[str, Node] = {
    resource["Properties"]["CodeUri"].split("/")[1]: resource["Properties"]
    for resource in TEMPLATE["Resources"].values()
    if resource["Type"] == "AWS::Serverless::Function"
}
FOLDERS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
EVENTS = {name: _json(f"{name}.json") for name in FOLDERS}
HTTP = [name for name in FOLDERS if "httpMethod" in EVENTS[name] and "type" not in EVENTS[name]]
ENV = _json("env.json")["Parameters"]
PATIENT = EVENTS["hold_slot"]["requestContext"]["authorizer"]["userId"]

CLINICS = ["manage_clinic"]
"""Functions that no patient may call."""

KINDS: dict[str, Callable[[Node], bool]] = {
    "Api": lambda event: "requestContext" in event,
    "ScheduleV2": lambda event: bool(event["source"] == "aws.scheduler"),
    "SQS": lambda event: all(record["eventSource"] == "aws:sqs" for record in event["Records"]),
}
SECRET = re.compile(
    r"eyJ[\w-]+\.|-----BEGIN|\b(AKIA|ASIA)[A-Z0-9]{12}"  # token, private key, access key
    r'|://[^/\s"]*:[^/\s"]*@'  # password in a URL
    r"|Bearer (?!put-a-token-here\b)\S"
)


def _triggers(function: str, type_: str) -> list[Node]:
    events = FUNCTIONS[function].get("Events", {}).values()
    return [event["Properties"] for event in events if event["Type"] == type_]


def _variables() -> Node:
    """Every variable that the template gives to functions, with its value there."""
    declared: Node = dict(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    for function in FUNCTIONS.values():
        declared |= function.get("Environment", {}).get("Variables", {})
    return declared


# --- the events -----------------------------------------------------------------------------------


def test_every_function_has_an_event_of_its_triggers_kind() -> None:
    for name, function in FUNCTIONS.items():
        for trigger in function.get("Events", {}).values():
            assert KINDS[trigger["Type"]](EVENTS[name]), name
    assert EVENTS["authorize"]["type"] == "REQUEST"


@pytest.mark.parametrize("name", HTTP)
def test_http_event_is_of_its_functions_route(name: str) -> None:
    event = EVENTS[name]

    routes = {(route["Method"], route["Path"]) for route in _triggers(name, "Api")}

    assert (event["httpMethod"], event["resource"]) in routes
    assert event["requestContext"]["resourcePath"] == event["resource"]
    assert event["requestContext"]["httpMethod"] == event["httpMethod"]


@pytest.mark.parametrize("name", [*HTTP, "authorize"])
def test_path_is_the_route_with_its_parameters_filled_in(name: str) -> None:
    event = EVENTS[name]
    parameters = event["pathParameters"] or {}

    filled = re.sub(r"\{(\w+)\}", lambda found: parameters[found[1]], event["resource"])

    assert set(parameters) == set(re.findall(r"\{(\w+)\}", event["resource"]))
    assert event["path"] == filled
    assert event["requestContext"]["path"] == f"/{event['requestContext']['stage']}{filled}"


@pytest.mark.parametrize("name", HTTP)
def test_request_tells_where_it_comes_from_and_which_it_is(name: str) -> None:
    context = EVENTS[name]["requestContext"]

    assert context["identity"]["sourceIp"]
    ids = [EVENTS[other]["requestContext"]["requestId"] for other in HTTP]
    assert ids.count(context["requestId"]) == 1


@pytest.mark.parametrize("name", [*HTTP, "authorize"])
def test_headers_and_query_are_the_same_in_both_forms(name: str) -> None:
    event = EVENTS[name]

    for single, many in (
        ("headers", "multiValueHeaders"),
        ("queryStringParameters", "multiValueQueryStringParameters"),
    ):
        assert {k: [v] for k, v in (event[single] or {}).items()} == (event[many] or {})


def test_requests_are_as_the_contract_reads_them() -> None:
    held = read(HoldSlotRequest, json.loads(EVENTS["hold_slot"]["body"]))
    read(ListSlotsQuery, EVENTS["list_slots"]["queryStringParameters"])
    read(ScheduleRequest, json.loads(EVENTS["manage_clinic"]["body"]))
    for name in HTTP:
        if EVENTS[name]["pathParameters"]:
            read(IdPath, EVENTS[name]["pathParameters"])

    assert "_2099" in held.slot_id  # never in the past


def test_authorizer_is_asked_about_the_request_it_is_given() -> None:
    event = EVENTS["authorize"]

    _, stage, method, *path = event["methodArn"].split("/")

    assert (stage, method) == (event["requestContext"]["stage"], event["httpMethod"])
    assert "/" + "/".join(path) == event["path"]


def test_events_are_one_patients_booking() -> None:
    key = EVENTS["hold_slot"]["headers"]["Idempotency-Key"]
    slot = json.loads(EVENTS["hold_slot"]["body"])["slotId"]
    attempt = attempt_id(PATIENT, key, slot)
    [record] = EVENTS["send_notification"]["Records"]

    job = parse_message(record["body"])

    assert isinstance(job, CodeMessage)
    assert (job.attempt_id, job.user_id) == (attempt, PATIENT)
    assert job.slot_id == slot
    assert EVENTS["verify_otp"]["pathParameters"]["id"] == attempt
    assert EVENTS["get_booking"]["pathParameters"]["id"] == booking_id(attempt)
    for name in HTTP:
        caller = EVENTS[name]["requestContext"].get("authorizer")
        is_patient = caller is None or (caller["userId"], caller["role"]) == (PATIENT, "patient")
        assert is_patient == (name not in CLINICS)


def test_the_seed_makes_what_the_events_are_about() -> None:
    seed = (ROOT / "events" / "seed.py").read_text()
    keys = re.findall(r'"(event-[a-z]+-slot-\d+)"', seed)

    held = {EVENTS[name]["pathParameters"]["id"] for name in ("resend_otp", "release_hold")}

    assert f'USER = "{PATIENT}"' in seed
    assert f'DOCTOR = "{EVENTS["list_slots"]["pathParameters"]["id"]}"' in seed
    doctor = EVENTS["list_slots"]["pathParameters"]["id"]
    opening = datetime(2099, 1, 5, 9, 0, tzinfo=UTC)
    slots = [slot_id(doctor, opening + number * timedelta(minutes=30)) for number in range(16)]
    attempts = {attempt_id(PATIENT, key, slot) for key in keys for slot in slots}
    assert held <= attempts
    booked = {EVENTS[name]["pathParameters"]["id"] for name in ("cancel", "reschedule")}
    assert len(booked) == 2
    assert booked <= set(map(booking_id, attempts))


def test_the_seed_calls_only_what_the_layer_has_of_boto3() -> None:
    makefile = (ROOT / "layers/common/Makefile").read_text()
    kept = re.search(r"^AWS_SERVICES = (.*)$", makefile, re.MULTILINE)
    called = re.findall(r'boto3\.client\("(\w+)"', (ROOT / "events" / "seed.py").read_text())

    assert kept
    assert called
    assert set(called) <= set(kept[1].split())


def test_a_schedule_event_comes_from_a_schedule_of_the_template() -> None:
    for name in ("expire_locks", "relay_outbox", "settle_payments", "seal_audit"):
        (schedule,) = FUNCTIONS[name]["Events"].values()
        named = schedule["Properties"]["Name"]["!Sub"]

        (source,) = EVENTS[name]["resources"]
        assert source.endswith("/" + named.replace("${AWS::StackName}", "slotkeeper-local"))


def test_a_queued_body_has_its_checksum() -> None:
    for record in EVENTS["send_notification"]["Records"]:
        digest = hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["md5OfBody"] == digest


@pytest.mark.parametrize("path", sorted((ROOT / "events").glob("*.*")), ids=lambda path: path.name)
def test_no_file_holds_a_secret(path: Path) -> None:
    text = path.read_text()

    assert not SECRET.search(text)
    for code in re.findall(r'code\\?": *\\?"(\d+)', text):
        assert code == "000000"


# --- what the functions are given -----------------------------------------------------------------


def test_only_variables_that_the_template_declares_are_given() -> None:
    # sam local drops any other without a word.
    assert set(ENV) <= set(_variables())


def test_every_variable_without_a_value_of_its_own_is_given() -> None:
    defaults = {
        name for name, parameter in TEMPLATE["Parameters"].items() if "Default" in parameter
    }

    without = {
        name
        for name, value in _variables().items()
        if isinstance(value, dict) and value.get("!Ref") not in defaults
    }
    # Known to whoever deploys, and of no use beside AWS_ENDPOINT_URL.
    without.remove("AWS_URL_SUFFIX")
    # Where this one is given, it comes before those that are given here.
    without.remove("STORES_SECRET_ID")
    # Nothing is traced there.
    without -= {name for name in without if name.startswith("TRACING_")}

    assert without <= set(ENV)


def test_settings_can_be_read_from_what_is_given() -> None:
    settings = from_environment(ENV)

    assert settings.mongo_uri.startswith("mongodb://mongo:")
    assert settings.redis_url.startswith("redis://valkey:")


def test_functions_find_the_servers_by_their_names_in_the_network() -> None:
    services = set(_yaml("docker-compose.yml")["services"])

    named = {host for value in ENV.values() for host in re.findall(r"://([\w-]+)[:/]", value)}

    assert named <= services


def test_nothing_is_published_beyond_this_machine() -> None:
    services = _yaml("docker-compose.yml")["services"].values()

    for port in (port for service in services for port in service.get("ports", [])):
        assert port.startswith("127.0.0.1:")
