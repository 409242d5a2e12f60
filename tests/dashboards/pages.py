"""What is generated on the pages about metrics and alerts: ``python -m tests.dashboards.pages`` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from autogen_otel.dashboards.alerts import alerts
from autogen_otel.dashboards.rules import runbook
from autogen_otel.vocabulary import metrics
from autogen_otel.vocabulary.metrics import prometheus_label, prometheus_names

DOCS = Path(__file__).parents[2] / "docs"
METRICS, RUNBOOK = DOCS / "metrics.md", DOCS / "runbook.md"
_BLOCK = re.compile(r"<!-- (\w+) -->.*?<!-- /\1 -->", re.DOTALL)
_QUERY = re.compile(r"```promql\n(.*?)\n```", re.DOTALL)


def _metrics_table() -> Iterator[str]:
    yield "| metric | in Prometheus | unit | counts | labels |"
    yield "|---|---|---|---|---|"
    for metric in metrics.ALL:
        shown = "<br>".join(f"`{name}`" for name in prometheus_names(metric))
        labels = ", ".join(f"`{prometheus_label(key)}`" for key in metric.labels)
        yield f"| `{metric.name}` | {shown} | {metric.unit} | {metric.description} | {labels} |"
    yield ""
    yield "| histogram | upper bounds of its buckets |"
    yield "|---|---|"
    for metric in metrics.ALL:
        if metric.buckets:
            yield f"| `{metric.name}` | {', '.join(f'{bound:.10g}' for bound in metric.buckets)} |"


def filled(page: Path) -> str:
    """A page with its generated parts as the code has them now."""
    made = {"metrics": "\n".join(_metrics_table()), "alerts": runbook(alerts()).rstrip()}

    def block(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{made[found[1]]}\n<!-- /{found[1]} -->"

    return _BLOCK.sub(block, page.read_text(encoding="utf-8"))


def queries(page: Path) -> list[str]:
    """Every example of PromQL on a page."""
    return _QUERY.findall(page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for one in (METRICS, RUNBOOK):
        one.write_text(filled(one), encoding="utf-8")
