"""Bare calls as a Lambda function, for the runtime interface emulator: the floor of a handler.

Standard library and the layer's drivers only; `{"op": ..., "n": ...}` makes documents for what
comes next, `{"op": ...}` does one operation on the next of them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

sys.path.append(os.environ["BENCH_FOLDER"])
from bare import Bare

_bare = Bare(os.environ["BARE_MONGO_URI"], os.environ["REDIS_URL"])


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "n" in event:
        _bare.prepare(event["op"], event["n"])
    else:
        getattr(_bare, event["op"])(_bare.made.pop())
    return {"statusCode": 200}
