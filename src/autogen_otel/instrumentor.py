"""Composition root: the only module that knows all rooms."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry.metrics import NoOpMeterProvider, get_meter_provider

from autogen_otel import delivery, distribution
from autogen_otel.capture import Capture, KnownSecrets
from autogen_otel.hooks import guard
from autogen_otel.hooks.attach import Attachment
from autogen_otel.hooks.report import AttachReport
from autogen_otel.lineages import Lineage, detect
from autogen_otel.observations import MessagePolicy, Recorder
from autogen_otel.recording import ContentEvents, FailureLogs, Measures, Signals, SpanRecorder
from autogen_otel.settings import NO_CONTENT, Settings
from autogen_otel.vocabulary.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_log = logging.getLogger("autogen_otel")
_changing = Lock()


class Instrumentation:
    """One ``instrument()``: what the boundary asks while it is switched on.

    Args:
        recorder: where observations go.
        secrets: the credentials seen so far.
        messages: how much of what is said to models is recorded.
        lineage: the host.
    """

    def __init__(
        self, recorder: Recorder, secrets: KnownSecrets, messages: MessagePolicy, lineage: Lineage
    ) -> None:
        self.recorder, self.secrets, self.messages = recorder, secrets, messages
        self.enabled = True
        self._attachment = Attachment(self, lineage)
        self.report = self._attachment.attach()

    def end(self) -> None:
        """Switch off and restore the host."""
        self.enabled = False
        self._attachment.detach()


_active: Instrumentation | None = None
_refused: AttachReport | None = None


def active() -> bool:
    """Whether ``start`` was called and ``stop`` not since, even if there was nothing to attach to."""
    return _active is not None or _refused is not None


def report() -> AttachReport:
    """What is attached now."""
    if _active is not None:
        return _active.report
    return _refused or AttachReport(None, problem="instrument() has not been called")


@dataclass(frozen=True, kw_only=True)
class Providers:
    """The providers that the application hands over; those it does not are found or made.

    Args:
        tracer_provider: for spans.
        meter_provider: for measurements.
        logger_provider: for log records.
    """

    tracer_provider: TracerProvider | None = None
    meter_provider: MeterProvider | None = None
    logger_provider: LoggerProvider | None = None


def start(providers: Providers, settings: Settings | None) -> AttachReport:
    """Attach to the installed host, once; see ``autogen_otel.instrument``."""
    global _active, _refused  # noqa: PLW0603 - the process has one host, so there is one switch
    with _changing:
        if active():
            if providers != Providers() or settings is not None:
                _log.warning(
                    "autogen-otel is switched on already, so these settings and providers are not used; "
                    "call autogen_otel.uninstrument() before"
                )
            return report()
        detection = detect()
        if detection.lineage is None:
            _refused = AttachReport(None, problem=detection.problem)
            _log.warning("autogen-otel instruments nothing: %s", detection.problem)
            return _refused
        settings = settings or _settings()
        secrets = KnownSecrets()
        secrets.add_environment(os.environ)
        recorder = SpanRecorder(_signals(providers, settings, Capture(settings, secrets)))
        _active = Instrumentation(recorder, secrets, _message_policy(settings), detection.lineage)
    for row in _active.report.missing:
        _log.warning("autogen-otel could not attach to %s (%s): %s", row.target, row.yields, row.reason)
    return _active.report


def _message_policy(settings: Settings) -> MessagePolicy:
    if settings.capture_message_content == NO_CONTENT:
        return MessagePolicy.NONE
    return MessagePolicy.WHOLE if settings.full_message_history else MessagePolicy.ONCE


def _signals(providers: Providers, settings: Settings, capture: Capture) -> Signals:
    version = distribution.version()
    tracers = providers.tracer_provider or delivery.tracer_provider(settings)
    meters, loggers = _beside(tracers, providers, capture)
    measures = None
    if not isinstance(meters, NoOpMeterProvider):
        meter = meters.get_meter(SCOPE, version)
        delivery.observe_dropped(meter, guard.internal_errors.total)
        measures = Measures(meter, capture)
    logger = None if loggers is None else loggers.get_logger(SCOPE, version)
    return Signals(
        tracer=tracers.get_tracer(SCOPE, version),
        capture=capture,
        measures=measures,
        failure_logs=None if logger is None else FailureLogs(logger),
        content_events=None if logger is None or not capture.wants_events else ContentEvents(logger, capture),
    )


def _beside(
    tracers: TracerProvider, providers: Providers, capture: Capture
) -> tuple[MeterProvider, LoggerProvider | None]:
    """The other two providers: who hands over one of the three is not given exporters for the others."""
    meters, loggers = providers.meter_provider, providers.logger_provider
    if providers == Providers():
        return delivery.meter_provider(tracers), delivery.logger_provider(
            tracers, wanted=capture.wants_events
        )
    if meters is None:
        meters = get_meter_provider()
    return meters, loggers or delivery.global_logger_provider()


def stop() -> None:
    """Detach from the host; see ``autogen_otel.uninstrument``."""
    global _active, _refused  # noqa: PLW0603 - the process has one host, so there is one switch
    with _changing:
        if _active is not None:
            _active.end()
        _active = _refused = None


def _settings() -> Settings:
    settings, problems = Settings.read_environ()
    for problem in problems:
        _log.warning("autogen-otel goes on with this setting's default: %s", problem)
    return settings
