"""The secret that says where the stores are, and how to sign in to them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from slotkeeper.value import Guarded

Uri = Annotated[str, msgspec.Meta(min_length=1)]


class StoresSecret(Guarded, rename="camel"):
    """`{"mongoUri": "...", "redisUrl": "..."}`; what is wrong with it is told without it."""

    secret = frozenset({"mongo_uri", "redis_url"})

    mongo_uri: Uri
    redis_url: Uri

    @classmethod
    def of(cls, text: str) -> StoresSecret:
        """The secret that the text is. Raises ValueError."""
        return msgspec.json.decode(text, type=cls)
