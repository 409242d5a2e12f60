"""``autogen-otel doctor``: what is attached, what stood down, and whether telemetry arrives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import PROBLEM, SUCCESS, add_format, quantities, write_json
from autogen_otel.delivery.journal import command_for
from autogen_otel.hosts.classic.lineages import TESTED
from autogen_otel.settings import EVENT_ONLY, NO_CONTENT, SPAN_AND_EVENT, SPAN_ONLY, Settings
from autogen_otel.vocabulary.metrics import SIGNALS, SPANS, TELEMETRY_DROPPED

_UNTESTED: Final = f"; attached to, but tested are only {', '.join(TESTED)}"
_CONTENT: Final = {
    NO_CONTENT: "not recorded",
    SPAN_ONLY: "on spans",
    EVENT_ONLY: "in log records",
    SPAN_AND_EVENT: "on spans and in log records",
}
_REMEDY: Final = "TracerProvider(id_generator=autogen_otel.IdGenerator())"
_OWN_DRAWS: Final = "not from Python's global random"
_SHARED_DRAWS: Final = (
    "the id generator of your tracer provider draws them from Python's global random, so a program that "
    f"seeds it makes other choices with telemetry than without; make it {_REMEDY}"
)
_FATES: Final = ("exported", "journaled", "forwarded")
SUMMARY: Final = "check what is attached, what stood down, and whether telemetry arrives"
HELP: Final = """\
Check the host, what is attached to it, and whether telemetry arrives.

examples:
  autogen-otel doctor                  in the environment (variables included) that your program runs in
  autogen-otel doctor --rows           with every function of the host that is attached to
  autogen-otel doctor --format json | jq .problems
  opentelemetry-instrument autogen-otel doctor    with the providers that your program has under it

It attaches and detaches in a process of its own, and sends one empty request to each endpoint.

