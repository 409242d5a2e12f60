"""One object per observed call: its facts, rendered once, become span, measurements and log records."""

from autogen_otel.recording.attributes import ArgumentProblem, Facts
from autogen_otel.recording.call import MODEL_EXCEPTION, Call, Measurement
from autogen_otel.recording.meters import Meters
from autogen_otel.recording.other_instrumentations import (
    go_together,
    has_instrumentations,
    hear_others,
    send_headers,
    sends_headers,
    silence_http,
    silence_others,
)
from autogen_otel.recording.recorder import Recorder

__all__ = [
    "MODEL_EXCEPTION",
    "ArgumentProblem",
    "Call",
    "Facts",
    "Measurement",
    "Meters",
    "Recorder",
    "go_together",
    "has_instrumentations",
    "hear_others",
    "send_headers",
    "sends_headers",
    "silence_http",
    "silence_others",
]
