"""What ``doctor`` found out, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from autogen_otel.cli import quantities
from autogen_otel.cli.checkup import Checkup
from autogen_otel.cli.checkup_endpoints import Endpoint
from autogen_otel.cli.terminal import dim, one_line, signs
from autogen_otel.settings import EVENT_ONLY, NO_CONTENT, SPAN_AND_EVENT, SPAN_ONLY

_CONTENT: Final = {
    NO_CONTENT: "not recorded",
    SPAN_ONLY: "on spans",
    EVENT_ONLY: "in log records",
    SPAN_AND_EVENT: "on spans and in log records",
}


def render_checkup(checkup: Checkup, console: Console, *, rows: bool = False) -> None:
    """Print it, problems last, where the eye is when printing ends.

    Args:
        checkup: what was found out.
        console: where to print.
        rows: name every function that is attached to, and those that this host never had.
    """
    for line in (*_host(checkup, rows=rows), *_way(checkup), *_settings(checkup)):
        console.print(Text(one_line(line, console)), soft_wrap=True)
    for problem in checkup.problems:
        sign = Text(f"{signs(console).failed} ", style="bold red")
        console.print(sign.append(one_line(problem, console)), soft_wrap=True)
    if not checkup.problems:
        console.print(dim("All is well."))


def _host(checkup: Checkup, *, rows: bool) -> Iterator[str]:
    report = checkup.report
    if report.lineage is None:
        yield "host: none that is supported"
    else:
        yield f"host: {report.lineage} (lineage {report.lineage.name})"
        yield f"attached: {len(report.attached)} functions, {len(report.missing)} missing"
    if rows:
        yield from (f"  {row.target}: {row.yields}" for row in report.attached)
        yield from (f"  absent {row.target} ({row.yields}): {row.reason}" for row in report.absent)
    yield from (f"stood down: {one.who} at {one.target}: {one.reason}" for one in report.stood_down)
    yield from (f"also installed: {name}: {what}" for name, what in checkup.overlapping.items())
    yield "versions: " + ", ".join(f"{name} {version}" for name, version in checkup.versions.items())


def _way(checkup: Checkup) -> Iterator[str]:
    yield from _endpoints("endpoint", checkup.endpoints, "none (OTEL_TRACES_EXPORTER is none)")
    yield from _endpoints("metrics", checkup.metrics, "off (OTEL_METRICS_EXPORTER is none)")
    if checkup.logs is None:
        yield "logs: off (OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs/dup makes a log record of each failure)"
    else:
        yield from _endpoints("logs", checkup.logs, "off (OTEL_LOGS_EXPORTER is none)")
    yield f"message content: {_CONTENT[checkup.message_content]}"
    journal = checkup.journal
    state = ("writable" if journal.writable else "not writable") if journal.kept else "switched off"
    yield f"journal: {journal.folder} ({quantities.size(journal.size)}, {state})"


def _endpoints(word: str, endpoints: Sequence[Endpoint], nothing: str) -> Iterator[str]:
    for endpoint in endpoints:
        state = "takes telemetry" if endpoint.takes else f"does not take telemetry ({endpoint.problem})"
        yield f"{word}: {endpoint.label} {state}"
    if not endpoints:
        yield f"{word}: {nothing}"


def _settings(checkup: Checkup) -> Iterator[str]:
    for knob in checkup.knobs:
        yield f"setting: {knob.name} = {knob.value} ({knob.source or f'default; {knob.env}'})"
