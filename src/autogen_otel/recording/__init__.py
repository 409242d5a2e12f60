"""Observations in, OpenTelemetry API out. Knows no AutoGen."""

from autogen_otel.recording.content_events import ContentEvents
from autogen_otel.recording.failure_logs import FailureLogs
from autogen_otel.recording.metrics import Measures
from autogen_otel.recording.recorder import Signals, SpanRecorder

__all__ = ["ContentEvents", "FailureLogs", "Measures", "Signals", "SpanRecorder"]
