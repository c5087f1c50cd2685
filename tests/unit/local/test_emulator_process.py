"""The emulator made fit: layers unpacked once, state saved only after it has been loaded."""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import emulator_process
from local.emulator_process import _keep_once_loaded, _UnpackedOnce


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def _unpack(archive: Path, text: str) -> Path:
    """What the emulator does for a process; the folder the process reads."""
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as new:
        new.writestr("python/module.py", text)
    folder = archive.with_suffix("")
    folder.mkdir()
    with _UnpackedOnce(archive) as opened:
        opened.extractall(folder)
    return folder


def test_processes_that_start_at_once_read_one_copy_of_a_layer(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(
            pool.map(lambda n: _unpack(home / str(n) / "layer_0.zip", "one = 1"), range(8))
        )

    assert {(folder / "python" / "module.py").read_text() for folder in folders} == {"one = 1"}
    assert len({folder.resolve() for folder in folders}) == 1


def test_another_version_of_a_layer_is_another_copy(home: Path) -> None:
    old = _unpack(home / "a" / "layer_0.zip", "one = 1")
    new = _unpack(home / "b" / "layer_0.zip", "one = 2")

    assert [(f / "python" / "module.py").read_text() for f in (old, new)] == ["one = 1", "one = 2"]


def test_a_functions_own_code_is_each_processs_own(home: Path) -> None:
    folders = [_unpack(home / name / "code.zip", "one = 1") for name in ("a", "b")]

    assert not any(folder.is_symlink() for folder in folders)
    assert [(f / "python" / "module.py").read_text() for f in folders] == ["one = 1"] * 2


def test_nothing_is_saved_over_a_state_that_is_still_being_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[str] = []
    saver = SimpleNamespace(start=lambda: steps.append("saving began"))
    threads = SimpleNamespace(Thread=lambda **_options: saver)
    monkeypatch.setattr(emulator_process, "threading", threads)
    app = SimpleNamespace(_load_persisted_state=lambda: steps.append("loaded"))

    _keep_once_loaded(app, persistence=None)
    app._load_persisted_state()

    assert steps == ["loaded", "saving began"]
