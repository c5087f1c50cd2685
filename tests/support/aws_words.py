"""Whether AWS's CLI would take a command, by the service models that it is generated from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

EVERYWHERE = frozenset({"query", "output", "region", "endpoint-url", "max-items", "no-cli-pager"})
"""Options of the CLI itself; max-items only of what comes in pages."""
OUTPUTS = frozenset({"json", "text", "table", "yaml"})
OWN: Mapping[tuple[str, str], tuple[int, frozenset[str]]] = {
    ("logs", "tail"): (1, frozenset({"since", "filter-pattern", "follow", "format"})),
}
"""Commands that the CLI adds to a service: how many words they take, and which options."""

SIMPLE: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "map": json.loads,
}


class NoSuchCommand(Exception):
    """The CLI would refuse the command, and why."""


@cache
def _session() -> Session:
    return Session()


@cache
def _service(name: str) -> ServiceModel:
    if name not in _session().get_available_services():
        raise NoSuchCommand(f"no service {name}")
    return _session().get_service_model(name)


def check(words: Sequence[str]) -> None:
    """Raises NoSuchCommand: unknown, or an option is, or a value is none of its kind."""
    _, service, command, *rest = words
    given, alone = _options(rest)
    if "query" in given:
        jmespath.compile(given["query"][0])
    if given.get("output", ["json"])[0] not in OUTPUTS:
        raise NoSuchCommand(f"no output {given['output']}")
    asked = {name: values for name, values in given.items() if name not in EVERYWHERE}
    if (service, command) in OWN:
        takes, known = OWN[service, command]
        if len(alone) != takes or set(asked) - known:
            raise NoSuchCommand(f"{command}: {alone}, {sorted(set(asked) - known)}")
        return
    operation = _operation(service, command)
    writes_a_file = operation.get_streaming_output() is not None
    if len(alone) != int(writes_a_file):
        raise NoSuchCommand(f"{command} takes no {alone}")
    if "max-items" in given and not _session().get_component("data_loader").load_service_model(
        service, "paginators-1"
    )["pagination"].get(operation.name):
        raise NoSuchCommand(f"{command} has no pages")
    _validate(operation, asked)


def _options(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Options with their values, and what stands before the first of them or, once, at the end."""
    given: dict[str, list[str]] = {}
    alone: list[str] = []
    name = None
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            given[name] = []
        elif name is None:
            alone.append(word)
        elif word.startswith("/") and given[name]:
            alone.append(word)  # a file after an option that has its value
        else:
            given[name].append(word)
    return given, alone


def _operation(service: str, command: str) -> OperationModel:
    model = _service(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if command not in names:
        raise NoSuchCommand(f"{service} has no {command}")
    return model.operation_model(names[command])


def _validate(operation: OperationModel, asked: Mapping[str, list[str]]) -> None:
    shape = operation.input_shape
    members = {} if shape is None else dict(_members(shape))
    unknown = set(asked) - set(members)
    if unknown:
        raise NoSuchCommand(f"{operation.name} has no {sorted(unknown)}")
    sent = {members[name][0]: _value(members[name][1], asked[name]) for name in asked}
    if shape is not None:
        report = ParamValidator().validate(sent, shape)
        if report.has_errors():
            raise NoSuchCommand(f"{operation.name}: {report.generate_report()}")
    for name in asked:
        _is_one_of(members[name][1], asked[name])


def _members(shape: StructureShape) -> Iterator[tuple[str, tuple[str, Shape]]]:
    for name, member in shape.members.items():
        yield xform_name(name, "-"), (name, member)
        if member.type_name == "boolean":
            yield f"no-{xform_name(name, '-')}", (name, member)


def _value(shape: Shape, words: list[str]) -> Any:  # Any: what the operation takes
    if isinstance(shape, ListShape):
        return [_value(shape.member, [word]) for word in words]
    if shape.type_name == "boolean":
        if words:
            raise NoSuchCommand(f"a flag has no value: {words}")
        return True
    if len(words) != 1:
        raise NoSuchCommand(f"one value, not {words}")
    [word] = words
    if isinstance(shape, StructureShape):
        pairs = [pair.partition("=") for pair in word.split(",")]
        return {
            name: _value(shape.members[name], [value])
            if name in shape.members
            else _refuse(f"{shape.name} has no {name}")
            for name, _, value in pairs
        }
    return SIMPLE.get(shape.type_name, str)(word)


def _is_one_of(shape: Shape, words: list[str]) -> None:
    known = getattr(shape.member if isinstance(shape, ListShape) else shape, "enum", [])
    for word in words:
        if known and word not in known:
            raise NoSuchCommand(f"{word} is none of {known}")


def _refuse(why: str) -> Any:
    raise NoSuchCommand(why)
