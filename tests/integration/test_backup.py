"""A backup is the database at one instant, and comes back as it was, or not at all."""

from __future__ import annotations

import gzip
import json
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from ops.check import GRACE, check
from ops.recovery.changes import Follower
from ops.recovery.dump import dump
from ops.recovery.load import opened, restore
from ops.recovery.manifest import MANIFEST
from ops.stores import OpsError
from slotkeeper.adapters.mongo.indexes import INDEXES
from tests.support.backups import (
    as_it_comes,
    losing,
    stored,
    stored_bytes,
    while_at_work,
)
from tests.support.house import House
from tests.support.planted import Scene

Fresh = Database[dict[str, Any]]
NONE = timedelta(0)


@pytest.fixture
def fresh(house: House) -> Iterator[Fresh]:
    """A database that nobody has written to yet."""
    database = house.database.client[f"t{uuid.uuid4().hex[:12]}"]
    yield database
    database.client.drop_database(database.name)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def follow(house: House, directory: Path) -> int:
    follower = Follower(house.database, directory, every=60)
    follower.follow(threading.Event(), is_once=True)
    return follower.count


def rules(database: Fresh, at: datetime | None = None, *, grace: timedelta = GRACE) -> set[str]:
    return {violation.rule for violation in check(database, now=at, grace=grace)}


def is_empty(database: Fresh) -> bool:
    return not database.list_collection_names()


def test_it_comes_back_byte_for_byte_with_every_index(
    house: House, directory: Path, fresh: Fresh
) -> None:
    Scene.of(house).seal()

    manifest = dump(house.database, directory)
    restored = restore(opened(directory, is_read=True), fresh)

    assert stored_bytes(fresh) == stored_bytes(house.database)
    assert restored.documents == manifest.documents > 0
    for name in INDEXES:
        assert fresh[name].index_information() == house.database[name].index_information()
    assert rules(fresh) == set()


def test_a_validator_comes_back_too_but_refuses_nothing_that_was_stored(
    house: House, directory: Path, fresh: Fresh
) -> None:
    house.patient()
    validator = {"phone": {"$type": "int"}}
    house.database.command("collMod", "users", validator=validator)
    try:
        dump(house.database, directory)
    finally:
        house.database.command("collMod", "users", validator={})

    restore(opened(directory), fresh)

    [users] = fresh.list_collections(filter={"name": "users"})
    assert users["options"]["validator"] == validator
    assert stored(fresh)["users"] == stored(house.database)["users"]


def test_what_is_booked_while_it_runs_is_wholly_in_it_or_not_at_all(
    house: House, directory: Path, fresh: Fresh
) -> None:
    Scene.of(house)
    before = len(house.bookings())

    manifest = dump(house.database, directory, reading=while_at_work(lambda: work(house)))
    restore(opened(directory), fresh)

    assert rules(fresh, manifest.time, grace=NONE) == set()
    assert fresh["bookings"].count_documents({}) == before
    assert len(house.bookings()) > before


def test_control_without_one_instant_the_checker_finds_it(
    house: House, directory: Path, fresh: Fresh
) -> None:
    Scene.of(house)

    dump(house.database, directory, reading=while_at_work(lambda: work(house), as_it_comes))
    restore(opened(directory), fresh)

    assert "slot_without_booking" in rules(fresh, grace=NONE)


@pytest.mark.parametrize(
    ("collection", "rule"), [("bookings", "booking_lost"), ("audit_logs", "event_without_audit")]
)
def test_control_a_document_lost_in_the_dump_is_found(
    house: House, directory: Path, fresh: Fresh, collection: str, rule: str
) -> None:
    book(house)
    house.relay()

    manifest = dump(house.database, directory, reading=losing(collection))
    restore(opened(directory), fresh)

    assert rule in rules(fresh, manifest.time)


def test_fewer_documents_than_the_server_counts_are_no_backup(
    house: House, directory: Path
) -> None:
    house.patient()
    reading = while_at_work(house.patient, as_it_comes)

    class Miscounting:
        pass

    with pytest.raises(OpsError, match="documents were read, of"):
        dump(house.database, directory, reading=_counting_one_more(reading))
    assert not directory.exists()


def _counting_one_more(reading: Any) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def read(database: Fresh) -> Iterator[Any]:
        with reading(database) as source:
            count = source.count
            source.count = lambda name: count(name) + 1
            yield source

    return read


def test_what_changes_afterwards_is_followed_and_comes_back_as_it_was(
    house: House, directory: Path, fresh: Fresh
) -> None:
    first = Scene.of(house)
    dump(house.database, directory)
    second = Scene.of(house)
    follow(house, directory)
    house.resend(second.attempt, second.patient)
    house.release(first.attempt, first.patient)
    house.seal()
    house.erase(house.patient())
    lists(house)
    house.sweep()
    house.relay()
    follow(house, directory)

    restored = restore(opened(directory), fresh)

    assert stored(fresh) == stored(house.database)
    assert len(list(directory.glob("changes-*.bson.gz"))) == 2
    assert restored.changes == sum(one.file.documents for one in opened(directory).chapters) > 20
    assert rules(fresh) == set()


def test_it_comes_back_as_it_was_at_any_second_until_the_last(
    house: House, directory: Path, fresh: Fresh
) -> None:
    Scene.of(house)
    manifest = dump(house.database, directory)
    then = stored(house.database)
    wait_for_the_next_second(house)
    Scene.of(house)
    follow(house, directory)

    restored = restore(opened(directory), fresh, until=manifest.at.time)

    assert stored(fresh) == then
    assert (restored.changes, restored.at) == (0, manifest.at)


