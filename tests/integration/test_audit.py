"""The audit log's chain: what is sealed, when, and what the checker sees of it."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession

from local.config import ROOT
from ops.audit import forget_texts, seal
from ops.check import check
from slotkeeper.adapters.mongo import seals as seals_module
from slotkeeper.domain.audit import FIRST, LATE, Head
from slotkeeper.domain.errors import Corrupted
from slotkeeper.domain.user import Caller, Role
from slotkeeper.services.seal_audit import MOST_ENTRIES, seal_audit
from tests.integration.test_check import lived_in
from tests.support.house import House
from tests.support.managing import Managing
from tests.support.servers import Stores

NOTHING = timedelta(0)
Document = dict[str, Any]  # Any: BSON


def blocks(house: House) -> list[Document]:
    return list(house.database["audit_seals"].find().sort("_id", 1))


def raw(house: House, collection: str, id_: object) -> bytes:
    options = seals_module.RAW
    found: RawBSONDocument | None = (
        house.database[collection].with_options(options).find_one({"_id": id_})
    )
    assert found is not None
    return bytes(found.raw)


def unsealed(house: House) -> list[tuple[str, str]]:
    """What the checker says of entries that no block has, without any grace."""
    found = check(house.database, seal_grace=NOTHING)
    return [(v.rule, v.about) for v in found if v.rule in {"audit_not_sealed", "audit_passed_over"}]


def entry(number: int = 0, **fields: Any) -> Document:
    """A clinic's entry, as anything that writes them does."""
    return {
        "_id": f"calendar_{number:06}{uuid.uuid4().hex}",
        "type": "calendar.blocked",
        "aggregateId": "dr-1",
        "doctorId": "dr-1",
        "actor": "staff",
        "requestId": uuid.uuid4().hex,
        "at": datetime.now(UTC),
        "recordedAt": Timestamp(0, 0),
        "details": {},
        **fields,
    }


def history(count: int, **fields: Any) -> list[Document]:
    """Entries of an earlier version, which gave them no stamp."""
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    made = [entry(n, at=begun + timedelta(minutes=n), **fields) for n in range(count)]
    return [{k: v for k, v in one.items() if k != "recordedAt"} for one in made]


# --- what is written


