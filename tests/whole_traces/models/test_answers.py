"""What is wrong with an answer that is no failure, what it asks for, and what was billed all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from autogen import OpenAIWrapper
from autogen.cache.in_memory_cache import InMemoryCache

from autogen_otel.testing import entry, malformed, text, tool_call, tool_calls
from autogen_otel.testing.replies import Completion
from tests.support.agents import SHAPES, Serve, a_chat, assistant, chat, configured, converse, pair, user
from tests.support.models import counting_words, house
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.tools import lookup

HELLO = [{"role": "user", "content": "Hello"}]

PROBLEMS = {
    "cut": (text("TERMINATE half an", finish_reason="length"), "cut_at_token_limit"),
    "filtered": (text("TERMINATE", finish_reason="content_filter"), "content_filter"),
    "filtered by Google": (
        text("TERMINATE", finish_reason="content_filter: PROHIBITED_CONTENT"),
        "content_filter",
    ),
    "filtered in Google's own words": (text("TERMINATE", finish_reason="IMAGE_SAFETY"), "content_filter"),
    "refused": (malformed(message={"content": None, "refusal": "I cannot help with that."}), "refusal"),
    "empty": (text(""), "empty"),
    "blank": (text("  \n"), "empty"),
    "cut before it said anything": (text("", finish_reason="length"), "cut_at_token_limit"),
    "fine": (text("TERMINATE"), None),
    "asks for a tool": (tool_call("lookup", {"policy_id": "P-1"}), None),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_answer_that_is_cut_filtered_refused_or_empty_says_so(
    telemetry: Telemetry, serve: Serve, name: str
) -> None:
    reply, problem = PROBLEMS[name]
    OpenAIWrapper(config_list=[entry(serve([reply]))]).create(messages=HELLO, cache_seed=None)
    call = telemetry.one("chat")
    assert attributes_of(call).get("autogen.response.problem") == problem
    assert call.status.is_ok
    (duration,) = telemetry.points_of("gen_ai.client.operation.duration")
    assert duration.labels.get("autogen.response.problem") == problem


def test_a_stream_that_is_cut_says_so(telemetry: Telemetry, serve: Serve) -> None:
    with counting_words():
        helper = configured(
            assistant([entry(serve([text("TERMINATE half", finish_reason="length")]))]), stream=True
        )
        chat(user(), helper)
    assert attributes_of(telemetry.one("chat"))["autogen.response.problem"] == "cut_at_token_limit"


def test_a_call_names_the_tools_offered_and_asked_for(telemetry: Telemetry, serve: Serve) -> None:
    asked = tool_calls(
        [("lookup", {"policy_id": "P-1"}, "call_1"), ("lookup", {"policy_id": "P-2"}, "call_2")]
    )
    chat(*pair(serve([asked, text("TERMINATE")]), lookup))
    first, second = map(attributes_of, telemetry.named("chat"))
    assert first["autogen.prompt.tool_names"] == ("lookup",)
    assert first["autogen.response.tool_calls"] == ("lookup call_1", "lookup call_2")
    assert "autogen.response.tool_calls" not in second


def test_without_tools_nothing_is_said_of_their_size(telemetry: Telemetry, serve: Serve) -> None:
    options: tuple[dict[str, Any], ...] = ({}, {"tools": []})
    for one in options:
        wrapper = OpenAIWrapper(config_list=[entry(serve([text("Fine.")]))])
        wrapper.create(messages=HELLO, cache_seed=None, **one)
    for call in map(attributes_of, telemetry.named("chat")):
        assert "autogen.prompt.tools_chars" not in call
        assert "autogen.prompt.tool_names" not in call


def test_the_largest_message_names_the_tool_that_gave_it(telemetry: Telemetry, serve: Serve) -> None:
    def listing() -> str:
        """List all claims."""
        return "claim " * 500

    chat(*pair(serve([tool_call("listing", {}), text("TERMINATE")]), listing))
    assert attributes_of(telemetry.named("chat")[1])["autogen.prompt.largest_message.from"] == "listing"


def test_an_entry_tells_its_timeout_and_retries(telemetry: Telemetry, serve: Serve) -> None:
    chat(user(), assistant([entry(serve([text("TERMINATE")]))], timeout=7))
    call = attributes_of(telemetry.one("chat"))
    assert (call["autogen.request.timeout_seconds"], call["autogen.request.max_retries"]) == (7.0, 2)


def test_a_client_of_the_applications_is_named(telemetry: Telemetry) -> None:
    chat(user(), house())
    call = attributes_of(telemetry.one("chat"))
    assert call["autogen.client.class"] == "tests.support.models.HouseModel"
    assert "autogen.request.timeout_seconds" not in call


# ------------------------------------------------------------ billed although something failed
def _raising(*_args: Any, **_options: Any) -> Any:
    raise RuntimeError("after the answer")


class _Full(InMemoryCache):  # type: ignore[misc]
    def set(self, key: str, value: Any) -> None:
        _raising()


@pytest.mark.parametrize(
    "options", [{"filter_func": _raising}, {"cache": _Full("7")}], ids=["filter", "cache"]
)
def test_tokens_count_although_something_fails_after_the_answer(
    telemetry: Telemetry, serve: Serve, options: dict[str, Any]
) -> None:
    wrapper = OpenAIWrapper(config_list=[entry(serve([text("Fine.")]))])
    with pytest.raises(RuntimeError, match="after the answer"):
        wrapper.create(messages=HELLO, cache_seed=None, **options)
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.usage.input_tokens"] > 0
    assert call["autogen.cost.usd"] > 0
    assert len(telemetry.points_of("gen_ai.client.token.usage")) == 2


def test_usage_in_part_counts_as_far_as_it_goes(telemetry: Telemetry, serve: Serve) -> None:
    reply = Completion(content="Fine.", overrides={"usage": {"prompt_tokens": 7}})
    wrapper = OpenAIWrapper(config_list=[entry(serve([reply]))])
    with pytest.raises(Exception, match=r".*"):
        wrapper.create(messages=HELLO, cache_seed=None)
        raise RuntimeError("not every host trips")
    assert attributes_of(telemetry.one("chat"))["gen_ai.usage.input_tokens"] == 7
    (tokens,) = telemetry.points_of("gen_ai.client.token.usage")
    assert (tokens.labels["gen_ai.token.type"], tokens.total) == ("input", 7)


# ------------------------------------------------------------ errors that are returned
RETURNED = {
    "an object": ({"error": "no such claim", "claim": 7}, "no such claim"),
    "an object in it": ({"error": {"code": 7, "message": "no such claim"}}, "no such claim"),
    "JSON": ('{"error": "no such claim"}', "no such claim"),
    "a status": ({"status": "failed", "message": "no such claim"}, "no such claim"),
    "no success": ({"success": False, "detail": "no such claim"}, "no such claim"),
    "not ok": ({"ok": False}, '{"ok": false}'),
    "MCP": ({"isError": True, "content": [{"type": "text", "text": "no such claim"}]}, "no such claim"),
    "no error": ({"error": None, "claim": 7}, None),
    "a good status": ({"status": "ok", "error": ""}, None),
    "plain text": ("Error: the word that the manual is about", None),
    "text about errors": ('The "error": that was', None),
    "a list": ('[{"error": "x"}]', None),
}


@SHAPES
@pytest.mark.parametrize("name", RETURNED)
@pytest.mark.parametrize("raw_map", [False, True], ids=["registered", "raw"])
def test_an_error_that_a_tool_returns_is_marked_and_is_no_failure(
    telemetry: Telemetry, serve: Serve, name: str, raw_map: bool, shape: str
) -> None:
    value, words = RETURNED[name]

    def claim() -> Any:
        """Look a claim up."""
        return value

    converse(shape, *pair(serve([tool_call("claim", {}), text("TERMINATE")]), claim, raw=raw_map))
    span = telemetry.one("execute_tool")
    said = attributes_of(span).get("autogen.tool.returned_error")
    assert span.status.is_ok
    assert (said is None) is (words is None)
    assert words is None or words in str(said)
    root = attributes_of(telemetry.one("invoke_workflow"))
    assert root.get("autogen.errors.returned") == (None if words is None else 1)
    (tool,) = telemetry.points_of("autogen.tool.duration")
    assert tool.labels["autogen.tool.outcome"] == ("ok" if words is None else "returned_error")


def test_an_error_counts_where_the_tool_that_began_the_chat_ended_before_it(
    telemetry: Telemetry, serve: Serve
) -> None:
    chats: list[asyncio.Task[Any]] = []

    def claim() -> Any:
        """Look a claim up."""
        return {"error": "no such claim"}

    async def begin_aside() -> str:
        """Begin a chat, and do not wait for it."""
        inner = pair(serve([tool_call("claim", {}), text("TERMINATE")]), claim)
        chats.append(asyncio.create_task(a_chat(*inner)))
        # It begins now.
        await asyncio.sleep(0)
        return "Begun."

    async def wait_for_it() -> str:
        """Wait for the chat."""
        await asyncio.gather(*chats)
        return "Ended."

    script = [tool_call("begin_aside", {}), tool_call("wait_for_it", {}), text("TERMINATE")]
    converse("async", *pair(serve(script), begin_aside, wait_for_it))
    outer, inner = telemetry.named("invoke_workflow")
    assert telemetry.children(telemetry.one("execute_tool begin_aside")) == [inner]
    assert attributes_of(inner)["autogen.errors.returned"] == 1
    assert attributes_of(outer)["autogen.errors.returned"] == 1
