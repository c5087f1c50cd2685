"""What a run finds wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` names what was broken, `about` the booking, slot, request or part it is about."""

    rule: str
    about: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.rule}: {self.about} {self.detail}".rstrip()
