"""FILE ...: complain of each file that is not CycloneDX. Run with the scanners' Python."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main(*files: str) -> int:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    wrong = [(file, validator.validate_str(Path(file).read_text())) for file in files]
    for file, error in wrong:
        if error is not None:
            print(f"{file}: {error}")
    return int(any(error is not None for _, error in wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
