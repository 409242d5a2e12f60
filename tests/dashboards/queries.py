"""Every query of every dashboard, with its variables filled in as Grafana does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.dashboards.files import dashboards

ALL = ".*"
FILLED = {
    "__range": "3600s",
    "__rate_interval": "4m0s",
    "__interval": "2m",
    "service": ALL,
    "model": ALL,
    "entry": ALL,
    "agent": ALL,
    "tool": ALL,
}
_EXAMPLE = re.compile(r"```promql\n(.*?)\n```", re.DOTALL)
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:[.:][^}]*)?\}")


@dataclass(frozen=True)
class Asked:
    """A query and the panel that asks it.

    Args:
        where: dashboard, panel and letter, for the test's id.
        dashboard: as Grafana stores it.
        panel: the same.
        target: the same.
    """

    where: str
    dashboard: dict[str, Any]
    panel: dict[str, Any]
    target: dict[str, Any]

    @property
    def expr(self) -> str:
        """PromQL with variables."""
        return str(self.target["expr"])

    def filled(self, **variables: str) -> str:
        """PromQL without variables; everything is selected unless told otherwise."""
        return filled(self.expr, **variables)


def filled(expr: str, **variables: str) -> str:
    """A query without variables."""
    return _VARIABLE.sub(lambda match: {**FILLED, **variables}[match[1] or match[2]], expr)


def variables_in(text: str) -> set[str]:
    """Names of the variables in a text."""
    return {match[1] or match[2] for match in _VARIABLE.finditer(text)}


def models() -> list[dict[str, Any]]:
    """Every dashboard as Grafana stores it."""
    return [dashboard.model() for dashboard in dashboards()]


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard, those of closed rows too; without the rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def asked() -> list[Asked]:
    """Every query to Prometheus."""
    return [
        Asked(f"{dashboard['uid']}: {panel['title']} {target['refId']}", dashboard, panel, target)
        for dashboard in models()
        for panel in panels(dashboard)
        for target in panel["targets"]
        if "expr" in target
    ]


def examples_on(page: Path) -> list[str]:
    """Every example of PromQL on a page."""
    return _EXAMPLE.findall(page.read_text(encoding="utf-8"))