exit codes:
  0  all is well
  1  something is wrong: no supported host, no openai, a function not attached, a variable that is misspelt,
     traces or metrics that no endpoint takes, a journal that you set and that cannot be written, or a
     provider of your own whose spans are not journaled
  2  a word or a setting that cannot be used; one sentence on stderr says which
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    parser.add_argument("--rows", action="store_true", help="list every function that is attached to")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Examine everything, and print the result."""
    # AUTOGEN_OTEL_REDACT names a function that the program imports from its working folder.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    settings = Settings.from_environ()
    from autogen_otel.checkup import examine  # noqa: PLC0415 - loads all rooms; other commands need few

    checkup = examine(settings)
    if args.format == "json":
        write_json(checkup)
    else:
        _print(checkup, rows=args.rows)
    return PROBLEM if checkup["problems"] else SUCCESS


def _print(checkup: dict[str, Any], *, rows: bool) -> None:
    """Print the result for people, the problems last, where the reader looks when printing ends."""
    from autogen_otel.cli.text.terminal import Text, TextConsole, one_line, signs  # noqa: PLC0415 - see above

    console = TextConsole()
    for line in (*_host(checkup, rows=rows), *_telemetry(checkup)):
        console.say(one_line(line, console))
    for problem in checkup["problems"]:
        sign = Text(f"{signs(console).failure} ", style="bold red")
        console.say(sign.append(one_line(problem, console)))
    if not checkup["problems"]:
        console.say("All is well.", "dim")


def _host(checkup: dict[str, Any], *, rows: bool) -> Iterator[str]:
    host, attached_functions, absent_functions = checkup["host"], checkup["attached"], checkup["absent"]
    if host is None:
        yield "host: none that is supported"
    else:
        missing = sum(row["expected"] for row in absent_functions)
        yield f"host: {host['name']} (lineage {host['lineage']}{'' if host['tested'] else _UNTESTED})"
        yield f"attached: {len(attached_functions)} functions, {missing} missing"
    if rows:
        yield from (f"  {row['target']}: {row['yields']}" for row in attached_functions)
        yield from (
            f"  absent {row['target']} ({row['yields']}): {row['reason']}" for row in absent_functions
        )
    for stand_down in checkup["stood_down"]:
        yield f"stood down: {stand_down['who']} at {stand_down['target']}: {stand_down['reason']}"
    yield from (
        f"also installed: {name}: {description}" for name, description in checkup["overlapping"].items()
    )
    yield "versions: " + ", ".join(f"{name} {version}" for name, version in checkup["versions"].items())


def _telemetry(checkup: dict[str, Any]) -> Iterator[str]:
    yield from _endpoints("endpoint", checkup["endpoints"], "none (OTEL_TRACES_EXPORTER is none)")
    yield from _endpoints("metrics", checkup["metrics_endpoints"], "off (OTEL_METRICS_EXPORTER is none)")
    if checkup["logs_endpoints"] is None:
        yield "logs: off (OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs/dup makes a log record of each failure)"
    else:
        yield from _endpoints("logs", checkup["logs_endpoints"], "off (OTEL_LOGS_EXPORTER is none)")
    yield f"message content: {_CONTENT[checkup['message_content']]}"
    journal = checkup["journal"]
    yield from _journal(journal)
    yield from _delivery_counts(checkup["delivery"], is_journal_on=journal["kept"])
    yield f"to see whether telemetry is lost: {_how_to_watch(checkup)}"
    yield f"ids: {_SHARED_DRAWS if checkup['ids_from_global_random'] else _OWN_DRAWS}"
    for setting in checkup["settings"]:
        source = setting["variable"] if setting["set"] else f"default; {setting['variable']}"
        yield f"setting: {setting['name']} = {setting['value']} ({source})"


def _how_to_watch(checkup: dict[str, Any]) -> str:
    """How a metrics backend shows what becomes of the telemetry of each program."""
    meaning = f"{TELEMETRY_DROPPED.name} above 0 says that a program lost some"
    if not any(endpoint["takes"] for endpoint in checkup["metrics_endpoints"]):
        return f"look at what your programs counted, above; if an endpoint took metrics, {meaning}"
    other_metrics = [name for name in checkup["own_metrics"] if name != TELEMETRY_DROPPED.name]
    return f"in your metrics backend, {meaning}; {', '.join(other_metrics)} say what became of the rest"


def _journal(journal: dict[str, Any]) -> Iterator[str]:
    """Where the journal is, and what is in it."""
    if journal["folder"] is None:
        yield f"journal: none, because {journal['problem']}"
        return
    state = f"{journal['mode']}, {'' if journal['writable'] else 'not '}writable"
    state = f"{quantities.size(journal['bytes'])}, {state if journal['kept'] else 'switched off'}"
    problem = f": {journal['problem']}" if journal["kept"] and journal["problem"] else ""
    yield f"journal: {journal['folder']} ({state}){problem}"
    push = command_for(Path(journal["folder"]), "push")
    undelivered_spans = journal.get("undelivered", {}).get("spans", 0)
    if undelivered_spans:
        advice = f"programs send them while they run, `{push}` does it now"
        yield f"undelivered: {quantities.plural(undelivered_spans, 'span')}; {advice}"
    refused_spans = journal.get("refused_spans")
    if refused_spans:
        spans = quantities.plural(refused_spans, "span")
        yield f"refused by the endpoint: {spans}; `{push} --refused` tries again"
    if journal.get("copied_spans"):
        yield f"copies in the journal: {quantities.plural(journal['copied_spans'], 'span')}"


def _delivery_counts(delivery: dict[str, Any], *, is_journal_on: bool) -> Iterator[str]:
    """What the programs have counted; they write it beside the journal."""
    if delivery["since"] is None:
        reason = (
            "they write it beside the journal"
            if is_journal_on
            else "they write it beside the journal, which is off"
        )
        yield f"counted by your programs: nothing yet ({reason})"
        return
    yield f"counted by your programs from {delivery['since']} to {delivery['at']}:"
    for signal in SIGNALS:
        counts = [
            f"{delivery[fate].get(signal, 0):,} {fate}"
            for fate in _FATES
            if signal == SPANS or signal in delivery[fate]
        ]
        dropped = delivery["dropped"].get(signal, {})
        if counts or dropped:
            reasons = ", ".join(f"{items:,} {reason}" for reason, items in dropped.items())
            counts.append(f"{sum(dropped.values()):,} dropped{f' ({reasons})' if reasons else ''}")
            counts.append(f"{delivery['queued'].get(signal, 0):,} waiting in memory")
            yield f"  {signal}: {', '.join(counts)}"


def _endpoints(signal: str, endpoints: list[dict[str, Any]], none_text: str) -> Iterator[str]:
    for endpoint in endpoints:
        state = "takes telemetry" if endpoint["takes"] else f"does not take telemetry ({endpoint['problem']})"
        yield f"{signal}: {endpoint['endpoint']} {state}"
    if not endpoints:
        yield f"{signal}: {none_text}"
