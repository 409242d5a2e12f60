"""The entry point ``opentelemetry_instrumentor``: how ``opentelemetry-instrument`` switches us on and off.

It is apart from ``instrumentation`` because its base class takes longer to import than all of ours.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from autogen_otel import instrumentation
from autogen_otel.hooks.report import AttachReport


class AutoGenInstrumentor(BaseInstrumentor):
    """The same switch as ``autogen_otel.instrument()`` in the form of OpenTelemetry's instrumentations.

    ``instrument()`` takes the keywords ``tracer_provider`` and ``settings`` of that function.
    """

    @property
    def report(self) -> AttachReport:
        """What is attached now."""
        return instrumentation.report()

    @property
    def _is_instrumented_by_opentelemetry(self) -> bool:
        """The base class's own record would miss a call of ``autogen_otel.instrument()``."""
        return instrumentation.active()

    @_is_instrumented_by_opentelemetry.setter
    def _is_instrumented_by_opentelemetry(self, _value: bool) -> None:
        """Whatever the base class notes, the switch knows it already."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: the host is one of several packages, and the base class would want all of them."""
        return ()

    def _instrument(self, **kwargs: Any) -> AttachReport:
        given = (field.name for field in fields(instrumentation.Providers))
        providers = instrumentation.Providers(**{name: kwargs.get(name) for name in given})
        return instrumentation.start(providers, kwargs.get("settings"))

    def _uninstrument(self, **_kwargs: Any) -> None:
        instrumentation.stop()
