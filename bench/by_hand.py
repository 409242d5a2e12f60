"""Hand-written spans: what a careful engineer would write to see the same calls, and the measure for ours.

As many spans as ours, around the same calls. They tell names, model, number and size of messages, tokens,
and the tool's arguments and result, capped as ours are. An exception becomes status and event of the span, as
OpenTelemetry does it. With content they tell each new message once, as JSON. Nothing is redacted, no failure
that AutoGen hides is found, and nothing protects the host from a mistake in here.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import openai._base_client
from autogen import ConversableAgent, OpenAIWrapper
from opentelemetry.trace import Tracer

_LONGEST = 8192


class Place(NamedTuple):
    """A method to put into a span, and what to tell before and after it."""

    owner: Any
    method: str
    before: Callable[..., dict[str, Any]]
    after: Callable[..., dict[str, Any]]


@contextlib.contextmanager
def attached(tracer: Tracer, *, content: bool) -> Iterator[None]:
    """Hand-written spans for one ``with`` block.

    Args:
        tracer: makes the spans.
        content: whether to tell what is said to and by models.
    """
    places = [*_PLACES, _model_call_with_content() if content else _MODEL_CALL]
    originals = [vars(place.owner)[place.method] for place in places]
    for place, original in zip(places, originals, strict=True):
        setattr(place.owner, place.method, _spanned(tracer, original, place))
    try:
        yield
    finally:
        for place, original in zip(places, originals, strict=True):
            setattr(place.owner, place.method, original)


def _spanned(tracer: Tracer, function: Callable[..., Any], place: Place) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(place.method, attributes=place.before(*args, **kwargs)) as span:
            value = function(*args, **kwargs)
            span.set_attributes(place.after(value))
            return value

    return wrapper


def _model_call_before(wrapper: Any, **config: Any) -> dict[str, Any]:
    return {
        "gen_ai.request.model": wrapper._config_list[0]["model"],
        "messages": len(config["messages"]),
        "chars": sum(len(str(message["content"])) for message in config["messages"]),
    }


def _model_call_after(response: Any) -> dict[str, Any]:
    return {
        "gen_ai.response.id": response.id,
        "gen_ai.response.model": response.model,
        "gen_ai.usage.input_tokens": response.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": response.usage.completion_tokens,
        "gen_ai.response.finish_reasons": [choice.finish_reason for choice in response.choices],
    }


def _model_call_with_content() -> Place:
    told: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def before(wrapper: Any, **config: Any) -> dict[str, Any]:
        messages = config["messages"]
        new = messages[told.get(wrapper, 0) :]
        told[wrapper] = len(messages) + 1  # the answer is told below
        return {
            **_model_call_before(wrapper, **config),
            "gen_ai.input.messages": json.dumps(new, ensure_ascii=False)[:_LONGEST],
        }

    def after(response: Any) -> dict[str, Any]:
        said = [choice.message.model_dump(exclude_none=True) for choice in response.choices]
        return {
            **_model_call_after(response),
            "gen_ai.output.messages": json.dumps(said, ensure_ascii=False)[:_LONGEST],
        }

    return Place(OpenAIWrapper, "create", before, after)


_MODEL_CALL = Place(OpenAIWrapper, "create", _model_call_before, _model_call_after)
_PLACES = (
    Place(
        ConversableAgent,
        "initiate_chat",
        lambda self, recipient, **_: {"gen_ai.workflow.name": f"{self.name} -> {recipient.name}"},
        lambda result: {"turns": len(result.chat_history)},
    ),
    Place(
        ConversableAgent,
        "generate_reply",
        lambda self, _messages=None, sender=None, **_: {
            "gen_ai.agent.name": self.name,
            "sender": sender.name,
        },
        lambda _reply: {"gen_ai.operation.name": "invoke_agent"},
    ),
    Place(
        openai._base_client.SyncAPIClient,
        "request",
        lambda self, *_, **__: {"url.full": str(self.base_url), "http.request.method": "POST"},
        lambda _response: {"http.response.status_code": 200},
    ),
    Place(
        ConversableAgent,
        "execute_function",
        lambda _self, call, *_, **__: {
            "gen_ai.tool.name": call["name"],
            "gen_ai.tool.call.arguments": json.dumps(json.loads(call["arguments"]))[:_LONGEST],
        },
        lambda value: {
            "ok": value[0],
            "gen_ai.tool.call.result": str(value[1]["content"])[:_LONGEST],
        },
    ),
)
