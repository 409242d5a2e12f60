"""Everything that the builders make, as files."""

from __future__ import annotations

import json

from autogen_otel.dashboards.agents import agents
from autogen_otel.dashboards.alerts import alerts
from autogen_otel.dashboards.dashboard import Dashboard
from autogen_otel.dashboards.intermittent import intermittent
from autogen_otel.dashboards.overview import overview
from autogen_otel.dashboards.rules import rule_file
from autogen_otel.dashboards.tools import tools
from autogen_otel.dashboards.traces import JAEGER_URL

ALERTS = "alerts.yml"


def dashboards() -> tuple[Dashboard, ...]:
    """Every dashboard, the one to begin with first."""
    return overview(), intermittent(), tools(), agents()


def everything(jaeger: str = JAEGER_URL) -> dict[str, str]:
    """Names and texts of all files.

    Args:
        jaeger: address of Jaeger's user interface, for the links to traces.
    """
    made = {
        f"{dashboard.uid}.json": json.dumps(dashboard.model(jaeger), indent=2, ensure_ascii=False) + "\n"
        for dashboard in dashboards()
    }
    return {**made, ALERTS: rule_file(alerts(), jaeger)}
