"""scan | audit | sbom | reproducible, for `make`."""

from __future__ import annotations

import argparse
import importlib
import sys

from security.findings import ScanFailed

COMMANDS = {"scan": "scan", "audit": "audit", "sbom": "ship", "reproducible": "reproducible"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m security", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    chosen = COMMANDS[parser.parse_args().command]
    try:
        status: int = importlib.import_module(f"security.{chosen}").main()
    except ScanFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
