"""Panels that compare: tables with one row for each label, matrices, and bars side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from autogen_otel.dashboards import looks, traces
from autogen_otel.dashboards.looks import Json
from autogen_otel.dashboards.panels import Panel, Query
from autogen_otel.vocabulary.metrics import prometheus_label

_LINKS: Final = (("Traces in Jaeger", traces.jaeger_link), ("Traces in Tempo", traces.tempo_link))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of numbers.

    Args:
        title: its heading.
        expr: PromQL; its labels are the table's.
        unit: Grafana's name of the unit.
        thresholds: colours of the cell; plain by default.
        gauge: whether to draw a bar from 0 to 1.
    """

    title: str
    expr: str
    unit: str = looks.COUNT
    thresholds: Json | None = None
    gauge: bool = False


def table(
    title: str,
    question: str,
    labels: dict[str, str],
    columns: Sequence[Column],
    *,
    sort_by: str,
    search: traces.Search | None = None,
    clicked: traces.Search | None = None,
    none: str = "nothing in this time range",
    width: int = 12,
    height: int = 8,
) -> Panel:
    """A table with a row for each combination of labels.

    Args:
        title: what it shows.
        question: what it answers.
        labels: attribute keys and the headings of their columns.
        columns: of numbers.
        sort_by: heading of the column that has the largest on top.
        search: what the links of the panel search for.
        clicked: what the links of a row search for.
        none: said where there is nothing.
        width: of 24 columns.
        height: in units of 30 pixels.
    """
    # With one query the column is "Value", with several they carry the letter of the query.
    value = [f"Value #{chr(ord('A') + at)}" if len(columns) > 1 else "Value" for at in range(len(columns))]
    headings = {prometheus_label(key): heading for key, heading in labels.items()}
    headings |= dict(zip(value, (column.title for column in columns), strict=True))
    return Panel(
        "table",
        title,
        question,
        [Query(column.expr) for column in columns],
        width,
        height,
        _options(sort_by),
        _defaults(none),
        [*(_column(column) for column in columns), *_row_links(next(iter(labels.values())), clicked)],
        traces=search or traces.Search(),
        form="table",
        instant=True,
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "includeByName": {},
                    "indexByName": {name: at for at, name in enumerate(headings)},
                    "renameByName": headings,
                },
            },
        ],
    )


def matrix(
    title: str, question: str, expr: str, *, row: str, column: str, search: traces.Search, width: int
) -> Panel:
    """A square table: a label down, another across, and a number where they meet."""
    defaults = _defaults("nothing in this time range")
    defaults["color"] = {"mode": "continuous-blues"}
    defaults["custom"]["cellOptions"] = {"type": "color-background", "mode": "basic"}
    down, across = prometheus_label(row), prometheus_label(column)
    corner = f"{down}\\{across}"
    return Panel(
        "table",
        title,
        question,
        [Query(expr)],
        width,
        8,
        _options(None),
        defaults,
        [looks.by_name(corner, custom__cellOptions={"type": "auto"}, displayName="from \\ to")],
        traces=search,
        form="table",
        instant=True,
        transformations=[
            {
                "id": "groupingToMatrix",
                "options": {
                    "columnField": across,
                    "rowField": down,
                    "valueField": "Value",
                    "emptyValue": "empty",
                },
            }
        ],
    )


def compared(
    title: str,
    question: str,
    *queries: Query,
    unit: str = looks.SHARE,
    thresholds: Json = looks.FAILURES,
    most: float | None = 1.0,
    none: str = "nothing in this time range",
    search: traces.Search | None = None,
    width: int = 12,
) -> Panel:
    """Bars side by side, one for each series, for the whole selected time range."""
    defaults: Json = {
        "unit": unit,
        "min": 0,
        "noValue": none,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds,
        "mappings": [],
    }
    if most is not None:
        defaults["max"] = most
    return Panel(
        "bargauge",
        title,
        question,
        queries,
        width,
        8,
        {
            "displayMode": "basic",
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
            "maxVizHeight": 40,
            "minVizHeight": 12,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
        defaults,
        traces=search or traces.Search(),
        instant=True,
    )


def found_traces(title: str, question: str, traceql: str) -> Panel:
    """A table of traces from Tempo."""
    source = {"type": "tempo", "uid": "${tempo}"}
    target = {
        "refId": "A",
        "datasource": source,
        "queryType": "traceql",
        "query": traceql,
        "limit": 50,
        "spss": 3,
        "tableType": "traces",
    }
    return Panel(
        "table",
        title,
        question,
        (),
        24,
        10,
        _options(None),
        _defaults("no such trace in this time range"),
        targets=[target],
        datasource=source,
    )


def _options(sort_by: str | None) -> Json:
    sorting = [] if sort_by is None else [{"displayName": sort_by, "desc": True}]
    return {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": sorting}


def _defaults(none: str) -> Json:
    return {
        "noValue": none,
        "color": {"mode": "thresholds"},
        "thresholds": looks.PLAIN,
        "custom": {
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": True,
            "inspect": False,
        },
        "mappings": [],
    }


def _column(column: Column) -> Json:
    properties: Json = {"unit": column.unit}
    if column.unit == looks.COUNT:
        properties["decimals"] = 0
    if column.thresholds is not None:
        properties["thresholds"] = column.thresholds
        properties["custom__cellOptions"] = {"type": "color-text"}
    if column.gauge:
        properties["custom__cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "color"}
        properties |= {"min": 0, "max": 1}
    return looks.by_name(column.title, **properties)


def _row_links(heading: str, clicked: traces.Search | None) -> list[Json]:
    if clicked is None:
        return []
    links = [{"title": title, "url": link(clicked), "targetBlank": True} for title, link in _LINKS]
    return [looks.by_name(heading, links=links)]
