"""The tracer provider to record with: the application's own, else one made from the environment."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from autogen_otel.settings import Settings

_LOGGER = logging.getLogger("autogen_otel")
_BUILDING = threading.Lock()


def tracer_provider(settings: Settings) -> TracerProvider:
    """Return the global tracer provider; where none is set, build one and make it the global one.

    Spans that an application makes inside its tools join our traces because the provider is global.
    With ``OTEL_SDK_DISABLED=true``, or with an environment the SDK refuses, it is one that records nothing.

    Args:
        settings: whether and where a journal is kept.
    """
    from opentelemetry import trace  # noqa: PLC0415 - importing this room has to stay cheap

    with _BUILDING:
        present = trace.get_tracer_provider()
        if not isinstance(present, trace.ProxyTracerProvider):
            return present
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return trace.NoOpTracerProvider()
        built = _build(settings)
        if built is None:
            return trace.NoOpTracerProvider()
        trace.set_tracer_provider(built)
        return trace.get_tracer_provider()


def _build(settings: Settings) -> TracerProvider | None:
    from autogen_otel.setup.building import build  # noqa: PLC0415 - loads the SDK, which others may never need

    try:
        return build(settings)
    except Exception as error:  # noqa: BLE001 - a variable the SDK refuses must not end the application
        _LOGGER.warning(
            "Nothing is recorded, because OpenTelemetry cannot be set up from the environment: %s: %s",
            type(error).__name__,
            error,
        )
        return None
