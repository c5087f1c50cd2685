"""What a check finds wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken invariant (design.md, section 6), and the documents concerned.

    `documents` hold ids, statuses, versions and times: enough to find them, nobody's address.
    """

    invariant: int
    rule: str
    """A stable name of what is wrong, like `confirmed_twice`."""
    about: str
    """The id of the slot, booking, event or saga."""
    documents: Sequence[Mapping[str, Any]] = field(default_factory=tuple)  # Any: BSON values
