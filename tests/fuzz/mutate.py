"""Requests made of good ones and of the corpus, by chance: the same chance for the same seed.

Some are left as they are, so that the system goes on living: slots are held with codes that arrive,
booked, cancelled, made. What answers tell of (attempts, bookings, doctors) is used from then on.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from tests.fuzz import corpus
from tests.fuzz.requests import KEY, PERIOD, ROUTES, SCHEDULE, Route
from tests.fuzz.wire import Answer, Ask, Headers, Sent

AS_IT_IS = 0.3
FROM_THE_CORPUS = 0.15
"""Shares of all requests; the rest has one to three things wrong."""
KNOWN = 50
"""Ids of a kind that are remembered, the newest."""

VALUES: Sequence[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 1e308, 2**31, 2**63, -(2**63), 10**30, "", " ", "1", "a"),
    *([], {}, [[]], [None], {"$gt": ""}, {"$ne": None}, {"a": {"a": {}}}, "\x00", "a\r\nb: c"),
    *(
        "\u202e",
        "\ud83e\udd37",
        "e\u0301",
        "\ufb2c",
        "\uffff",
        "null",
        "undefined",
        "NaN",
        "$where",
    ),
    *(
        "../../etc/passwd",
        "<script>",
        "=cmd()",
        "${a}",
        "{{7*7}}",
        "%00",
        "'--",
        "x" * 64,
        "x" * 65,
    ),
    *("x" * 501, "x" * 5_000, "2099-01-01", "2025-02-29", "2099-01-05T00:00:00Z", "10:00", "24:00"),
    *("UTC", "Europe/Berlin", "sms", "email", "confirmed", "active", "blocked", "removed", "mon"),
]
NAMES = [
    *(
        "id",
        "_id",
        "userId",
        "role",
        "version",
        "status",
        "$where",
        "__proto__",
        "a.b",
        "",
        "x" * 80,
    ),
    *("page", "limit", "cursor", "from", "to", "date", "code", "slotId", "reason", "name", "hold"),
]
QUERY_VALUES = [
    *("", "0", "1", "20", "100", "101", "-1", "1e3", "NaN", "%00", "%FF", "%0D%0A", "$gt", "true"),
    *(
        "2028-02-29",
        "2027-01-01T00:00:00Z",
        "confirmed",
        "cardiology",
        "e30",
        "x" * 1_025,
        "%F0%9F%99%82",
    ),
]
HEADER_VALUES = [
    *("", "*", "0", "a", "a" * 16, '"1"', 'W/"1"', "*/*", "application/json", "text/html", "gzip"),
    *("é", "x" * 3_000, "a, b", "a; b=c", "\t", "127.0.0.1", "chunked", "100-continue"),
]
HEADER_NAMES = [
    *(KEY, "If-Match", "If-None-Match", "Content-Type", "Content-Encoding", "Accept", "Host"),
    *("X-Forwarded-For", "X-HTTP-Method-Override", "Cookie", "Range", "Accept-Encoding", "Origin"),
    *("Authorization", "X-Request-Id", "Forwarded", "Via", "If-Modified-Since", "X-Amzn-Trace-Id"),
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get"]


@dataclass
class Mutator:
    """One client; `codes` tells the code that an attempt was sent."""

    given: corpus.Given
    free: Sequence[str]
    codes: Callable[[str], str | None]
    chance: random.Random
    known: dict[str, deque[str]] = field(default_factory=dict)
    _corpus: list[corpus.Case] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = {kind: deque([id_], maxlen=KNOWN) for kind, id_ in self.given.ids.items()}
        for kind, id_ in self.given.others.items():
            self.known[kind].append(id_)
        self._corpus = [case for case in corpus.corpus(self.given) if len(case.sent.body) < 20_000]

    def next(self) -> Sent:
        dice = self.chance.random()
        if dice < FROM_THE_CORPUS:
            return self._mutated(self.chance.choice(self._corpus).sent)
        good = self._good(self.chance.choice(list(ROUTES.values())))
        if dice < FROM_THE_CORPUS + AS_IT_IS:
            return good
        for _ in range(self.chance.randint(1, 3)):
            good = self._mutated(good)
        return good

    def learn(self, sent: Sent, answer: Answer) -> None:
        """Use from now on what the answer tells of."""
        told = answer.json
        if not isinstance(told, dict):
            return
        if answer.status == 202 and "attemptId" in told:
            self.known["attempt"].append(told["attemptId"])
        if answer.status == 201 and "slotId" in told:
            self.known["booking"].append(told["id"])
        if answer.status == 201 and "specialty" in told:
            self.known["doctor"].append(told["id"])

    # --- what is good

    def _good(self, route: Route) -> Sent:
        choice, chance = self.chance.choice, self.chance
        id_ = choice(list(self.known[route.kind])) if route.kind else ""
        body = dict(route.body) if route.body is not None else None
        if body is not None and "slotId" in body:
            body = {"slotId": choice(self.free)}
            if chance.random() < 0.2:
                body["replaces"] = choice(list(self.known["booking"]))
        if route.path.endswith("/verify-otp"):
            body = {"code": self.codes(id_) or "000000"}
        if route.kind == "slot" and body is not None:
            id_ = choice(self.free)
            body = {"status": choice(["blocked", "active"])}
        if body is not None and "weekly" in body:
            month = f"{chance.randint(2098, 2100)}-{chance.randint(1, 12):02}"
            body = {**SCHEDULE, "from": f"{month}-01", "to": f"{month}-07", "holidays": []}
        if route.name == "PATCH /doctors/{id}/slots":
            body = {**PERIOD, "status": choice(["blocked", "active", "removed"])}
        if route.name == "GET /me" or route.role == "patient":
            role = "patient"
        else:
            role = choice(["staff", "staff", "admin"])
        key = (
            f"k{chance.getrandbits(80):020x}" if route.takes_key and chance.random() < 0.8 else None
        )
        sent = route.sent(self.given.tokens[role], id_, key=key, body=body)
        some = [part for part in route.query if chance.random() < 0.5]
        return replace(sent, target=sent.target + ("?" + "&".join(some) if some else ""))

    # --- what is wrong

    def _mutated(self, sent: Sent) -> Sent:
        ways: list[Callable[[Sent], Sent]] = [self._path, self._query, self._header, self._caller]
        if "?" in sent.target:
            ways += [self._query, self._query]
        if sent.body:
            ways += [self._leaf, self._leaf, self._member, self._bytes]
        if self.chance.random() < 0.05:
            ways = [self._method]
        return self.chance.choice(ways)(sent)

    def _method(self, sent: Sent) -> Sent:
        return replace(sent, method=self.chance.choice(METHODS))

    def _path(self, sent: Sent) -> Sent:
        path, mark, query = sent.target.partition("?")
        parts = path.split("/")
        kind = self.chance.choice(list(self.known))
        garbage = [
            self.chance.choice(list(self.known[kind])),
            *self.chance.choices(list({**corpus.BAD_IDS, **corpus.SLASHES}.values()), k=2),
            quote(
                str(self.chance.choice(VALUES))[:2_000].encode("utf-8", "surrogatepass"), safe=""
            ),
            "",
        ]
        where = self.chance.randrange(1, len(parts))
        match self.chance.randrange(4):
            case 0:
                parts[where] = self.chance.choice(garbage)
            case 1:
                parts.insert(where, self.chance.choice(garbage))
            case 2:
                del parts[where]
            case _:
                parts[-1] = self.chance.choice(garbage)
        return replace(sent, target="/" + "/".join(parts).lstrip("/") + mark + query)

    def _query(self, sent: Sent) -> Sent:
        path, _, query = sent.target.partition("?")
        pairs = query.split("&") if query else []
        name = self.chance.choice([n for n in NAMES if n.isascii()])
        value = self.chance.choice(QUERY_VALUES)
        match self.chance.randrange(6):
            case 0 | 1 | 2 if pairs:
                place = self.chance.randrange(len(pairs))
                pairs[place] = f"{pairs[place].partition('=')[0]}={value}"
            case 3 if pairs:
                pairs.append(self.chance.choice(pairs))
            case 4 if pairs:
                del pairs[self.chance.randrange(len(pairs))]
            case _:
                pairs.append(f"{name}={value}")
        return replace(sent, target=path + ("?" + "&".join(pairs) if pairs else ""))

    def _header(self, sent: Sent) -> Sent:
        name, value = self.chance.choice(HEADER_NAMES), self.chance.choice(HEADER_VALUES)
        match self.chance.randrange(4):
            case 0:
                return replace(sent, headers=sent.with_header(name, None))
            case 1:
                return replace(sent, headers=(*sent.headers, (name, value)))
            case 2 if sent.headers:
                return replace(sent, headers=(*sent.headers, self.chance.choice(sent.headers)))
            case _:
                return replace(sent, headers=sent.with_header(name, value))

    def _caller(self, sent: Sent) -> Sent:
        tokens = [*self.given.tokens.values(), *corpus.NOBODY.values()]
        return replace(sent, headers=sent.with_header("Authorization", self.chance.choice(tokens)))

    def _leaf(self, sent: Sent) -> Sent:
        """One value of the body, wherever it is, is another."""
        return self._rewritten(sent, self._with_another_leaf)

    def _member(self, sent: Sent) -> Sent:
        return self._rewritten(sent, self._with_another_member)

    def _rewritten(self, sent: Sent, change: Callable[[Any], Any]) -> Sent:
        try:
            value = json.loads(sent.body)
        except (ValueError, RecursionError):
            return self._bytes(sent)
        return replace(sent, body=json.dumps(change(value)).encode())

    def _with_another_leaf(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self.chance.random() < 0.9:
            name = self.chance.choice(list(value))
            return {**value, name: self._with_another_leaf(value[name])}
        if isinstance(value, list) and value and self.chance.random() < 0.6:
            place = self.chance.randrange(len(value))
            return [*value[:place], self._with_another_leaf(value[place]), *value[place + 1 :]]
        if isinstance(value, str) and value and self.chance.random() < 0.4:
            place = self.chance.randrange(len(value))
            return value[:place] + str(self.chance.choice(VALUES))[:50] + value[place + 1 :]
        return self.chance.choice(VALUES)

    def _with_another_member(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return self.chance.choice([[value], {"a": value}, [value] * 20])
        if value and self.chance.random() < 0.4:
            gone = self.chance.choice(list(value))
            return {name: item for name, item in value.items() if name != gone}
        return {**value, self.chance.choice(NAMES): self.chance.choice(VALUES)}

    def _bytes(self, sent: Sent) -> Sent:
        data = bytearray(sent.body)
        place = self.chance.randrange(len(data) + 1)
        match self.chance.randrange(5):
            case 0 if place < len(data):
                data[place] ^= 1 << self.chance.randrange(8)
            case 1:
                del data[place:]
            case 2:
                data[place:place] = self.chance.randbytes(self.chance.randint(1, 8))
            case 3:
                data[place:place] = data[: self.chance.randint(1, 40)]
            case _:
                data[place:place] = self.chance.choice(
                    [b'"', b"{", b"[" * 30, b"\x00", b"\xff", b"\\ud800", b"1e999", b"NaN", b","]
                )
        return replace(sent, body=bytes(data), headers=_sized(sent.headers))


def _sized(headers: Headers) -> Headers:
    return tuple(pair for pair in headers if pair[0].lower() != "content-length")


def run(mutator: Mutator, ask: Ask, count: int, saw: Callable[[Sent, Answer], None]) -> None:
    """Ask so many times; `saw` is told of each answer.

    Raises:
        ConnectionError: somebody did not answer at all.
    """
    for _ in range(count):
        sent = mutator.next()
        answer = ask(sent)
        mutator.learn(sent, answer)
        saw(sent, answer)
