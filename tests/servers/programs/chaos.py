"""Holds as many conversations with real AutoGen as its argument says, and tells every span that it began.

Prints, as JSON, the ids of its spans and the bytes it holds after the second and after the last quarter.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

import autogen_otel
from autogen_otel import delivery

autogen_otel.instrument()

from tests.support.short_chats import hold  # noqa: E402 - agents come after the one line

_PAUSE_SECONDS = 0.003


class _Begun(SpanProcessor):
    def __init__(self) -> None:
        self.ids: list[str] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.ids.append(f"{span.get_span_context().span_id:016x}")


def _held() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


begun, count, held = _Begun(), int(sys.argv[1]), []
# Which the first conversation would make.
provider = delivery.tracer_provider(autogen_otel.Settings())
assert isinstance(provider, TracerProvider)
provider.add_span_processor(begun)
for number in range(1, count + 1):
    hold(f"agent_{number}")
    time.sleep(_PAUSE_SECONDS)
    if number in {count // 2, count}:
        held.append(_held())
sys.stdout.write(json.dumps({"ids": begun.ids, "held": held}) + "\n")
