"""Answers that may be kept and sent again."""

from __future__ import annotations

import hashlib
from datetime import datetime

from slotkeeper.ports.pages import KeptPage


def kept(text: str, valid_until: datetime | None = None) -> KeptPage:
    """The answer under a strong entity tag: the same tag, the same bytes."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return KeptPage(text=text, etag=f'"{digest}"', valid_until=valid_until)
