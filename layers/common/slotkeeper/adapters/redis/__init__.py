"""Redis: what must be quick and may be lost."""
