"""The shape of a conversation's trace, sync and async, and what each span says."""

from __future__ import annotations

import asyncio
from typing import Any

from autogen_otel.testing import entry, text, tool_call
from autogen_otel.vocabulary import costs
from tests.support.agents import SHAPES, Serve, a_chat, assistant, chat, converse, pair, user
from tests.support.telemetry import Telemetry, attributes_of
from tests.support.tools import lookup
from tests.support.trees import HEALTHY


@SHAPES
def test_a_healthy_conversation_is_one_trace_that_reads_like_it(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("It is active. TERMINATE")])
    asker, helper = pair(server, lookup)
    converse(shape, asker, helper)
    assert telemetry.tree() == HEALTHY
    assert len(telemetry.trace_ids) == 1


@SHAPES
def test_each_span_of_a_healthy_turn_says_what_it_should(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    server = serve(
        [tool_call("lookup", {"policy_id": "P-1"}, id="call_1"), text("It is active. TERMINATE")],
    )
    asker, helper = pair(server, lookup)
    converse(shape, asker, helper)

    root = attributes_of(telemetry.one("invoke_workflow"))
    assert root == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "user -> assistant",
        "autogen.conversation.turns": 4,
        "autogen.conversation.termination": "termination_message",
        "autogen.errors.handled": 0,
    }
    assert attributes_of(telemetry.named("invoke_agent assistant")[0]) == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "assistant",
        "autogen.sender.name": "user",
    }
    call = attributes_of(telemetry.named("chat")[1])
    port = int(server.origin.rpartition(":")[2])
    assert call.pop("gen_ai.response.id").startswith("chatcmpl-")
    assert call.pop("autogen.prompt.chars") > 20
    assert call.pop("gen_ai.usage.input_tokens") > 0
    assert call.pop("gen_ai.usage.output_tokens") > 0
    assert call.pop("autogen.cost.usd") > 0
    assert call.pop("autogen.cost.source") in costs.SOURCES
    assert call.pop("autogen.prompt.tools_chars") > 100
    assert call == {
        "gen_ai.operation.name": "chat",
        "autogen.prompt.tool_names": ("lookup",),
        "autogen.request.max_retries": 2,
        "autogen.request.timeout_seconds": 600.0,
        "gen_ai.provider.name": "openai",
        "gen_ai.agent.name": "assistant",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o",
        "gen_ai.response.finish_reasons": ("stop",),
        "server.address": "127.0.0.1",
        "server.port": port,
        "autogen.config.index": 0,
        "autogen.config.count": 1,
        "autogen.cache.hit": False,
        "autogen.prompt.messages": 4,
        "autogen.prompt.new_messages": 2,
        # The tool call and the tool's answer.
        "autogen.prompt.new_chars": len('lookup{"policy_id": "P-1"}' + "policy P-1 is active"),
        "autogen.prompt.largest_message.chars": len(helper.system_message),
        "autogen.prompt.largest_message.from": "system",
        "autogen.prompt.tools": 1,
        **_api_type(call),
    }
    attempt = attributes_of(telemetry.named("POST")[1])
    assert attempt.pop("http.request.body.size") > 100
    assert attempt == {
        "http.request.method": "POST",
        "url.full": f"{server.base_url}/chat/completions",
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
        "autogen.http.request_id": "req_000002",
        "autogen.config.index": 0,
    }
    assert attributes_of(telemetry.one("execute_tool")) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "lookup",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.agent.name": "user",
        "gen_ai.tool.call.arguments": '{"policy_id": "P-1"}',
        "gen_ai.tool.call.result": "policy P-1 is active",
        "code.function.name": f"{lookup.__module__}.lookup",
        "code.file.path": lookup.__code__.co_filename,
        "code.line.number": lookup.__code__.co_firstlineno,
    }


def _api_type(call: dict[str, Any]) -> dict[str, Any]:
    """0.9 and AG2 fill in the type of an entry; 0.2 leaves it out."""
    return {"autogen.config.api_type": "openai"} if "autogen.config.api_type" in call else {}


def test_request_options_and_token_details_are_recorded(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("Done. TERMINATE", cached_tokens=7, reasoning_tokens=3)])
    helper = assistant([entry(server)], temperature=0.5, top_p=0.25, max_tokens=99)
    chat(user(), helper)
    call = attributes_of(telemetry.one("chat"))
    assert call["gen_ai.request.temperature"] == 0.5
    assert call["gen_ai.request.top_p"] == 0.25
    assert call["gen_ai.request.max_tokens"] == 99
    assert call["gen_ai.usage.cache_read.input_tokens"] == 7
    assert call["gen_ai.usage.reasoning.output_tokens"] == 3


def test_new_messages_count_from_the_last_call_of_the_pair(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("One."), text("Two."), text("Three. TERMINATE")])
    helper = assistant([entry(server)])
    chat(user(default_auto_reply="Go on."), helper)
    sizes = [
        (attributes_of(span)["autogen.prompt.messages"], attributes_of(span)["autogen.prompt.new_messages"])
        for span in telemetry.named("chat")
    ]
    assert sizes == [(2, 2), (4, 2), (6, 2)]


def test_agents_created_before_instrument_are_covered(serve: Serve, our_errors: list[BaseException]) -> None:
    import autogen_otel

    server = serve([tool_call("lookup", {"policy_id": "P-1"}), text("TERMINATE")])
    asker, helper = pair(server, lookup)
    kept = Telemetry()
    autogen_otel.instrument(tracer_provider=kept.provider)
    try:
        chat(asker, helper)
    finally:
        autogen_otel.uninstrument()
    assert kept.tree() == HEALTHY


def test_concurrent_conversations_keep_to_their_own_traces(telemetry: Telemetry, serve: Serve) -> None:
    server = serve(lambda request: text("Fine. TERMINATE"))

    async def both() -> None:
        askers = [user(f"user{number}") for number in range(3)]
        helpers = [assistant([entry(server)], f"assistant{number}") for number in range(3)]
        await asyncio.gather(*(a_chat(a, h) for a, h in zip(askers, helpers, strict=True)))

    asyncio.run(both())
    for root in telemetry.named("invoke_workflow"):
        number = root.name[-1]
        assert root.context is not None
        mine = [
            span.name
            for span in telemetry.spans
            if span.context and span.context.trace_id == root.context.trace_id
        ]
        assert sorted(mine) == sorted(
            [
                root.name,
                f"invoke_agent assistant{number}",
                "chat gpt-4o",
                "POST",
                f"invoke_agent user{number}",
            ]
        )


def test_a_chat_id_of_the_host_becomes_the_conversation_id(telemetry: Telemetry, serve: Serve) -> None:
    server = serve([text("TERMINATE")])
    asker, helper = user(), assistant([entry(server)])
    asker.initiate_chats([{"recipient": helper, "message": "Hi", "chat_id": 7, "silent": True}])
    assert attributes_of(telemetry.one("invoke_workflow"))["gen_ai.conversation.id"] == "7"
