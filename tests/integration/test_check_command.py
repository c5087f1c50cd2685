"""`python -m ops check`, as an operator runs it: what it prints and how it ends."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.support import ops_command
from tests.support.house import House
from tests.support.planted import Scene
from tests.support.servers import Stores

run = partial(ops_command.run, "check")


@pytest.fixture
def where(house: House, stores: Stores) -> tuple[str, ...]:
    """The arguments that name the house's stores."""
    return ops_command.stores_of(house, stores)


def test_a_clean_database_is_0(house: House, where: tuple[str, ...]) -> None:
    Scene.of(house)

    done = run(*where, "--grace", "0")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no violation found: ")


def test_violations_are_1_and_one_line_each(house: House, where: tuple[str, ...]) -> None:
    scene = Scene.of(house)
    house.end_hold(scene.held)
    scene.change("bookings", scene.ended.id, version=7)

    done = run(*where, "--grace", "0")

    assert done.returncode == 1
    hold, booking, summary = sorted(done.stdout.splitlines(), key=lambda line: "violations" in line)
    if "hold_not_ended" not in hold:
        hold, booking = booking, hold
    assert f" 8  hold_not_ended  {scene.held}  [slots {scene.held} status=reserved" in hold
    assert f" 6  booking_disagrees_with_facts  {scene.ended.id}  [bookings" in booking
    assert "version=7" in booking
    assert summary.startswith("2 violations (")


def test_json_is_one_object_a_line_and_nothing_else(house: House, where: tuple[str, ...]) -> None:
    scene = Scene.of(house)
    house.end_hold(scene.held)

    done = run(*where, "--grace", "0", "--json")

    assert done.returncode == 1
    [told] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (told["invariant"], told["rule"], told["about"]) == (8, "hold_not_ended", scene.held)
    [slot] = told["documents"]
    assert (slot["collection"], slot["_id"], slot["status"]) == ("slots", scene.held, "reserved")
    assert slot["expiresAt"].endswith("Z")
    assert done.stderr.startswith("1 violations (")


def test_it_stops_at_the_limit(house: House, where: tuple[str, ...]) -> None:
    scene = Scene.of(house)
    scene.delete("bookings", scene.booking.id, scene.ended.id)

    done = run(*where, "--limit", "1", "--json")

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "stopped at the limit" in done.stderr


def test_a_stack_file_names_the_stores(house: House, stores: Stores, tmp_path: Path) -> None:
    Scene.of(house)
    stack = {
        "mongo_uri": stores.database_uri(house.database.name),
        "redis_url": stores.redis_url,
        "redis_mode": stores.redis_mode,
        "environment": house.keys.environment,
        "functions": {"hold_slot": "slotkeeper-local-hold-slot"},
    }
    file = tmp_path / "stack.json"
    file.write_text(json.dumps(stack))

    done = run("--stack", str(file), "--grace", "0")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Redis was not looked at" not in done.stdout


def test_without_redis_it_says_so(house: House, where: tuple[str, ...]) -> None:
    done = run(*where[:2])

    assert done.returncode == 0
    assert done.stdout.rstrip().endswith("(Redis was not looked at)")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--mongo-uri", "mongodb://127.0.0.1:1/"), "MongoDB does not answer"),
        (("--mongo-uri", "mongodb://u:hunter2@h:port/"), "no address"),
        (("--mongo-uri", "hunter2://x"), "no address"),
        (("--mongo-uri", "mongodb://h/", "--redis-url", "redis://h/hunter2"), "environment"),
        (("--stack", "/nowhere/stack.json"), "make run"),
        ((), "name the database"),
        (("--grace", "-1"), "seconds, from 0"),
        (("--grace", "soon"), "invalid seconds value"),
        (("--limit", "0"), "from 1 on"),
    ],
)
def test_what_cannot_be_checked_is_2_and_one_line(arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_a_redis_that_is_down_is_2(house: House, where: tuple[str, ...]) -> None:
    down = ("--redis-url", "redis://127.0.0.1:1/0", "--environment", "x")

    done = run(*where[:2], *down)

    assert done.returncode == 2
    assert "Redis does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_s_address_or_code_is_printed(house: House, where: tuple[str, ...]) -> None:
    scene = Scene.of(house)
    secrets = ("+15550199", "someone@example.com", "424242", "GEZDGNBVGY3TQOJQ")
    for collection, id_ in (("slots", scene.held), ("bookings", scene.ended.id)):
        for name, secret in zip(("status", "date", "code", "seed"), secrets, strict=True):
            scene.change_in(collection, id_, name, secret)
    scene.insert("deliveries", {"_id": secrets[0], "at": secrets[1]})
    scene.insert("slots", {"_id": secrets[1], "status": secrets[2]})
    house.redis.hset(house.keys.code(secrets[1], "at_1"), secrets[2], secrets[3])
    house.redis.set(house.keys.failures(secrets[0]), 3)

    printed = [run(*where, "--grace", "0", *more) for more in ((), ("--json",))]

    for done in printed:
        assert done.returncode == 1
        assert "unknown_status" in done.stdout
        assert "key_without_end" in done.stdout
        for secret in secrets:
            assert secret not in done.stdout + done.stderr
