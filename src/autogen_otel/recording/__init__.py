"""One object per observed call: its facts, rendered once, become span, measurements and log records."""

from autogen_otel.recording.attributes import ArgumentProblem, Facts
from autogen_otel.recording.call import MODEL_EXCEPTION, Call, current_call
from autogen_otel.recording.meters import Measurement, Meters
from autogen_otel.recording.other_instrumentations import (
    has_instrumentations,
    send_headers,
    sends_headers,
    share_provider,
    silence_http,
    silence_others,
    unsilence_others,
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
    "current_call",
    "has_instrumentations",
    "send_headers",
    "sends_headers",
    "share_provider",
    "silence_http",
    "silence_others",
    "unsilence_others",
]
