"""The alerts as the rule file that Prometheus reads, and as the runbook that people read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from autogen_otel.dashboards.alert import Alert, Recorded
from autogen_otel.dashboards.traces import jaeger_link_in_alert

_HEADER: Final = """\
# Alert rules for AutoGen conversations, written by `autogen-otel dashboards`. Edit the thresholds freely.
# What the alerts count is recorded first, exactly: nothing is extrapolated, and a new series counts with its
# first value, which increase() does not see. So a failure that happens once, or a script that ends before its
# second export, is not missed.
groups:
  - name: autogen-otel
    rules:
"""


def rule_file(alerts: Sequence[Alert], jaeger: str) -> str:
    """The rule file, in YAML.

    Args:
        alerts: in order.
        jaeger: address of Jaeger's user interface.
    """
    # The rules of a group are evaluated in this order.
    recorded = {one.name: one for alert in alerts for one in alert.uses}
    lines = [line for one in recorded.values() for line in _recording(one)]
    lines += [line for alert in alerts for line in _alerting(alert, jaeger)]
    return _HEADER + "".join(f"      {line}\n" for line in lines)


def _recording(one: Recorded) -> Iterator[str]:
    yield f"- record: {one.name}"
    yield from _expression(one.expr)


def _alerting(alert: Alert, jaeger: str) -> Iterator[str]:
    yield f"- alert: {alert.name}"
    yield from _expression(alert.expr)
    yield f"  for: {alert.hold}"
    yield "  labels:"
    yield f"    severity: {alert.severity}"
    yield "  annotations:"
    annotations = {
        "summary": alert.summary,
        "description": alert.description,
        "runbook": " ".join([alert.means, *_numbered(alert.look)]),
        "traces": jaeger_link_in_alert(alert.search, jaeger),
        "dashboard": f"/d/{alert.dashboard}",
    }
    # Text in JSON's quotes is text in YAML's.
    yield from (f"    {name}: {json.dumps(text)}" for name, text in annotations.items())


def _expression(expr: str) -> Iterator[str]:
    yield "  expr: |-"
    yield from (f"    {line}" for line in expr.splitlines())


def _numbered(steps: Iterable[str]) -> Iterator[str]:
    return (f"{number}. {step}" for number, step in enumerate(steps, 1))


def runbook(alerts: Iterable[Alert]) -> str:
    """One section of Markdown for each alert."""
    return "\n".join(line for alert in alerts for line in _section(alert)).rstrip() + "\n"


def _section(alert: Alert) -> Iterator[str]:
    yield from (f"## {alert.name}", "", f"*{alert.severity}*. {alert.means}", "")
    yield from ("```promql", *alert.expr.splitlines(), "```", "")
    yield from _numbered(alert.look)
    yield from (
        "",
        f"Dashboard `/d/{alert.dashboard}`; tags for Jaeger's search: `{alert.search.logfmt()}`.",
        "",
    )
