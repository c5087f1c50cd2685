"""Practise the worst: bring a backup of this system back into a fresh database, and check it.

A backup is taken for it, or the one named by --from is used; the fresh database is on the same
server, or at --scratch-uri, and is removed again. With --restored, a database that was brought back
by other means (a snapshot of the storage, a managed service) is checked where it is, and stays.

RPO is by how much the last event restored is older than the last one of the running system; RTO the
time from the beginning of the restore to the end of its check. What came of it is kept in `drills`.

Exit codes: 0 passed; 1 failed; 2 it could not be held, or the backup was refused.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from pymongo.database import Database

from ops import drills, stores
from ops.check.report import as_text
from ops.recovery import report
from ops.recovery.dump import collections, dump
from ops.recovery.judged import newest, violations
from ops.recovery.load import opened, restore
from ops.stores import OpsError
from slotkeeper.adapters.mongo.documents import Document

KIND = "restore"
RPO_SECONDS = 300
RTO_SECONDS = 1_800
"""The objectives (docs/disaster-recovery.md)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--from", dest="source", type=Path, metavar="DIR", help="a backup there is")
    what.add_argument("--restored", metavar="URI", help="a database that was restored already")
    parser.add_argument("--scratch-uri", metavar="URI", help="the server to restore on")
    for name, default in (("rpo", RPO_SECONDS), ("rto", RTO_SECONDS)):
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="SECONDS", help="fail beyond it"
        )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    where = replace(stores.named(arguments), redis_url=None)
    with stores.opened(where) as (database, _):
        if arguments.dry_run:
            would = _would(database, arguments)
            report.tell({"would": would}, would, as_json=arguments.json)
            return 0
        try:
            figures = _held(where, database, arguments)
        except OpsError as error:
            drills.record(database, KIND, "failed", {"error": str(error)})
            raise
        reasons = _reasons(figures, arguments)
        outcome: Literal["passed", "failed"] = "failed" if reasons else "passed"
        # How many, not which: nobody's ids are kept for good.
        drills.record(
            database, KIND, outcome, {**figures, "violations": len(figures["violations"])}
        )
    told = {"outcome": outcome, "reasons": reasons, **figures}
    report.tell(told, "\n".join([*_lines(figures), *reasons, outcome]), as_json=arguments.json)
    return 1 if reasons else 0


def _held(
    where: stores.Named, database: Database[Document], arguments: argparse.Namespace
) -> report.Figures:
    if arguments.restored:
        with stores.opened(replace(where, mongo_uri=arguments.restored)) as (restored, _):
            return _compared(database, restored)
    backup = nullcontext(arguments.source) if arguments.source else _own_backup(database)
    scratch = replace(where, mongo_uri=arguments.scratch_uri or where.mongo_uri)
    with backup as directory, stores.opened(scratch) as (reached, _):
        return _restored(database, reached, directory)


def _restored(
    database: Database[Document], reached: Database[Document], directory: Path
) -> report.Figures:
    fresh = reached.client[f"{database.name[:40]}_drill_{uuid.uuid4().hex[:8]}"]
    began = time.monotonic()
    backup = opened(directory)
    verified = time.monotonic()
    expected = backup.manifest.documents
    try:
        restored = restore(backup, fresh, progress=report.progress("restored", expected))
        done = time.monotonic()
        figures = _checked(database, fresh, restored.at.as_datetime())
        return {
            "backupAt": backup.manifest.time,
            "documents": restored.documents,
            "changes": restored.changes,
            "bytes": backup.manifest.bytes,
            "verifySeconds": round(verified - began, 2),
            "restoreSeconds": round(done - verified, 2),
            "checkSeconds": round(time.monotonic() - done, 2),
            "rtoSeconds": round(time.monotonic() - began, 2),
            **figures,
        }
    finally:
        reached.client.drop_database(fresh.name)


def _compared(database: Database[Document], restored: Database[Document]) -> report.Figures:
    """Of a database restored by other means: how long that took is not known here."""
    began = time.monotonic()
    at = newest(restored)
    if at is None:
        raise OpsError("the restored database knows of no event: is it the right one?")
    figures = _checked(database, restored, at)
    ours, theirs = (
        {name: one[name].estimated_document_count() for name in collections(one)}
        for one in (database, restored)
    )
    missing = sorted(name for name in ours.keys() - theirs.keys() if ours[name])
    seconds = round(time.monotonic() - began, 2)
    return {
        "documents": sum(theirs.values()),
        "documentsNow": sum(ours.values()),
        "collectionsMissing": missing,
        "checkSeconds": seconds,
        "rtoSeconds": seconds,
        **figures,
    }


def _checked(
    database: Database[Document], restored: Database[Document], at: datetime
) -> report.Figures:
    found, read = violations(restored, at, report.progress("checked"))
    last, kept = newest(database), newest(restored)
    lost = (last - kept).total_seconds() if last and kept else 0.0
    return {
        "restoredTo": at,
        "newestRestored": kept,
        "newestNow": last,
        "rpoSeconds": round(max(lost, 0.0), 2),
        "read": read.total(),
        "violations": [as_text(one) for one in found],
    }


@contextmanager
def _own_backup(database: Database[Document]) -> Iterator[Path]:
    """A backup that is gone with the drill."""
    directory = Path(tempfile.mkdtemp(prefix="slotkeeper-drill-"))
    try:
        dump(database, directory, progress=report.progress("written"))
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _reasons(figures: report.Figures, arguments: argparse.Namespace) -> list[str]:
    objectives = {"rpoSeconds": arguments.rpo, "rtoSeconds": arguments.rto}
    return [
        *(f"violated: {line}" for line in figures["violations"]),
        *(f"missing: {name}" for name in figures.get("collectionsMissing", ())),
        *(
            f"{name} {figures[name]} is more than {most}"
            for name, most in objectives.items()
            if figures[name] > most
        ),
    ]


def _would(database: Database[Document], arguments: argparse.Namespace) -> str:
    if arguments.restored:
        return f"would check the restored database, and compare it with {database.name}"
    source = arguments.source or f"a new backup of {database.name}"
    return f"would restore {source} into a new database, check it, and remove it again"


def _lines(figures: report.Figures) -> list[str]:
    told = {name: value for name, value in figures.items() if name != "violations"}
    return [f"{name}: {_word(value)}" for name, value in told.items()]


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return report.instant(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
