"""Composition root: the only module that knows all rooms."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from opentelemetry.metrics import NoOpMeterProvider, get_meter_provider
from opentelemetry.trace import NoOpTracer

from autogen_otel import delivery, distribution
from autogen_otel.delivery.fork import delaying_forks, import_problem, importing, in_child
from autogen_otel.hooks import guard
from autogen_otel.hooks.attach import Attachment
from autogen_otel.hooks.lineage import Lineage
from autogen_otel.hooks.report import Absent, AttachReport
from autogen_otel.hosts.classic.lineages import Detection, detect
from autogen_otel.hosts.classic.table import TABLE
from autogen_otel.recording import Meters, Recorder
from autogen_otel.settings import OFFLINE, REDACT_VARIABLE, Settings, SettingsError, unknown_variables
from autogen_otel.vocabulary.spans import SCHEMA_URL, SCOPE

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

_log = logging.getLogger("autogen_otel")


class Instrumentation:
    """One ``instrument()``: the state that the guarded boundary reads while it is switched on.

    Args:
        recorder: where calls are recorded.
        lineage: the host.
        providers: the providers that the application passed.
    """

    def __init__(self, recorder: Recorder, lineage: Lineage, providers: Providers) -> None:
        self.recorder, self.providers, self.enabled = recorder, providers, True
        self._attachment = Attachment(self, lineage, TABLE)
        self.report = _fit_to_version(self._attachment.attach())

    def is_in_place(self) -> bool:
        """Whether the host that is imported now is the one that was attached to."""
        return self._attachment.is_in_place()

    def end(self) -> None:
        """Switch off and restore the host."""
        self.enabled = False
        self._attachment.detach()
        if self.recorder.process is not None:
            self.recorder.process.stop()


_active: Instrumentation | None = None
_refusal: AttachReport | None = None
_is_starting = False
on_stop: Callable[[], None] | None = None
"""Called after ``stop``: OpenTelemetry's base class of instrumentors has a record of its own."""


def _after_fork() -> None:
    """Let this process start: if another thread of the parent was starting, it is not here."""
    global _is_starting  # noqa: PLW0603 - the process has one host, so there is one switch
    _is_starting = False


in_child(_after_fork)


def active() -> bool:
    """Whether ``start`` was called and ``stop`` not since, even if there was nothing to attach to."""
    return _active is not None or _refusal is not None


def report() -> AttachReport:
    """What is attached now."""
    # Read once, here and below: another thread may switch off meanwhile.
    instrumentation = _active
    if instrumentation is not None:
        return instrumentation.report
    return _refusal or AttachReport(None, problem="instrument() has not been called")


def tracer() -> Tracer | None:
    """The tracer of our spans; ``None`` while nothing is attached, and until there is a provider."""
    recorder = None if (instrumentation := _active) is None else instrumentation.recorder
    return None if recorder is None or recorder.connect is not None else recorder.tracer


def flush(seconds: float) -> bool:
    """Export what was recorded so far; see ``autogen_otel.flush``."""
    process = None if (instrumentation := _active) is None else instrumentation.recorder.process
    return process is None or process.flush(seconds)


@dataclass(frozen=True, kw_only=True)
class Providers:
    """The providers that the application passes; global ones, or new ones, replace those it does not pass.

    Args:
        tracer_provider: for spans.
        meter_provider: for measurements.
        logger_provider: for log records.
    """

    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None
    logger_provider: LoggerProvider | None = None

    def suffice(self) -> bool:
        """Whether no provider has to be built: the application has passed or set the needed ones."""
        if self != Providers():
            return True
        return delivery.global_tracer_provider() is not None and delivery.global_meter_provider() is not None


