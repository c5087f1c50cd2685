"""Write the whole database, as it is at one instant, into a directory; with --follow, go on.

The system may be at work meanwhile. `--follow` writes down every later change, in files of a minute
at most, until it is stopped (SIGTERM or Ctrl-C); run again on the same directory, it goes on where
it stopped. `--once` writes down what has changed so far, and ends.

The directory holds everything that is known about anybody: keep it where it is encrypted, and copy
it away from here (docs/disaster-recovery.md).

Exit codes: 0 it was written; 2 it could not be, and nothing is left of it.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo.database import Database

from ops import stores
from ops.recovery import manifest as manifests
from ops.recovery import report
from ops.recovery.changes import Follower
from ops.recovery.dump import collections, dump
from ops.recovery.manifest import MANIFEST, Manifest
from slotkeeper.adapters.mongo.documents import Document

EVERY = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new directory")
    parser.add_argument("--follow", action="store_true", help="then write down what changes")
    parser.add_argument("--once", action="store_true", help="only what has changed until now")
    parser.add_argument(
        "--every",
        type=_seconds,
        default=EVERY,
        metavar="SECONDS",
        help="close a file of changes at least so often (default: %(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be written")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    stores.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    with stores.opened(stores.named(arguments)) as (database, _):
        if arguments.dry_run:
            _would(database, arguments)
            return 0
        is_followed = arguments.follow or arguments.once
        if not (is_followed and (arguments.to / MANIFEST).exists()):
            _back_up(database, arguments)
        if is_followed:
            _follow(database, arguments)
    return 0


def figures_of(manifest: Manifest, seconds: float) -> report.Figures:
    return {
        "database": manifest.database,
        "at": manifest.time,
        "collections": len(manifest.collections),
        "documents": manifest.documents,
        "bytes": manifest.bytes,
        "seconds": round(seconds, 2),
    }


def _would(database: Database[Document], arguments: argparse.Namespace) -> None:
    about = {name: database[name].estimated_document_count() for name in collections(database)}
    lines = [f"{name}: about {count:,} documents" for name, count in about.items()]
    text = "\n".join([*lines, f"would be written to {arguments.to}"])
    report.tell({"to": str(arguments.to), "documents": about}, text, as_json=arguments.json)


def _back_up(database: Database[Document], arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    expected = sum(database[name].estimated_document_count() for name in collections(database))
    manifest = dump(database, arguments.to, progress=report.progress("written", expected))
    figures = figures_of(manifest, time.monotonic() - began)
    text = (
        f"{manifest.documents:,} documents of {figures['collections']} collections, "
        f"{manifest.bytes:,} bytes, as of {report.instant(manifest.time)}, "
        f"in {figures['seconds']} s: {arguments.to}"
    )
    report.tell(figures, text, as_json=arguments.json)


def _follow(database: Database[Document], arguments: argparse.Namespace) -> None:
    with _told_to_stop() as stop:
        follower = Follower(
            database,
            arguments.to,
            every=arguments.every,
            progress=report.progress("changes written"),
        )
        manifest, _ = manifests.read(arguments.to)
        report.tell(
            {"following": manifest.database, "to": str(arguments.to)},
            f"following {manifest.database} into {arguments.to}; stop with Ctrl-C",
            as_json=arguments.json,
        )
        follower.follow(stop, is_once=arguments.once)
    report.tell(
        {"changes": follower.count}, f"{follower.count:,} changes written", as_json=arguments.json
    )


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set when the process is asked to end, so that it ends with its last file whole."""
    stop = threading.Event()
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(kind, lambda *_: stop.set()) for kind in kinds]
    try:
        yield stop
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3_600:
        raise argparse.ArgumentTypeError("seconds, from 1 to an hour")
    return seconds
