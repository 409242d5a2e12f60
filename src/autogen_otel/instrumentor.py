"""Composition root: the only module that knows all rooms."""

from __future__ import annotations

import logging
import os
from importlib import metadata
from threading import Lock
from typing import TYPE_CHECKING

from autogen_otel.capture import Capture, KnownSecrets
from autogen_otel.hooks.attach import Attachment
from autogen_otel.hooks.report import AttachReport
from autogen_otel.lineages import Lineage, detect
from autogen_otel.observations import Recorder
from autogen_otel.recording import SpanRecorder
from autogen_otel.settings import Settings, SettingsError
from autogen_otel.setup import tracer_provider as default_tracer_provider
from autogen_otel.vocabulary.spans import SCOPE

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_log = logging.getLogger("autogen_otel")
_changing = Lock()


class Instrumentation:
    """One ``instrument()``: what the boundary asks while it is switched on.

    Args:
        recorder: where observations go.
        secrets: the credentials seen so far.
        lineage: the host.
    """

    def __init__(self, recorder: Recorder, secrets: KnownSecrets, lineage: Lineage) -> None:
        self.recorder, self.secrets = recorder, secrets
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


def start(tracer_provider: TracerProvider | None, settings: Settings | None) -> AttachReport:
    """Attach to the installed host, once; see ``autogen_otel.instrument``."""
    global _active, _refused  # noqa: PLW0603 - the process has one host, so there is one switch
    with _changing:
        if active():
            if tracer_provider is not None or settings is not None:
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
        provider = tracer_provider or default_tracer_provider(settings)
        tracer = provider.get_tracer(SCOPE, metadata.version("autogen-otel"))
        recorder = SpanRecorder(tracer, Capture(settings, secrets))
        _active = Instrumentation(recorder, secrets, detection.lineage)
    for row in _active.report.missing:
        _log.warning("autogen-otel could not attach to %s (%s): %s", row.target, row.yields, row.reason)
    return _active.report


def stop() -> None:
    """Detach from the host; see ``autogen_otel.uninstrument``."""
    global _active, _refused  # noqa: PLW0603 - the process has one host, so there is one switch
    with _changing:
        if _active is not None:
            _active.end()
        _active = _refused = None


def _settings() -> Settings:
    try:
        return Settings.from_environ()
    except SettingsError as error:
        _log.warning("autogen-otel goes on with its defaults: %s", error)
        return Settings()
