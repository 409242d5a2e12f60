"""Panels that compare: tables with one row for each label, matrices, and bars side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from tools.dashboards import style
from tools.dashboards.links import FAILED_SPANS, Search, trace_links
from tools.dashboards.panels import Panel, Query
from tools.dashboards.prometheus import label_name
from tools.dashboards.style import Json


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
    unit: str = style.COUNT
    thresholds: Json | None = None
    gauge: bool = False

    def override(self) -> Json:
        """What the column looks like."""
        properties: Json = {"unit": self.unit}
        if self.unit == style.COUNT:
            properties["decimals"] = 0
        if self.thresholds is not None:
            properties["thresholds"] = self.thresholds
            properties["custom__cellOptions"] = {"type": "color-text"}
        if self.gauge:
            properties["custom__cellOptions"] = {
                "type": "gauge",
                "mode": "basic",
                "valueDisplayMode": "color",
            }
            properties |= {"min": 0, "max": 1}
        return style.by_name(self.title, **properties)


def table(
    title: str,
    question: str,
    labels: dict[str, str],
    columns: Sequence[Column],
    *,
    sort_by: str,
    search: Search = FAILED_SPANS,
    clicked: Search | None = None,
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
        none: the text of an empty table.
        width: of 24 columns.
        height: in units of 30 pixels.
    """
    headings = {label_name(key): heading for key, heading in labels.items()}
    for letter, column in zip(ascii_uppercase, columns, strict=False):
        # With one query the column is "Value", with several they carry the letter of the query.
        headings[f"Value #{letter}" if len(columns) > 1 else "Value"] = column.title
    overrides = [column.override() for column in columns]
    if clicked is not None:
        overrides.append(style.by_name(next(iter(labels.values())), links=trace_links(clicked)))
    return Panel(
        "table",
        title,
        question,
        [Query(column.expr) for column in columns],
        width,
        height,
        _options(sort_by),
        _defaults(none),
        overrides,
        search=search,
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
    title: str, question: str, expr: str, *, row: str, column: str, search: Search, width: int
) -> Panel:
    """A square table: a label down, another across, and a number where they meet."""
    defaults = _defaults("nothing in this time range")
    defaults["color"] = {"mode": "continuous-blues"}
    defaults["custom"]["cellOptions"] = {"type": "color-background", "mode": "basic"}
    down, across = label_name(row), label_name(column)
    corner = f"{down}\\{across}"
    return Panel(
        "table",
        title,
        question,
        [Query(expr)],
        width,
        8,
        _options(),
        defaults,
        [style.by_name(corner, custom__cellOptions={"type": "auto"}, displayName="from \\ to")],
        search=search,
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
    unit: str = style.SHARE,
    thresholds: Json = style.FAILURES,
    most: float | None = 1.0,
    none: str = "nothing in this time range",
    search: Search = FAILED_SPANS,
    width: int = 12,
) -> Panel:
    """Bars side by side, one for each series, for the whole selected time range."""
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
        {
            "unit": unit,
            "min": 0,
            "noValue": none,
            "color": {"mode": "thresholds"},
            "thresholds": thresholds,
            "mappings": [],
            **({} if most is None else {"max": most}),
        },
        search=search,
        instant=True,
    )


def traces_from_tempo(title: str, question: str, traceql: str) -> Panel:
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
        _options(),
        _defaults("no such trace in this time range"),
        targets=[target],
        datasource=source,
    )


def _options(sort_by: str | None = None) -> Json:
    sorting = [] if sort_by is None else [{"displayName": sort_by, "desc": True}]
    return {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": sorting}


def _defaults(none: str) -> Json:
    return {
        "noValue": none,
        "color": {"mode": "thresholds"},
        "thresholds": style.PLAIN,
        "custom": {
            "align": "auto",
            "cellOptions": {"type": "auto"},
            "filterable": True,
            "inspect": False,
        },
        "mappings": [],
    }
