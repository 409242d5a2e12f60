"""Composition root: the only module that knows all rooms; ``opentelemetry-instrument`` enters here."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from importlib import metadata
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.trace import TracerProvider

from autogen_otel.capture import Capture, KnownSecrets
from autogen_otel.hooks.attach import Attachment
from autogen_otel.hooks.report import AttachReport
from autogen_otel.lineages import detect
from autogen_otel.observations import Recorder
from autogen_otel.recording import SpanRecorder
from autogen_otel.settings import Settings, SettingsError
from autogen_otel.setup import tracer_provider as default_tracer_provider
from autogen_otel.vocabulary.spans import SCOPE

_log = logging.getLogger("autogen_otel")


class Instrumentation:
    """One ``instrument()``: what the boundary asks while it is switched on.

    Args:
        recorder: where observations go.
        secrets: the credentials seen so far.
    """

    def __init__(self, recorder: Recorder, secrets: KnownSecrets) -> None:
        self.recorder, self.secrets = recorder, secrets
        self.enabled = True


class AutoGenInstrumentor(BaseInstrumentor):
    """Instruments the installed AutoGen; there is one instance per process.

    ``opentelemetry-instrument`` finds it by its entry point and calls ``instrument()`` without arguments.
    """

    _attachment: Attachment | None = None
    _instrumentation: Instrumentation | None = None
    _report = AttachReport(None, problem="instrument() has not been called")

    @property
    def report(self) -> AttachReport:
        """What the last ``instrument()`` attached."""
        return self._report

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: the host is one of three packages, and the base class would want all of them."""
        return ()

    def _instrument(self, **kwargs: Any) -> AttachReport:
        detection = detect()
        if detection.lineage is None:
            self._report = AttachReport(None, problem=detection.problem)
            _log.warning("autogen-otel instruments nothing: %s", detection.problem)
            return self._report
        settings = kwargs.get("settings") or _settings()
        secrets = KnownSecrets()
        secrets.add_environment(os.environ)
        provider: TracerProvider = kwargs.get("tracer_provider") or default_tracer_provider(settings)
        tracer = provider.get_tracer(SCOPE, metadata.version("autogen-otel"))
        self._instrumentation = Instrumentation(SpanRecorder(tracer, Capture(settings, secrets)), secrets)
        self._attachment = Attachment(self._instrumentation, detection.lineage)
        self._report = self._attachment.attach()
        for row in self._report.missing:
            _log.warning("autogen-otel could not attach to %s (%s): %s", row.target, row.yields, row.reason)
        return self._report

    def _uninstrument(self, **_kwargs: Any) -> None:
        if self._instrumentation is not None:
            self._instrumentation.enabled = False
        if self._attachment is not None:
            self._attachment.detach()
        self._attachment = self._instrumentation = None
        self._report = AttachReport(None, problem="uninstrument() was called")


def _settings() -> Settings:
    try:
        return Settings.from_environ()
    except SettingsError as error:
        _log.warning("autogen-otel goes on with its defaults: %s", error)
        return Settings()
