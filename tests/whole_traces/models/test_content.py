"""Message content: off unless asked for, each message once per conversation, no secrets, no pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.oai.client import OpenAIWrapper
from opentelemetry.sdk.trace import ReadableSpan

import autogen_otel
from autogen_otel.operations.models import messages as messages_read
from autogen_otel.testing import ChatRequest, entry, error, function_call, stream_drop, text, tool_call
from autogen_otel.testing.server import DEMO_KEY
from autogen_otel.vocabulary import attributes as names
from scenarios.responses_api import ResponsesServer
from tests.support import groups
from tests.support.agents import SHAPES, Serve, assistant, chat, configured, converse, pair, user
from tests.support.lineage import IS_014
from tests.support.models import HELLO, counting_words
from tests.support.telemetry import Telemetry, attributes_of, instrumented, strings_in
from tests.support.tools import lookup

CONTENT = (
    names.GEN_AI_SYSTEM_INSTRUCTIONS,
    names.GEN_AI_TOOL_DEFINITIONS,
    names.GEN_AI_INPUT_MESSAGES,
    names.GEN_AI_OUTPUT_MESSAGES,
)


@pytest.fixture
def telling(our_errors: list[BaseException]) -> Iterator[Telemetry]:
    """AutoGen instrumented with message content on spans."""
    with counting_words(), instrumented(autogen_otel.Settings(capture_message_content="SPAN_ONLY")) as kept:
        yield kept


def content_of(span: ReadableSpan) -> dict[str, Any]:
    """The content attributes of a span, parsed."""
    recorded_attributes = attributes_of(span)
    return {key: json.loads(recorded_attributes[key]) for key in CONTENT if key in recorded_attributes}


def transcript_of(telemetry: Telemetry) -> list[str]:
    """What the model calls tell, one line each: what went in, an arrow, what came out."""
    lines = []
    for span in telemetry.named("chat"):
        content = content_of(span)
        came = [*_lines(content.get(names.GEN_AI_INPUT_MESSAGES, ())), "->"]
        lines.append(" | ".join([*came, *_lines(content.get(names.GEN_AI_OUTPUT_MESSAGES, ()))]))
    return lines


def _lines(messages: Any) -> list[str]:
    return [f"{one['role']}: {' + '.join(map(_part, one['parts']))}" for one in messages]


def _part(part: dict[str, Any]) -> str:
    if part["type"] == "tool_call":
        return f"{part['name']}({json.dumps(part['arguments'])})"
    return str(part.get("content", part.get("response")))


def volume(telemetry: Telemetry) -> int:
    """Characters of all content attributes."""
    return sum(len(str(attributes_of(span).get(key, ""))) for span in telemetry.spans for key in CONTENT)


@SHAPES
def test_each_message_stands_once_on_the_call_that_first_sent_it(
    telling: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("Which one?"), text("Fine. TERMINATE")])
    asker, helper = pair(server, lookup)
    converse(shape, asker, helper)
    assert transcript_of(telling) == [
        'user: Hello | -> | assistant: lookup({"policy_id": "P-1"})',
        "tool: policy P-1 is active | -> | assistant: Which one?",
        "user:  | -> | assistant: Fine. TERMINATE",
    ]
    first, second, _ = (content_of(span) for span in telling.named("chat"))
    assert first[names.GEN_AI_SYSTEM_INSTRUCTIONS] == [
        {"type": "text", "content": "You are a helpful AI Assistant."}
    ]
    (tool,) = first[names.GEN_AI_TOOL_DEFINITIONS]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "lookup", "Runs lookup")
    assert list(tool["parameters"]["properties"]) == ["policy_id"]
    assert set(second) == {names.GEN_AI_INPUT_MESSAGES, names.GEN_AI_OUTPUT_MESSAGES}
    (answer,) = first[names.GEN_AI_OUTPUT_MESSAGES]
    assert answer["finish_reason"] == "tool_calls"
    (result,) = second[names.GEN_AI_INPUT_MESSAGES]
    assert result["parts"][0]["id"] == answer["parts"][0]["id"]


@SHAPES
def test_by_default_nothing_of_it_is_recorded_and_no_message_is_looked_at(
    telemetry: Telemetry, serve: Serve, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages_read, "_account", None)
    monkeypatch.setattr(messages_read, "is_instruction", None)
    converse(shape, *pair(serve([text("A secret plan. TERMINATE")]), lookup), message="Which plan?")
    assert volume(telemetry) == 0
    assert "plan" not in strings_in(telemetry.named("chat"))


@pytest.mark.parametrize("where", ["NO_CONTENT", "EVENT_ONLY"])
def test_content_that_is_not_for_spans_is_on_none(
    our_errors: list[BaseException], serve: Serve, where: str
) -> None:
    with instrumented(autogen_otel.Settings(capture_message_content=where)) as telemetry:
        chat(user(), assistant([entry(serve([text("Fine. TERMINATE")]))]))
    assert len(telemetry.named("chat")) == 1
    assert volume(telemetry) == 0


def _speaking(request: ChatRequest) -> Any:
    """Each agent says something of its own; who selects chooses them in turn."""
    messages = request.body["messages"]
    last = str(messages[-1]["content"])
    if "select the next role" in last:
        return text(("analyst", "supervisor")[len(messages) % 2])
    return text(f"Remark number {len(str(messages))}.")


@SHAPES
@pytest.mark.parametrize("method", ["auto", "round_robin"])
def test_in_a_group_everything_said_stands_once_although_everybody_sends_it(
    telling: Telemetry, serve: Serve, shape: str, method: str
) -> None:
    server = serve(_speaking)
    members = [assistant([entry(server)], name) for name in ("analyst", "supervisor")]
    asker, manager = groups.group(members, method, server=server, max_round=9)
    converse(shape, asker, manager, message="A claim of 731 euros.")
    transcript = [str(message["content"]) for message in manager.groupchat.messages]
    distinct = [said for said in set(transcript) if transcript.count(said) == 1]
    assert len(distinct) > 5
    everything = "\n".join(transcript_of(telling))
    assert [said for said in distinct if everything.count(said) != 1] == []


def _turns(serve: Serve, turns: int, **settings: Any) -> int:
    """Characters of content of a conversation of so many model calls."""
    answers = [text(f"Remark {number}, of {'many ' * 20}words.") for number in range(turns)]
    asker = user("user", default_auto_reply="And what else is there to be said of it?")
    chosen = autogen_otel.Settings(capture_message_content="SPAN_ONLY", **settings)
    with instrumented(chosen) as telemetry:
        chat(asker, assistant([entry(serve(answers))]), max_turns=turns)
    assert len(telemetry.named("chat")) == turns
    return volume(telemetry)


@pytest.mark.slow
def test_content_grows_linearly_with_the_conversation(our_errors: list[BaseException], serve: Serve) -> None:
    ten, twenty, forty = (_turns(serve, turns) for turns in (10, 20, 40))
    assert abs((forty - twenty) - 2 * (twenty - ten)) < 100
    assert forty < 4.2 * ten


def test_the_full_history_is_repeated_only_where_it_is_asked_for(
    our_errors: list[BaseException], serve: Serve
) -> None:
    whole = [_turns(serve, turns, full_message_history=True, max_value_length=100_000) for turns in (10, 20)]
    assert whole[1] > 3 * whole[0]
    assert whole[0] > 2 * _turns(serve, 10)


def test_a_transform_that_cuts_and_reorders_the_history_makes_nothing_new(
    telling: Telemetry, serve: Serve
) -> None:
    answers = [text(f"Remark {number}.") for number in range(7)] + [text("Done. TERMINATE")]
    helper = assistant([entry(serve(answers))])
    helper.register_hook("process_all_messages_before_reply", lambda history: history[-3:][::-1])
    chat(user(default_auto_reply="Go on."), helper)
    said = "\n".join(transcript_of(telling))
    assert [said.count(f"Remark {number}.") for number in range(7)] == [1] * 7
    assert said.count("Hello") == 1


def test_nested_chats_are_part_of_the_outer_conversation(telling: Telemetry, serve: Serve) -> None:
    server = serve([text("Checked by the inner one."), text("Checked again.")])
    asker, helper = groups.nested_chat([server])
    chat(asker, helper, "Is this claim fine?", max_turns=2)
    assert transcript_of(telling) == [
        "user: Please check. | -> | assistant: Checked by the inner one.",
        "-> | assistant: Checked again.",
    ]


def test_conversations_have_an_account_each(telling: Telemetry, serve: Serve) -> None:
    server = serve([text("Fine. TERMINATE")] * 2)
    for _ in range(2):
        chat(user(), assistant([entry(server)]))
    assert transcript_of(telling) == ["user: Hello | -> | assistant: Fine. TERMINATE"] * 2
    assert all(names.GEN_AI_SYSTEM_INSTRUCTIONS in content_of(span) for span in telling.named("chat"))


def test_calls_outside_of_conversations_tell_all_they_send(telling: Telemetry, serve: Serve) -> None:
    wrapper = OpenAIWrapper(config_list=[entry(serve([text("Hi.")] * 2), cache_seed=None)])
    for _ in range(2):
        wrapper.create(messages=HELLO)
    assert transcript_of(telling) == ["user: Hello | -> | assistant: Hi."] * 2


@SHAPES
def test_a_failed_call_tells_what_it_was_asked(telling: Telemetry, serve: Serve, shape: str) -> None:
    server = serve([error(400, "No", code="context_length_exceeded")])
    with pytest.raises(Exception, match="No"):
        converse(shape, user(), assistant([entry(server)]), message="A long story")
    assert transcript_of(telling) == ["user: A long story | ->"]


def test_a_streamed_answer_is_told_as_autogen_put_it_together(telling: Telemetry, serve: Serve) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("It is all fine. TERMINATE")])
    asker, helper = pair(server, lookup)
    chat(asker, configured(helper, stream=True))
    assert transcript_of(telling) == [
        'user: Hello | -> | assistant: lookup({"policy_id": "P-1"})',
        "tool: policy P-1 is active | -> | assistant: It is all fine. TERMINATE",
    ]


def test_a_stream_that_broke_is_told_as_far_as_it_came(telling: Telemetry, serve: Serve) -> None:
    with pytest.raises(Exception, match=r".*"):
        chat(user(), configured(assistant([entry(serve([stream_drop(2)]))]), stream=True))
    assert transcript_of(telling) == ["user: Hello | -> | assistant: a "]


def test_a_cached_answer_is_told_too(telling: Telemetry, serve: Serve) -> None:
    wrapper, cache = OpenAIWrapper(config_list=[entry(serve([text("Hi.")]))]), InMemoryCache("7")
    for _ in range(2):
        wrapper.create(messages=HELLO, cache=cache)
    assert [attributes_of(span)[names.CACHE_HIT] for span in telling.named("chat")] == [False, True]
    assert transcript_of(telling) == ["user: Hello | -> | assistant: Hi."] * 2


@SHAPES
def test_legacy_function_calls_are_told(telling: Telemetry, serve: Serve, shape: str) -> None:
    server = serve([function_call("lookup", {"policy_id": "P-1"}), text("Fine. TERMINATE")])
    asker = user()
    asker.register_function({"lookup": lookup})
    converse(shape, asker, assistant([entry(server)]))
    assert transcript_of(telling) == [
        'user: Hello | -> | assistant: lookup({"policy_id": "P-1"})',
        "tool: policy P-1 is active | -> | assistant: Fine. TERMINATE",
    ]


@pytest.mark.needs(IS_014, "only AG2 has these clients")
@pytest.mark.parametrize("api_type", ["responses", "responses_v2", "openai_v2"])
def test_the_clients_of_ag2_are_told_alike(telling: Telemetry, api_type: str) -> None:
    answers = [tool_call("lookup", {"policy_id": "P-1"}), text("Which?"), text("Fine. TERMINATE")]
    with ResponsesServer(answers) as server:
        chat(*pair(server, lookup, entries=[entry(server, api_type=api_type)]))
    assert transcript_of(telling) == [
        'user: Hello | -> | assistant: lookup({"policy_id": "P-1"})',
        "tool: policy P-1 is active | -> | assistant: Which?",
        "user:  | -> | assistant: Fine. TERMINATE",
    ]


def test_no_secret_in_a_message_leaves(telling: Telemetry, serve: Serve) -> None:
    answers = [
        tool_call("login", {"user": "anna", "password": "correct-horse-battery"}),
        text(f"My key is {DEMO_KEY}. TERMINATE"),
    ]

    def login(user: str, password: str) -> str:
        return json.dumps({"session_token": "tok-81cf93", "url": f"https://anna:{password}@host/"})

    asker, helper = pair(serve(answers), login)
    helper.update_system_message(f"Log in with {DEMO_KEY} and Bearer 4f9ac81e77d05b6.")
    chat(asker, helper, f"api_key={DEMO_KEY} and sk-abcdefghijklmnopqrstuvwxyz0123456789ABCD")
    exported = strings_in(telling.spans)
    for secret in (DEMO_KEY, "correct-horse-battery", "tok-81cf93", "4f9ac81e77d05b6", "sk-abcdef"):
        assert secret not in exported
    assert "anna" in exported


def test_a_picture_in_a_message_is_described(telling: Telemetry, serve: Serve) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAUA" * 100
    seen = [{"type": "text", "text": "See:"}, {"type": "image_url", "image_url": {"url": picture}}]
    server = serve([text("I see."), text("Done. TERMINATE")])
    user("user", default_auto_reply="And now?").initiate_chat(
        assistant([entry(server)]), message={"content": seen}, silent=True
    )
    assert server.requests[0].body["messages"][-1]["content"] == seen
    first, second = (content_of(span)[names.GEN_AI_INPUT_MESSAGES] for span in telling.named("chat"))
    blob = first[0]["parts"][1]
    assert (blob["type"], blob["modality"], blob["mime_type"]) == ("blob", "image", "image/png")
    assert blob["content"].startswith("[not recorded: 2100 bytes, sha256 ")
    assert [part["content"] for one in second for part in one["parts"]] == ["And now?"]
    assert "SUhEUgAAAA" not in strings_in(telling.spans)


def test_what_is_recorded_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "message-content.md").read_text(encoding="utf-8")
    assert [key for key in CONTENT if f"`{key}`" not in page] == []
