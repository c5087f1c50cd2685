"""People, and what is theirs, for the table of who gets what: real handlers on real stores."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from slotkeeper.domain.attempt import attempt_id, booking_id
from slotkeeper.domain.slot import slot_id
from tests.support.access_rows import (
    ABSENT,
    ATTEMPT,
    BOOKING,
    CLINIC,
    DOCTOR,
    FOREIGN,
    OWN,
    WHICH,
    Row,
)
from tests.support.aws_events import (
    METHOD_ARN,
    Context,
    Event,
    authorizer_event,
    http_event,
    id_event,
)
from tests.support.house import House
from tests.support.identity_provider import IdentityProvider, rsa_key
from tests.template.test_template import routes

FOLDERS = {(method, path): folder for folder, method, path in routes()}
STAGE = METHOD_ARN.removesuffix("/POST/bookings")
Answer = Mapping[str, Any]  # Any: free JSON


@dataclass
class World:
    """What one role (`role`) owns, and what looks just like it and is somebody else's.

    Another patient's things are at the same clinic, another clinic's are of the same patient: only
    what the role goes by tells them apart.
    """

    house: House
    provider: IdentityProvider
    role: str
    alice: str = ""
    bob: str = ""
    carol: str = ""
    """Of the first clinic's staff."""
    dave: str = ""
    """Staff of no clinic."""
    doctors: tuple[str, str] = ("", "")
    """One of each of two clinics."""
    codes: dict[str, str] = field(default_factory=dict)
    _slots: int = 0

    def __post_init__(self) -> None:
        self.alice, self.bob = self.house.patients(2)
        self.carol = self.house.patient(clinicId="clinic-1")
        self.dave = self.house.patient()
        self.doctors = (self.house.doctor("clinic-1"), self.house.doctor("clinic-2"))

    # --- who asks

    @property
    def user_id(self) -> str:
        people = {"patient": self.alice, "staff": self.carol, "stray": self.dave, "admin": "root"}
        return people[self.role]

    def credentials(self) -> list[str | None]:
        """The `Authorization` headers that this role may come with."""
        if self.role == "nobody":
            forged = self.provider.token(key=rsa_key("theirs"))
            id_token = self.provider.bearer(token_use="id", aud="slotkeeper-web")
            return [None, f"Bearer {forged}", id_token, self.provider.bearer(exp=1)]
        groups = {"stray": "staff"}.get(self.role, self.role)
        return [self.provider.bearer(sub=self.user_id, **{"cognito:groups": [groups]})]

    # --- what there is

    def ids_of(self, thing: str) -> tuple[str, str, str]:
        """The id of one's own, of a foreign one, and of one that is not there."""
        first, second = self.doctors
        # Of a patient's things the owner differs, of a clinic's the doctor.
        theirs = (self.bob, first) if self.role in {"patient", "nobody"} else (self.alice, second)
        nobodys = attempt_id("nobody", "k" * 16, self._free(first))
        match thing:
            case "":
                return ("", "", "")
            case _ if thing == BOOKING:
                mine, other = self._booking(self.alice, first), self._booking(*theirs)
                return (mine, other, booking_id(nobodys))
            case _ if thing == ATTEMPT:
                return (self._attempt(self.alice, first), self._attempt(*theirs), nobodys)
            case _ if thing == DOCTOR:
                self._free(second)
                return (first, second, "dr-nobody")
            case _ if thing == CLINIC:
                return ("clinic-1", "clinic-2", "clinic-nobody")
        mine, other = self._free(first), self._free(second)
        return (mine, other, slot_id("dr-nobody", self.house.slots.find([mine])[0].start_time))

    def free_slot(self) -> str:
        return self._free(self.doctors[0])

    def code_of(self, attempt: str) -> str:
        """The right code, where there is such an attempt."""
        return self.codes.get(attempt, "123456")

    def _free(self, doctor: str) -> str:
        self._slots += 1
        return self.house.slot(doctor, starts_in=timedelta(days=2, hours=self._slots))

    def _attempt(self, patient: str, doctor: str) -> str:
        attempt = self.house.hold(self._free(doctor), patient)
        self.codes[attempt] = self.house.code(attempt, patient)
        return attempt

    def _booking(self, patient: str, doctor: str) -> str:
        return self.house.book(self._free(doctor), patient).id

    def picture(self, row: Row) -> Mapping[str, Any]:
        """Every document, and what there is in Redis, but for what the row lets change."""
        database = self.house.database
        found: dict[str, Any] = {
            name: sorted(database[name].find(), key=lambda document: str(document["_id"]))
            for name in sorted(database.list_collection_names())
        }
        redis = self.house.redis_keys()
        if row.is_noted:
            del found["audit_logs"]
            redis = [key for key in redis if not key.startswith("rl:")]
        if row.versions_may_rise:
            for slot in found["slots"]:
                del slot["version"]
        return {**found, "redis": redis}

    # --- what happens

    def ask(self, row: Row, id_: str, authorization: str | None) -> tuple[Answer, list[str]]:
        """What becomes of a request for the thing of that id: `send`."""
        return self.send(row, self.request(row, id_), authorization)

    def request(self, row: Row, id_: str) -> Event:
        return _event(row, id_, row.body(self, id_) if row.body else None)

    def send(self, row: Row, event: Event, authorization: str | None) -> tuple[Answer, list[str]]:
        """The function's answer behind the real authorizer, and what is wrong with the latter's."""
        problems: list[str] = []
        if row.status("nobody", OWN) == 401:
            asked = _asked_of_authorizer(row, event, authorization)
            said = _handler("authorize")(asked, Context())
            [statement] = said["policyDocument"]["Statement"]
            if statement["Resource"] != asked["methodArn"] or statement["Effect"] != "Allow":
                problems.append(f"policy is for {statement['Resource']}")
            event["requestContext"]["authorizer"] = {
                **said["context"],
                "principalId": said["principalId"],
            }
        return _handler(FOLDERS[row.method, row.path])(event, Context()), problems


