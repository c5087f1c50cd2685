"""The schemas of `openapi.json`: of the models that requests are read, answers made with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from slotkeeper.contracts.problems import Problem
from slotkeeper.contracts.shapes import Nothing
from slotkeeper.entrypoints.operation import Operation

Node = dict[str, Any]  # Any: JSON

REFERENCES = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """Without titles that repeat the names of fields, and without defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # Any: pydantic's
        return False

    def default_schema(self, schema: Any) -> Node:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made


def schemas_of(declared: Sequence[Operation]) -> tuple[dict[type, Node], Node]:
    """The schema of each model that is used, and those among them that are bodies."""
    parameters = {m for o in declared for m in (o.path_model, o.query_model)}
    asked = {o.body_model for o in declared} - {Nothing}
    given = {shape for o in declared for shape in o.answers.values() if shape} | {Problem}
    models: list[tuple[type, str]] = [(model, "validation") for model in parameters | asked]
    models += [(shape, "serialization") for shape in given]
    models.sort(key=lambda pair: (pair[0].__name__, pair[1]))
    found, parts = models_json_schema(
        models,  # type: ignore[arg-type]  # the mode is a Literal there
        ref_template=REFERENCES,
        schema_generator=_Plain,
    )
    schemas = parts["$defs"]
    for (model, _), reference in found.items():
        # One name, one model, one way to use it: pydantic would give others names of its own.
        assert reference["$ref"] == REFERENCES.format(model=model.__name__), reference
    by_model = {model: schemas[model.__name__] for model, _ in models}
    for shape in given:
        _leave_out_null(by_model[shape])
    left_out = {model.__name__ for model in parameters}
    bodies = {
        name: {key: value for key, value in schema.items() if key != "title"}
        for name, schema in sorted(schemas.items())
        if name not in left_out
    }
    return by_model, bodies


def _leave_out_null(answer: Node) -> None:
    """What an answer need not have is left out of it, never null."""
    members = answer["properties"]
    for name in set(members) - set(answer.get("required", [])):
        members[name] = without_null(members[name])


def without_null(schema: Node) -> Node:
    """The schema of a parameter: it is sent or not, never null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if not kinds:
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})}
