"""Other instrumentations of the calls that we record: nothing is reported twice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span

from autogen_otel.recording.current import SUPPRESS_KEY
from autogen_otel.vocabulary import spans

_OWN_SUPPRESS_KEY: str = getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", SUPPRESS_KEY)
"""Read by OpenLLMetry, OpenLIT, AgentOps and OpenInference; each process has a key of its own."""

_HTTP_KEY: str = getattr(otel_context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")
"""Read by OpenTelemetry's instrumentations of HTTP clients."""

_INFERENCE_KEY: Final = "opentelemetry.genai.client.inference.context"
"""Read by packages built on ``opentelemetry-util-genai``; its value collects their data."""

_PACKAGE: Final = "opentelemetry.instrumentation"
_INSTRUMENTATIONS: Final = f"{_PACKAGE}."
AG2_TRACER: Final = "autogen.opentelemetry"
"""The module of AG2's own tracer: where it is not loaded, the tracer has made no spans."""
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


Change = Callable[[dict[str, Any]], None]
"""Changes the context that a call runs in."""


def silence_others(values: dict[str, Any]) -> None:
    """Keep the instrumentations of the SDK from reporting a model call a second time."""
    values[SUPPRESS_KEY] = values[_OWN_SUPPRESS_KEY] = True
    data = _inference_data()
    if data is not None:
        values[_INFERENCE_KEY] = data


def unsilence_others(values: dict[str, Any]) -> None:
    """Let others report again, inside of hooks, auth and transports of the application's HTTP client."""
    for key in (SUPPRESS_KEY, _OWN_SUPPRESS_KEY, _INFERENCE_KEY):
        values.pop(key, None)


def silence_http(values: dict[str, Any]) -> None:
    """Keep the instrumentation of the HTTP client from reporting a recorded attempt a second time."""
    values[_HTTP_KEY] = True


def has_instrumentations() -> bool:
    """Whether anything of OpenTelemetry's instrumentations is loaded."""
    return _PACKAGE in sys.modules


def sends_headers(transport: Any) -> bool:
    """Whether an instrumentation reports the requests of a transport, and sends trace headers along."""
    makers: list[Any] = [type(transport)]
    for name in ("handle_request", "handle_async_request"):
        wrapper = getattr(getattr(transport, name, None), "_self_wrapper", None)
        makers.append(getattr(wrapper, "func", wrapper))
    return any(str(getattr(maker, "__module__", "")).startswith(_INSTRUMENTATIONS) for maker in makers)


def send_headers(headers: Any) -> None:
    """Send the trace headers and baggage that a silenced instrumentation would send, from the attempt on."""
    from opentelemetry import propagate  # noqa: PLC0415 - looks for entry points; whoever instruments HTTP has it

    propagate.inject(headers)


def _inference_data() -> Any:
    """A new collector of util-genai if that package is in use; importing it for this would cost too much."""
    module = sys.modules.get("opentelemetry.util.genai.invocation")
    factory = getattr(module, "InferenceData", None)
    return factory() if factory is not None else None


def ag2_span_of(operation: str, tracer: object, parent_span: Span | None) -> Span | None:
    """The running span of AG2's own tracer for the observed call: completed by us, and ended by AG2.

    Args:
        operation: ``gen_ai.operation.name`` of the call.
        tracer: our tracer; a span that goes elsewhere is not ours to use, and then nothing is reported twice.
        parent_span: the span of the observed call around this one, which is not this call's.
    """
    span: Any = trace.get_current_span()
    if span is parent_span or not span.is_recording():
        return None
    attributes = getattr(span, "attributes", None) or {}
    is_same = attributes.get(_AG2_TYPE) == _AG2_TYPES.get(operation) and share_provider(span, tracer)
    return span if is_same else None


def share_provider(other: object, tracer: object) -> bool:
    """Whether another span or tracer has the same provider as our tracer."""
    resource = getattr(tracer, "resource", None)
    return resource is not None and getattr(other, "resource", None) is resource
