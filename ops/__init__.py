"""What an operator does to a running system: `python -m ops`, answers to stdout."""
