"""Providers and exporters for programs that set none, and the journal of spans that no endpoint takes.

Importing this room loads neither the SDK, an exporter nor the journal: a program with its own providers never
pays for them.
"""

from autogen_otel.delivery.counts import observe_delivery
from autogen_otel.delivery.processes.process import Process
from autogen_otel.delivery.providers import (
    draw_apart,
    global_logger_provider,
    global_meter_provider,
    global_tracer_provider,
    is_ours,
    is_sdk_disabled,
    keep_copies,
    logger_provider,
    longest_attribute,
    meter_provider,
    tracer_provider,
)

__all__ = [
    "Process",
    "draw_apart",
    "global_logger_provider",
    "global_meter_provider",
    "global_tracer_provider",
    "is_ours",
    "is_sdk_disabled",
    "keep_copies",
    "logger_provider",
    "longest_attribute",
    "meter_provider",
    "observe_delivery",
    "tracer_provider",
]
