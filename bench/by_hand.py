"""Hand-written spans: what a careful engineer would write to see the same calls, and the measure for ours.

As many spans as ours, around the same calls. They tell names and model, the same sizes as ours (messages and
characters of the prompt, those that are new, the largest message, the tools offered, bytes of the request),
tokens, the tool's arguments and result, capped as ours are, and how each call ended: the status code that
came, whether the tool worked, and an exception as status and event of the span, as OpenTelemetry does it.
With content they tell each new message once, as JSON. Nothing is redacted, no failure that AutoGen hides is
found, nothing is told that has to be looked for (where a tool stands, whether its arguments fit, which entry
answered), and nothing protects the host from a mistake in here.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import openai
from autogen import ConversableAgent, OpenAIWrapper
from opentelemetry.trace import StatusCode, Tracer

_LONGEST = 8192


class Place(NamedTuple):
    """A method to put into a span, what to tell before and after it, and whether what it gave is an error."""

    owner: Any
    method: str
    before: Callable[..., dict[str, Any]]
    after: Callable[..., dict[str, Any]]
    failed: Callable[[Any], bool] | None = None


@contextlib.contextmanager
def attached(tracer: Tracer, *, content: bool) -> Iterator[None]:
    """Hand-written spans for one ``with`` block.

    Args:
        tracer: makes the spans.
        content: whether to tell what is said to and by models.
    """
    places = [*_PLACES, _model_call(content=content), _HTTP_ATTEMPT]
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
            if place.failed is not None and place.failed(value):
                span.set_status(StatusCode.ERROR)
            return value

    return wrapper


def _chars(message: dict[str, Any]) -> int:
    chars = len(message["content"] or "")
    for call in message.get("tool_calls") or ():
        chars += len(call["function"]["name"]) + len(call["function"]["arguments"])
    return chars


class _History:
    """What a wrapper has sent: how many messages, and the characters of its tools, which stay the same."""

    def __init__(self, tools: list[Any]) -> None:
        self.messages = 0
        self.tools_chars = len(json.dumps(tools, ensure_ascii=False))


def _model_call(*, content: bool) -> Place:
    histories: WeakKeyDictionary[Any, _History] = WeakKeyDictionary()

    def before(wrapper: Any, **config: Any) -> dict[str, Any]:
        entry, messages = wrapper._config_list[0], config["messages"]
        tools = entry.get("tools") or []
        if wrapper not in histories:
            histories[wrapper] = _History(tools)
        known_count = histories[wrapper].messages
        histories[wrapper].messages = len(messages)
        chars = [_chars(message) for message in messages]
        attributes = {
            "gen_ai.request.model": entry["model"],
            "messages": len(messages),
            "new_messages": len(messages) - known_count,
            "chars": sum(chars),
            "new_chars": sum(chars[known_count:]),
            "largest_chars": max(chars),
            "tools": len(tools),
            "tools_chars": histories[wrapper].tools_chars,
        }
        if content:
            # The last answer, which is the first of the new messages, was told when it came.
            new = messages[known_count + 1 if known_count else 0 :]
            attributes["gen_ai.input.messages"] = json.dumps(new, ensure_ascii=False)[:_LONGEST]
        return attributes

    def after(response: Any) -> dict[str, Any]:
        attributes = {
            "gen_ai.response.id": response.id,
            "gen_ai.response.model": response.model,
            "gen_ai.usage.input_tokens": response.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": response.usage.completion_tokens,
            "gen_ai.response.finish_reasons": [choice.finish_reason for choice in response.choices],
        }
        if content:
            answers = [choice.message.model_dump(exclude_none=True) for choice in response.choices]
            attributes["gen_ai.output.messages"] = json.dumps(answers, ensure_ascii=False)[:_LONGEST]
        return attributes

    return Place(OpenAIWrapper, "create", before, after)


_HTTP_CLIENT = next(base for base in openai.DefaultHttpxClient.__mro__ if "send" in vars(base))
"""``httpx.Client`` or ``httpx2.Client``, whichever the SDK uses."""
_HTTP_ATTEMPT = Place(
    _HTTP_CLIENT,
    "send",
    lambda _self, request, **_: {
        "http.request.method": request.method,
        "url.full": str(request.url),
        "http.request.body.size": int(request.headers["content-length"]),
    },
    lambda response: {"http.response.status_code": response.status_code},
    lambda response: response.status_code >= HTTPStatus.BAD_REQUEST,
)
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
        lambda value: not value[0],
    ),
)
