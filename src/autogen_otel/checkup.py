"""Examines for ``doctor`` the host, the hooks attached to it, and whether telemetry is exported."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from opentelemetry.trace import NoOpTracerProvider, get_tracer_provider
from opentelemetry.util.re import parse_env_headers

from autogen_otel import instrumentation
from autogen_otel.delivery.counts import shared
from autogen_otel.delivery.exporting.exporters import (
    CONSOLE,
    ExporterError,
    endpoint,
    exporter_names,
    is_otlp,
    plugin,
)
from autogen_otel.delivery.exporting.outcome import Outcome
from autogen_otel.delivery.identity.ids import draws_from_global_random
from autogen_otel.delivery.journal import Kind, NoFolderError, default_dir, resolve_folder, write_problem
from autogen_otel.delivery.journal.files import notes
from autogen_otel.delivery.journal.forwarding import count_remaining
from autogen_otel.delivery.journal.position import read_position
from autogen_otel.delivery.providers import (
    global_tracer_provider,
    is_journaled,
    is_sdk_disabled,
    logs_opted_in,
)
from autogen_otel.delivery.signals import LOGS, METRICS, SPANS, Signal
from autogen_otel.hooks.report import AttachReport
from autogen_otel.settings import ALL, FAILING, Settings, unknown_variables
from autogen_otel.traces.document import utc_time
from autogen_otel.vocabulary import metrics as vocabulary

Document = dict[str, Any]
"""The value of one key of doctor's JSON."""

_PACKAGES: Final = (
    "autogen-otel",
    "openai",
    "httpx",
    "httpx2",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-instrumentation",
)
_SILENT: Final = "silent inside our model calls; reports what your program calls beside AutoGen"
_REPEATS: Final = (
    "cannot be told to stand down and would report conversations, turns and tools again: "
    "switch on one of the two"
)
_OVERLAPS: Final[Mapping[str, str]] = {
    "opentelemetry-instrumentation-genai-openai": _SILENT,
    "opentelemetry-instrumentation-openai": _SILENT,
    "openinference-instrumentation-openai": _SILENT,
    "opentelemetry-instrumentation-httpx": _SILENT,
    "opentelemetry-instrumentation-openai-v2": (
        "cannot be told to stand down and would report each model call again: do not switch it on, "
        "or take its successor opentelemetry-instrumentation-genai-openai"
    ),
    "opentelemetry-distro": (
        "under opentelemetry-instrument it exports over gRPC unless OTEL_EXPORTER_OTLP_PROTOCOL says "
        "http/protobuf; `opentelemetry-instrument autogen-otel doctor` looks at what your program has there"
    ),
    "openinference-instrumentation-ag2": _REPEATS,
    "openinference-instrumentation-autogen": _REPEATS,
}


_ADD_PROCESSOR: Final = (
    "add provider.add_span_processor(autogen_otel.JournalProcessor()), or set AUTOGEN_OTEL_JOURNAL to "
    "failing, all or off"
)
_LAUNCHER: Final = "opentelemetry.instrumentation.auto_instrumentation"
_NOT_SWITCHED_ON: Final = (
    "opentelemetry-instrument has not switched us on, so under it nothing is recorded: what it logs above "
    "says why; often OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf is missing"
)
_NO_OPENAI: Final = (
    "The package openai is not installed, so agents with a model fail: pip install '.[pyautogen]' or "
    "'.[ag2]' in the folder of the checkout brings it."
)


def examine(settings: Settings) -> Document:
    """Examine the host, the environment and the endpoints; nothing stays attached.

    Returns:
        The object that ``doctor --format json`` prints; its ``problems`` are sentences.
    """
    # It would print what it cannot read, and that is a credential; `_unread_headers` names the variable.
    logging.getLogger(parse_env_headers.__module__).disabled = True
    is_launched, is_active = _LAUNCHER in sys.modules, instrumentation.active()
    report = _attach_report(settings)
    logs_are_on = settings.messages_in_events or logs_opted_in()
    checkup: Document = {
        "problems": [],
        "host": report.lineage
        and {
            "name": str(report.lineage),
            "lineage": report.lineage.name,
            "tested": report.lineage.is_tested,
        },
        "versions": {"python": platform.python_version(), **_versions(_PACKAGES)},
        "attached": list(map(asdict, report.attached)),
        "absent": list(map(asdict, report.absent)),
        "stood_down": list(map(asdict, report.stood_down)),
        "overlapping": {name: _OVERLAPS[name] for name in _versions(tuple(_OVERLAPS))},
        "endpoints": list(_endpoints(SPANS)),
        "metrics_endpoints": list(_endpoints(METRICS)),
        "logs_endpoints": list(_endpoints(LOGS)) if logs_are_on else None,
        "message_content": settings.capture_message_content,
        "journal": (journal := _journal(settings)),
        "delivery": _delivery(journal),
        "provider": _provider(),
        "launcher": {"switched_on": is_active} if is_launched else None,
        "own_metrics": [
            metric.name for metric in vocabulary.ALL if metric.name.startswith(vocabulary.OF_TELEMETRY)
        ],
        "ids_from_global_random": draws_from_global_random(instrumentation.tracer() or get_tracer_provider()),
        "settings": list(_settings(settings)),
    }
    if report.lineage is None:
        checkup["problems"].append(f"Nothing to attach to: {report.problem}.")
    elif "openai" not in checkup["versions"]:
        checkup["problems"].append(_NO_OPENAI)
    checkup["problems"] += _problems(checkup, settings)
    return checkup


