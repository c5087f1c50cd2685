"""`backup`, `restore` and `drill`, as an operator runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.config import ROOT
from ops.__main__ import main
from tests.support.backups import stored
from tests.support.house import House
from tests.support.planted import Scene
from tests.support.servers import Stores


def ops(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ops", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/layers/common"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command in this process: how it ends, the figures it tells, and what went wrong."""

    def run(*arguments: str) -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr(sys, "argv", ["ops", *arguments, "--json"])
        code = main()
        told = capsys.readouterr()
        return code, json.loads(told.out.splitlines()[-1]) if told.out else {}, told.err

    return run


@pytest.fixture
def uri(house: House, stores: Stores) -> str:
    Scene.of(house)
    return stores.database_uri(house.database.name)


@pytest.fixture
def new(house: House, stores: Stores) -> Iterator[str]:
    """The address of a database that is not there yet."""
    name = f"t{uuid.uuid4().hex[:12]}"
    yield stores.database_uri(name)
    house.database.client.drop_database(name)


def databases(house: House) -> list[str]:
    return [name for name in house.database.client.list_database_names() if "_drill_" in name]


def kept(house: House) -> list[tuple[str, str]]:
    return [(one["kind"], one["outcome"]) for one in house.database["drills"].find()]


def test_a_drill_passes_tells_its_figures_and_leaves_nothing_but_its_record(
    run: Run, house: House, uri: str
) -> None:
    before = stored(house.database)

    code, told, err = run("drill", "--mongo-uri", uri)

    assert (code, told["outcome"], told["violations"], told["reasons"]) == (0, "passed", [], []), (
        err
    )
    assert told["documents"] == sum(map(len, before.values()))
    assert told["rpoSeconds"] == 0
    assert 0 < told["rtoSeconds"] < 300
    [record] = house.database["drills"].find()
    assert (record["kind"], record["outcome"]) == ("restore", "passed")
    assert record["figures"]["rtoSeconds"] == told["rtoSeconds"]
    assert databases(house) == []


def test_a_drill_of_a_backup_that_is_too_old_fails(
    run: Run, house: House, uri: str, tmp_path: Path
) -> None:
    assert run("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b"))[0] == 0
    house.database["audit_logs"].update_one(
        {"recordedAt": {"$exists": True}}, [{"$set": {"recordedAt": "$$CLUSTER_TIME"}}]
    )
    for entry in house.database["audit_logs"].find():
        later = type(entry["recordedAt"])(entry["recordedAt"].time + 900, 1)
        house.database["audit_logs"].update_one(
            {"_id": entry["_id"]}, {"$set": {"recordedAt": later}}
        )

    code, told, _ = run("drill", "--mongo-uri", uri, "--from", str(tmp_path / "b"))

    assert (code, told["outcome"]) == (1, "failed")
    assert told["reasons"] == [f"rpoSeconds {told['rpoSeconds']} is more than 300"]
    assert kept(house) == [("restore", "failed")]


def test_control_a_document_lost_from_the_restored_database_fails_the_drill(
    run: Run, house: House, uri: str, new: str, tmp_path: Path
) -> None:
    assert run("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b"))[0] == 0
    assert run("restore", "--from", str(tmp_path / "b"), "--mongo-uri", new)[0] == 0
    restored = house.database.client.get_database(new.partition("?")[0].rpartition("/")[2])
    assert run("drill", "--mongo-uri", uri, "--restored", new)[0] == 0

    restored["bookings"].delete_one({"status": "confirmed"})
    code, told, _ = run("drill", "--mongo-uri", uri, "--restored", new)

    assert (code, told["outcome"]) == (1, "failed")
    assert any("slot_without_booking" in reason for reason in told["reasons"])
    assert kept(house) == [("restore", "passed"), ("restore", "failed")]


def test_a_harmed_backup_is_refused_and_the_drill_recorded_as_failed(
    run: Run, house: House, uri: str, tmp_path: Path
) -> None:
    assert run("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b"))[0] == 0
    slots = tmp_path / "b" / "slots.bson.gz"
    slots.write_bytes(slots.read_bytes()[:-5])

    code, told, err = run("drill", "--mongo-uri", uri, "--from", str(tmp_path / "b"))

    assert (code, told) == (2, {})
    assert err == "error: slots.bson.gz is not what was written: its hash is another\n"
    assert (kept(house), databases(house)) == ([("restore", "failed")], [])


def test_a_dry_run_verifies_and_restores_nothing(
    run: Run, house: House, uri: str, new: str, tmp_path: Path
) -> None:
    assert run("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b"))[0] == 0

    code, told, _ = run("restore", "--from", str(tmp_path / "b"), "--mongo-uri", new, "--dry-run")

    assert (code, told["documents"]) == (0, sum(map(len, stored(house.database).values())))
    assert run("drill", "--mongo-uri", uri, "--dry-run")[1]["would"].startswith("would restore")
    name = new.partition("?")[0].rpartition("/")[2]
    assert name not in house.database.client.list_database_names()


def test_it_is_not_restored_over_what_is_there(
    run: Run, house: House, uri: str, tmp_path: Path
) -> None:
    assert run("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b"))[0] == 0
    before = stored(house.database)

    code, _, err = run("restore", "--from", str(tmp_path / "b"), "--mongo-uri", uri)

    assert code == 2
    assert "is not empty" in err
    assert stored(house.database) == before


def test_a_follower_told_to_stop_loses_nothing_for_the_next(
    run: Run, house: House, uri: str, new: str, tmp_path: Path
) -> None:
    follower = ops(
        *("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b")),
        *("--follow", "--every", "1", "--json"),
    )
    assert follower.stdout is not None
    assert "documents" in json.loads(follower.stdout.readline())
    assert "following" in json.loads(follower.stdout.readline())

    Scene.of(house)
    follower.send_signal(signal.SIGTERM)
    _, err = follower.communicate(timeout=60)

    assert (follower.returncode, err) == (0, "")
    assert run("backup", "--mongo-uri", uri, "--to", str(tmp_path / "b"), "--once")[0] == 0
    code, told, _ = run("restore", "--from", str(tmp_path / "b"), "--mongo-uri", new)
    assert (code, told["violations"]) == (0, [])
    assert told["changes"] > 10
    restored = house.database.client.get_database(new.partition("?")[0].rpartition("/")[2])
    assert stored(restored) == stored(house.database)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("backup", "--to", "/dev/null/x"), "cannot be written"),
        (("restore", "--from", "/nowhere"), "there is no /nowhere/manifest.json"),
        (("drill", "--from", "/nowhere"), "there is no /nowhere/manifest.json"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, house: House, uri: str, arguments: tuple[str, ...], told: str
) -> None:
    code, _, err = run(*arguments, "--mongo-uri", uri)

    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1
