"""Providers and exporters for people who have none, and the journal of what no endpoint took.

Importing this room loads neither the SDK nor an exporter: who brings providers never pays for ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.setup.journal import Journal, default_dir
from autogen_otel.setup.providers import (
    global_logger_provider,
    logger_provider,
    meter_provider,
    tracer_provider,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import Meter

__all__ = [
    "Journal",
    "default_dir",
    "global_logger_provider",
    "logger_provider",
    "meter_provider",
    "observe_dropped",
    "tracer_provider",
]


def observe_dropped(meter: Meter, internal_errors: Callable[[], int]) -> None:
    """Have the meter report what is lost; see ``autogen_otel.setup.dropped``.

    Args:
        meter: where to report.
        internal_errors: how often something could not be observed, because of an error of our own.
    """
    from autogen_otel.setup import dropped  # noqa: PLC0415 - loads the metrics API

    dropped.observe_dropped(meter, internal_errors)
