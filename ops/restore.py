"""Bring a backup back into an empty database, with the changes followed since, and check it.

The database must be new: nothing is ever restored over anything. With --until, it is brought to
that second; without, to the newest there is. Where something is amiss, it is empty again.

Exit codes: 0 it was restored and the check is clean; 1 it was restored and is not clean; 2 it was
not restored.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime
from pathlib import Path

from ops import stores
from ops.check.report import as_text
from ops.recovery import changes, report
from ops.recovery.judged import violations
from ops.recovery.load import Backup, ensure_empty, opened, restore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="DIR", help="the backup"
    )
    parser.add_argument("--until", type=instant, metavar="TIME", help="like 2026-11-26T12:00:00Z")
    parser.add_argument("--dry-run", action="store_true", help="verify it, and say what would be")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    with stores.opened(stores.named(arguments)) as (database, _):
        began = time.monotonic()
        backup = opened(
            arguments.source, is_read=arguments.dry_run, progress=report.progress("verified")
        )
        until = int(arguments.until.timestamp()) if arguments.until else None
        figures = _figures(backup)
        if arguments.dry_run:
            ensure_empty(database)
            text = f"verified; would be restored into {database.name}: {_told(backup)}"
            report.tell(figures, text, as_json=arguments.json)
            return 0
        expected = backup.manifest.documents
        restored = restore(
            backup, database, until=until, progress=report.progress("restored", expected)
        )
        at = restored.at.as_datetime()
        found, read = violations(database, at, report.progress("checked"))
        seconds = round(time.monotonic() - began, 2)
        figures |= {
            "restoredTo": at,
            "changes": restored.changes,
            "seconds": seconds,
            "violations": [as_text(one) for one in found],
        }
        told = (
            f"{restored.documents:,} documents and {restored.changes:,} changes restored into "
            f"{database.name}, as of {report.instant(at)}, in {seconds} s; "
            f"{len(found)} violations in {read.total():,} documents"
        )
        text = "\n".join([*figures["violations"], told])
        report.tell(figures, text, as_json=arguments.json)
    return 1 if found else 0


def instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("a time with its zone, like 2026-11-26T12:00:00Z")
    return at


def _figures(backup: Backup) -> report.Figures:
    return {
        "database": backup.manifest.database,
        "at": backup.manifest.time,
        "last": backup.last.as_datetime(),
        "followedUntil": changes.seen_until(backup.directory),
        "documents": backup.manifest.documents,
        "changesAvailable": sum(one.file.documents for one in backup.chapters),
    }


def _told(backup: Backup) -> str:
    each = ", ".join(f"{one.name} {one.file.documents:,}" for one in backup.manifest.collections)
    changed = sum(one.file.documents for one in backup.chapters)
    return (
        f"as of {report.instant(backup.manifest.time)} {each}; {changed:,} changes up to "
        f"{report.instant(backup.last.as_datetime())}"
    )