def start(providers: Providers, settings: Settings | None, check: str | None = None) -> AttachReport:
    """Attach to the installed host, once; see ``autogen_otel.instrument``."""
    global _is_starting  # noqa: PLW0603 - the process has one host, so there is one switch
    if settings is not None and not isinstance(settings, Settings):
        raise SettingsError(f"settings must be autogen_otel.Settings(…), not of {type(settings).__name__}")
    if check is not None:
        settings = Settings(check=check) if settings is None else settings.checking(check)
    # One thread at a time, and a fork waits: the host is imported here.
    with delaying_forks(waits_forever=False):
        if _is_starting:
            # By this thread, if a signal handler calls this or a hook on an import below; or by another that
            # waits for the import whose hook calls this.
            return AttachReport(None, problem="another call of instrument() is at work, which attaches")
        _is_starting = True
        try:
            return _start(providers, settings)
        finally:
            _is_starting = False


def _start(providers: Providers, settings: Settings | None) -> AttachReport:
    global _active, _refusal  # noqa: PLW0603 - as above
    if _active is not None and _active.is_in_place():
        if _active.recorder.process is not None:
            _active.recorder.process.catch_sigterm_again()
        if _differ(_active, providers, settings):
            _log.warning(
                "autogen-otel is switched on already, so these settings and providers are not used; "
                "call autogen_otel.uninstrument() before"
            )
        return _active.report
    if _active is not None:
        # The host was imported again, as notebooks and reloading servers do.
        providers = _active.providers if providers == Providers() else providers
        settings = settings or _active.recorder.settings
        _active.end()
        _active = None
    previous, _refusal = _refusal, None
    problem = import_problem()
    detection = detect() if problem is None else Detection(problem=problem)
    if detection.lineage is None:
        _refusal = AttachReport(None, problem=detection.problem)
        if _refusal != previous:
            _log.warning("autogen-otel instruments nothing: %s", detection.problem)
        return _refusal
    if providers == Providers() and _is_disabled():
        _refusal = AttachReport(None, problem="OTEL_SDK_DISABLED is true, so nothing would be recorded")
        _log.info("autogen-otel instruments nothing: %s", _refusal.problem)
        return _refusal
    recorder = _recorder(providers, _settings(settings))
    if recorder.settings.check == OFFLINE:
        from autogen_otel.checks.startup import StartupCheck  # noqa: PLC0415 - only those who ask for it pay

        recorder.check = StartupCheck(guard.report).look
    _active = instrumentation = Instrumentation(recorder, detection.lineage, providers)
    for row in instrumentation.report.missing:
        _log.warning("autogen-otel could not attach to %s (%s): %s", row.target, row.yields, row.reason)
    return instrumentation.report


def _recorder(providers: Providers, settings: Settings) -> Recorder:
    """Make the recorder of calls.

    A provider that has to be built is built with the first span: so one that the application sets after
    ``instrument()`` wins, because a global provider can be set only once.
    """
    tracers = providers.tracer_provider or delivery.global_tracer_provider()
    tracer = NoOpTracer() if tracers is None else _tracer(tracers)
    recorder = Recorder(tracer, settings)
    recorder.process = delivery.Process()
    recorder.hide_environment()
    recorder.connect = partial(_connect, recorder, providers)
    if providers.suffice():
        recorder.connect()
    return recorder


def _connect(recorder: Recorder, providers: Providers) -> None:
    """Set a recorder's tracer, loggers and meters."""
    # One thread at a time. A fork waits for it, too: the SDK and the exporters are loaded here.
    with importing():
        # A signal handler or a finalizer may have interrupted this; its spans have no provider yet.
        if recorder.connect is None or recorder.is_connecting:
            return
        recorder.is_connecting = True
        try:
            _connect_now(recorder, providers)
        finally:
            recorder.is_connecting = False


