"""PromQL over the vocabulary: a name or label that a metric does not have is an error, not an empty panel.

**Counting.** ``increase()`` compares the samples inside its window only: it cannot see the first value of a
counter, nor what it grew by between two windows, and makes up for that by extrapolating. Of an event that
happens once, a bar of two minutes would show two or none. ``grew`` compares the last sample in the range with
the last one before it, so bars are whole numbers that add up; it takes a series that was not known before at
its whole value, and leaves only those that were reset to ``increase()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.metrics import Metric
from tools.dashboards.prometheus import SERVICE_NAME, label_name, series_names

SELECTED: Final = "$__range"
"""The time range that the dashboard shows."""
RATE: Final = "$__rate_interval"
"""For rates, shares and quantiles: at least four samples, also where the windows of two points overlap."""
STEP: Final = "$__interval"
"""For counts drawn as bars: each is what came since the bar before, so the bars add up to the total."""

_KNOWN_FOR: Final = "1h"
"""A series that paused for longer (nothing was exported, Prometheus was down) counts as a new one."""

Matcher: TypeAlias = tuple[str, str, str]
"""Attribute key, operator, value."""

FAILED: Final[Matcher] = (names.ERROR_TYPE, "!=", "")
WORKED: Final[Matcher] = (names.ERROR_TYPE, "=", "")

VARIABLES: Final[Mapping[str, str]] = {
    SERVICE_NAME: "service",
    names.GEN_AI_REQUEST_MODEL: "model",
    names.CONFIG_INDEX: "entry",
    names.GEN_AI_AGENT_NAME: "agent",
}
"""Which variable of the dashboards filters which label."""

WITH_TOOL: Final[Mapping[str, str]] = {**VARIABLES, names.GEN_AI_TOOL_NAME: "tool"}

UNFILTERED: Final[Mapping[str, str]] = {}


def label(metric: Metric, key: str) -> str:
    """A label of a metric as Prometheus spells it.

    Raises:
        ValueError: the metric has no such label.
    """
    if key != SERVICE_NAME and key not in metric.labels:
        raise ValueError(f"{metric.name} has no label {key}")
    return label_name(key)


def series(
    metric: Metric,
    *where: Matcher,
    end: str | None = None,
    le: float | None = None,
    filters: Mapping[str, str] = VARIABLES,
) -> str:
    """A selector.

    Args:
        metric: of the vocabulary.
        where: what else has to hold for the labels.
        end: which series of a histogram, ``bucket``, ``sum`` or ``count``; the last by default.
        le: upper bound of one bucket.
        filters: label keys and the dashboard variables that filter them; those that the metric lacks are
            left out.

    Raises:
        ValueError: the metric has no such series or label.
    """
    suffix = end or ("bucket" if le is not None else "count" if metric.kind == "histogram" else "total")
    gauge = series_names(metric)[0] if metric.kind == "observed_gauge" else None
    name = next((name for name in series_names(metric) if name.endswith(f"_{suffix}")), gauge)
    if name is None:
        raise ValueError(f"{metric.name} has no series for {suffix}")
    matchers = [
        f'{label(metric, key)}=~"${variable}"'
        for key, variable in filters.items()
        if key == SERVICE_NAME or key in metric.labels
    ]
    matchers += [f'{label(metric, key)}{operator}"{value}"' for key, operator, value in where]
    if le is not None:
        if le not in metric.buckets:
            raise ValueError(f"{metric.name} has no bucket up to {le}")
        # Scraped by Prometheus 3 a whole number ends in ".0", received through OTLP it does not.
        matchers.append(f'le=~"{le:.0f}([.]0)?"')
    return name + ("{" + ", ".join(matchers) + "}" if matchers else "")


def grew(
    metric: Metric,
    over: str,
    *where: Matcher,
    by: Iterable[str] = (),
    end: str | None = None,
    le: float | None = None,
    filters: Mapping[str, str] = VARIABLES,
    before: str = "",
) -> str:
    """How much a counter grew, its first value included; see the module.

    Args:
        metric: of the vocabulary.
        over: the range, a duration or one of ``SELECTED``, ``RATE``, ``STEP``.
        where: see ``series``.
        by: attribute keys that the sum keeps.
        end: see ``series``.
        le: see ``series``.
        filters: see ``series``.
        before: a duration by which to look back.
    """
    selector = series(metric, *where, end=end, le=le, filters=filters)
    samples = f"{selector}[{over}]{f' offset {before}' if before else ''}"
    earlier = f"last_over_time({selector}[{_KNOWN_FOR}] offset {over}{before})"
    labels = ["le"] if end == "bucket" and le is None else []
    labels += [label(metric, key) for key in by]
    return (
        f"sum{' by (' + ', '.join(labels) + ')' if labels else ''} (\n"
        f"  (last_over_time({samples}) - {earlier} >= 0 unless resets({samples}) > 0)\n"
        f"  or (increase({samples}) and {earlier})\n"
        f"  or max_over_time({samples})\n)"
    )


def share(part: str, whole: str) -> str:
    """One sum divided by another: 0 where there is no part, no value where there is no whole."""
    return f"({part}\nor {whole} * 0)\n/ ({whole} > 0)"


def failing(
    metric: Metric,
    over: str,
    *where: Matcher,
    by: Iterable[str] = (),
    failed: Matcher = FAILED,
    filters: Mapping[str, str] = VARIABLES,
    before: str = "",
) -> str:
    """The share of failures."""
    keys = tuple(by)
    return share(
        grew(metric, over, *where, failed, by=keys, filters=filters, before=before),
        grew(metric, over, *where, by=keys, filters=filters, before=before),
    )


def quantile(
    portion: float,
    metric: Metric,
    over: str,
    *where: Matcher,
    by: Iterable[str] = (),
    filters: Mapping[str, str] = VARIABLES,
) -> str:
    """A quantile of a histogram; 1 is the upper bound of the largest bucket that has something in it."""
    # Without measurements a quantile is NaN, which no comparison keeps.
    return (
        f"histogram_quantile({portion:g}, {grew(metric, over, *where, by=by, end='bucket', filters=filters)})"
        " >= 0"
    )


def mean(metric: Metric, over: str, *where: Matcher, by: Iterable[str] = ()) -> str:
    """The mean of a histogram."""
    keys = tuple(by)
    return f"{grew(metric, over, *where, by=keys, end='sum')} / ({grew(metric, over, *where, by=keys)} > 0)"


def failing_between(metric: Metric, over: str, low: float | None, high: float | None) -> str:
    """The share of failures among what a histogram has between two of its bounds.

    Args:
        metric: a histogram.
        over: the range.
        low: lower bound, excluded; from zero if there is none.
        high: upper bound, included; without end if there is none.
    """
    return share(_between(metric, over, low, high, FAILED), _between(metric, over, low, high))


def _between(metric: Metric, over: str, low: float | None, high: float | None, *where: Matcher) -> str:
    up_to = grew(metric, over, *where) if high is None else grew(metric, over, *where, le=high)
    return up_to if low is None else f"({up_to} - {grew(metric, over, *where, le=low)})"
