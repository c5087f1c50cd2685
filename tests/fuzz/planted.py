"""Bugs that are planted to see that they are found."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from slotkeeper.domain.errors import Unauthenticated
from tests.fuzz.ground import OTHERS


def _crash_on_a_magic_value() -> None:
    """A specialty that is no word is a server error, told in the driver's words."""
    app = importlib.import_module("functions.list_doctors.app")
    real = app.catalogue.list_doctors

    def list_doctors(**asked: Any) -> Any:
        specialty = asked["wanted"].specialty
        if specialty is not None and not specialty.isalpha():
            raise RuntimeError("pymongo.errors.OperationFailure: E11000")
        return real(**asked)

    app.catalogue.list_doctors = list_doctors


def _entrypoint(name: str) -> Any:  # Any: what is in it is replaced
    return importlib.import_module(f"slotkeeper.entrypoints.{name}")


def _take_any_length() -> None:
    """A name is cut to what is allowed instead of being refused."""
    incoming = _entrypoint("incoming")
    real = incoming.read

    def read(model: Any, value: Any) -> Any:
        name = value.get("name")
        if isinstance(name, str) and len(name) > 100:
            value = {**value, "name": "Dr. Long"}
        return real(model, value)

    incoming.read = read


def _tell_of_another() -> None:
    """A wrong id is told who has it."""
    http = _entrypoint("http")
    real = http.refusal

    def refusal(error: Any, request_id: str) -> Any:
        answer = real(error, request_id)
        if error.code == "not_found":
            answer.body = answer.body.replace('"detail": "', f'"detail": "{OTHERS["email"]} ')
        return answer

    http.refusal = refusal


def _let_anybody_in() -> None:
    """Who has no token is the first patient."""
    incoming = _entrypoint("incoming")
    real = incoming.Incoming.caller

    def caller(self: Any, allowed: Any) -> Any:
        try:
            return real(self, allowed)
        except Unauthenticated:
            return incoming.ANYBODY

    incoming.Incoming.caller = caller


BUGS: Mapping[str, Callable[[], None]] = {
    "crash": _crash_on_a_magic_value,
    "length": _take_any_length,
    "leak": _tell_of_another,
    "door": _let_anybody_in,
}


def plant(names: str) -> None:
    """Plant the bugs of these names, which commas part."""
    for name in names.split(","):
        BUGS[name]()