def _problems(checkup: Document, settings: Settings) -> Iterator[str]:
    for row in checkup["absent"]:
        if row["expected"]:
            yield f"{row['target']} is not attached, so {row['yields']} will be missing: {row['reason']}."
    if is_sdk_disabled():
        yield "OTEL_SDK_DISABLED is true: nothing is recorded."
    if _is_not_switched_on(checkup):
        yield f"{_NOT_SWITCHED_ON}."
    yield from _undelivered(checkup, settings)
    yield from unknown_variables()
    yield from dict.fromkeys(filter(None, map(_unread_headers, (SPANS, METRICS, LOGS))))
    if settings.messages_in_events and not any(endpoint["takes"] for endpoint in checkup["logs_endpoints"]):
        yield "Message content is lost: it goes into log records, and no endpoint takes them."


def _unread_headers(signal: Signal) -> str | None:
    """The problem of headers that OpenTelemetry leaves out because it cannot read them."""
    variable, text = signal.otlp("HEADERS", os.environ)
    items = [item for item in text.split(",") if item.strip()]
    if all(parse_env_headers(item, liberal=True) for item in items):
        return None
    return (
        f"{variable} holds what is no name=value, which is not sent: write name=value, with commas between."
    )


def _undelivered(checkup: Document, settings: Settings) -> Iterator[str]:
    """Problems of signals that go nowhere, or only into the journal."""
    traces = checkup["endpoints"]
    if checkup["provider"] and not (checkup["provider"]["journaled"] or settings.journal_is_set):
        yield (
            f"The global tracer provider is your program's own ({checkup['provider']['class']}), and its "
            f"spans are not journaled, so `show` and `diagnose` do not find them: {_ADD_PROCESSOR}."
        )
    if not traces and settings.journal not in (FAILING, ALL):
        yield "Traces go nowhere: OTEL_TRACES_EXPORTER is none."
    elif traces and not any(endpoint["takes"] for endpoint in traces):
        yield f"{_refusals(traces)}: {_fate_of_traces(checkup, settings)}."
    elif checkup["journal"]["kept"] and checkup["journal"]["problem"] and _asks_for_journal(settings):
        yield f"There is no journal for spans that no endpoint takes: {checkup['journal']['problem']}."
    metrics = checkup["metrics_endpoints"]
    if metrics and not any(endpoint["takes"] for endpoint in metrics):
        yield f"{_refusals(metrics)}: metrics go nowhere; OTEL_METRICS_EXPORTER=none makes none."


def _asks_for_journal(settings: Settings) -> bool:
    """Whether the program or a variable names a folder or a mode; else a container may do without one."""
    return bool(settings.journal_dir) or settings.journal_is_set


def _is_not_switched_on(checkup: Document) -> bool:
    """Whether a launcher should have switched us on and has not."""
    return checkup["launcher"] is not None and not checkup["launcher"]["switched_on"]


def _fate_of_traces(checkup: Document, settings: Settings) -> str:
    """What happens to traces that no endpoint takes."""
    journal, provider = checkup["journal"], checkup["provider"]
    if _is_not_switched_on(checkup):
        return "nothing is recorded"
    if not journal["kept"]:
        return "traces are lost, because the journal is switched off"
    if not journal["writable"]:
        return f"traces are lost, because there is no journal: {journal['problem']}"
    if provider and not (provider["journaled"] or settings.journal_is_set):
        return "traces are lost"
    if provider and settings.journal == FAILING:
        return "only conversations in which something failed are kept, in the journal"
    return "traces are kept in the journal only"


def _refusals(endpoints: list[Document]) -> str:
    return "; ".join(f"{row['endpoint']} does not take telemetry ({row['problem']})" for row in endpoints)


