"""The entry point ``opentelemetry_instrumentor``: how ``opentelemetry-instrument`` switches us on and off.

It is separate from ``instrumentation`` because its base class takes longer to import than our package.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from autogen_otel import instrumentation
from autogen_otel.hooks.report import AttachReport
from autogen_otel.hosts.classic.lineages import installed_requirements


class AutoGenInstrumentor(BaseInstrumentor):
    """Does what ``autogen_otel.instrument()`` does, in the form of an OpenTelemetry instrumentation.

    Its ``instrument()`` takes the keywords ``tracer_provider`` and ``settings`` of that function.
    """

    @property
    def report(self) -> AttachReport:
        """What is attached now."""
        return instrumentation.report()

    def instrumentation_dependencies(self) -> Collection[str]:
        """The installed host alone, because the base class would require all hosts in the list.

        An installed host that we cannot attach to is not in it: ``instrument()`` explains that better.
        """
        return installed_requirements()

    def uninstrument(self, **kwargs: Any) -> None:
        """Undo ``instrument()``, also that of the package, which the base class does not know of."""
        self._is_instrumented_by_opentelemetry = instrumentation.active()
        super().uninstrument(**kwargs)

    def _instrument(self, **kwargs: Any) -> AttachReport:
        names = (field.name for field in fields(instrumentation.Providers))
        providers = instrumentation.Providers(**{name: kwargs.get(name) for name in names})
        instrumentation.on_stop = self._note_stop
        return instrumentation.start(providers, kwargs.get("settings"))

    def _uninstrument(self, **_kwargs: Any) -> None:
        instrumentation.stop()

    def _note_stop(self) -> None:
        self._is_instrumented_by_opentelemetry = False
