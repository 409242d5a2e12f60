"""Every file that the builders make, by its path in the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from autogen_otel.vocabulary import metrics
from tools.dashboards.agents import agents
from tools.dashboards.alert import rule_file, runbook
from tools.dashboards.alerts import alerts
from tools.dashboards.dashboard import Dashboard
from tools.dashboards.intermittent import intermittent
from tools.dashboards.overview import overview
from tools.dashboards.prometheus import label_name, series_names
from tools.dashboards.tools import tools

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "dashboards"
ALERTS: Final = FOLDER / "alerts.yml"
METRICS_PAGE: Final = ROOT / "docs" / "metrics.md"
RUNBOOK_PAGE: Final = ROOT / "docs" / "runbook.md"


def dashboards() -> tuple[Dashboard, ...]:
    """Every dashboard, the one to begin with first."""
    return overview(), intermittent(), tools(), agents()


def generated() -> dict[Path, str]:
    """The text of each file as the code has it now."""
    models = {
        FOLDER / f"{dashboard.uid}.json": json.dumps(dashboard.model(), indent=2, ensure_ascii=False) + "\n"
        for dashboard in dashboards()
    }
    return {
        **models,
        ALERTS: rule_file(alerts()),
        METRICS_PAGE: _filled(METRICS_PAGE, "metrics", "\n".join(_metrics_table())),
        RUNBOOK_PAGE: _filled(RUNBOOK_PAGE, "alerts", runbook(alerts())),
    }


def _filled(page: Path, name: str, text: str) -> str:
    """A page with the part between the marks ``name`` replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    block = f"{begin}\n{text}\n{end}"
    return re.sub(f"{begin}.*?{end}", lambda _: block, page.read_text(encoding="utf-8"), flags=re.DOTALL)


def _metrics_table() -> Iterator[str]:
    yield "| metric | in Prometheus | unit | counts | labels |"
    yield "|---|---|---|---|---|"
    for metric in metrics.ALL:
        series = "<br>".join(f"`{name}`" for name in series_names(metric))
        labels = ", ".join(f"`{label_name(key)}`" for key in metric.labels)
        yield f"| `{metric.name}` | {series} | {metric.unit} | {metric.description} | {labels} |"
    yield ""
    yield "| histogram | upper bounds of its buckets |"
    yield "|---|---|"
    for metric in metrics.ALL:
        if metric.buckets:
            yield f"| `{metric.name}` | {', '.join(f'{bound:.10g}' for bound in metric.buckets)} |"
