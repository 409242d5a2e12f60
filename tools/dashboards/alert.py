"""An alert: how it is made, as a rule that Prometheus reads, and as a section of the runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from autogen_otel.vocabulary.metrics import Metric
from tools.dashboards.links import Search, jaeger_link_in_alert
from tools.dashboards.prometheus import SERVICE_NAME, label_name
from tools.dashboards.promql import UNFILTERED, Matcher, grew, label

_HEADER: Final = """\
# Alert rules for AutoGen conversations, written by `autogen-otel dashboards`. Edit the thresholds freely.
# What the alerts count is recorded first, exactly: nothing is extrapolated, and a new series counts with its
# first value, which increase() does not see. So a failure that happens once, or a script that ends before its
# second export, is not missed.
groups:
  - name: autogen-otel
    rules:
"""

_SERVICE: Final = f'{{{{ $labels.{label_name(SERVICE_NAME)} | reReplaceAll "\'" "" }}}}'
DIAGNOSE: Final = f"autogen-otel diagnose --since 1h --service '{_SERVICE}'"
"""The cause behind an alert of a service; a quote in its name would end the argument."""
_PLACEHOLDER: Final = re.compile(r"\{\{.*?\}\}")


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """An expression under a name, so that the alerts that use it can be read.

    Args:
        name: of the rule; the text of an instance.
        expr: PromQL.
    """

    name: str
    expr: str

    def __str__(self) -> str:
        return self.name

    def lines(self) -> Iterator[str]:
        """The rule in YAML."""
        yield f"- record: {self.name}"
        yield from _expression(self.expr)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert rule and its runbook.

    Args:
        name: of the alert.
        uses: what its expression builds on.
        expr: PromQL.
        hold: how long it has to hold.
        severity: ``critical`` wakes somebody, ``warning`` can wait for the morning.
        summary: one line, with the labels of the series.
        description: with the value.
        means: what has happened.
        look: what to look at, in this order.
        dashboard: uid of the dashboard to open.
        search: the traces behind it.
        command: what to run next: it says which cause is behind it.
    """

    name: str
    uses: Sequence[RecordingRule]
    expr: str
    hold: str
    severity: Literal["critical", "warning"]
    summary: str
    description: str
    means: str
    look: Sequence[str]
    dashboard: str
    search: Search = field(default_factory=Search)
    command: str = DIAGNOSE

    def lines(self) -> Iterator[str]:
        """The rule in YAML."""
        yield f"- alert: {self.name}"
        yield from _expression(self.expr)
        yield f"  for: {self.hold}"
        yield "  labels:"
        yield f"    severity: {self.severity}"
        yield "  annotations:"
        annotations = {
            "summary": self.summary,
            "description": self.description,
            "runbook": " ".join([self.means, *_numbered(self.look)]),
            "command": self.command,
            "traces": jaeger_link_in_alert(self.search),
            "dashboard": f"/d/{self.dashboard}",
        }
        # Text in JSON's quotes is text in YAML's.
        yield from (f"    {name}: {json.dumps(text)}" for name, text in annotations.items())

    def section(self) -> Iterator[str]:
        """The alert's section of the runbook, in Markdown."""
        yield from (f"## {self.name}", "", f"*{self.severity}*. {self.means}", "")
        yield from ("```promql", *self.expr.splitlines(), "```", "")
        yield from _numbered(self.look)
        tags = self.search.logfmt()
        yield from ("", "```", _PLACEHOLDER.sub("<service>", self.command), "```")
        yield from ("", f"Dashboard `/d/{self.dashboard}`; tags for Jaeger's search: `{tags}`.", "")


def rule_file(alerts: Sequence[Alert]) -> str:
    """The rule file that Prometheus reads, in YAML."""
    # The rules of a group are evaluated in this order.
    recording = dict.fromkeys(rule for alert in alerts for rule in alert.uses)
    rules: list[RecordingRule | Alert] = [*recording, *alerts]
    lines = [line for rule in rules for line in rule.lines()]
    return _HEADER + "".join(f"      {line}\n" for line in lines)


def runbook(alerts: Iterable[Alert]) -> str:
    """The runbook that people read, in Markdown."""
    return "\n".join(line for alert in alerts for line in alert.section()).rstrip()


def counted(
    what: str, metric: Metric, over: str, *where: Matcher, by: Sequence[str], before: str = ""
) -> RecordingRule:
    """How much a counter grew; see ``promql.grew``. ``what`` is for the name."""
    name = f"autogen:{what}:grew{over}" + ("_before" if before else "")
    return RecordingRule(name, grew(metric, over, *where, by=by, filters=UNFILTERED, before=before))


def large_share(part: RecordingRule, whole: RecordingRule, more_than: float, at_least: int) -> str:
    """A part that is large, and more than one of few."""
    return f"{part} / {whole} > {more_than:g}\nand {part} >= {at_least}"


def of_label(metric: Metric, key: str) -> str:
    """A label of the alert's series in an annotation."""
    return f"{{{{ $labels.{label(metric, key)} }}}}"


def traces_with(metric: Metric, *keys: str, failed: bool = True) -> Search:
    """The traces with these labels of the alert's series."""
    return Search({key: f"{{{{ $labels.{label(metric, key)} | urlquery }}}}" for key in keys}, failed)


def _expression(expr: str) -> Iterator[str]:
    yield "  expr: |-"
    yield from (f"    {line}" for line in expr.splitlines())


def _numbered(steps: Iterable[str]) -> Iterator[str]:
    return (f"{number}. {step}" for number, step in enumerate(steps, 1))
