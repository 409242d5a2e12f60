"""Conversations that are not sampled: no span is exported, and every call counts in metrics."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import autogen_otel
from autogen_otel.vocabulary import metrics
from bench.figures import Figure
from bench.variants import Counting
from bench.workloads import WORKLOADS, converse

_TURNS = 20
_WANTED = {metrics.TOOL_DURATION.name: "tool calls", metrics.OPERATION_DURATION.name: "model calls"}


def unsampled(base_url: str) -> Figure:
    """What an unsampled conversation exports.

    Args:
        base_url: where the model is.
    """
    exporter, reader = Counting(), InMemoryMetricReader()
    provider = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    autogen_otel.instrument(tracer_provider=provider, meter_provider=meters)
    try:
        converse(WORKLOADS[0], _TURNS, base_url)
    finally:
        autogen_otel.uninstrument()
    counted = _counted(reader)
    return Figure(
        title="Sampling",
        explanation=(
            f"A conversation of {_TURNS} turns that the sampler leaves out. What it costs stands above, in "
            "the row of the turn that is not sampled."
        ),
        columns=("what", "measured", "target"),
        rows=[
            ("spans exported", str(exporter.count), "0"),
            # The model is asked once more, for its last word.
            *(
                (f"{what} in metrics", str(counted.get(name, 0)), str(_TURNS + (what == "model calls")))
                for name, what in _WANTED.items()
            ),
        ],
    )


def _counted(reader: InMemoryMetricReader) -> dict[str, int]:
    data = reader.get_metrics_data()
    counts: dict[str, int] = {}
    for resource in () if data is None else data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = (point for point in metric.data.data_points if isinstance(point, HistogramDataPoint))
                counts[metric.name] = sum(point.count for point in points)
    return counts
