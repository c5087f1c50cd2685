"""The pages in a real browser. What drives it is in an environment of its own, made when needed."""

import site
import subprocess
import sys

from local.config import ROOT, TOOLS

_PACKAGES = (
    TOOLS / "venvs" / "browser" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
) / "site-packages"

if not _PACKAGES.exists():
    _bootstrap = str(ROOT / "local" / "bootstrap.py")
    subprocess.run([sys.executable, _bootstrap, "--also", "browser", "-c", ""], check=True)
site.addsitedir(str(_PACKAGES))
