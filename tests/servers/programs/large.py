"""Records a trace of as many spans as the first argument says, each with as many characters as the second."""

from __future__ import annotations

import sys

import autogen_otel
from autogen_otel import delivery

autogen_otel.instrument()

count, characters = map(int, sys.argv[1:])
# Which the first conversation would make.
tracer = delivery.tracer_provider(autogen_otel.Settings()).get_tracer("tests")
with tracer.start_as_current_span("conversation"):
    for number in range(count):
        tracer.start_span(f"call {number}", attributes={"content": "x" * characters}).end()
