"""A panel in Grafana's classic dashboard model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Final

from tools.dashboards.links import FAILED_SPANS, Search, trace_links
from tools.dashboards.promql import WITH_TOOL
from tools.dashboards.style import Json

PROMETHEUS: Final = {"type": "prometheus", "uid": "${prometheus}"}
_SCRAPED_EVERY: Final = "1m"
"""How often the SDK exports by default; Grafana derives ``$__rate_interval`` from it."""
_USED: Final = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a panel.

    Args:
        expr: PromQL.
        legend: name of a series, with labels in double braces.
        exemplars: whether to show the traces behind single measurements.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place.

    Args:
        kind: Grafana's name of the visualization.
        title: what it shows.
        question: what it answers, with what to do about the answer.
        queries: none if ``targets`` are given.
        width: of 24 columns.
        height: in units of 30 pixels.
        options: of the visualization.
        defaults: field configuration.
        overrides: of the field configuration, for some series or columns.
        search: what the links of the panel search for.
        form: ``time_series``, ``table`` or ``heatmap``.
        instant: whether to ask for the end of the range only.
        transformations: of the answer.
        interval: shortest distance of two points.
        targets: queries of another data source than Prometheus.
        datasource: where to ask.
    """

    kind: str
    title: str
    question: str
    queries: Sequence[Query]
    width: int
    height: int
    options: Json
    defaults: Json
    overrides: Sequence[Json] = ()
    search: Search = FAILED_SPANS
    form: str = "time_series"
    instant: bool = False
    transformations: Sequence[Json] = ()
    interval: str = _SCRAPED_EVERY
    targets: Sequence[Json] = ()
    datasource: Json = field(default_factory=PROMETHEUS.copy)

    def model(self, number: int, x: int, y: int) -> Json:
        """The panel as Grafana stores it.

        Args:
            number: its id in the dashboard.
            x: column.
            y: row.
        """
        model: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.question + self._filters(),
            "datasource": self.datasource,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "interval": self.interval,
            "targets": [*self.targets]
            or [self._target(*one) for one in zip(ascii_uppercase, self.queries, strict=False)],
            "options": self.options,
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "links": [_corner_link(link) for link in trace_links(self.search)],
        }
        if self.transformations:
            model["transformations"] = list(self.transformations)
        return model

    def _filters(self) -> str:
        used = {name for query in self.queries for name in _USED.findall(query.expr)}
        names = [name for name in WITH_TOOL.values() if name in used]
        return f"\n\nFilters that apply: {', '.join(names)}." if names else ""

    def _target(self, letter: str, query: Query) -> Json:
        return {
            "refId": letter,
            "datasource": self.datasource,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "format": self.form,
            "instant": self.instant,
            "range": not self.instant,
            "exemplar": query.exemplars,
            # The panel's own is not what Prometheus' data source makes ``$__interval`` of.
            "interval": self.interval,
        }


def _corner_link(link: Json) -> Json:
    return {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": link["targetBlank"],
        "title": link["title"],
        "tooltip": "",
        "type": "link",
        "url": link["url"],
    }
