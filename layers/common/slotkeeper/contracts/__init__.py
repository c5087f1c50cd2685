"""The shapes on the wire: HTTP bodies and queue messages."""
