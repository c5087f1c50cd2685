"""`openapi.json`: what the handlers declare, as OpenAPI 3.1 has it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from local.config import ROOT
from local.openapi_answers import answers_of, components
from local.openapi_schemas import REFERENCES, schemas_of, without_null
from slotkeeper.contracts.shapes import Nothing, Request
from slotkeeper.entrypoints.http import App
from slotkeeper.entrypoints.operation import Operation

Node = dict[str, Any]  # Any: JSON

PATH = ROOT / "openapi.json"
OF_THE_PAGE = ROOT / "functions" / "web" / "static" / "openapi.json"
"""The same without its spaces, for a function carries its own folder alone."""
_INFO = {
    "title": "Slotkeeper",
    "version": "1.0.0",
    "description": (
        "Doctors' appointments: hold a free slot, prove yourself with a one-time code, be booked."
        "\n\nErrors are problem documents (RFC 9457) with a stable `code`. Times are RFC 3339,"
        " in answers in UTC. Types are strict, unknown fields and parameters are refused."
    ),
}
_KEY = "[A-Za-z0-9_.:-]{16,128}"
_TAG = r'(W/)?"[\x21\x23-\x2b\x2d-\x7e]{0,128}"'


def operations() -> list[Operation]:
    """What all functions declare, by path and method."""
    folders = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))
    apps = [getattr(importlib.import_module(f"functions.{f}.app"), "app", None) for f in folders]
    found = [operation for app in apps if isinstance(app, App) for operation in app.operations]
    return sorted(found, key=lambda operation: (operation.path, operation.method))


def document(declared: Sequence[Operation]) -> Node:
    """The OpenAPI document of these operations."""
    schemas, parts = schemas_of(declared)
    paths: dict[str, Node] = {}
    for operation in declared:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "security": [{"bearerToken": []}],
        "tags": [{"name": tag} for tag in sorted({_tag(operation) for operation in declared})],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
            **components(),
            "schemas": parts,
        },
    }


def text_of(made: Node) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _operation(operation: Operation, schemas: dict[type, Node]) -> Node:
    roles = sorted(role.value for role in operation.roles)
    summary, _, more = operation.summary.partition("\n")
    who = f"For {', '.join(roles)}." if roles else "For anybody, signed in or not."
    made: Node = {
        "operationId": operation.name,
        "tags": [_tag(operation)],
        "summary": summary,
        "description": f"{more.strip()}\n\n{who}".strip(),
        "x-roles": roles,
    }
    if not roles:
        made["security"] = []
    parameters = [
        *_parameters(schemas[operation.path_model], "path"),
        *_parameters(schemas[operation.query_model], "query"),
        *_headers(operation),
    ]
    if parameters:
        made["parameters"] = parameters
    if operation.body_model is not Nothing:
        made["requestBody"] = _body(operation)
    made["responses"] = answers_of(operation)
    return made


def _tag(operation: Operation) -> str:
    return operation.path.split("/")[1]


def _body(operation: Operation) -> Node:
    model = operation.body_model
    return {
        # As the handler's entry has it: a PUT without a body would remove everything.
        "required": not _takes_nothing(model) or operation.method == "PUT",
        "content": {"application/json": {"schema": _reference(model)}},
    }


def _takes_nothing(model: type[Request]) -> bool:
    try:
        model.model_validate({})
    except ValidationError:
        return False
    return True


def _reference(model: type) -> Node:
    return {"$ref": REFERENCES.format(model=model.__name__)}


def _parameters(schema: Node, place: str) -> Iterator[Node]:
    required = schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        yield {
            "name": name,
            "in": place,
            "required": name in required,
            "schema": without_null(value),
        }


def _headers(operation: Operation) -> Iterator[Node]:
    if operation.idempotency != "none":
        yield _header(
            "Idempotency-Key",
            f'^({_KEY}|"{_KEY}")$',
            "Names the request: repeated with its key, it has one effect and one answer (24 h).",
            required=operation.idempotency == "required",
        )
    if operation.takes_if_match:
        yield _header(
            "If-Match",
            rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$",
            "Change it only if it still is the version of one of these entity tags.",
        ) | {"example": '"1"'}
    if operation.gives_etag:
        yield _header("If-None-Match", None, "Answer 304 if it still is one of these versions.")


def _header(name: str, pattern: str | None, description: str, *, required: bool = False) -> Node:
    schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }


def dense_text_of(made: Node) -> str:
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False) + "\n"


def main() -> None:
    made = document(operations())
    PATH.write_text(text_of(made))
    OF_THE_PAGE.write_text(dense_text_of(made))


if __name__ == "__main__":
    main()
