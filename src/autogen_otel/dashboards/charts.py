"""Panels that draw: single numbers, counts as bars, values as lines, spreads as heat maps."""

from __future__ import annotations

from typing import Any, Final

from autogen_otel.dashboards import looks, traces
from autogen_otel.dashboards.looks import Json
from autogen_otel.dashboards.panels import Panel, Query

_SHORTEST_BAR: Final = "2m"
"""With less than two exports to a bar there is nothing to count."""


def _data_links(search: traces.Search | None) -> Json:
    if search is None:
        return {}
    return {
        "links": [
            {"title": "Traces in Jaeger", "url": traces.jaeger_link(search), "targetBlank": True},
            {"title": "Traces in Tempo", "url": traces.tempo_link(search), "targetBlank": True},
        ]
    }


def stat(
    title: str,
    question: str,
    expr: str,
    *,
    unit: str = looks.COUNT,
    thresholds: Json = looks.PLAIN,
    none: str = "none",
    decimals: int | None = None,
    search: traces.Search | None = None,
    width: int = 4,
) -> Panel:
    """One number for the selected time range."""
    defaults: Json = {
        "unit": unit,
        "color": {"mode": "thresholds"},
        "thresholds": thresholds,
        "noValue": none,
        "mappings": [],
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    return Panel(
        "stat",
        title,
        question,
        [Query(expr)],
        width,
        4,
        {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showPercentChange": False,
            "textMode": "auto",
            "wideLayout": True,
        },
        defaults,
        traces=search or traces.Search(),
        instant=True,
    )


def bars(
    title: str,
    question: str,
    *queries: Query,
    unit: str = looks.COUNT,
    colours: dict[str, str] | None = None,
    none: str = "nothing in this time range",
    search: traces.Search | None = None,
    clicked: traces.Search | None = None,
    clickable: str | None = None,
    width: int = 12,
    decimals: int = 0,
) -> Panel:
    """Counts over time, stacked; ``clickable`` names the series with links, if not all have them."""
    custom = _curve() | {
        "drawStyle": "bars",
        "fillOpacity": 80,
        "lineWidth": 0,
        "stacking": {"group": "A", "mode": "normal"},
    }
    return Panel(
        "timeseries",
        title,
        question,
        queries,
        width,
        8,
        _series_options(["sum"], "Total"),
        {
            "unit": unit,
            "decimals": decimals,
            "min": 0,
            "noValue": none,
            "color": {"mode": "palette-classic-by-name"},
            "thresholds": looks.PLAIN,
            "custom": custom,
            "mappings": [],
            **({} if clickable else _data_links(clicked)),
        },
        [
            *looks.coloured(colours or {}),
            *([looks.by_name(clickable, **_data_links(clicked))] if clickable else []),
        ],
        traces=search or traces.Search(),
        interval=_SHORTEST_BAR,
    )


def lines(
    title: str,
    question: str,
    *queries: Query,
    unit: str = looks.SECONDS,
    thresholds: Json | None = None,
    colours: dict[str, str] | None = None,
    none: str = "nothing in this time range",
    search: traces.Search | None = None,
    clicked: traces.Search | None = None,
    width: int = 12,
) -> Panel:
    """Values over time."""
    custom = _curve() | {
        "drawStyle": "line",
        "fillOpacity": 8,
        "lineWidth": 2,
        "stacking": {"group": "A", "mode": "none"},
        "thresholdsStyle": {"mode": "line" if thresholds else "off"},
    }
    defaults: Json = {
        "unit": unit,
        "min": 0,
        "noValue": none,
        "color": {"mode": "palette-classic-by-name"},
        "thresholds": thresholds or looks.PLAIN,
        "custom": custom,
        "mappings": [],
        **_data_links(clicked),
    }
    overrides = looks.coloured(colours or {})
    if any(query.exemplars for query in queries):
        overrides.append(_exemplar_link())
    return Panel(
        "timeseries",
        title,
        question,
        queries,
        width,
        8,
        _series_options(["max", "lastNotNull"], "Max"),
        defaults,
        overrides,
        traces=search or traces.Search(),
    )


def _exemplar_link() -> Json:
    link = {"title": "Trace in Jaeger", "url": traces.trace_link(), "targetBlank": True}
    return {
        "matcher": {"id": "byName", "options": "trace_id", "scope": "exemplar"},
        "properties": [{"id": "links", "value": [link]}],
    }


def _curve() -> Json:
    return {
        "axisBorderShow": False,
        "axisCenteredZero": False,
        "axisColorMode": "text",
        "axisLabel": "",
        "axisPlacement": "auto",
        "barAlignment": 0,
        "gradientMode": "none",
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "insertNulls": False,
        "lineInterpolation": "linear",
        "pointSize": 5,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "auto",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "off"},
    }


def _series_options(calcs: list[str], sort_by: str) -> Json:
    return {
        "legend": {
            "calcs": calcs,
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "sortBy": sort_by,
            "sortDesc": True,
        },
        "tooltip": {"hideZeros": True, "mode": "multi", "sort": "desc"},
    }


def heat(
    title: str,
    question: str,
    query: Query,
    *,
    unit: str,
    search: traces.Search | None = None,
    width: int = 12,
) -> Panel:
    """How the values of a histogram are spread over time."""
    options: dict[str, Any] = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": looks.COUNT, "decimals": 0},
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "scale": "exponential",
            "exponent": 0.5,
            "fill": "dark-orange",
            "reverse": False,
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    custom = {
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "scaleDistribution": {"type": "linear"},
    }
    return Panel(
        "heatmap",
        title,
        question,
        [query],
        width,
        8,
        options,
        {"noValue": "nothing in this time range", "custom": custom},
        [_exemplar_link()],
        traces=search or traces.Search(),
        form="heatmap",
        interval=_SHORTEST_BAR,
    )