def _attach_report(settings: Settings) -> AttachReport:
    """Attach in this process and detach again, unless the program is instrumented already."""
    if instrumentation.active():
        return instrumentation.report()
    logger = logging.getLogger("autogen_otel")
    was_disabled, logger.disabled = logger.disabled, True  # the report says the same
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            # While they are imported, the hosts warn about packages that are not needed here.
            warnings.simplefilter("ignore")
            silent_providers = instrumentation.Providers(
                tracer_provider=NoOpTracerProvider(),
                meter_provider=NoOpMeterProvider(),
                logger_provider=NoOpLoggerProvider(),
            )
            return instrumentation.start(silent_providers, settings)
    finally:
        instrumentation.stop()
        logger.disabled = was_disabled


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    versions = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _endpoints(signal: Signal) -> Iterator[Document]:
    """Send an empty request to each endpoint of a signal."""
    try:
        names = exporter_names(os.environ, signal)
    except ExporterError as problem:
        yield _endpoint("OTLP", str(problem))
        return
    for name in names:
        yield _endpoint("the console") if name == CONSOLE else _exporter(name, signal)


def _exporter(name: str, signal: Signal) -> Document:
    try:
        if signal is METRICS and not is_otlp(name) and issubclass(plugin(name, signal), MetricReader):
            # An instance would open the port that it serves.
            return _endpoint(f"the exporter {name}")
        exporter = endpoint(name, os.environ, signal)
    except ExporterError as problem:
        return _endpoint(name, str(problem))
    empty_batch: Any = MetricsData(resource_metrics=[]) if signal is METRICS else []
    try:
        result = exporter.export(empty_batch)
    finally:
        exporter.shutdown()
    return _endpoint(exporter.label, None if result.outcome is Outcome.EXPORTED else result.reason)


def _endpoint(label: str, problem: str | None = None) -> Document:
    return {"endpoint": label, "takes": problem is None, "problem": problem}


def _provider() -> Document | None:
    """The tracer provider that is set globally, as under ``opentelemetry-instrument``."""
    provider = global_tracer_provider()
    if provider is None or not hasattr(provider, "add_span_processor"):
        return None
    return {"class": type(provider).__qualname__, "journaled": is_journaled(provider)}


def _journal(settings: Settings) -> Document:
    document: Document = {
        "folder": None,
        "kept": settings.keeps_journal,
        "mode": settings.journal,
        "bytes": 0,
        "writable": False,
        "problem": None,
    }
    try:
        folder = resolve_folder(settings.journal_dir) if settings.journal_dir else default_dir()
    except NoFolderError as error:
        return {**document, "problem": str(error)}
    document["folder"] = str(folder)
    problem = write_problem(folder)
    document["writable"], document["problem"] = problem is None, problem and str(problem)
    # The folder of another user may not even be readable.
    with contextlib.suppress(PermissionError):
        document.update(_journal_content(folder))
    return document


def _journal_content(folder: Path) -> Document:
    """Count what is in the journal.

    Raises:
        PermissionError: the folder may not be read.
    """
    batches, spans = count_remaining(folder)
    return {
        "bytes": sum(map(_size, folder.glob("*.jsonl"))) + sum(note.bytes for note in notes(folder)),
        "undelivered": {"batches": batches, "spans": spans},
        "refused_spans": count_remaining(folder, Kind.REFUSED)[1],
        "copied_spans": count_remaining(folder, Kind.KEPT)[1],
        "forwarded_spans": read_position(folder).spans,
    }


def _delivery(journal: Document) -> Document:
    """The counts of the programs that share the journal, which they write into its folder."""
    counts = shared.SharedCounts() if journal["folder"] is None else shared.read(Path(journal["folder"]))
    # Includes spans that `autogen-otel push` forwarded.
    forwarded_spans = {vocabulary.SPANS: journal.get("forwarded_spans", 0)}
    return {
        "since": _time(counts.since),
        "at": _time(counts.at),
        "exported": counts.of("exported"),
        "journaled": counts.of("journaled"),
        "forwarded": forwarded_spans,
        "dropped": counts.dropped_items(),
        "queued": counts.queued_items(),
    }


def _size(file: Path) -> int:
    # A program may have forwarded and removed the file meanwhile.
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _time(seconds: float) -> str | None:
    return utc_time(int(seconds * 1e9)) if seconds else None


def _settings(settings: Settings) -> Iterator[Document]:
    for field in fields(settings):
        variable, value = field.metadata["env"], getattr(settings, field.name)
        if callable(value):
            value = os.environ.get(variable, "a function")
        yield {
            "name": field.name,
            "value": value,
            "variable": variable,
            "set": bool(os.environ.get(variable)),
        }
