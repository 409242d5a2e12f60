"""What an alert is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from autogen_otel.dashboards.promql import UNFILTERED, Matcher, grew, label
from autogen_otel.dashboards.traces import Search
from autogen_otel.vocabulary.metrics import Metric


@dataclass(frozen=True, slots=True)
class Recorded:
    """An expression under a name, so that the alerts that use it can be read.

    Args:
        name: of the recording rule.
        expr: PromQL.
    """

    name: str
    expr: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule and its runbook.

    Args:
        name: of the alert.
        uses: what its expression builds on.
        expr: PromQL.
        hold: how long it has to hold.
        severity: ``critical`` wakes somebody, ``warning`` can wait for the morning.
        summary: one line, with the labels of the series.
        description: with the value.
        means: what has happened.
        look: what to look at, in this order.
        dashboard: uid of the dashboard to open.
        search: the traces behind it.
    """

    name: str
    uses: Sequence[Recorded]
    expr: str
    hold: str
    severity: Literal["critical", "warning"]
    summary: str
    description: str
    means: str
    look: Sequence[str]
    dashboard: str
    search: Search = field(default_factory=Search)


def counted(
    what: str, metric: Metric, over: str, *where: Matcher, by: Sequence[str], before: str = ""
) -> Recorded:
    """How much a counter grew; see ``promql.grew``. ``what`` is for the name."""
    name = f"autogen:{what}:grew{over}" + ("_before" if before else "")
    return Recorded(name, grew(metric, over, *where, by=by, filters=UNFILTERED, before=before))


def large_share(part: Recorded, whole: Recorded, more_than: float, at_least: int) -> str:
    """A part that is large, and more than one of few."""
    return f"{part} / {whole} > {more_than:g}\nand {part} >= {at_least}"


def of_label(metric: Metric, key: str) -> str:
    """A label of the alert's series in an annotation."""
    return f"{{{{ $labels.{label(metric, key)} }}}}"


def found(metric: Metric, *keys: str, failed: bool = True) -> Search:
    """The traces with these labels of the alert's series."""
    return Search({key: f"{{{{ $labels.{label(metric, key)} | urlquery }}}}" for key in keys}, failed)
