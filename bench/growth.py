"""Whether cost grows with the data: each route, the sweep and the relay, in 10k and in 1M."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bench import events, filled
from bench.clinic import Clinic, Results
from bench.ground import Ground, a_doctor, a_slot
from bench.process import Inside
from bench.series import Found, Series, Show, Size, interleaved
from slotkeeper.adapters.mongo.client import connect
from slotkeeper.adapters.mongo.documents import DOCTORS, OUTBOX, SLOTS

SIZES: Mapping[Size, Mapping[str, int]] = {
    "full": {"10k": 10_000, "100k": 100_000, "1M": 1_000_000},
    "short": {"1k": 1_000, "20k": 20_000},
}
ROUNDS: Mapping[Size, int] = {"full": 12, "short": 2}
AT_ONCE = 5
PATIENTS = 20
DUE = 100
"""Holds that are over, events that wait."""
FUNCTIONS = (
    *("hold_slot", "verify_otp", "cancel", "reschedule", "resend_otp", "release_hold"),
    *("list_slots", "list_doctors", "list_bookings", "get_booking", "profile"),
    *("manage_clinic", "expire_locks", "relay_outbox"),
)
ADMIN = "root"
_ALL = 2
_ROOM = 64 * 2**20


class Grown:
    """One size: its database, its functions, and every route as its callers use it."""

    def __init__(self, ground: Ground, name: str, stack: ExitStack):
        database = f"grown-{name}"
        self.name = f"g{name}".lower()
        self.database = connect(ground.mongo_uri(database))
        stack.callback(self.database.client.close)
        environ = ground.environ(MONGO_URI=ground.mongo_uri(database))
        self._functions = {
            function: stack.enter_context(Inside(ground, function, environ=environ))
            for function in FUNCTIONS
        }
        self._doctor = f"{self.name}-0"
        self._user = filled.patient(self.name, 0)
        self._clinic = Clinic(replace(ground, database=self.database), self._invoke)

    def _invoke(self, function: str, *asked: events.Event) -> Results:
        return self._functions[function].invoke(*asked)

    @property
    def kinds(self) -> Mapping[str, Callable[[int], Results]]:
        """By route, what makes so many requests of it."""
        listed = {name: self._listing(name) for name in _READS}
        return {
            **{name: run for name, run in self._clinic.kinds.items() if not name.endswith("keyed")},
            **listed,
            "release": self._release,
            "block": self._block,
            "create_doctor": self._create_doctor,
            "create_schedule": self._create_schedule,
            "sweep_idle": lambda n: self._invoke("expire_locks", *[{}] * n),
            "sweep_100_due": lambda n: self._worked("expire_locks", self._let_holds_lapse, n),
            "relay_idle": lambda n: self._invoke("relay_outbox", *[{}] * n),
            "relay_100_waiting": lambda n: self._worked("relay_outbox", self._have_events_wait, n),
        }

    def _listing(self, name: str) -> Callable[[int], Results]:
        function, method_route, who, id_, query = _READS[name]
        method, _, route = method_route.partition(" ")
        role = "admin" if who == "admin" else "patient"
        users = itertools.cycle(self._callers(who))
        ids = {"doctor": self._doctor, "booking": filled.a_booking(self.name, 0), "": None}

        def run(count: int) -> Results:
            # Another one each time: read from the database, not from what was kept of it.
            asked = [
                events.request(
                    method,
                    route,
                    user=next(users),
                    role=role,
                    id_=ids[id_],
                    query={**query, **({"from": _any_second()} if "from" in query else {})} or None,
                )
                for _ in range(count)
            ]
            return self._answered(function, 200, asked)

        return run

    def _callers(self, who: str) -> list[str]:
        if who == "patients":  # so many that none of them asks too often
            return [filled.patient(self.name, n) for n in range(1, PATIENTS)]
        return [ADMIN if who == "admin" else self._user]

    def _answered(self, function: str, status: int, asked: list[events.Event]) -> Results:
        results = self._invoke(function, *asked)
        wrong = [one for one in results if one["status"] != status]
        assert not wrong, f"{function}: {wrong[0]}"
        return results

    def _release(self, count: int) -> Results:
        route = "/bookings/{id}/hold"
        asked = [
            events.request("DELETE", route, user=user, id_=attempt)
            for attempt, user in self._clinic.held(count)
        ]
        return self._answered("release_hold", 204, asked)

    def _block(self, count: int) -> Results:
        start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=400)
        doctor = f"{self.name}-{secrets.token_hex(4)}"
        slots = [a_slot(doctor, start + timedelta(minutes=n)) for n in range(count)]
        self.database[SLOTS].insert_many(slots)
        self.database[DOCTORS].insert_one(a_doctor(doctor))
        asked = [
            events.request(
                "PATCH",
                "/slots/{id}",
                user=ADMIN,
                role="admin",
                id_=slot["_id"],
                body={"status": "blocked"},
            )
            for slot in slots
        ]
        return self._answered("manage_clinic", 200, asked)

    def _create_doctor(self, count: int) -> Results:
        body = {
            "name": "Dr. New",
            "specialty": "general practice",
            "timeZone": "Europe/Berlin",
            "clinicId": f"{self.name}-clinic-0",
        }
        asked = [
            events.request("POST", "/doctors", user=ADMIN, role="admin", body=body)
            for _ in range(count)
        ]
        return self._answered("manage_clinic", 201, asked)

    def _create_schedule(self, count: int) -> Results:
        created = self._create_doctor(count)
        first = datetime.now(UTC).date() + timedelta(days=2)
        body = {
            "from": first.isoformat(),
            "to": (first + timedelta(days=6)).isoformat(),
            "slotMinutes": 30,
            "weekly": [{"day": day, "start": "09:00", "end": "12:00"} for day in ("mon", "wed")],
        }
        asked = [
            events.request(
                "POST",
                "/doctors/{id}/schedules",
                user=ADMIN,
                role="admin",
                id_=_id_of(one["body"]),
                body=body,
            )
            for one in created
        ]
        return self._answered("manage_clinic", 201, asked)

    def _worked(self, function: str, prepare: Callable[[], None], count: int) -> Results:
        results: Results = []
        for _ in range(max(1, count // AT_ONCE)):
            prepare()
            results += self._invoke(function, {})
        return results

    def _let_holds_lapse(self) -> None:
        held = self._clinic.held(DUE)
        over = datetime.now(UTC) - timedelta(seconds=5)
        self.database[SLOTS].update_many(
            {"hold.attemptId": {"$in": [attempt for attempt, _ in held]}},
            {"$set": {"hold.expiresAt": over, "hold.otp.expiresAt": over}},
        )

    def _have_events_wait(self) -> None:
        sent = {"unsent": {"$exists": False}}
        some = [row["_id"] for row in self.database[OUTBOX].find(sent, {"_id": 1}).limit(DUE)]
        waits = {"$set": {"unsent": True, "leasedUntil": None}, "$unset": {"sentAt": 1}}
        self.database[OUTBOX].update_many({"_id": {"$in": some}}, waits)

    @contextmanager
    def examined(self) -> Iterator[dict[str, int]]:
        """What the block's statements looked at, by MongoDB's own profiler."""
        found = {"documents": 0, "keys": 0, "returned": 0}
        self.database.command("profile", 0)
        self.database.drop_collection("system.profile")
        self.database.create_collection("system.profile", capped=True, size=_ROOM)
        self.database.command("profile", _ALL)
        try:
            yield found
        finally:
            self.database.command("profile", 0)
        ours = {"ns": {"$ne": f"{self.database.name}.system.profile"}}
        for note in self.database["system.profile"].find(ours):
            found["documents"] += note.get("docsExamined", 0)
            found["keys"] += note.get("keysExamined", 0)
            found["returned"] += note.get("nreturned", 0)


_READS: Mapping[str, tuple[str, str, str, str, Mapping[str, str]]] = {
    "list_slots_of_a_time": (
        "list_slots",
        "GET /doctors/{id}/slots",
        "patient",
        "doctor",
        {"from": ""},
    ),
    "list_slots_page_20": (
        *("list_slots", "GET /doctors/{id}/slots", "patient", "doctor"),
        {"page": "20", "from": ""},
    ),
    "list_doctors": ("list_doctors", "GET /doctors", "patient", "", {"limit": "20"}),
    "get_doctor": ("list_doctors", "GET /doctors/{id}", "patient", "doctor", {}),
    "my_bookings": ("list_bookings", "GET /bookings", "patient", "", {"limit": "20"}),
    "all_bookings": ("list_bookings", "GET /bookings", "admin", "", {"limit": "20"}),
    "get_booking": ("get_booking", "GET /bookings/{id}", "patient", "booking", {}),
    "calendar": ("get_booking", "GET /bookings/{id}/calendar.ics", "patient", "booking", {}),
    "me": ("profile", "GET /me", "patient", "", {}),
    "export": ("profile", "GET /me/export", "patients", "", {}),
}
"""By name: function, route, who asks, of what, with which parameters."""


def measure(ground: Ground, show: Show, size: Size) -> Found:
    """Times as medians of each route at each size, ratios of the largest to the smallest.

    `growth.<route>.<size>.ms`, `.documents.<size>` examined a request, `.ratio`.
    """
    sizes = SIZES[size]
    with ExitStack() as stack:
        grown = {}
        for name, count in sizes.items():
            show(f"growth: {name} slots and bookings")
            database = connect(ground.mongo_uri(f"grown-{name}"))
            filled.fill(database, name=f"g{name}".lower(), count=count)
            database.client.close()
            grown[name] = Grown(ground, name, stack)
        smallest, largest = next(iter(sizes)), list(sizes)[-1]
        kinds = {
            (route, name): run for name, one in grown.items() for route, run in one.kinds.items()
        }
        found: Found = {
            "growth.smallest": sizes[smallest],
            "growth.largest": sizes[largest],
        }
        for (route, name), run in kinds.items():
            run(AT_ONCE)
            with grown[name].examined() as seen:
                run(AT_ONCE)
            found[f"growth.{route}.documents.{name}"] = seen["documents"] / AT_ONCE
            found[f"growth.{route}.keys.{name}"] = seen["keys"] / AT_ONCE
        show(f"growth: {ROUNDS[size]} x {AT_ONCE} requests of {len(kinds)} kinds")
        taken = interleaved(
            {f"{route}.{name}": _batch(run) for (route, name), run in kinds.items()},
            ROUNDS[size],
            show,
        )
    for kind, batches in taken.items():
        samples = tuple(float(one["ms"]) for batch in batches for one in batch)
        found[f"growth.{kind}.ms"] = Series(f"growth.{kind}.ms", "ms", samples)
    for route in grown[largest].kinds:
        small, large = (found[f"growth.{route}.{name}.ms"] for name in (smallest, largest))
        assert isinstance(small, Series)
        assert isinstance(large, Series)
        found[f"growth.{route}.ratio"] = large.median / small.median
    return found


def _batch(run: Callable[[int], Results]) -> Callable[[], Results]:
    return lambda: run(AT_ONCE)


def _any_second() -> str:
    begin = datetime.now(UTC) + timedelta(seconds=secrets.randbelow(80_000))
    return f"{begin:%Y-%m-%dT%H:%M:%SZ}"


def _id_of(body: str) -> str:
    return str(json.loads(body)["id"])
