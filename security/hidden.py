"""detect-secrets over everything that is committed: the fork that checkov maintains."""

from __future__ import annotations

from pathlib import Path

from security import tools
from security.findings import Finding

_LOCKS = r"(^|/)requirements(/[a-z]+)?\.txt$"
"""Thousands of hashes that look like keys. That they hold nothing else is what `locks` checks."""
_EXPLANATIONS = r"^security/explained/secrets\.toml$"
_IDS = r"^[\w/-]*(at|bk)_[0-9a-f]{48}[\w/-]*$"
"""Ids of attempts and bookings, as in the paths of `events/`."""


def detect_secrets(root: Path) -> list[Finding]:
    """What looks like a secret, each by its file and the first digits of its SHA-1.

    (So that an explanation is good for one secret, not for the next one in the same file.)
    """
    told = tools.run_for_json(
        tools.SCAN / "detect-secrets",
        *("scan", "--no-verify", "--exclude-secrets", _IDS),
        *("--exclude-files", _LOCKS, "--exclude-files", _EXPLANATIONS, "."),
        cwd=root,
        accepts=(0,),
    )
    return [
        Finding(
            rule=one["type"],
            place=f"{file} {one['hashed_secret'][:12]}",
            line=one["line_number"],
            what="looks like a secret",
        )
        for file, found in sorted(told["results"].items())
        for one in found
    ]
