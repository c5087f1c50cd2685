"""What each function's code asks of AWS, read from the source: handler, factories, adapters.

A handler names factories of `bootstrap`; a factory names others, the adapters it makes, and the AWS
services it gives them; an adapter calls operations of those services, known by their names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers" / "common"
BOOTSTRAP = LAYER / "slotkeeper" / "bootstrap.py"

Call = tuple[str, str]
"""Service and operation, as AWS names them: ("sqs", "SendMessage")."""
_SERVICES = (
    *("lambda", "secretsmanager", "sesv2", "sns", "sqs", "codedeploy"),
    *("kms", "s3", "sts", "dynamodb", "pinpoint-sms-voice-v2"),
)
_PREFIX = {"sesv2": "ses", "pinpoint-sms-voice-v2": "sms-voice"}
_ACTIONS = {
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
}


def action_of(call: Call) -> str:
    """The permission that a call needs."""
    service, operation = call
    return _ACTIONS.get(call, f"{_PREFIX.get(service, service)}:{operation}")


def calls_of(folder: str) -> set[Call]:
    """All that the function of that folder may come to ask."""
    handler = ast.parse((ROOT / "functions" / folder / "app.py").read_text())
    factories = _factories()
    reached = _reached(_named_of_bootstrap(handler), factories)
    found = set(calls_in(handler, _services_named(handler)))
    for name in reached:
        factory = factories[name]
        services = _services_named(factory)
        for adapter in _adapters_of(factory):
            found |= set(calls_in(adapter, services | _services_named(adapter)))
    return found


def uses_stores(folder: str) -> bool:
    """Whether the function of that folder may come to ask where MongoDB and Redis are."""
    return "_stores" in factories_of(folder)


def factories_of(folder: str) -> set[str]:
    """The factories of `bootstrap` that the function of that folder may come to use."""
    handler = ast.parse((ROOT / "functions" / folder / "app.py").read_text())
    return _reached(_named_of_bootstrap(handler), _factories())


def calls_in(tree: ast.AST, services: Iterable[str]) -> Iterator[Call]:
    """Operations of these services that the code calls on anything."""
    known = {
        name: (service, operation)
        for service in services
        for name, operation in _operations(service).items()
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in known:
                yield known[name]


@cache
def _factories() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(BOOTSTRAP.read_text())
    made = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    # It makes what a handler names, and opens what that has clients for: nothing of its own.
    del made["prime"]
    return made


def _named_of_bootstrap(tree: ast.AST) -> set[str]:
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "bootstrap"
    }


def _reached(names: set[str], factories: dict[str, ast.FunctionDef]) -> set[str]:
    """These factories and all that they use."""
    reached: set[str] = set()
    waiting = [name for name in names if name in factories]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            used = {n.id for n in ast.walk(factories[name]) if isinstance(n, ast.Name)}
            waiting += [other for other in used if other in factories]
    return reached


def _services_named(tree: ast.AST) -> set[str]:
    """Services whose names are given to something as its one argument: `aws("sqs")`."""
    return {
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Constant) and argument.value in _SERVICES
    }


def _adapters_of(factory: ast.FunctionDef) -> list[ast.Module]:
    """The adapters' modules that it imports, and those that they import."""
    found: dict[str, ast.Module] = {}
    waiting = list(_adapters_imported(factory))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = ast.parse(_source_of(name).read_text())
            waiting += _adapters_imported(found[name])
    return list(found.values())


def _adapters_imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        module = node.module if isinstance(node, ast.ImportFrom) else None
        if module is not None and module.startswith("slotkeeper.adapters"):
            inner = [f"{module}.{alias.name}" for alias in node.names]  # type: ignore[attr-defined]
            yield from [module, *(name for name in inner if _source_of(name).exists())]


def _source_of(module: str) -> Path:
    path = LAYER / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _operations(service: str) -> dict[str, str]:
    """By their names in Python."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(operation): operation for operation in model.operation_names}
