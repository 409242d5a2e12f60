"""What ``doctor`` finds out: the host, where we attach, and where telemetry goes; all stays as it was."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Final

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from autogen_otel import instrumentor
from autogen_otel.cli.checkup_endpoints import Endpoint, endpoints, logs_are_wanted
from autogen_otel.delivery.exporters import LOGS, METRICS, SPANS
from autogen_otel.delivery.journal import default_dir
from autogen_otel.hooks.report import AttachReport
from autogen_otel.settings import EVENT_ONLY, SPAN_AND_EVENT, Settings

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
_OVERLAPPING: Final[Mapping[str, str]] = {
    "opentelemetry-instrumentation-genai-openai": _SILENT,
    "opentelemetry-instrumentation-openai": _SILENT,
    "openinference-instrumentation-openai": _SILENT,
    "opentelemetry-instrumentation-httpx": _SILENT,
    "opentelemetry-instrumentation-openai-v2": (
        "cannot be told to stand down and would report each model call again: do not switch it on, "
        "or take its successor opentelemetry-instrumentation-genai-openai"
    ),
    "openinference-instrumentation-autogen": (
        "cannot be told to stand down and would report conversations, turns and tools again: "
        "switch on one of the two"
    ),
}


@dataclass(frozen=True)
class JournalState:
    """The journal.

    Args:
        folder: where it is or would be.
        kept: whether the settings want one.
        size: of its files, in bytes.
        writable: whether spans can be added.
    """

    folder: Path
    kept: bool
    size: int
    writable: bool


@dataclass(frozen=True)
class Knob:
    """A setting in force; ``source`` is its variable if that is set, else ``None``."""

    name: str
    value: object
    env: str
    source: str | None


@dataclass(frozen=True)
class Checkup:
    """All that was found out.

    Args:
        versions: of the packages that matter.
        report: what is attached to the host.
        overlapping: what is installed beside us, and what it means.
        endpoints: where spans go.
        metrics: where metrics go.
        logs: where log records go; ``None`` where nobody asked for any.
        message_content: where the content of messages goes, in the words of the standard variable.
        journal: where spans go that no endpoint takes.
        knobs: all settings.
        disabled: whether the environment switches OpenTelemetry off.
    """

    versions: Mapping[str, str]
    report: AttachReport
    overlapping: Mapping[str, str]
    endpoints: tuple[Endpoint, ...]
    metrics: tuple[Endpoint, ...]
    logs: tuple[Endpoint, ...] | None
    message_content: str
    journal: JournalState
    knobs: tuple[Knob, ...]
    disabled: bool

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, a sentence each."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.report.lineage is None:
            yield f"Nothing to attach to: {self.report.problem}."
        for row in self.report.missing:
            yield f"{row.target} is not attached, so {row.yields} will be missing: {row.reason}."
        if self.disabled:
            yield "OTEL_SDK_DISABLED is true: nothing is recorded."
        is_kept = self.journal.kept and self.journal.writable
        if not is_kept and not any(endpoint.takes for endpoint in self.endpoints):
            why = "cannot be written" if self.journal.kept else "is switched off"
            yield f"Telemetry is lost: no endpoint takes it and the journal {why}."
        if self.message_content in (EVENT_ONLY, SPAN_AND_EVENT) and not any(
            endpoint.takes for endpoint in self.logs or ()
        ):
            yield "Message content is lost: it goes into log records, and no endpoint takes them."


def examine(settings: Settings, environ: Mapping[str, str] = os.environ) -> Checkup:
    """Look at everything once.

    Args:
        settings: those in force.
        environ: where they and the endpoint come from.
    """
    return Checkup(
        versions={"python": platform.python_version(), **_installed(_PACKAGES)},
        report=_attached(settings),
        overlapping={name: _OVERLAPPING[name] for name in _installed(tuple(_OVERLAPPING))},
        endpoints=tuple(endpoints(environ, SPANS)),
        metrics=tuple(endpoints(environ, METRICS)),
        logs=tuple(endpoints(environ, LOGS)) if logs_are_wanted(settings, environ) else None,
        message_content=settings.capture_message_content,
        journal=_journal(settings),
        knobs=tuple(_knobs(settings, environ)),
        disabled=environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
    )


def _installed(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _attached(settings: Settings) -> AttachReport:
    """Attach in this process and detach again; what a program that is instrumented already has stays."""
    if instrumentor.active():
        return instrumentor.report()
    logger = logging.getLogger("autogen_otel")
    was_disabled, logger.disabled = logger.disabled, True  # the report says the same
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            # The hosts warn while they are imported about packages that nobody needs here.
            warnings.simplefilter("ignore")
            silent = instrumentor.Providers(
                tracer_provider=NoOpTracerProvider(),
                meter_provider=NoOpMeterProvider(),
                logger_provider=NoOpLoggerProvider(),
            )
            return instrumentor.start(silent, settings)
    finally:
        instrumentor.stop()
        logger.disabled = was_disabled


def _journal(settings: Settings) -> JournalState:
    folder = Path(settings.journal_dir).expanduser().absolute() if settings.journal_dir else default_dir()
    size = 0
    with contextlib.suppress(OSError):
        size = sum(file.stat().st_size for file in folder.glob("*.jsonl"))
    return JournalState(folder, settings.journal, size, _is_writable(folder))


def _is_writable(folder: Path) -> bool:
    """Whether files can be made there, or the folder itself in the nearest one that exists."""
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    except OSError:
        return False


def _knobs(settings: Settings, environ: Mapping[str, str]) -> Iterator[Knob]:
    for knob in fields(settings):
        env = knob.metadata["env"]
        if env is None:  # a function, which only the program itself can give
            continue
        yield Knob(knob.name, getattr(settings, knob.name), env, env if environ.get(env) else None)
