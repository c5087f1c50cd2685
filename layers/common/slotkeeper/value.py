"""What our immutable values are made of.

Structs of msgspec: a class of the standard library's `dataclass` takes forty times as long to make,
and a cold start makes some sixty of them (ADR 0010).
"""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True):
    """A value: never changed, equal to another whose fields are; declared as a dataclass is."""


class Guarded(Value):
    """A value whose `secret` fields are in no repr, and so in no error's words."""

    secret: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = (
            f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
            if name not in self.secret
        )
        return f"{type(self).__name__}({', '.join(shown)})"
