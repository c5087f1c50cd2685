"""How much is asked: `make fuzz` asks for long, `make test` what a minute has room for."""

from __future__ import annotations

import os

SEED = int(os.environ.get("SLOTKEEPER_FUZZ_SEED") or 20_261_126)
IS_LONG = os.environ.get("SLOTKEEPER_FUZZ") == "long"
