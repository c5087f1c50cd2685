"""What `SLOTKEEPER_TOPOLOGY=cluster` leaves out, so that nobody leaves out more in passing."""

from __future__ import annotations

import re

from local.config import ROOT

LEFT_OUT = {
    "tests/integration/test_check.py",  # two tests: of commands to one Redis, and of memory
    "tests/integration/test_explain.py",
    "tests/integration/test_go_live_command.py",
    "tests/integration/test_indexes.py",
    "tests/integration/test_indexes_command.py",
    "tests/integration/test_otp_rules.py",  # one test: it counts commands
    "tests/integration/test_pages.py",  # one test: it counts trips
    "tests/integration/test_slow_command.py",
    "tests/integration/test_trips.py",
    "tests/model/test_bookings_machine.py",
    "tests/model/test_frozen_time.py",
}
MARK = re.compile(r"mark\.one_server\((\"[^\"]{20,}\")?\)")


def test_only_these_are_about_one_server_and_say_why() -> None:
    marked = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        found = MARK.findall(path.read_text())
        if found:
            marked[str(path.relative_to(ROOT))] = found

    assert set(marked) == LEFT_OUT
    assert all(reason for reasons in marked.values() for reason in reasons)


def test_those_about_mongodb_alone_put_nothing_into_redis() -> None:
    text = (ROOT / "tests/integration/test_indexes.py").read_text()

    assert not re.search(r"redis|gate|codes|hold\(|book\(", text)
