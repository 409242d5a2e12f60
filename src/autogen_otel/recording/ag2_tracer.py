"""The tracer that AG2 0.14 brings: where its span is of the call that we observe, that span is used."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span, Tracer

from autogen_otel.observations import (
    AgentTurn,
    CodeRun,
    Conversation,
    Handoff,
    HumanInput,
    ModelCall,
    Observation,
    ToolCall,
)

_TYPE_ATTRIBUTE: Final = "ag2.span.type"
_TYPES: Final[dict[type[Observation], str]] = {
    Conversation: "conversation",
    AgentTurn: "agent",
    ModelCall: "llm",
    ToolCall: "tool",
    CodeRun: "code_execution",
    HumanInput: "human_input",
    Handoff: "speaker_selection",
}


def same_call(observation: Observation, tracer: Tracer, around: Span | None) -> Span | None:
    """AG2's running span of the observed call: to be completed by us, and ended by AG2.

    Args:
        observation: the call.
        tracer: ours; a span that goes elsewhere is not ours to use, and there is nothing twice then.
        around: the span of the observed call around this one, which is not this call's.
    """
    kind = _TYPES.get(type(observation))
    span: Any = trace.get_current_span()
    if kind is None or span is around or not span.is_recording():
        return None
    attributes = getattr(span, "attributes", None) or {}
    if attributes.get(_TYPE_ATTRIBUTE) != kind or not go_together(span, tracer):
        return None
    found: Span = span
    return found


def go_together(theirs: Any, tracer: Any) -> bool:
    """Whether a span or tracer of theirs is of the provider that our tracer is of."""
    resource = getattr(tracer, "resource", None)
    return resource is not None and getattr(theirs, "resource", None) is resource
