"""How Prometheus spells metrics and labels (its translation strategy ``UnderscoreEscapingWithSuffixes``)."""

from __future__ import annotations

from typing import Final

from autogen_otel.vocabulary.metrics import Metric

SERVICE_NAME: Final = "service.name"
"""The only resource attribute in queries; Prometheus has to promote it to a label."""

_SUFFIXES: Final = {
    "histogram": ("bucket", "sum", "count"),
    "counter": ("total",),
    "observed_counter": ("total",),
    "observed_gauge": ("",),
}


def label_name(key: str) -> str:
    """The label of an attribute key."""
    return key.replace(".", "_")


def series_names(metric: Metric) -> list[str]:
    """The names of a metric's series."""
    name = metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
    return [f"{name}_{suffix}".removesuffix("_") for suffix in _SUFFIXES[metric.kind]]
