"""MongoDB: what must last."""