def test_every_kind_of_entry_has_the_server_s_stamp_in_the_order_it_was_written(
    house: House,
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    lived_in(house)

    stamps = [entry["recordedAt"] for entry in house.audit()]
    assert all(isinstance(stamp, Timestamp) for stamp in stamps)
    assert len(set(stamps)) == len(stamps) > 10
    assert min(stamps).as_datetime() >= before


def test_no_entry_holds_what_a_person_wrote_or_is_called(house: House) -> None:
    alice = house.patient(phone="+15559876543", email="alice@example.com")
    booking = house.book(house.slot(), alice)
    house.cancel(booking.id, Caller(user_id=alice, role=Role.PATIENT), reason="a private matter")
    clinic = Managing(house)
    doctor = clinic.add_doctor()
    clinic.change_doctor(doctor.id, name="Dr. Grace Hopper")

    told = repr(house.audit())

    assert len(house.audit()) == 4
    for text in ("private", "+1555", "example.com", "Grace", doctor.name):
        assert text not in told
    assert house.bookings(_id=booking.id)[0]["reason"] == "a private matter"


def test_entries_have_only_fields_that_are_known_to_hold_nobody_s_data(house: House) -> None:
    lived_in(house)

    fields = {name for entry in house.audit() for name in entry}
    details = {name for entry in house.audit() for name in entry.get("details", {})}

    assert fields <= {
        *("_id", "type", "aggregateId", "slotId", "doctorId", "userId", "attemptId", "bookingId"),
        *("from", "to", "version", "actor", "requestId", "at", "recordedAt"),
        *("replaces", "replacedBy", "payment", "details"),
    }
    assert details <= {
        *("clinicId", "name", "specialty", "timeZone", "consultationFee", "version"),
        *("from", "to", "changed", "created", "skipped", "slotMinutes"),
    }
    names = [e["details"]["name"] for e in house.audit() if "name" in e.get("details", {})]
    assert set(names) == {True}


# --- what is sealed


def test_a_block_seals_each_entry_by_the_hash_of_its_stored_bytes(house: House) -> None:
    lived_in(house)
    entries = {entry["_id"] for entry in house.audit()}

    sealed = house.seal()

    [block] = blocks(house)
    assert (sealed.entries, sealed.blocks, sealed.is_outrun) == (len(entries), 1, False)
    assert set(block["ids"]) == entries
    assert block["count"] == len(entries)
    assert (block["_id"], block["previous"]) == (1, FIRST)
    for place, id_ in enumerate(block["ids"]):
        digest = hashlib.sha256(raw(house, "audit_logs", id_)).digest()
        assert block["digests"][32 * place : 32 * place + 32] == digest
    newest = Head(number=1, hash=hashlib.sha256(raw(house, "audit_seals", 1)).hexdigest())
    assert str(sealed.head) == str(newest)


def test_a_block_names_the_hash_of_the_one_before_it(house: House) -> None:
    for _ in range(3):
        house.book(house.slot(), house.patient())
        house.seal()

    assert [block["_id"] for block in blocks(house)] == [1, 2, 3]
    for number in (1, 2):
        wanted = hashlib.sha256(raw(house, "audit_seals", number)).hexdigest()
        assert blocks(house)[number]["previous"] == wanted


def test_stored_bytes_are_those_that_any_driver_would_encode_them_to(house: House) -> None:
    lived_in(house)
    house.seal()

    for collection in ("audit_logs", "audit_seals"):
        for document in house.database[collection].find():
            assert raw(house, collection, document["_id"]) == bson.encode(document)


def test_where_nothing_was_added_no_block_is_made(house: House) -> None:
    assert house.seal().head is None
    house.book(house.slot(), house.patient())
    first = house.seal()

    again = house.seal()

    assert (again.entries, again.blocks) == (0, 0)
    assert str(again.head) == str(first.head)
    assert len(blocks(house)) == 1


def test_a_block_has_at_most_a_thousand_entries(house: House) -> None:
    house.database["audit_logs"].insert_many([entry(n) for n in range(2 * MOST_ENTRIES + 1)])

    sealed = house.seal()

    assert (sealed.entries, sealed.blocks) == (2 * MOST_ENTRIES + 1, 3)
    assert [block["count"] for block in blocks(house)] == [MOST_ENTRIES, MOST_ENTRIES, 1]
    assert unsealed(house) == []


def test_a_run_that_is_out_of_time_leaves_the_rest_to_the_next(house: House) -> None:
    house.database["audit_logs"].insert_many([entry(n) for n in range(MOST_ENTRIES + 5)])
    time_for_one = iter([True, False])
    clock = house_clock()

    first = seal_audit(seals=house.seals, clock=clock, has_time=lambda: next(time_for_one))
    second = house.seal()

    assert (first.blocks, first.entries, second.entries) == (1, MOST_ENTRIES, 5)
    assert unsealed(house) == []


def test_history_without_stamps_is_sealed_by_the_first_runs(house: House) -> None:
    house.database["audit_logs"].insert_many(history(MOST_ENTRIES + 200))
    house.book(house.slot(), house.patient())

    sealed = house.seal()

    assert (sealed.blocks, sealed.entries) == (2, MOST_ENTRIES + 201)
    assert unsealed(house) == []


def test_an_old_function_s_entry_during_the_upgrade_is_sealed_too(house: House) -> None:
    """Written without a stamp after history was sealed, and told to be a little earlier."""
    house.database["audit_logs"].insert_many(old := history(5))
    house.seal()
    late = {**history(1)[0], "at": old[-1]["at"] - LATE / 2}
    house.database["audit_logs"].insert_one(late)

    assert house.seal().entries == 1
    assert unsealed(house) == []


def test_the_newest_block_of_another_kind_is_not_built_on(house: House) -> None:
    house.book(house.slot(), house.patient())
    house.database["audit_seals"].insert_one({"_id": 7, "ids": ["x"]})

    with pytest.raises(Corrupted, match="audit_seals/7"):
        house.seal()

    assert len(blocks(house)) == 1


# --- entries that come to be seen late


def house_clock() -> Any:  # Any: a Clock
    from slotkeeper.bootstrap import SystemClock

    return SystemClock()


@contextmanager
def an_open_transaction(house: House) -> Iterator[tuple[ClientSession, str]]:
    """One that has written an entry, which nobody else sees before it is committed."""
    with house.database.client.start_session() as session:
        session.start_transaction()
        hidden = entry()
        house.database["audit_logs"].insert_one(hidden, session=session)
        yield session, hidden["_id"]


def sealed_around_a_late_commit(house: House) -> str:
    """Others are sealed while it is open; then it is committed, and sealed. Its entry."""
    house.database["audit_logs"].insert_many([entry(n) for n in range(20)])
    with an_open_transaction(house) as (session, hidden):
        # A second later by the servers' clock: its stamp is far behind that of those.
        ahead = datetime.now(UTC) + timedelta(seconds=60)
        house.database["audit_logs"].insert_one(
            entry(recordedAt=Timestamp(int(ahead.timestamp()), 1))
        )
        house.seal()
        assert hidden not in [id_ for block in blocks(house) for id_ in block["ids"]]
        session.commit_transaction()
    house.seal()
    return hidden


def test_an_entry_committed_after_later_ones_were_sealed_is_sealed(house: House) -> None:
    hidden = sealed_around_a_late_commit(house)

    assert hidden in blocks(house)[-1]["ids"]
    assert unsealed(house) == []


def test_control_without_the_overlap_it_would_be_missed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never:
        """No overlap, and yet stamps up to a minute ahead."""

        def total_seconds(self) -> float:
            return 0.0

        def __radd__(self, now: datetime) -> datetime:
            return now + LATE

    monkeypatch.setattr(seals_module, "LATE", Never())

    hidden = sealed_around_a_late_commit(house)

    assert hidden not in [id_ for block in blocks(house) for id_ in block["ids"]]


def test_what_came_too_late_is_told_and_sealed_by_hand(house: House) -> None:
    house.book(house.slot(), house.patient())
    house.seal()
    forged = entry(recordedAt=Timestamp(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), 1))
    house.database["audit_logs"].insert_one(forged)

    assert house.seal().entries == 0
    assert unsealed(house) == [("audit_passed_over", forged["_id"])]
    assert seal(house.database) == 1
    assert unsealed(house) == []


