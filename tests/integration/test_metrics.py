"""What handlers on real stores write as metrics, as CloudWatch would read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from redis.exceptions import NoPermissionError

from slotkeeper.adapters.loads import note_loads
from slotkeeper.domain.errors import Unavailable
from slotkeeper.entrypoints.metrics import LABELS, METRICS
from slotkeeper.entrypoints.observability import instrumented
from slotkeeper.readings import collected
from tests.support.aws_events import Context
from tests.support.house import House
from tests.support.reading import Reader

Seen = Mapping[tuple[str, str | None], list[float]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], Seen]:
    """Call something as a handler; the values of each metric, in all (None) and by its label."""

    def done(work: Callable[[], object]) -> Seen:
        capsys.readouterr()
        instrumented(lambda *_: work())({}, Context())
        return _values(capsys.readouterr().out)

    return done


def _values(out: str) -> Seen:
    found: dict[tuple[str, str | None], list[float]] = {}
    for text in out.splitlines():
        line: dict[str, Any] = json.loads(text)
        if "_aws" not in line:
            continue
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Slotkeeper"
        for dimensions in directive["Dimensions"]:
            assert dimensions[0] == "service"
            for metric in directive["Metrics"]:
                assert METRICS[metric["Name"]].unit.value == metric["Unit"]
                assert set(dimensions[1:]) <= set(METRICS[metric["Name"]].labels)
                labels = ",".join(line[name] for name in dimensions[1:]) or None
                values = found.setdefault((metric["Name"], labels), [])
                values += [line[metric["Name"]]] if _is_one(line[metric["Name"]]) else []
                values += [] if _is_one(line[metric["Name"]]) else line[metric["Name"]]
    return found


def _is_one(value: object) -> bool:
    return isinstance(value, int | float)


def test_a_hold_tells_how_long_its_lock_and_each_command_took(
    house: House, run: Callable[..., Seen]
) -> None:
    slot, alice = house.slot(), house.patient()

    seen = run(lambda: house.hold(slot, alice))

    assert len(seen["lock_acquisition_ms", None]) == 1
    assert seen["redis_ms", "pipeline"]
    assert seen["mongodb_ms", "findAndModify"] or seen["mongodb_ms", "update"]
    assert len(seen["redis_ms", None]) >= len(seen["redis_ms", "pipeline"])
    commands = {label for name, label in seen if name in {"redis_ms", "mongodb_ms"} and label}
    assert commands <= LABELS["command"]
    assert not [name for name, _ in seen if name.endswith("_errors_total")]


def test_every_flow_has_commands_that_are_named(house: House, run: Callable[..., Seen]) -> None:
    slot, alice = house.slot(), house.patient()

    def flow() -> None:
        house.book(slot, alice)
        house.relay()
        house.sweep()

    seen = run(flow)

    assert {label for name, label in seen if name.endswith("_ms")} <= {*LABELS["command"], None}


def test_an_unsent_event_is_told_by_its_age(house: House, run: Callable[..., Seen]) -> None:
    house.book(house.slot(), house.patient())
    house.database["outbox"].update_many(
        {"unsent": True}, [{"$set": {"at": {"$subtract": ["$$NOW", 90_000]}}}]
    )

    seen = run(house.relay)
    again = run(house.relay)

    assert max(seen["outbox_lag_seconds", None]) == pytest.approx(90, abs=20)
    assert max(again["outbox_lag_seconds", None]) == 0


def test_a_hold_that_is_over_is_told_by_how_late_it_is_swept(
    house: House, run: Callable[..., Seen]
) -> None:
    slot = house.slot()
    house.hold(slot, house.patient())
    house.database["slots"].update_one(
        {"_id": slot}, [{"$set": {"hold.expiresAt": {"$subtract": ["$$NOW", 300_000]}}}]
    )

    seen = run(house.sweep)
    again = run(house.sweep)

    assert max(seen["sweep_lag_seconds", None]) == pytest.approx(300, abs=20)
    assert max(again["sweep_lag_seconds", None]) == 0


def test_a_garbled_hold_does_not_stop_the_sweep_from_telling(
    house: House, run: Callable[..., Seen]
) -> None:
    slot = house.slot()
    house.hold(slot, house.patient())
    house.database["slots"].update_one({"_id": slot}, {"$set": {"hold.expiresAt": 7}})

    assert run(house.sweep)["sweep_lag_seconds", None] == [0]


def test_a_command_that_fails_is_told_by_its_name(house: House, run: Callable[..., Seen]) -> None:
    def fails() -> None:
        with pytest.raises(Exception, match="unknown operator"):
            house.database["slots"].find_one({"_id": {"$no": 1}})

    seen = run(fails)

    assert seen["mongodb_errors_total", "find"] == [1]
    assert seen["mongodb_errors_total", None] == [1]


def test_redis_that_refuses_a_command_is_told(house: House, run: Callable[..., Seen]) -> None:
    from slotkeeper.adapters.redis.client import one_trip

    key = f"{house.keys.environment}:test"
    house.redis.set(key, "text")

    def refused() -> None:
        with pytest.raises(Unavailable):
            one_trip(house.redis, lambda p: p.get(key), lambda p: p.lpush(key, "x"))

    assert run(refused)["redis_errors_total", "pipeline"] == [1]


def test_how_full_the_servers_are(house: House) -> None:
    with collected() as taken:
        note_loads(house.database, house.redis)

    [ratio] = taken["mongodb_connections_ratio", None]
    assert 0 < ratio < 1
    [evicted] = taken["redis_evicted_total", None]
    assert evicted >= 0


def test_commands_are_told_of_a_share_and_failures_always(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    from slotkeeper.entrypoints import metrics

    with collected() as taken:
        house.hold(house.slot(), house.patient())
    taken["redis_errors_total", "eval"] = [1]
    capsys.readouterr()

    metrics.tell(taken, request_id="r", share=0.0)
    metrics.flush()
    seen = _values(capsys.readouterr().out)

    assert ("redis_ms", None) not in seen
    assert seen["redis_errors_total", "eval"] == [1]
    assert seen["lock_acquisition_ms", None]


def test_pages_tell_whether_they_were_found(house: House, run: Callable[..., Seen]) -> None:
    doctor = house.doctor()
    house.slot(doctor, starts_in=timedelta(days=3))

    reader = Reader(house)

    first = run(lambda: reader.read(doctor))
    second = run(lambda: reader.read(doctor))

    assert first["cache_misses_total", "slots"] == [1]
    assert second["cache_hits_total", "slots"] == [1]


def test_a_server_that_may_not_be_asked_is_no_error(house: House) -> None:
    """The functions' user may not ask `serverStatus`, nor need one of Redis that may not `INFO`."""

    with collected() as taken:
        note_loads(_Refusing(house.database), _Refusing(house.redis))  # type: ignore[arg-type]

    assert not taken


class _Refusing:
    """A server that answers what this one may ask with something else."""

    def __init__(self, inner: object):
        self.inner = inner

    def command(self, *_: object) -> dict[str, Any]:
        return {"ok": 1}

    def info(self, *_: object) -> dict[str, Any]:
        raise NoPermissionError("this user has no permissions to run the 'info' command")


def test_how_full_redis_is_where_it_has_a_limit(house: House) -> None:
    limit: Any = house.redis.config_get("maxmemory")["maxmemory"]
    house.redis.config_set("maxmemory", 1 << 30)
    try:
        with collected() as taken:
            note_loads(house.database, house.redis)
    finally:
        house.redis.config_set("maxmemory", limit)

    [ratio] = taken["redis_memory_ratio", None]
    assert 0 < ratio < 1
