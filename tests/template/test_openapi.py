"""`openapi.json`: well-formed, as committed, and nothing missing on either side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from local import openapi
from local.openapi_answers import refusals_of
from slotkeeper.contracts.problems import problem
from slotkeeper.domain import errors
from slotkeeper.domain.errors import AppointmentError
from slotkeeper.domain.user import Role
from slotkeeper.entrypoints.operation import STATUS, Operation
from tests.support.routes import pages_of
from tests.template.test_template import FOLDERS, routes

Node = dict[str, Any]  # Any: JSON

DECLARED = openapi.operations()
DOCUMENT = openapi.document(DECLARED)
BY_NAME = {operation.name: operation for operation in DECLARED}
MORE: Mapping[type[AppointmentError], Node] = {
    errors.InvalidRequest: {"errors": [{"field": "slotId", "message": "Field required"}]},
    errors.OtpInvalid: {"attemptsRemaining": 2},
}

every_operation = pytest.mark.parametrize("operation", DECLARED, ids=lambda made: made.name)


def walk(node: Any) -> Iterator[Any]:
    yield node
    if isinstance(node, Mapping):
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from walk(part)


def resolve(node: Node) -> Node:
    """What the node says, or what it refers to."""
    if "$ref" not in node:
        return node
    found: Any = DOCUMENT
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    made: Node = found
    return made


def in_document(operation: Operation) -> Node:
    made: Node = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return made


def validator(schema: Node) -> Any:  # Any: the library's validator
    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, validate_formats=True
    )


def parameters_of(operation: Operation, place: str) -> dict[str, Node]:
    found = in_document(operation).get("parameters", [])
    return {one["name"]: one for one in found if one["in"] == place}


# --- the document ---------------------------------------------------------------------------------


def test_the_committed_document_is_what_the_handlers_declare() -> None:
    assert openapi.PATH.read_text() == openapi.text_of(DOCUMENT), "run `make openapi`"
    assert openapi.OF_THE_PAGE.read_text() == openapi.dense_text_of(DOCUMENT), "run `make openapi`"


def test_it_is_openapi_3_1() -> None:
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(DOCUMENT)

    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_schema_in_it_is_json_schema() -> None:
    schemas = [
        *DOCUMENT["components"]["schemas"].values(),
        *(node["schema"] for node in walk(DOCUMENT) if isinstance(node, dict) and "schema" in node),
    ]

    assert len(schemas) > 50
    for schema in schemas:
        jsonschema_rs.meta.validate(schema)


def test_what_it_refers_to_is_there_and_what_is_there_is_referred_to() -> None:
    references = {
        node["$ref"] for node in walk(DOCUMENT) if isinstance(node, dict) and "$ref" in node
    }

    for reference in references:
        assert resolve({"$ref": reference})
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert schemas <= references


def test_every_pattern_is_one_of_ecma_262() -> None:
    patterns = {n["pattern"] for n in walk(DOCUMENT) if isinstance(n, dict) and "pattern" in n}

    for pattern in patterns:
        # Anchored, and none of Python's own: \A, \Z, (?P<name>, (?i), possessive.
        assert re.fullmatch(r"\^.*\$", pattern), pattern
        assert not re.search(r"\\[AZaz]|\(\?[^:=!]|[*+?}]\+", pattern), pattern
        re.compile(pattern)


def test_it_names_no_host() -> None:
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert "://" not in openapi.text_of(DOCUMENT)


def test_operation_ids_are_unique() -> None:
    assert len(BY_NAME) == len(DECLARED)


def test_every_route_of_the_template_is_in_it_and_the_other_way_round() -> None:
    told = {(m.upper(), path) for path, item in DOCUMENT["paths"].items() for m in item}

    pages = {one for folder in FOLDERS for one in pages_of(folder)}
    assert told == {(method, path) for _, method, path in routes()} - pages


# --- its operations -------------------------------------------------------------------------------


@every_operation
def test_every_variable_of_the_path_is_a_parameter(operation: Operation) -> None:
    assert set(parameters_of(operation, "path")) == set(re.findall(r"{(\w+)}", operation.path))


@every_operation
def test_what_changes_something_honours_an_idempotency_key(operation: Operation) -> None:
    header = parameters_of(operation, "header").get("Idempotency-Key")

    if operation.method in {"POST", "PATCH"}:
        assert operation.idempotency in {"honoured", "required"}
        assert header
        assert header["required"] is (operation.idempotency == "required")
    else:
        assert operation.idempotency == "none"
        assert header is None


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        *(("x" * 16, True), ("x" * 128, True), ("A-z_0.9:ABCDEFGH", True), (f'"{"x" * 16}"', True)),
        *(("x" * 15, False), ("x" * 129, False), ("key with spaces 0123", False)),
        *((f'"{"x" * 16}', False), ('"' * 18, False), ("", False)),
    ],
)
def test_the_pattern_of_the_key_is_the_contracts(key: str, fits: bool) -> None:
    header = parameters_of(BY_NAME["hold"], "header")["Idempotency-Key"]

    assert validator(header["schema"]).is_valid(key) is fits


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        *(("*", True), ('"3"', True), ('W/"3"', True), ('"3", "4"', True), ('""', True)),
        *(("3", False), ("", False), ('"3', False), ('"3" "4"', False), ('"3",', False)),
    ],
)
def test_the_pattern_of_if_match_is_a_list_of_entity_tags(tags: str, fits: bool) -> None:
    header = parameters_of(BY_NAME["cancel"], "header")["If-Match"]

    assert validator(header["schema"]).is_valid(tags) is fits


@every_operation
def test_who_may_call_is_told(operation: Operation) -> None:
    told = in_document(operation)

    assert told["x-roles"] == sorted(operation.roles)
    assert told.get("security", DOCUMENT["security"]) == (
        [{"bearerToken": []}] if operation.roles else []
    )
    assert ("403" in told["responses"]) is (0 < len(operation.roles) < len(Role))


@every_operation
def test_every_success_is_in_it_with_its_body(operation: Operation) -> None:
    for status, shape in operation.answers.items():
        content = in_document(operation)["responses"][str(status.value)].get("content", {})

        bodies = {media_type for media_type in content if "problem" not in media_type}
        expected = {operation.media_type.partition(";")[0]} if shape else set()
        assert bodies >= expected
        assert len(bodies) <= 1


@every_operation
def test_every_refusal_is_as_the_document_says_and_no_other_code_is(operation: Operation) -> None:
    responses = in_document(operation)["responses"]

    for refusal in STATUS:
        document = problem(
            status=STATUS[refusal],
            code=refusal.code,
            detail=refusal.detail,
            request_id="r1",
            more=MORE.get(refusal, {}),
        )
        response = resolve(responses.get(str(STATUS[refusal].value), {}))
        schema = response.get("content", {}).get("application/problem+json", {"schema": False})
        is_told = schema["schema"] is not False and validator(schema["schema"]).is_valid(document)
        assert is_told is (refusal in refusals_of(operation)), refusal.code


@every_operation
def test_a_problem_with_a_member_too_many_or_too_few_is_not_as_the_document_says(
    operation: Operation,
) -> None:
    responses = in_document(operation)["responses"]
    bad = resolve(responses["400"])["content"]["application/problem+json"]["schema"]
    good = problem(
        status=STATUS[errors.InvalidRequest],
        code="invalid_request",
        detail="",
        request_id="r1",
        more=MORE[errors.InvalidRequest],
    )

    assert validator(bad).is_valid(good)
    assert not validator(bad).is_valid({**good, "trace": "..."})
    assert not validator(bad).is_valid({k: v for k, v in good.items() if k != "errors"})


@every_operation
def test_every_answer_names_its_request(operation: Operation) -> None:
    for response in in_document(operation)["responses"].values():
        header = resolve(resolve(response)["headers"]["X-Request-Id"])
        assert header["required"] is True


def test_whole_numbers_among_the_parameters_are_integers_in_their_bounds() -> None:
    limit = parameters_of(BY_NAME["get_slots"], "query")["limit"]["schema"]

    assert limit == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}


def test_instants_of_answers_are_date_times() -> None:
    booking = DOCUMENT["components"]["schemas"]["BookingResponse"]["properties"]

    assert booking["startTime"] == {"type": "string", "format": "date-time"}
    assert "null" not in json.dumps(booking["replaces"])


def test_a_wrong_code_tells_how_many_tries_are_left() -> None:
    schema = in_document(BY_NAME["verify"])["responses"]["422"]["content"]
    schema = schema["application/problem+json"]["schema"]
    wrong = problem(
        status=STATUS[errors.OtpInvalid], code="otp_invalid", detail="", request_id="r", more={}
    )

    assert not validator(schema).is_valid(wrong)
    assert validator(schema).is_valid({**wrong, "attemptsRemaining": 3})
    assert validator(schema).is_valid({**wrong, "code": "idempotency_key_reused"})