def _connect_now(recorder: Recorder, providers: Providers) -> None:
    version, settings = distribution.version(), recorder.settings
    tracers = providers.tracer_provider or delivery.tracer_provider(settings)
    delivery.keep_copies(tracers, settings)
    meters, loggers = _other_providers(tracers, providers, settings)
    recorder.tracer = _tracer(tracers)
    recorder.renderer.narrow(delivery.longest_attribute(recorder.tracer))
    delivery.draw_apart(recorder.tracer)
    if loggers is not None:
        from autogen_otel.recording.logs import ContentEvents, FailureLogs  # noqa: PLC0415 - most have none

        logger = loggers.get_logger(SCOPE, version, SCHEMA_URL)
        recorder.failure_logs = FailureLogs(logger)
        if settings.messages_in_events:
            recorder.content_events = ContentEvents(logger)
    if not isinstance(meters, NoOpMeterProvider):
        meter = meters.get_meter(SCOPE, version, SCHEMA_URL)
        delivery.observe_delivery(meter, guard.internal_errors.total)
        recorder.meters = Meters(meters, meter, recorder.renderer, draws_apart=delivery.is_ours(meters))
    if recorder.process is not None:
        recorder.process.providers = [
            provider for provider in (tracers, meters, loggers) if provider is not None
        ]
    recorder.connect = None


def _tracer(tracers: TracerProvider) -> Tracer:
    return tracers.get_tracer(SCOPE, distribution.version(), schema_url=SCHEMA_URL)


def _other_providers(
    tracers: TracerProvider, providers: Providers, settings: Settings
) -> tuple[MeterProvider, LoggerProvider | None]:
    """The other two providers: an application that passes one gets no exporters for the others."""
    if providers == Providers():
        loggers = delivery.logger_provider(tracers, is_wanted=settings.messages_in_events)
        return delivery.meter_provider(tracers), loggers
    meters = providers.meter_provider or get_meter_provider()
    return meters, providers.logger_provider or delivery.global_logger_provider()


def _differ(current: Instrumentation, providers: Providers, settings: Settings | None) -> bool:
    """Whether a further ``instrument()`` asks for something else: notebooks and Streamlit run it again."""
    for name, provider in vars(providers).items():
        if provider is not None and provider is not getattr(current.providers, name):
            return True
    return settings is not None and not _same_settings(settings, current.recorder.settings)


def _same_settings(first: Settings, second: Settings) -> bool:
    # A script that runs again defines its function again.
    codes = [getattr(settings.redact, "__code__", settings.redact) for settings in (first, second)]
    return codes[0] == codes[1] and replace(first, redact=None) == replace(second, redact=None)


def _is_disabled() -> bool:
    """Whether the variable that switches the SDK off means that nothing would be recorded."""
    if not delivery.is_sdk_disabled():
        return False
    tracers = delivery.global_tracer_provider()
    return tracers is None or isinstance(tracers.get_tracer(SCOPE), NoOpTracer)


def _fit_to_version(report: AttachReport) -> AttachReport:
    """Return the report in which functions that an untested version lacks are not expected."""
    if report.lineage is None or report.lineage.is_tested:
        return report
    rows = [
        replace(row, expected=False, reason=f"{report.lineage} has no such function ({row.reason})")
        if isinstance(row, Absent) and row.expected
        else row
        for row in report.rows
    ]
    return replace(report, rows=tuple(rows))


def stop() -> None:
    """Detach from the host; see ``autogen_otel.uninstrument``."""
    _end()
    if on_stop is not None:
        on_stop()


def _end() -> None:
    global _active, _refusal  # noqa: PLW0603 - the process has one host, so there is one switch
    with delaying_forks():
        if _active is not None:
            _active.end()
        _active = _refusal = None


@contextmanager
def temporary_providers(providers: Providers) -> Iterator[None]:
    """Record with other providers for a while and journal nothing; then restore the previous ones."""
    previous = _active
    settings = Settings() if previous is None else previous.recorder.settings
    _end()
    start(providers, replace(settings, journal="off"))
    try:
        yield
    finally:
        _end()
        if previous is not None:
            start(previous.providers, settings)


def _settings(explicit: Settings | None) -> Settings:
    settings = Settings() if explicit is None else explicit
    for problem in settings.problems:
        if problem.startswith(REDACT_VARIABLE):
            _log.warning("autogen-otel records every text as [redacted]: %s", problem)
        else:
            _log.warning("autogen-otel goes on with this setting's default: %s", problem)
    for problem in unknown_variables():
        _log.warning("autogen-otel: %s", problem)
    return settings
