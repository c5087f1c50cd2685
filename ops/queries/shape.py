"""What a statement is, without what it asks for: names of fields and operators, and no value.

A value may be somebody's id or number. What is left is enough to tell one statement from another,
and to say which index would serve it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

VALUE = "?"
_NAME = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_.-]{0,60}|\$\[[A-Za-z0-9]*\]")
_VERBS = {"findandmodify": "findAndModify", "remove": "delete"}
_TOLD = ("filter", "query", "q", "pipeline", "key", "sort", "hint")
_AS_IT_IS = frozenset({"sort", "hint", "key", "keyPattern"})
"""Names and directions alone."""
_ONLY_VALUES = frozenset({"$literal", "$in", "$nin", "$all", "$mod"})
_CHANGES = ("update", "u")


def shape_of(statement: Mapping[str, Any]) -> str:
    """The same for statements that differ by values alone.

    As `explain` takes them: `{find: ..., filter: ...}`, an update or delete with one change.
    """
    verb, collection = next(iter(statement.items()))
    one: Mapping[str, Any] = statement
    for many in ("updates", "deletes"):
        if statement.get(many):
            one = statement[many][0]
    name = _VERBS.get(verb.lower(), verb)
    told = [f"{part}={_json(part, one[part])}" for part in _TOLD if one.get(part)]
    changed = [_changed(one[part]) for part in _CHANGES if one.get(part) and part != verb]
    return " ".join([f"{name} {collection}", *told, *changed])


def is_by_id(statement: Mapping[str, Any]) -> bool:
    """Whether it asks for one document by its id: every collection has that index."""
    one = next((statement[m][0] for m in ("updates", "deletes") if statement.get(m)), statement)
    wanted = one.get("filter") or one.get("query") or one.get("q") or {}
    first = (one.get("pipeline") or [{}])[0]
    wanted = wanted or (first.get("$match", {}) if isinstance(first, Mapping) else {})
    return "_id" in wanted


def _json(part: str, value: Any) -> str:
    return json.dumps(value if _is_plain(part, value) else _stripped(value), default=lambda _: "?")


def _is_plain(part: str, value: Any) -> bool:
    """Whether it is a sort, a hint or the like: names and directions, which are no values."""
    if part not in _AS_IT_IS:
        return False
    if isinstance(value, str):
        return bool(_NAME.fullmatch(value))
    return isinstance(value, Mapping) and all(
        _NAME.fullmatch(name) and direction in {1, -1} for name, direction in value.items()
    )


def _stripped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_name(name): _of(name, one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        told: list[Any] = []
        for one in map(_stripped, value):
            if one not in told:
                told.append(one)  # of many alike, one
        return told
    return VALUE


def _of(name: str, value: Any) -> Any:
    if name in _ONLY_VALUES:
        return VALUE
    if name == "$sort" and _is_plain("sort", value):
        return dict(value)
    return _stripped(value)


def _name(name: object) -> str:
    return name if isinstance(name, str) and _NAME.fullmatch(name) else VALUE


def _changed(update: Any) -> str:
    """Which fields an update writes, by their names."""
    steps = update if isinstance(update, list) else [update]
    names = {
        _name(field)
        for step in steps
        if isinstance(step, Mapping)
        for operator, fields in step.items()
        for field in (fields if isinstance(fields, Mapping) else [])
        if str(operator).startswith("$")
    }
    return f"sets={','.join(sorted(names))}" if names else "replaces"
