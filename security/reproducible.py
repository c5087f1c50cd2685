"""Build each layer twice as if on two machines, and compare the files byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from local.config import TOOLS
from local.pack import LAYERS
from security.layers import Circumstances, archive, build, differences, digest

HERE = Circumstances(environment={"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"})
ELSEWHERE = Circumstances(
    umask=0o077,
    environment={
        "PYTHONHASHSEED": "4711",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C.UTF-8",
        "UV_LINK_MODE": "copy",
        "UV_PYTHON": str(TOOLS / "venvs" / "tools" / "bin" / "python"),
        "PYTHONDONTWRITEBYTECODE": "1",
    },
    modified=1_000_000_000,
)


def main() -> int:
    """Print each layer's digest, or what differs; non-zero if anything does."""
    status = 0
    for layer in LAYERS:
        with TemporaryDirectory() as folder:
            one, other = build_twice(layer, Path(folder))
            if different := differences(one, other):
                status = 1
                print(f"{layer}: {len(different)} files differ", file=sys.stderr)
                print("\n".join(f"  {name}" for name in different[:20]), file=sys.stderr)
            else:
                print(f"{layer}: sha256 {digest(one)}")
    return status


def build_twice(layer: str, folder: Path) -> tuple[Path, Path]:
    """The archives of one layer built here, and as if elsewhere."""
    one = build(layer, folder / "a", HERE)
    other = build(layer, folder / "somewhere-else" / "and-deeper", ELSEWHERE)
    return archive(one), archive(other)
