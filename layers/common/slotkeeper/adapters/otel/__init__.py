"""Tracing by OpenTelemetry: imported only where it is on (its packages are in a layer of their own)."""
