"""Pin what the *.in files ask for, with hashes, for every interpreter and platform we run on."""

from __future__ import annotations

import os
import subprocess

from local.config import ROOT, TOOLS
from local.pack import LAYERS
from local.progress import say

COMMON, *OVER_IT = (f"layers/{folder}/requirements" for folder in LAYERS.values())
TOOL_ENVIRONMENTS = tuple(
    f"requirements/{name}"
    for name in ("bootstrap", "sam", "emulator", "scan", "load", "bench", "browser")
)
OLDEST_PYTHON = "3.11"


def main() -> None:
    for name in (COMMON, *TOOL_ENVIRONMENTS):
        _compile(name)
    # Layers are laid over the common one: what two of them carry must be the same.
    for name in OVER_IT:
        _compile(name, f"--constraint={COMMON}.txt")
    # Tests run on the very versions that the layers carry.
    _compile("requirements/dev", *(f"--constraint={layer}.txt" for layer in (COMMON, *OVER_IT)))


def _compile(name: str, *constraints: str) -> None:
    subprocess.run(
        [
            str(TOOLS / "venvs" / "tools" / "bin" / "uv"),
            *("pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"),
            *("--no-emit-index-url", "--python-version", OLDEST_PYTHON, "--upgrade"),
            *(f"{name}.in", "--output-file", f"{name}.txt", *constraints),
        ],
        cwd=ROOT,
        env={**os.environ, "UV_CACHE_DIR": str(TOOLS / "uv-cache")},
        check=True,
    )
    say(f"pinned {name}.txt")


if __name__ == "__main__":
    main()