def test_a_stamp_from_the_future_does_not_stop_the_sealing(house: House) -> None:
    ahead = datetime.now(UTC) + timedelta(days=365)
    forged = entry(recordedAt=Timestamp(int(ahead.timestamp()), 1))
    house.database["audit_logs"].insert_one(forged)
    house.seal()
    assert unsealed(house) == [("audit_passed_over", forged["_id"])]
    seal(house.database)

    house.book(house.slot(), house.patient())
    house.seal()

    assert unsealed(house) == []


# --- what people wrote, in entries of earlier versions


def test_an_entry_with_a_text_is_not_sealed_before_the_text_is_taken_out(house: House) -> None:
    with_reason, with_name = history(2, reason="a private matter")
    del with_name["reason"]
    with_name["details"] = {"name": "Dr. Grace"}
    plain = history(4, reason=None)
    house.database["audit_logs"].insert_many([with_reason, with_name, *plain])

    assert house.seal().entries == 4
    assert {rule for rule, _ in unsealed(house)} == {"audit_not_sealed"}
    assert forget_texts(house.database) == 2
    assert seal(house.database) == 2

    assert unsealed(house) == []
    left = house.database["audit_logs"].find_one({"_id": with_name["_id"]})
    assert left is not None
    assert left["details"] == {}
    assert "private" not in repr(house.audit())


def test_texts_are_looked_for_only_where_nothing_is_sealed(house: House) -> None:
    lived_in(house)
    house.seal()

    assert forget_texts(house.database) == 0
    assert list(check(house.database, seal_grace=NOTHING, grace=NOTHING)) == []


# --- the checker


