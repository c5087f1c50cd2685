"""Tracing by OpenTelemetry: imported only where it is on, from a layer of its own."""