def test_an_instant_before_the_backup_is_refused(
    house: House, directory: Path, fresh: Fresh
) -> None:
    book(house)
    manifest = dump(house.database, directory)

    with pytest.raises(OpsError, match="the backup begins later"):
        restore(opened(directory), fresh, until=manifest.at.time - 1)
    assert is_empty(fresh)


def test_a_missing_file_of_changes_is_refused(house: House, directory: Path) -> None:
    dump_and_follow_twice(house, directory)
    for path in directory.glob("changes-000001.*"):
        path.unlink()

    with pytest.raises(OpsError, match="a file is missing"):
        opened(directory)


def test_a_change_that_does_not_fit_leaves_the_database_empty(
    house: House, directory: Path, fresh: Fresh
) -> None:
    dump_and_follow_twice(house, directory)
    backup = opened(directory)
    cut = type(backup)(directory=directory, manifest=backup.manifest, chapters=backup.chapters[1:])

    with pytest.raises(OpsError, match="one is missing"):
        restore(cut, fresh)
    assert is_empty(fresh)


def test_what_is_not_empty_is_left_alone(house: House, directory: Path, fresh: Fresh) -> None:
    book(house)
    dump(house.database, directory)
    fresh["notes"].insert_one({"_id": 1})

    with pytest.raises(OpsError, match="is not empty"):
        restore(opened(directory), fresh)

    assert stored(fresh) == {"notes": {1: {"_id": 1}}}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _altered(path: Path) -> None:
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b"+15550123", b"+15550124")))


def _gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [_cut, _altered, _gone])
def test_a_harmed_file_is_refused(house: House, directory: Path, harm: Any) -> None:
    book(house)
    dump(house.database, directory)

    harm(directory / "users.bson.gz")

    with pytest.raises(OpsError, match=r"users\.bson\.gz"):
        opened(directory)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"format": 2}', '{"format": 1}', '{"format": 1, "at": 3}']
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(OpsError, match=MANIFEST):
        opened(tmp_path)


def test_a_file_outside_the_directory_is_refused(house: House, directory: Path) -> None:
    book(house)
    dump(house.database, directory)
    told = json.loads((directory / MANIFEST).read_text())
    told["collections"][0]["file"]["name"] = "../elsewhere.bson.gz"
    (directory / MANIFEST).write_text(json.dumps(told))

    with pytest.raises(OpsError, match="cannot be read as a backup's"):
        opened(directory)


def test_nobody_else_may_read_it(house: House, directory: Path) -> None:
    dump_and_follow_twice(house, directory)

    assert directory.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.iterdir())


def test_a_directory_in_use_is_left_alone(house: House, tmp_path: Path) -> None:
    book(house)
    (tmp_path / "other").write_text("other")

    with pytest.raises(OpsError, match="is not empty"):
        dump(house.database, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_documents_that_break_a_guard_do_not_come_back(
    house: House, directory: Path, fresh: Fresh
) -> None:
    book(house)
    [booking] = house.bookings()
    house.database["bookings"].drop_index("one_confirmed_per_slot")
    house.database["bookings"].insert_one({**booking, "_id": "twice", "attemptId": "other"})
    dump(house.database, directory)
    house.database["bookings"].delete_one({"_id": "twice"})

    with pytest.raises(OpsError, match="the index one_confirmed_per_slot guards"):
        restore(opened(directory), fresh)
    assert is_empty(fresh)


def test_redis_remembers_what_the_restored_database_does_not_until_it_is_emptied(
    house: House, directory: Path, fresh: Fresh
) -> None:
    slot, alice = house.slot(), house.patient()
    dump(house.database, directory)
    ticket = house.ticket(slot, alice)
    house.answer(ticket)
    restore(opened(directory), fresh)
    restored = house.on_database(fresh)

    assert restored.answer(ticket).is_replay
    assert restored.document(slot)["status"] == "active"

    house.lose_redis()

    assert not restored.answer(ticket).is_replay
    assert restored.document(slot)["status"] == "reserved"


# --- what happens meanwhile


def book(house: House) -> None:
    house.book(house.slot(), house.patient())


def work(house: House) -> None:
    """A booking, and all that follows from it."""
    book(house)
    house.sweep()
    house.relay()


def dump_and_follow_twice(house: House, directory: Path) -> None:
    Scene.of(house)
    dump(house.database, directory)
    slot = house.slot()
    follow(house, directory)
    house.hold(slot, house.patient())
    follow(house, directory)


def lists(house: House) -> None:
    """Lists that shrink and grow at once, which no single statement repeats."""
    lists = house.database["lists"]
    lists.insert_one({"_id": 1, "a": [{"n": n} for n in range(9)], "b": {"c": [1, 2, 3]}, "x": 1})
    shrunk: list[dict[str, Any]] = [
        {"$set": {"a": {"$slice": ["$a", 3]}, "b.c": {"$slice": ["$b.c", 1]}}},
        {"$set": {"a": {"$map": {"input": "$a", "in": {"n": {"$add": ["$$this.n", 1]}}}}}},
        {"$unset": "x"},
    ]
    lists.update_one({"_id": 1}, shrunk)
    lists.update_one({"_id": 1}, {"$push": {"b.c": {"$each": [7, 8]}}, "$set": {"a.2.m": 5}})
    lists.replace_one({"_id": 1}, {"_id": 1, "a": [], "z": lists.find_one({"_id": 1})})
    lists.insert_many([{"_id": 2}, {"_id": 3}])
    lists.delete_one({"_id": 2})


def wait_for_the_next_second(house: House) -> None:
    """Times are told by whole seconds of the server's clock: let the next one begin."""
    second = datetime.now(UTC).second
    while datetime.now(UTC).second == second:
        house.database.command("ping")
