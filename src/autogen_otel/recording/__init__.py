"""One object per observed call: its facts, rendered once, become span, measurements and log records."""

from autogen_otel.recording.attributes import ArgumentProblem, Facts
from autogen_otel.recording.call import MODEL_EXCEPTION, Call, Measurement
from autogen_otel.recording.meters import Meters
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
    "has_instrumentations",
    "send_headers",
    "sends_headers",
    "share_provider",
    "silence_http",
    "silence_others",
    "unsilence_others",
]
