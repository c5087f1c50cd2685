"""The secret that says where the stores are, and how to sign in to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class StoresSecret(BaseModel):
    """`{"mongoUri": "...", "redisUrl": "..."}`; what is wrong with it is told without it."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", strict=True)
    mongo_uri: Annotated[str, Field(alias="mongoUri", min_length=1, repr=False)]
    redis_url: Annotated[str, Field(alias="redisUrl", min_length=1, repr=False)]
