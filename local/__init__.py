"""The whole system on one machine, without Docker: `make run` and what serves it."""
