"""A layer as the one file it is deployed as: the same bytes wherever and whenever it was built."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

LAYERS: Mapping[str, str] = {
    "CommonLayer": "common",
    "AuthLayer": "auth",
    "WebLayer": "web",
    "TracingLayer": "tracing",
}
"""By name in the template, the folder below `layers/`; the first is under the others."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_FILE, _PROGRAM = 0o100644, 0o100755


def pack_layers(build: Path) -> None:
    """Put each layer of a finished `sam build` into a file, and have its template name that.

    (SAM would pack the folders itself, in the order the file system lists them and with the modes
    that the builder's umask left.)
    """
    template = build / "template.yaml"
    text = template.read_text()
    for layer in LAYERS:
        pack(build / layer, build / f"{layer}.zip")
        text, count = re.subn(rf"(?m)^(\s+ContentUri: ){layer}$", rf"\g<1>{layer}.zip", text)
        if count != 1:
            raise ValueError(f"the built template does not say where {layer} is")
    template.write_text(text)


def pack(folder: Path, out: Path) -> None:
    """All files below `folder` in one archive that depends on their names and contents alone."""
    files = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, date_time=_LONG_AGO)
            entry.create_system = 3  # Unix, wherever this runs
            is_program = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (_PROGRAM if is_program else _FILE) << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
