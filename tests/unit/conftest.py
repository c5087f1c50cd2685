"""What every unit test has in common."""

from __future__ import annotations

from hypothesis import settings

# A shared machine may be slow for a moment; that is no fault of the code under test.
settings.register_profile("unit", deadline=None, database=None)
settings.load_profile("unit")
