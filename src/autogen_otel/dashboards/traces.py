"""Links from panels and alerts to the traces behind them, in Jaeger and in Tempo."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary.metrics import prometheus_label

JAEGER_URL: Final = "http://localhost:16686"
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


def of_series(*keys: str, failed: bool = True) -> Search:
    """Traces with the labels that the clicked series has."""
    return Search({key: f"${{__field.labels.{prometheus_label(key)}:percentencode}}" for key in keys}, failed)


def of_row(*keys: str, failed: bool = True) -> Search:
    """Traces with the labels that the clicked row of a table has."""
    return Search({key: f"${{__data.fields.{prometheus_label(key)}:percentencode}}" for key in keys}, failed)


def jaeger_link(search: Search) -> str:
    """Address of Jaeger's search page, for a dashboard."""
    return (
        "${jaeger:raw}/search?service=${trace_service:percentencode}"
        f"&tags={encoded(_compact(search.tags))}&start={_FROM}000&end={_TO}000&lookback=custom&limit=100"
    )


def jaeger_link_in_alert(search: Search, jaeger: str = JAEGER_URL) -> str:
    """Address of Jaeger's search page, for the annotation of an alert whose series has a service."""
    return (
        f"{jaeger}/search?service={{{{ $labels.service_name | urlquery }}}}"
        f"&tags={encoded(_compact(search.tags))}&lookback=3h&limit=100"
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
    return f"/explore?schemaVersion=1&panes={encoded(_compact(panes))}"


def trace_link() -> str:
    """Address of the trace of an exemplar in Jaeger."""
    return "${jaeger:raw}/trace/${__value.raw}"


def encoded(text: str) -> str:
    """Percent-encode a text, but not the variables in it, which encode themselves."""
    return "".join(
        part if _VARIABLE.fullmatch(part) else quote(part, safe="") for part in _VARIABLE.split(text)
    )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
