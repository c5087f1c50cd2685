"""The requirement files: every package pinned, with the hashes of what may be installed for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import Version

from local.pack import LAYERS
from security.findings import Finding, ScanFailed

LOCKS = {layer: f"layers/{folder}/requirements.txt" for layer, folder in LAYERS.items()}
"""Of each layer."""
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.!+]+)(?: ; (?P<marker>[^\\#]+))? \\"
)
_HASH = re.compile(r"    --hash=sha256:(?P<digest>[0-9a-f]{64})(?P<more> \\)?")
_VIA = re.compile(r"    #( via)?(  )?( (-[rc] )?[\w./\[\]-]+)?( \([\w./, -]+\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package that a lock installs, where its marker holds."""

    name: str
    version: Version
    marker: Marker | None
    digests: tuple[str, ...]

    def holds_on(self, python: str) -> bool:
        """Whether it is installed on Linux under that Python (3.13, say)."""
        if self.marker is None:
            return True
        return self.marker.evaluate(
            {
                "python_version": python,
                "python_full_version": f"{python}.99",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
                "platform_machine": "x86_64",
                "platform_system": "Linux",
                "sys_platform": "linux",
                "os_name": "posix",
            }
        )


def lock_files(root: Path) -> list[Path]:
    """All of the project's.

    Raises:
        ScanFailed: there are none.
    """
    found = sorted([*root.glob("requirements/*.txt"), *root.glob("layers/*/requirements.txt")])
    if not found:
        raise ScanFailed("no requirement files")
    return found


def pins(lock: Path) -> list[Pin]:
    """What a lock pins.

    Raises:
        ScanFailed: it holds something that is no pin.
    """
    found, strange = _read(lock)
    if strange:
        raise ScanFailed(f"{lock}:{strange[0][0]}: {strange[0][1]}")
    return found


def loose(root: Path) -> list[Finding]:
    """Lines of the locks that are not a pin with hashes: a range, an address, an option, a path."""
    return [
        Finding(rule="loose", place=str(lock.relative_to(root)), line=number, what=line)
        for lock in lock_files(root)
        for number, line in _read(lock)[1]
    ]


def _read(lock: Path) -> tuple[list[Pin], list[tuple[int, str]]]:
    found: list[Pin] = []
    strange: list[tuple[int, str]] = []
    pin: re.Match[str] | None = None
    digests: list[str] = []
    for number, line in _numbered(lock):
        if hashed := _HASH.fullmatch(line):
            if pin is None:
                strange.append((number, "a hash of nothing"))
                continue
            digests.append(hashed["digest"])
            if not hashed["more"]:
                found.append(_pin(pin, digests))
                pin, digests = None, []
        elif pin is not None or not (_PIN.fullmatch(line) or _VIA.fullmatch(line)):
            strange.append((number, line))
            pin = None
        else:
            pin = _PIN.fullmatch(line)
    if pin is not None:
        strange.append((0, f"{pin['name']} has no hashes"))
    return found, strange


def _numbered(lock: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        if line.strip():
            yield number, line


def _pin(match: re.Match[str], digests: list[str]) -> Pin:
    return Pin(
        name=canonicalize_name(match["name"]),
        version=Version(match["version"]),
        marker=Marker(match["marker"]) if match["marker"] else None,
        digests=tuple(digests),
    )