def problems_of(row: Row, world: World) -> list[str]:
    """What is not as the row says; the things asked for in turn, one's own last."""
    found: list[str] = []
    answers: dict[int, Answer] = {}
    ids = world.ids_of(row.thing)
    for which in (FOREIGN, ABSENT, OWN) if row.thing else (OWN,):
        for authorization in world.credentials():
            request = world.request(row, ids[which])
            before = world.picture(row)
            answer, problems = world.send(row, request, authorization)
            after = world.picture(row)
            expected, told = row.status(world.role, which), answer["statusCode"]
            if told != expected:
                problems.append(f"{told}, not {expected}: {answer['body']}")
            if (told >= 400 or row.method == "GET") and before != after:
                problems.append("something changed")
            answers[which] = answer
            found += [f"{WHICH[which]}: {problem}" for problem in problems]
    both_refused = row.thing and {row.status(world.role, n) for n in (FOREIGN, ABSENT)} == {404}
    if both_refused and answers[FOREIGN] != answers[ABSENT]:
        found.append("a foreign one is told from one that is not there")
    return found + (_shown_wrongly(row, world) if row.shows else [])


def _shown_wrongly(row: Row, world: World) -> list[str]:
    mine, foreign, _ = world.ids_of(row.shows)
    found: list[str] = []
    for authorization in world.credentials():
        answer, _ = world.ask(row, "", authorization)
        sees_mine = world.role not in {"nobody", "stray"}
        sees_foreign = world.role in row.shows_all_to
        for name, id_, is_due in (("own", mine, sees_mine), ("foreign", foreign, sees_foreign)):
            if (f'"{id_}"' in answer["body"]) is not is_due:
                found.append(f"{name} one is {'not ' if is_due else ''}shown")
    return found


def _event(row: Row, id_: str, body: Any) -> Event:
    headers = [("Idempotency-Key", uuid.uuid4().hex)] if row.route == "POST /bookings" else []
    parts: dict[str, Any] = {"headers": headers, "body": body, "authorizer": None}
    if "{id}" in row.path:
        return id_event(row.method, row.path, id_, **parts)
    return http_event(row.method, row.path, **parts)


def _asked_of_authorizer(row: Row, event: Event, authorization: str | None) -> Event:
    asked = authorizer_event(*([] if authorization is None else [authorization]))
    return {
        **asked,
        "methodArn": f"{STAGE}/{row.method}{event['path']}",
        "httpMethod": row.method,
        "resource": row.path,
        "path": event["path"],
    }


def _handler(folder: str) -> Callable[[Event, Context], Any]:
    handler: Callable[[Event, Context], Any]
    handler = importlib.import_module(f"functions.{folder}.app").lambda_handler
    return handler
