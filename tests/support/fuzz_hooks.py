"""What schemathesis is kept from sending, and told: `hooks` in its settings (tests/fuzz/schema.py).

JSON Schema cannot say what two values must be to one another. Where a request is to be a good one,
such values are mended, so that refusing a good request is a finding on every route.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import schemathesis
from hypothesis import strategies as st

ZONES = ["UTC", "Asia/Kolkata", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+12"]
MOST_SLOTS = 10_000
"""That one schedule may make."""
_TAG = re.compile(r'\*|(W/)?"')

schemathesis.openapi.format("iana-time-zone", st.sampled_from(ZONES))


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """No line break in a path: the emulator's gateway refuses it itself.

    (The `*` of an authorizer's policy does not match one there.)
    """
    parameters = case.path_parameters or {}
    return not any("\n" in unquote(str(value)) for value in parameters.values())


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    headers, query = case.headers, case.query
    if headers and not _TAG.match(str(headers.get("If-Match", "*"))):
        headers["If-Match"] = '"1"'  # "0" is what it makes of a form that it cannot make up
    if query:
        query.pop("cursor", None)  # opaque: nobody makes one up
        if str(query.get("page", 1)).isdigit() and int(query.get("page", 1)) > 100:
            query["page"] = 100  # times the largest limit: as far as pages go
        for name in ("from", "to"):
            if name in query:
                query[name] = _instant(query[name])
        if "from" in query and "to" in query and query["to"] <= query["from"]:
            del query["to"]
    if isinstance(case.body, dict):
        body: dict[str, Any] = _whole(case.body)
        case.body = body
        _mend(body, "slots" if case.path.endswith("/slots") else case.path.split("/")[-1])


def _mend(body: dict[str, Any], kind: str) -> None:
    if kind == "me":
        address = {"sms": "phone", "email": "email"}.get(str(body.get("preferredChannel")))
        if address is not None and not body.get(address):
            del body["preferredChannel"]
    if kind == "schedules":
        for name in ("from", "to"):
            body[name] = _planned(body.get(name))
        days = (_day(body["to"]) - _day(body["from"])).days + 1
        if not 1 <= days <= 366 or days * 24 * 60 // body["slotMinutes"] > MOST_SLOTS:
            body["to"] = body["from"]
        body["holidays"] = [_planned(day) for day in body.get("holidays") or []]
        for hours in [*body.get("weekly", []), *body.get("breaks", [])]:
            if hours["end"] <= hours["start"]:
                hours["start"], hours["end"] = "09:00", "12:00"
    if kind == "slots":
        body["from"] = _instant(body["from"])
        start = datetime.fromisoformat(body["from"])
        body["to"] = (start + timedelta(hours=1)).isoformat().replace("+00:00", "Z")


def _whole(value: Any) -> Any:
    """2.0 as 2: the same to JSON Schema, and not to the contract, whose types are strict."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _planned(day: object) -> str:
    """The day, in a year that a clinic may plan for."""
    return re.sub(r"^\d{4}", "2096", str(day))


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _instant(text: object) -> str:
    """The same time, in a year and an offset that there are."""
    found = re.match(r"\d{4}-(\d\d-\d\d[Tt]\d\d:\d\d):\d\d", str(text))
    return f"2096-{found[1].upper()}:00Z" if found else str(text)
