"""Observations in, OpenTelemetry API out. Knows no AutoGen."""

from autogen_otel.recording.recorder import SpanRecorder

__all__ = ["SpanRecorder"]
