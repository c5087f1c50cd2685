"""Load from outside, by locust: `make load` and `make soak` (docs/load.md)."""
