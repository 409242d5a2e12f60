"""Whatever people and models come up with, the host does what it would do without us, and traces encode."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any
from unittest.mock import MagicMock

import autogen
import openai
import pytest
from autogen import ConversableAgent
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from autogen_otel.testing import ScriptedServer, entry, error, malformed, text, tool_call
from tests.support import hostile
from tests.support.agents import Agents, assistant, pair, user
from tests.support.conversations import Conversation, play
from tests.support.lineage import IS_014, IS_02, IS_09
from tests.support.telemetry import EVERYTHING, instrumented

_DONE = text("Done. TERMINATE")
_CALL = [[tool_call("act", {"what": "x"}), _DONE]]


def _called(name: str, arguments: str) -> list[Any]:
    return [[tool_call(name, arguments), _DONE]]


def _tool_scenes() -> list[Conversation]:
    made = {"result": hostile.VALUES, "exception": hostile.ERRORS}
    return [
        Conversation(
            f"{kind} {name}{', function map' if raw else ''}", _CALL, hostile.with_tool(body, raw=raw)
        )
        for kind, bodies in made.items()
        for name, body in bodies.items()
        for raw in (True, False)
    ]


def _model_scenes() -> list[Conversation]:
    fine = hostile.with_tool(lambda: "fine", raw=True)
    arguments = {
        "1 MB": '{"what": "' + "x" * 1_000_000 + '"}',
        "many elements": '{"what": [' + "1," * 199_999 + "1]}",
        "deep": '{"what": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "not a number": '{"what": NaN}',
        "infinite": '{"what": 1e400}',
        "a huge integer": '{"what": 1' + "0" * 3000 + "}",
        "an integer nobody reads": '{"what": 1' + "0" * 6000 + "}",
        "lone surrogates": '{"what": "\\ud800", "\\udfff": "\\udc80"}',
        "raw surrogates": '{"what": "\ud800"}',
        "control characters": '{"what": "\\u0000\\u001b"}',
    }
    replies = [
        malformed(message={"content": "a\ud800b TERMINATE"}),
        malformed(message={"content": "", "tool_calls": [{"id": "\ud800", "type": "x", "function": {}}]}),
        malformed(message={"content": 7}),
        malformed(message={"content": ["TERMINATE", None, {"text": 7}]}),
        malformed(id="\ud800" * 3, model="\udc80", usage={"prompt_tokens": "many", "total_tokens": None}),
        malformed(usage={"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 10**30}),
        malformed(choices=[None]),
    ]
    return [
        *(Conversation(f"arguments {name}", _called("act", sent), fine) for name, sent in arguments.items()),
        *(Conversation(f"reply {number}", [[reply, _DONE]], fine) for number, reply in enumerate(replies)),
        Conversation("a tool's name of 10k characters", _called("n" * 10_000, "{}"), fine),
        Conversation("a tool's name with surrogates", _called("act\ud800", "{}"), fine),
    ]


def _client_scenes() -> list[Conversation]:
    parts = {
        "arguments": [hostile.calling("act", made()) for made in hostile.VALUES.values()],
        "name": [hostile.calling(made(), "{}") for made in hostile.VALUES.values()],
        "message": list(hostile.VALUES.values()),
    }
    conversations = [
        Conversation(f"client, {part} {name}", [], hostile.answered_by_client(message))
        for part, messages in parts.items()
        for name, message in zip(hostile.VALUES, messages, strict=True)
    ]
    fields = ("id", "model", "usage", "choices", "config_id", "cost")
    return conversations + [
        Conversation(f"client, {field} {name}", [], hostile.answered_by_client(**{field: made}))
        for field in fields
        for name, made in hostile.VALUES.items()
        if name in {"unprintable", "a huge integer", "lone surrogates", "unprintable inside", "bytes"}
    ]


def _agent_scenes() -> list[Conversation]:
    names = {"empty": "", "with surrogates": "a\ud800", "of 10k characters": "n" * 10_000, "odd": "a b\n\x00"}
    own = (hostile.OwnTools, hostile.OwnReplies, hostile.OddName)
    return [
        *(
            Conversation(f"agent's name {name}", [[_DONE]], hostile.named(value))
            for name, value in names.items()
        ),
        *(Conversation(f"agent of class {cls.__name__}", _CALL, hostile.of_class(cls)) for cls in own),
        *(
            Conversation(f"callable {name}", _CALL, hostile.with_map(f))
            for name, f in hostile.CALLABLES.items()
        ),
        Conversation("odd selector", [[_DONE] * 3], hostile.selected_by(hostile.Selector())),
        Conversation("a mock", [], lambda _: (user(), _mock())),
        Conversation("a mock that is waited for", [], lambda _: (user(), _mock()), {"max_turns": 2}),
    ]


def _mock() -> Any:
    agent = MagicMock(spec=ConversableAgent)
    agent._oai_messages = {}
    return agent


def _config_scenes() -> list[Conversation]:
    fields: dict[str, dict[str, Any]] = {
        "temperature text": {"temperature": "hot"},
        "temperature huge": {"temperature": 10**400},
        "temperature not a number": {"temperature": float("nan")},
        "max_tokens huge": {"max_tokens": 10**30},
        "top_p a list": {"top_p": [1]},
        "model a number": {"model": 7},
        "model with surrogates": {"model": "gpt\ud800"},
        "model of 10k characters": {"model": "m" * 10_000},
        "api_type a list": {"api_type": ["openai"]},
        "tools no list": {"tools": 5},
        "tools of odd things": {"tools": [None, {"function": 5}, {"function": {"name": None}}]},
        "functions odd": {"functions": [5]},
        "stream text": {"stream": "yes"},
        "messages of its own": {"messages": [5, None, {"content": ["x", {"text": 7}], "tool_calls": 7}]},
        "tags unprintable": {"tags": hostile.Unprintable()},
        "timeout odd": {"timeout": "soon"},
        "base URL with an odd port": {"base_url": "http://127.0.0.1:99999999/v1"},
        "base URL empty": {"base_url": ""},
        "headers odd": {"default_headers": {"x": 5, "y": b"\xff"}},
    }
    return [
        Conversation(f"entry, {name}", [[_DONE] * 2], _configured(extra)) for name, extra in fields.items()
    ]


def _configured(extra: dict[str, Any]) -> Agents:
    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        return user(), assistant([{**entry(servers[0]), "max_retries": 0, **extra}])

    return agents


def _message_scenes() -> list[Conversation]:
    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        asker, helper = pair(servers[0], lambda_tool)
        return asker, helper

    def lambda_tool(what: str = "") -> str:
        return what

    messages = {
        "a number": 7,
        "bytes": b"\xff",
        "surrogates": "a\ud800",
        "without content": {"role": "user"},
        "tool calls no list": {"content": "x", "tool_calls": 7},
        "tool calls odd": {"content": "x", "tool_calls": [None, 7, {}, {"function": None}, {"function": {}}]},
        "function call odd": {"content": "x", "function_call": 7},
        "function call without a name": {"content": "x", "function_call": {"arguments": None}},
        "parts odd": {"content": [None, 7, {"type": "text"}, {"type": "text", "text": 7}]},
        "unprintable": {"content": "x", "name": "n", "extra": hostile.Unprintable()},
    }
    return [
        *(
            Conversation(f"message {name}", [[_DONE] * 3], agents, {"message": m})
            for name, m in messages.items()
        ),
        Conversation("chat id unprintable", [[_DONE]], agents, {"chat_id": hostile.Unprintable()}),
        Conversation("chat id of surrogates", [[_DONE]], agents, {"chat_id": "\ud800" * 9}),
    ]


def _llm_config_scenes() -> list[Conversation]:
    """AG2's own class for a configuration, which is no dict."""
    if IS_02:
        return []

    def agents(servers: Sequence[ScriptedServer]) -> tuple[Any, Any]:
        given = [entry(servers[0])]
        config = autogen.LLMConfig(*given) if IS_014 else autogen.LLMConfig(config_list=given)
        return user(), ConversableAgent("assistant", llm_config=config, human_input_mode="NEVER")

    return [Conversation("a configuration object", [[_DONE]], agents)]


