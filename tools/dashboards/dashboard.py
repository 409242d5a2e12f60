"""A dashboard: panels put into rows, the variables on top, and the links to the other dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import metrics
from autogen_otel.vocabulary.metrics import Metric
from tools.dashboards.links import JAEGER_URL
from tools.dashboards.panels import PROMETHEUS, Panel
from tools.dashboards.prometheus import SERVICE_NAME, label_name, series_names
from tools.dashboards.promql import label, series
from tools.dashboards.style import Json

SCHEMA_VERSION: Final = 42
"""Of the classic dashboard model in Grafana 13; newer ones migrate it when they load it."""
TAG: Final = "autogen-otel"
COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside and below each other under a heading.

    Args:
        title: the heading; without one the panels stand on their own.
        panels: from left to right; a new line begins where the width is used up.
        closed: whether it asks nothing until somebody opens it.
    """

    title: str
    panels: Sequence[Panel]
    closed: bool = False


_COMMAND: Final = "In a terminal, autogen-otel diagnose --since 6h names the causes."


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard.

    Args:
        uid: its id in every Grafana, and the name of its file.
        title: its name.
        description: what it is for.
        rows: from top to bottom.
        filters: variables beside the service.
    """

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    filters: Sequence[str] = ("model", "entry", "agent")

    def model(self) -> Json:
        """The dashboard as Grafana stores it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": f"{self.description} {_COMMAND}",
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "links": [_links_to_others()],
            "annotations": {"list": []},
            "templating": {"list": _variables(self.filters)},
            "panels": _placed(self.rows),
        }


def _placed(rows: Sequence[Row]) -> list[Json]:
    models: list[Json] = []
    y, number = 0, 1
    for row in rows:
        inside: list[Json] = []
        top = y + 1 if row.title else y
        x, tallest = 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, top, tallest = 0, top + tallest, 0
            inside.append(panel.model(number + 1 + len(inside), x, top))
            x, tallest = x + panel.width, max(tallest, panel.height)
        if row.title:
            models.append(_heading(row, number, y, inside))
        if not row.closed:
            models.extend(inside)
        number += 1 + len(inside)
        y = y + 1 if row.closed else top + tallest
    return models


def _heading(row: Row, number: int, y: int, inside: list[Json]) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": row.closed,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "panels": inside if row.closed else [],
    }


def _links_to_others() -> Json:
    return {
        "asDropdown": False,
        "icon": "dashboard",
        "includeVars": True,
        "keepTime": True,
        "tags": [TAG],
        "targetBlank": False,
        "title": "AutoGen",
        "tooltip": "",
        "type": "dashboards",
        "url": "",
    }


def _variables(filters: Sequence[str]) -> list[Json]:
    # Until the first conversation ends, its attempts are all there is.
    counted = (metrics.CONVERSATION_DURATION, metrics.MODEL_ATTEMPTS)
    either = f'__name__=~"{"|".join(series_names(metric)[-1] for metric in counted)}"'
    service = label_name(SERVICE_NAME)
    return [
        _datasource("prometheus", "Metrics", "prometheus"),
        _datasource("tempo", "Traces (Tempo)", "tempo"),
        _filter("service", "Service", f"label_values({{{either}}}, {service})"),
        *(
            _filter(name, title, _values(metric, key))
            for name, title, metric, key in _FILTERS
            if name in filters
        ),
        {
            **_query_variable(
                "trace_service", "Traces of", f'label_values({{{either}, {service}=~"$service"}}, {service})'
            ),
            "description": "Whose traces the links open: Jaeger searches one service at a time.",
            "includeAll": False,
            "multi": False,
        },
        {
            "name": "jaeger",
            "type": "textbox",
            "label": "Jaeger UI",
            "description": "Address of Jaeger's user interface, for the links to traces.",
            "query": JAEGER_URL,
            "current": {"text": JAEGER_URL, "value": JAEGER_URL},
            "options": [{"selected": True, "text": JAEGER_URL, "value": JAEGER_URL}],
        },
    ]


_FILTERS: Final = (
    ("model", "Model", metrics.OPERATION_DURATION, names.GEN_AI_REQUEST_MODEL),
    ("entry", "Config entry", metrics.MODEL_ATTEMPTS, names.CONFIG_INDEX),
    ("agent", "Agent", metrics.OPERATION_DURATION, names.GEN_AI_AGENT_NAME),
    ("tool", "Tool", metrics.TOOL_DURATION, names.GEN_AI_TOOL_NAME),
)


def _values(metric: Metric, key: str) -> str:
    of = series(metric, filters={SERVICE_NAME: "service"})
    return f"label_values({of}, {label(metric, key)})"


def _datasource(name: str, title: str, plugin: str) -> Json:
    return {
        "name": name,
        "type": "datasource",
        "label": title,
        "query": plugin,
        "refresh": 1,
        "includeAll": False,
        "multi": False,
    }


def _filter(name: str, title: str, query: str) -> Json:
    return {
        **_query_variable(name, title, query),
        "includeAll": True,
        # Unlike a list of all values it also matches the series that lack the label.
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _query_variable(name: str, title: str, query: str) -> Json:
    return {
        "name": name,
        "type": "query",
        "label": title,
        "datasource": PROMETHEUS,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "sort": 7,
    }
