"""Locks, minimum versions, licences and the audit: each is red about what is planted."""

from __future__ import annotations

import json
import sys
from email.message import Message
from pathlib import Path

import pytest
from packaging.version import Version

from local.config import ROOT
from security import audit, licences
from security.findings import ScanFailed
from security.installed import owned_twice
from security.locks import LOCKS, lock_files, loose, pins
from security.minimums import below, in_locks, minimums
from security.scan import our_environments

DIGEST = "ab" * 32
GOOD = f"urllib3==2.7.0 \\\n    --hash=sha256:{DIGEST}\n    # via requests\n"


def _lock(root: Path, text: str) -> Path:
    path = root / "requirements" / "x.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def _list(root: Path, text: str) -> Path:
    path = root / "minimums.toml"
    path.write_text(text)
    return path


def test_a_pin_with_hashes_is_read(tmp_path: Path) -> None:
    [pin] = pins(_lock(tmp_path, GOOD))

    assert (pin.name, pin.version, pin.digests) == ("urllib3", Version("2.7.0"), (DIGEST,))
    assert loose(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        "urllib3>=2.7.0 \\",
        "urllib3==2.7.0",
        "urllib3 @ https://files.example/urllib3.whl \\",
        "-e .",
        "--index-url https://packages.example/simple",
        "git+https://code.example/urllib3",
        "./wheels/urllib3.whl",
        "    --hash=md5:0123",
        "# a comment of ours",
    ],
)
def test_a_lock_with_anything_else_in_it_is_loose(tmp_path: Path, line: str) -> None:
    lock = _lock(tmp_path, GOOD + line + "\n")

    assert loose(tmp_path)
    with pytest.raises(ScanFailed):
        pins(lock)


def test_a_project_without_locks_is_not_a_clean_one(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed):
        lock_files(tmp_path)


def test_a_package_below_its_minimum_is_found_with_its_advisories(tmp_path: Path) -> None:
    _lock(tmp_path, GOOD.replace("2.7.0", "2.6.3"))
    least = 'urllib3 = { version = "2.7.0", advisories = ["CVE-2026-44431"] }'

    [found] = in_locks(tmp_path, _list(tmp_path, f"[minimum]\n{least}\n"))

    assert (found.rule, found.place) == ("urllib3", "requirements/x.txt")
    assert "CVE-2026-44431" in found.what


def test_a_minimum_of_what_nobody_pins_is_found(tmp_path: Path) -> None:
    _lock(tmp_path, GOOD)
    least = 'urllib4 = { version = "1", advisories = ["CVE-2026-1"] }'

    [found] = in_locks(tmp_path, _list(tmp_path, f"[minimum]\n{least}\n"))

    assert found.rule == "urllib4"


def test_a_package_that_no_version_mends_is_found_outside_the_lock_it_is_accepted_in() -> None:
    held = [("ecdsa", Version("0.19.2"))]

    assert below("requirements/scan.txt", held) == []
    assert [one.rule for one in below("CommonLayer", held)] == ["ecdsa"]


def test_every_minimum_names_the_advisories_it_mends() -> None:
    for one in minimums().values():
        assert one.advisories
        assert all(name.startswith(("CVE-", "GHSA-", "PYSEC-")) for name in one.advisories)


def test_every_package_a_layer_ships_is_pinned_in_the_tests_environment_at_that_version() -> None:
    tested = {pin.name: pin.version for pin in pins(ROOT / "requirements" / "dev.txt")}

    for lock in LOCKS.values():
        for pin in pins(ROOT / lock):
            assert tested[pin.name] == pin.version


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
        ("MPL-2.0", False),
        ("MIT AND (GPL-3.0-only OR MIT)", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_only_accepted_licences_may_be_shipped(expression: str, is_allowed: bool) -> None:
    assert licences.allowed(expression, licences.accepted("ships")) is is_allowed


def test_a_licence_is_read_from_what_a_package_says_of_itself() -> None:
    def metadata(**fields: str) -> Message:
        message = Message()
        for name, value in fields.items():
            message[name.replace("_", "-")] = value
        return message

    assert licences.licence(metadata(License_Expression="MIT", License="GPL")) == "MIT"
    osi = "License :: OSI Approved :: Apache Software License"
    assert licences.licence(metadata(Classifier=osi)) == "Apache-2.0"
    assert licences.licence(metadata(License="Do as you like\nreally")) == "Do as you like"
    assert licences.licence(metadata()) == "unknown"


def test_an_environment_that_is_not_there_has_no_good_licences(tmp_path: Path) -> None:
    with pytest.raises(ScanFailed):
        licences.of_environment(tmp_path, "tools")


def _pip_audit(folder: Path, *, prints: str, status: int) -> Path:
    program = folder / "pip-audit"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "assert '--strict' in sys.argv\n"
        f"print({prints!r})\nsys.exit({status})\n"
    )
    program.chmod(0o755)
    return program


def _told(vulns: list[dict[str, object]], **more: object) -> str:
    return json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": vulns, **more}]})


def test_an_audit_without_a_finding_passes(tmp_path: Path) -> None:
    _lock(tmp_path, GOOD)

    assert audit.audit(tmp_path, _pip_audit(tmp_path, prints=_told([]), status=0)) == 0


@pytest.mark.parametrize(
    ("prints", "status"),
    [
        ("could not reach the advisories", 1),
        ("", 2),
        ("{}", 3),
        ('{"dependencies": []}', 0),
        (_told([{"id": "CVE-2026-1", "fix_versions": ["2"]}]), 1),
        (_told([], skip_reason="not in the database"), 0),
    ],
)
def test_an_audit_that_finds_something_or_asked_nobody_fails(
    tmp_path: Path, prints: str, status: int
) -> None:
    _lock(tmp_path, GOOD)

    assert audit.audit(tmp_path, _pip_audit(tmp_path, prints=prints, status=status)) == 1


# --- packages over each other ---------------------------------------------------------------------


def test_packages_that_install_the_same_file_are_found(tmp_path: Path) -> None:
    """(checkov's fork of detect-secrets and detect-secrets: which one looked was chance.)"""
    for name, files in {"one": ["m/a.py", "m/b.py"], "two": ["m/b.py", "n.py"]}.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        told = [*files, f"{folder.name}/RECORD", "m/__pycache__/a.pyc"]
        (folder / "RECORD").write_text("".join(f"{file},,\n" for file in told))

    [found] = owned_twice(tmp_path)

    assert found.place == "one-1.0 and two-1.0"
    assert "m/b.py" in found.what


def test_no_environment_has_any() -> None:
    assert our_environments(ROOT) == []