HOSTILE = [
    *_tool_scenes(),
    *_model_scenes(),
    *_client_scenes(),
    *_agent_scenes(),
    *_config_scenes(),
    *_message_scenes(),
    *_llm_config_scenes(),
]


@pytest.fixture(autouse=True)
def _silent_hosts() -> Iterator[None]:
    """What the hosts log of all this is megabytes, and some of it no report can hold."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _scene(name: str) -> Conversation:
    return next(conversation for conversation in HOSTILE if conversation.name == name)


def outcome(conversation: Conversation, shape: str) -> Any:
    """As ``play`` tells it, or how making the agents or showing the histories failed."""
    try:
        return play(conversation, shape)
    except Exception as error:
        return type(error), error.args


def text_of(spans: Sequence[ReadableSpan]) -> str:
    """Every value of every span, one a line."""
    values = [span.name for span in spans]
    for span in spans:
        for attributes in (span.attributes, *(event.attributes for event in span.events)):
            values += map(str, (attributes or {}).values())
    return "\n".join(values)


def assert_encodable(spans: Sequence[ReadableSpan]) -> None:
    """The encoder leaves out an attribute that it cannot take, and fails over a name."""
    for span in spans:
        encoded = encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]
        assert {one.key for one in encoded.attributes} == set(span.attributes or {})
        for event, event_encoded in zip(span.events, encoded.events, strict=True):
            assert {one.key for one in event_encoded.attributes} == set(event.attributes or {})


@pytest.mark.parametrize(
    ("conversation", "shape"),
    [pytest.param(*pair, id=f"{pair[0].name}, {pair[1]}") for pair in product(HOSTILE, ("sync", "async"))],
)
@pytest.mark.shared("shapes")
def test_the_host_does_what_it_would_do_and_the_trace_can_be_encoded(
    conversation: Conversation, shape: str, our_errors: list[BaseException]
) -> None:
    plain = outcome(conversation, shape)
    with instrumented(EVERYTHING) as telemetry:
        assert outcome(conversation, shape) == plain
    assert_encodable(telemetry.spans)


@pytest.mark.parametrize(
    ("conversation", "mark"),
    [
        (
            _scene("exception whose str raises, function map"),
            "<unprintable SullenError: str raised ZeroDivision",
        ),
        (_scene("exception with a message of 1 MB"), "1000000 characters in all]"),
        (_scene("exception of endless recursion"), "[Previous line repeated "),
        (_scene("exception in a group"), "<unprintable SullenError: str raised ZeroDivision"),
        (_scene("exception with surrogates"), "a\\ud800b"),
        (_scene("result 1 MB"), "…[cut, 1000000 characters in all]"),
        (_scene("arguments 1 MB"), "…[cut, 1000012 characters in all]"),
        (_scene("arguments many elements"), "…[cut, 400011 characters in all]"),
        (_scene("arguments not a number"), "NaN"),
        (_scene("arguments lone surrogates"), "\\ud800"),
        (_scene("agent's name of 10k characters"), "characters in all]"),
        (_scene("reply 5"), str(10**30)),
        (_scene("chat id unprintable"), "<unprintable Unprintable: str raised ZeroDivisionError>"),
    ],
    ids=lambda given: given.name if isinstance(given, Conversation) else "",
)
def test_what_could_not_be_recorded_as_it_was_is_said_on_the_span(
    conversation: Conversation, mark: str, our_errors: list[BaseException]
) -> None:
    with instrumented() as telemetry:
        outcome(conversation, "sync")
    assert mark in text_of(telemetry.spans)


@pytest.mark.parametrize("name", hostile.VALUES)
@pytest.mark.shared("hosts")
def test_calls_that_no_agent_would_make_come_out_the_same(name: str, our_errors: list[BaseException]) -> None:
    def called(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            function(*args, **options)
        except Exception as error:
            return type(error)
        return None

    def outcomes() -> list[Any]:
        with ScriptedServer([_DONE] * 9) as server:
            agent, value = assistant([entry(server)]), hostile.VALUES[name]
            agent.register_function({"act": lambda **_: "fine"})
            message, plain_message = (
                {"role": "user", "content": value()},
                {"role": "user", "content": "Hello"},
            )
            return [
                called(agent.execute_function, value()),
                called(agent.execute_function, {"name": value(), "arguments": "{}"}),
                called(agent.execute_function, {"name": "act", "arguments": value()}),
                called(agent.generate_reply, [message], sender=value()),
                called(agent.generate_reply, messages=value(), sender=agent),
                called(agent.initiate_chat, value(), message="Hello", silent=True),
                called(agent.client.create, messages=value()),
                called(agent.client.create, messages=[plain_message], agent=value()),
                called(agent.client.create, messages=[plain_message], temperature=value()),
            ]

    plain = outcomes()
    with instrumented(EVERYTHING) as telemetry:
        assert outcomes() == plain
    assert_encodable(telemetry.spans)


@pytest.mark.needs(
    not IS_09,
    "its configuration takes a client of httpx, the SDK one of httpx2",
)
def test_an_http_client_of_the_applications_own_is_observed_and_left_as_it_is(
    our_errors: list[BaseException],
) -> None:
    module = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])

    class Own(module.Client):  # type: ignore[name-defined,misc]
        sent = 0

        def __deepcopy__(self, _memo: Any) -> Any:
            return self

        def send(self, *args: Any, **options: Any) -> Any:
            self.sent += 1
            return super().send(*args, **options)

    send = Own.send
    with ScriptedServer([error(500, "Down"), _DONE]) as server, Own() as client:
        asker, helper = user(), assistant([entry(server, http_client=client)])
        with instrumented() as telemetry:
            asker.initiate_chat(helper, message="Hello", silent=True)
        assert client.sent == 2
        assert Own.send is send
    statuses = [(span.attributes or {}).get("http.response.status_code") for span in telemetry.named("POST")]
    assert statuses == [500, 200]
