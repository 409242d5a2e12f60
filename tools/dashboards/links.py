"""Links from panels and alerts to the traces behind them, in Jaeger and in Tempo."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from autogen_otel.vocabulary import attributes as names
from tools.dashboards.prometheus import label_name
from tools.dashboards.style import Json

JAEGER_URL: Final = "http://localhost:16686"
"""Jaeger's user interface. ``autogen-otel dashboards --jaeger`` replaces it in what the builders wrote."""

_VARIABLE: Final = re.compile(r"(\$\{[^}]*\}|\{\{.*?\}\})")
_TEMPLATE: Final = re.compile(r"\{\{ \$labels\.(\w+).*?\}\}")
_NOT_TEXT: Final = frozenset(
    {
        names.CONFIG_INDEX,
        names.HTTP_RESPONSE_STATUS_CODE,
        names.HTTP_REQUEST_RESEND_COUNT,
        names.TOOL_FAILED_BEFORE,
        names.ERRORS_HANDLED,
    }
)
_FROM: Final = "${__from}"
_TO: Final = "${__to}"


@dataclass(frozen=True, slots=True)
class Search:
    """Which traces to look for: those with a span that has all of this.

    Args:
        attributes: of one span; a value may hold variables.
        failed: whether the span has failed.
    """

    attributes: Mapping[str, str] = field(default_factory=dict)
    failed: bool = True

    @property
    def tags(self) -> dict[str, str]:
        """The span as Jaeger's search sees it."""
        return ({"error": "true"} if self.failed else {}) | dict(self.attributes)

    def logfmt(self) -> str:
        """The span as one types it into the field *Tags* of Jaeger's search."""
        return _TEMPLATE.sub(r"<\1>", " ".join(f"{key}={value}" for key, value in self.tags.items()))

    def traceql(self, service: str) -> str:
        """The span as Tempo's search sees it."""
        conditions = [f'resource.service.name = "{service}"']
        conditions += ["status = error"] if self.failed else []
        conditions += [
            f"span.{key} = {value}" if key in _NOT_TEXT else f'span.{key} = "{value}"'
            for key, value in self.attributes.items()
        ]
        return "{ " + " && ".join(conditions) + " }"


FAILED_SPANS: Final = Search()
"""Every trace in which something failed."""


def of_operation(operation: str, *, failed: bool = False) -> Search:
    """Traces with a span of this operation."""
    return Search({names.GEN_AI_OPERATION_NAME: operation}, failed)


def of_series(*keys: str, failed: bool = True) -> Search:
    """Traces with the labels that the clicked series has."""
    return Search({key: f"${{__field.labels.{label_name(key)}:percentencode}}" for key in keys}, failed)


def of_row(*keys: str, failed: bool = True) -> Search:
    """Traces with the labels that the clicked row of a table has."""
    return Search({key: f"${{__data.fields.{label_name(key)}:percentencode}}" for key in keys}, failed)


def trace_links(search: Search) -> list[Json]:
    """Links to the traces, in Jaeger and in Tempo."""
    return [
        {"title": "Traces in Jaeger", "url": jaeger_link(search), "targetBlank": True},
        {"title": "Traces in Tempo", "url": tempo_link(search), "targetBlank": True},
    ]


def jaeger_link(search: Search) -> str:
    """Address of Jaeger's search page, for a dashboard."""
    return (
        "${jaeger:raw}/search?service=${trace_service:percentencode}"
        f"&tags={_encoded(_compact(search.tags))}&start={_FROM}000&end={_TO}000&lookback=custom&limit=100"
    )


def jaeger_link_in_alert(search: Search) -> str:
    """Address of Jaeger's search page, for the annotation of an alert whose series has a service."""
    return (
        f"{JAEGER_URL}/search?service={{{{ $labels.service_name | urlquery }}}}"
        f"&tags={_encoded(_compact(search.tags))}&lookback=3h&limit=100"
    )


def tempo_link(search: Search) -> str:
    """Address of Grafana's Explore with a search in Tempo."""
    source = {"type": "tempo", "uid": "${tempo}"}
    query = {"refId": "A", "datasource": source, "queryType": "traceql", "limit": 100}
    query["query"] = search.traceql("${trace_service:percentencode}")
    panes: dict[str, Any] = {
        "traces": {
            "datasource": "${tempo}",
            "queries": [query],
            "range": {"from": _FROM, "to": _TO},
        }
    }
    return f"/explore?schemaVersion=1&panes={_encoded(_compact(panes))}"


def trace_link() -> str:
    """Address of the trace of an exemplar in Jaeger."""
    return "${jaeger:raw}/trace/${__value.raw}"


def _encoded(text: str) -> str:
    """Percent-encode a text, but not the variables in it, which encode themselves."""
    return "".join(
        part if _VARIABLE.fullmatch(part) else quote(part, safe="") for part in _VARIABLE.split(text)
    )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
