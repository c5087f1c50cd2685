"""Which browser the browser tests take."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.chromium import NAMES, SETTING, find_or_fetch
from local.progress import LocalError

RUNS, ONLY_SAYS_WHERE_TO_GET_IT = "exit 0", "echo 'install the snap'; exit 1"


@pytest.fixture(autouse=True)
def _none_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)


def program(folder: Path, name: str, does: str) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)
    return str(file)


def test_the_one_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = program(tmp_path / "mine", "browser", RUNS)
    program(tmp_path / "bin", NAMES[0], RUNS)
    monkeypatch.setenv(SETTING, named)

    assert find_or_fetch(tmp_path / "home", str(tmp_path / "bin")).program == named


def test_one_that_is_named_and_does_not_run_is_an_error_and_no_other_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", NAMES[0], RUNS)
    monkeypatch.setenv(SETTING, str(tmp_path / "nothing"))

    with pytest.raises(LocalError, match=f"{SETTING}=.*nothing does not run"):
        find_or_fetch(tmp_path / "home", str(tmp_path / "bin"))


def test_a_script_that_only_says_where_to_get_one_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "bin", NAMES[0], ONLY_SAYS_WHERE_TO_GET_IT)
    second = program(tmp_path / "bin", NAMES[1], RUNS)

    assert find_or_fetch(tmp_path / "home", str(tmp_path / "bin")).program == second


def test_where_none_is_and_none_can_be_fetched_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=f"install Chromium.*{SETTING}="):
        find_or_fetch(tmp_path / "home", str(tmp_path))


def test_a_fetch_that_failed_is_tried_again(tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    program(tmp_path / "bin", "apt-get", f"echo >> {tried}; exit 100")
    program(tmp_path / "bin", "dpkg-deb", RUNS)

    for times in (1, 2):
        with pytest.raises(LocalError):
            find_or_fetch(tmp_path / "home", str(tmp_path / "bin"))
        assert len(tried.read_text().splitlines()) == times