def test_a_sealed_database_is_clean_at_any_time(house: House) -> None:
    heads = {}
    for _ in range(3):
        house.book(house.slot(), house.patient())
        house.sweep()
        house.relay()
        head = house.seal().head
        assert head is not None
        heads[head.number] = head.hash

    later = datetime.now(UTC) + timedelta(hours=1)
    assert list(check(house.database, now=later, grace=timedelta(days=1), heads=heads)) == []


def test_what_is_not_sealed_yet_is_excused_within_the_grace_only(house: House) -> None:
    house.book(house.slot(), house.patient())
    [entry_] = house.audit()
    now = entry_["recordedAt"].as_datetime() + timedelta(seconds=10)

    def rules(grace: timedelta) -> set[str]:
        found = check(house.database, now=now, grace=timedelta(days=1), seal_grace=grace)
        return {violation.rule for violation in found}

    assert rules(timedelta(seconds=11)) == set()
    assert rules(timedelta(seconds=9)) == {"audit_not_sealed"}


def test_a_check_of_a_system_that_seals_meanwhile_raises_no_alarm(house: House) -> None:
    house.database["audit_logs"].insert_many([entry(n) for n in range(300)])
    steps = itertools.count()

    def meanwhile(collection: str, count: int) -> None:
        if collection.startswith("audit") and next(steps) < 20:
            house.database["audit_logs"].insert_many([entry(n) for n in range(3)])
            house.seal()

    house.seal()
    found = list(check(house.database, seal_grace=NOTHING, progress=meanwhile))

    assert found == []


def test_a_rewritten_chain_is_seen_by_a_head_that_was_noted(house: House) -> None:
    for _ in range(3):
        house.book(house.slot(), house.patient())
        house.sweep()
        house.relay()
        house.seal()
    noted = house.seals.head()
    assert noted is not None
    heads = {noted.number: noted.hash}
    for collection in ("audit_logs", "outbox"):
        house.database[collection].update_many({}, {"$set": {"actor": "nobody"}})
    house.database["audit_seals"].delete_many({})
    house.seal()

    def rules(heads: dict[int, str]) -> list[str]:
        return [v.rule for v in check(house.database, grace=NOTHING, heads=heads)]

    # By itself the new chain is in order: that is what a head is kept elsewhere for.
    assert rules({}) == []
    assert rules(heads) == ["audit_head_missing"]
    assert rules({1: noted.hash}) == ["audit_head_differs"]


# --- the commands


def ops(stores: Stores, house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    uri = stores.database_uri(house.database.name)
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments, "--mongo-uri", uri],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/layers/common"},
    )


def test_the_head_is_printed_and_taken_by_the_check(stores: Stores, house: House) -> None:
    lived_in(house)
    house.seal()

    printed = ops(stores, house, "audit", "head")
    checked = ops(stores, house, "check", "--audit-head", printed.stdout.strip())

    assert (printed.returncode, printed.stdout.strip()) == (0, str(house.seals.head()))
    assert (checked.returncode, checked.stderr) == (0, "")
    house.database["audit_seals"].delete_many({})
    cut = ops(stores, house, "check", "--audit-head", printed.stdout.strip())
    assert cut.returncode == 1
    assert " audit_head_missing  1 " in cut.stdout


@pytest.mark.parametrize(
    "head", ["", "1", "0:" + "0" * 64, "1:xyz", "1:" + "A" * 64, "-1:" + FIRST]
)
def test_what_is_no_head_is_refused(stores: Stores, house: House, head: str) -> None:
    refused = ops(stores, house, "check", f"--audit-head={head}")

    assert refused.returncode == 2
    assert "ops audit head" in refused.stderr


def test_without_a_block_there_is_no_head(stores: Stores, house: House) -> None:
    printed = ops(stores, house, "audit", "head")

    assert (printed.returncode, printed.stdout) == (2, "")
    assert printed.stderr == "error: there is no block yet: nothing was sealed\n"


def test_what_is_left_is_sealed_by_a_command(stores: Stores, house: House) -> None:
    house.database["audit_logs"].insert_many(history(3, reason="private"))

    done = ops(stores, house, "audit", "forget-texts")

    assert done.returncode == 0
    assert done.stderr == "texts taken out of 3 entries\n3 entries sealed\n"
    assert done.stdout.strip() == str(house.seals.head())
    assert unsealed(house) == []
