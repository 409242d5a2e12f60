"""Panels that draw: single numbers, counts as bars, values as lines, spreads as heat maps."""

from __future__ import annotations

from typing import Final

from tools.dashboards import style
from tools.dashboards.links import FAILED_SPANS, Search, trace_link, trace_links
from tools.dashboards.panels import Panel, Query
from tools.dashboards.style import Json

_SHORTEST_BAR: Final = "2m"
"""With less than two exports to a bar there is nothing to count."""
_NOTHING: Final = "nothing in this time range"


def stat(
    title: str,
    question: str,
    expr: str,
    *,
    unit: str = style.COUNT,
    thresholds: Json = style.PLAIN,
    none: str = "none",
    decimals: int = 0,
    search: Search = FAILED_SPANS,
    width: int = 4,
) -> Panel:
    """One number for the selected time range."""
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
        {
            "unit": unit,
            "color": {"mode": "thresholds"},
            "thresholds": thresholds,
            "noValue": none,
            "mappings": [],
            "decimals": decimals,
        },
        search=search,
        instant=True,
    )


def share_stat(
    title: str,
    question: str,
    expr: str,
    *,
    none: str,
    thresholds: Json = style.FAILURES,
    search: Search = FAILED_SPANS,
    width: int = 4,
) -> Panel:
    """One share, by default of failures, for the selected time range."""
    return stat(
        title,
        question,
        expr,
        unit=style.SHARE,
        thresholds=thresholds,
        none=none,
        decimals=1,
        search=search,
        width=width,
    )


def bars(
    title: str,
    question: str,
    *queries: Query,
    unit: str = style.COUNT,
    colours: dict[str, str] | None = None,
    none: str = _NOTHING,
    search: Search = FAILED_SPANS,
    clicked: Search | None = None,
    clickable: str | None = None,
    width: int = 12,
    decimals: int = 0,
) -> Panel:
    """Counts over time, stacked; ``clickable`` names the series with links, if not all have them."""
    links = {} if clicked is None else {"links": trace_links(clicked)}
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
            "thresholds": style.PLAIN,
            "custom": _curve(drawStyle="bars", fillOpacity=80, lineWidth=0, stacking="normal"),
            "mappings": [],
            **({} if clickable else links),
        },
        [*style.coloured(colours or {}), *([style.by_name(clickable, **links)] if clickable else [])],
        search=search,
        interval=_SHORTEST_BAR,
    )


def lines(
    title: str,
    question: str,
    *queries: Query,
    unit: str = style.SECONDS,
    thresholds: Json | None = None,
    colours: dict[str, str] | None = None,
    none: str = _NOTHING,
    search: Search = FAILED_SPANS,
    clicked: Search | None = None,
    width: int = 12,
) -> Panel:
    """Values over time."""
    custom = _curve(drawStyle="line", fillOpacity=8, lineWidth=2, stacking="none")
    custom["thresholdsStyle"] = {"mode": "line" if thresholds else "off"}
    overrides = style.coloured(colours or {})
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
        {
            "unit": unit,
            "min": 0,
            "noValue": none,
            "color": {"mode": "palette-classic-by-name"},
            "thresholds": thresholds or style.PLAIN,
            "custom": custom,
            "mappings": [],
            **({} if clicked is None else {"links": trace_links(clicked)}),
        },
        overrides,
        search=search,
    )


def heat(
    title: str,
    question: str,
    query: Query,
    *,
    unit: str,
    search: Search = FAILED_SPANS,
    width: int = 12,
) -> Panel:
    """How the values of a histogram are spread over time."""
    return Panel(
        "heatmap",
        title,
        question,
        [query],
        width,
        8,
        {
            "calculate": False,
            "cellGap": 1,
            "cellValues": {"unit": style.COUNT, "decimals": 0},
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
        },
        {
            "noValue": _NOTHING,
            "custom": {
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                "scaleDistribution": {"type": "linear"},
            },
        },
        [_exemplar_link()],
        search=search,
        form="heatmap",
        interval=_SHORTEST_BAR,
    )


def _exemplar_link() -> Json:
    link = {"title": "Trace in Jaeger", "url": trace_link(), "targetBlank": True}
    return {
        "matcher": {"id": "byName", "options": "trace_id", "scope": "exemplar"},
        "properties": [{"id": "links", "value": [link]}],
    }


def _curve(*, stacking: str, **properties: object) -> Json:
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
        **properties,
        "stacking": {"group": "A", "mode": stacking},
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
