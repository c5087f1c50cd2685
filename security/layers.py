"""The layers built outside `sam build`, under chosen circumstances, and what they hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.config import ROOT, TOOLS
from local.pack import LAYERS, pack
from security.findings import ScanFailed
from security.installed import Distribution, distributions_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What may differ between two machines, or two days, and must not show."""

    umask: int = 0o022
    environment: Mapping[str, str] = field(default_factory=dict)
    modified: float | None = None
    """When the sources were changed last; None leaves it."""


def build(layer: str, into: Path, under: Circumstances = Circumstances()) -> Path:  # frozen
    """Build a layer with the Makefile that `sam build` uses; the folder it is in.

    Raises:
        ScanFailed: it cannot be built.
    """
    make = shutil.which("make")
    if make is None:
        raise ScanFailed("no make on PATH")
    source, artifacts = into / "source" / layer, into / "built" / layer
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "layers" / LAYERS[layer], source, ignore=ignored)
    if under.modified is not None:
        for path in source.rglob("*"):
            os.utime(path, (under.modified, under.modified))
    environment = {
        **os.environ,
        "ARTIFACTS_DIR": str(artifacts),
        "UV": str(TOOLS / "venvs" / "tools" / "bin" / "uv"),
        "UV_CACHE_DIR": str(TOOLS / "uv-cache"),
        "PYTHON": sys.executable,
        "PY_RUNTIME": runtime(),
        **under.environment,
    }
    done = subprocess.run(
        [make, "-s", "-C", str(source), f"build-{layer}"],
        env=environment,
        umask=under.umask,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ScanFailed(f"{layer} cannot be built:\n{done.stderr[-2000:]}")
    return artifacts


def runtime() -> str:
    """The Lambda runtime that is this interpreter."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def archive(folder: Path) -> Path:
    """The layer in `folder` as the file it is deployed as, beside it."""
    out = folder.with_suffix(".zip")
    pack(folder, out)
    return out


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def differences(one: Path, other: Path) -> list[str]:
    """Files that are in one archive only, or not the same in both; the order, if only that."""
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
        ours, theirs = _entries(first), _entries(second)
    different = sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )
    if not different and digest(one) != digest(other):
        return ["(the order of the files, or what the archive says about itself)"]
    return different


def distributions(folder: Path) -> list[Distribution]:
    """The packages in a built layer.

    Raises:
        ScanFailed: there are none.
    """
    found = list(distributions_in([folder / "python"]))
    if not found:
        raise ScanFailed(f"no packages in {folder}")
    return found


def _entries(archive: zipfile.ZipFile) -> dict[str, tuple[int, tuple[int, ...], int]]:
    return {
        entry.filename: (entry.CRC, entry.date_time, entry.external_attr)
        for entry in archive.infolist()
    }
