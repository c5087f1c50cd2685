"""Every model that clients' words are read with: nothing unknown, converted or endless.

The models are found, not listed: one that is added later is held to the same.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from slotkeeper import contracts
from slotkeeper.contracts.shapes import MAX_ERRORS, Request, read
from slotkeeper.domain.errors import InvalidRequest
from tests.support.routes import FUNCTIONS, operations_of

for module in pkgutil.iter_modules(contracts.__path__):
    importlib.import_module(f"{contracts.__name__}.{module.name}")

LONG = "a" * 20_000
VAST = 10**30
MANY = [None] * 10_000


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for below in model.__subclasses__():
        yield below
        yield from _below(below)


MODELS = sorted({m for m in _below(Request) if m.__module__.startswith("slotkeeper.")}, key=str)
FIELDS = [
    pytest.param(model, field.alias or name, id=f"{model.__name__}.{field.alias or name}")
    for model in MODELS
    for name, field in model.model_fields.items()
]


def _why(model: type[BaseModel], value: Mapping[str, Any], place: str) -> set[str]:
    """The kinds of mistake that the model finds at the place."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        return {told["type"] for told in error.errors() if told["loc"][:1] == (place,)}
    return set()


def test_the_models_of_every_route_are_among_them() -> None:
    folders = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))
    used = {
        model
        for folder in folders
        for operation in operations_of(folder)
        for model in (operation.path_model, operation.query_model, operation.body_model)
    }

    assert used <= set(MODELS)
    assert len(MODELS) > 10


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_nothing_unknown_is_let_in_and_nothing_is_converted(model: type[BaseModel]) -> None:
    config = model.model_config

    assert config["extra"] == "forbid"
    assert config["strict"] is True
    assert "extra_forbidden" in _why(model, {"isAdmin": True}, "isAdmin")


@pytest.mark.parametrize(("model", "field"), FIELDS)
@pytest.mark.parametrize(
    "value",
    [LONG, VAST, -VAST, MANY, {"$gt": ""}, {"$where": "1"}, 1.5, float("inf"), "a\x00b", "\ud800"],
    ids=["long", "vast", "negative", "many", "$gt", "$where", "1.5", "inf", "NUL", "surrogate"],
)
def test_no_field_takes_what_is_endless_or_of_another_type(
    model: type[BaseModel], field: str, value: object
) -> None:
    assert _why(model, {field: value}, field)


@pytest.mark.parametrize(("model", "field"), FIELDS)
@pytest.mark.parametrize("value", [True, "1", " 5 ", "1_000", "１", 1.0], ids=repr)
def test_no_number_is_read_from_what_is_none(
    model: type[BaseModel], field: str, value: object
) -> None:
    if _why(model, {field: value}, field):
        return
    found = model.model_validate({**_smallest(model), field: value}).model_dump(by_alias=True)

    # A parameter is text: its digits are a number there. Other text stays what it was.
    is_parameter = value == "1" and type(found[field]) is int
    assert is_parameter or (found[field] == value and type(found[field]) is type(value))


def _smallest(model: type[BaseModel]) -> dict[str, Any]:
    """What the model needs besides."""
    names = [f.alias or n for n, f in model.model_fields.items() if f.is_required()]
    return {name: {"timeZone": "UTC", "code": "123456"}.get(name, "a") for name in names}


def test_a_body_of_nothing_but_mistakes_gets_a_short_answer() -> None:
    [model] = [m for m in MODELS if m.__name__ == "HoldSlotRequest"]
    names = {f"{'x' * 100}{number}": 1 for number in range(150)}

    with pytest.raises(InvalidRequest) as refused:
        read(model, {**names, "a\r\nSet-Cookie: b": 1})  # type: ignore[type-var]  # one of Request

    told = refused.value.errors
    assert len(told) == MAX_ERRORS
    assert max(len(field) + len(message) for field, message in told) < 200
    assert not any("\r" in field or "x" * 65 in field for field, _ in told)


def test_no_expression_of_ours_is_told() -> None:
    [model] = [m for m in MODELS if m.__name__ == "VerifyOtpRequest"]

    with pytest.raises(InvalidRequest) as refused:
        read(model, {"code": "12345"})  # type: ignore[type-var]  # one of Request

    assert refused.value.errors == (("code", "not in the form that this field has"),)


def test_control_an_unbounded_field_is_found_out() -> None:
    class Planted(BaseModel):
        model_config = Request.model_config
        note: str
        size: int
        tags: list[str] = Field(max_length=3)

    assert not _why(Planted, {"note": LONG}, "note")
    assert not _why(Planted, {"size": VAST}, "size")
    assert _why(Planted, {"tags": MANY}, "tags")
