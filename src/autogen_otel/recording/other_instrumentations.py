"""Other instrumentations of the calls that we record: nothing is reported twice."""

from __future__ import annotations

import sys
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span

from autogen_otel.recording.current import SUPPRESS_KEY
from autogen_otel.vocabulary import spans

_OWN_SUPPRESS_KEY: str = getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", SUPPRESS_KEY)
"""Asked for by OpenLLMetry, OpenLIT, AgentOps and OpenInference; each process has one of its own."""

_INFERENCE_KEY: Final = "opentelemetry.genai.client.inference.context"
"""Asked for by packages built on ``opentelemetry-util-genai``; its value collects what they know."""

_AG2_TRACER: Final = "autogen.opentelemetry"
_AG2_TYPE: Final = "ag2.span.type"
_AG2_TYPES: Final = {
    spans.INVOKE_WORKFLOW: "conversation",
    spans.INVOKE_AGENT: "agent",
    spans.CHAT: "llm",
    spans.EXECUTE_TOOL: "tool",
    spans.EXECUTE_CODE: "code_execution",
    spans.AWAIT_HUMAN_INPUT: "human_input",
    spans.HANDOFF: "speaker_selection",
}


def silence_others(values: dict[str, object]) -> None:
    """Add to the context of a model call what keeps others from reporting it a second time."""
    # The HTTP client instrumentations ask for the plain key.
    values[SUPPRESS_KEY] = values[_OWN_SUPPRESS_KEY] = True
    data = _inference_data()
    if data is not None:
        values[_INFERENCE_KEY] = data


def _inference_data() -> Any:
    """A fresh collector of util-genai if that package is in use; importing it for this would be too dear."""
    module = sys.modules.get("opentelemetry.util.genai.invocation")
    factory = getattr(module, "InferenceData", None)
    return factory() if factory is not None else None


def ag2_span_of(operation: str, tracer: object, around: Span | None) -> Span | None:
    """The running span of AG2's own tracer for the observed call: completed by us, and ended by AG2.

    Args:
        operation: ``gen_ai.operation.name`` of the call.
        tracer: ours; a span that goes elsewhere is not ours to use, and there is nothing twice then.
        around: the span of the observed call around this one, which is not this call's.
    """
    if _AG2_TRACER not in sys.modules:
        return None
    span: Any = trace.get_current_span()
    if span is around or not span.is_recording():
        return None
    attributes = getattr(span, "attributes", None) or {}
    is_same = attributes.get(_AG2_TYPE) == _AG2_TYPES.get(operation) and go_together(span, tracer)
    return span if is_same else None


def go_together(theirs: object, tracer: object) -> bool:
    """Whether a span or tracer of theirs is of the provider that our tracer is of."""
    resource = getattr(tracer, "resource", None)
    return resource is not None and getattr(theirs, "resource", None) is resource
