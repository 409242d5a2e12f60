"""Telling other instrumentations of the OpenAI SDK to be silent inside our model calls."""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context, set_value

_PLAIN_KEY = "suppress_instrumentation"
"""Asked for by the HTTP client instrumentations."""

_SUPPRESS_KEY: str = getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", _PLAIN_KEY)
"""Asked for by OpenLLMetry, OpenLIT, AgentOps and OpenInference; each process has one of its own."""

_INFERENCE_KEY = "opentelemetry.genai.client.inference.context"
"""Asked for by packages built on ``opentelemetry-util-genai``; its value collects what they found."""


def silence_others(context: Context) -> Context:
    """The context in which a model call runs, so that nobody reports it a second time."""
    context = set_value(_PLAIN_KEY, True, set_value(_SUPPRESS_KEY, True, context))
    data = _inference_data()
    return context if data is None else set_value(_INFERENCE_KEY, data, context)


def _inference_data() -> Any:
    """A fresh collector of util-genai if that package is in use; importing it for this would be too dear."""
    module = sys.modules.get("opentelemetry.util.genai.invocation")
    factory = getattr(module, "InferenceData", None)
    return factory() if factory is not None else None
