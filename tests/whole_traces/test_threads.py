"""One conversation, one trace, however many threads and event loops AutoGen runs it on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from autogen_otel.testing import entry, text, tool_call
from tests.support.agents import SHAPES, Serve, a_chat, assistant, chat, converse, healthy_pair, pair, user
from tests.support.groups import silent_agent
from tests.support.telemetry import THREADING, Telemetry, threads_instrumented
from tests.support.tools import a_lookup
from tests.support.trees import HEALTHY, below_the_request


@THREADING
@SHAPES
def test_model_calls_in_executor_threads_hang_where_they_belong(
    telemetry: Telemetry, serve: Serve, shape: str, threading_too: bool
) -> None:
    with threads_instrumented(threading_too), telemetry.request():
        converse(shape, *healthy_pair(serve))
    assert telemetry.tree() == below_the_request(HEALTHY)


@THREADING
@SHAPES
def test_async_tools_hang_where_they_belong_whatever_loop_runs_them(
    telemetry: Telemetry, serve: Serve, shape: str, threading_too: bool
) -> None:
    with threads_instrumented(threading_too), telemetry.request():
        converse(shape, *healthy_pair(serve, a_lookup))
    assert telemetry.tree() == below_the_request(HEALTHY.replace("lookup", "a_lookup"))


@SHAPES
def test_chats_of_a_queue_share_the_trace_they_were_started_in(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    asker = user()
    queue = [
        {
            "chat_id": number,
            "recipient": assistant([entry(serve([text("TERMINATE")]))], f"helper{number}"),
            "message": "Hello",
            "silent": True,
        }
        for number in range(3)
    ]
    with telemetry.request():
        if shape == "sync":
            asker.initiate_chats(queue)
        else:
            asyncio.run(asker.a_initiate_chats(queue))
    chats = telemetry.children(telemetry.one("request"))
    assert [span.name for span in chats] == [f"invoke_workflow user -> helper{number}" for number in range(3)]
    assert {span.name for one in chats for span in telemetry.children(one)} >= {
        f"invoke_agent helper{number}" for number in range(3)
    }
    assert len(telemetry.trace_ids) == 1


@SHAPES
def test_chats_of_a_queue_are_traces_of_their_own_where_the_application_has_none(
    telemetry: Telemetry, serve: Serve, shape: str
) -> None:
    asker = user()
    queue = [
        {
            "chat_id": number,
            "recipient": assistant([entry(serve([text("TERMINATE")]))], f"helper{number}"),
            "message": "Hello",
            "silent": True,
        }
        for number in range(2)
    ]
    if shape == "sync":
        asker.initiate_chats(queue)
    else:
        asyncio.run(asker.a_initiate_chats(queue))
    assert len(telemetry.trace_ids) == 2


@pytest.mark.parametrize("parallel", [False, True], ids=["one by one", "gathered"])
def test_conversations_that_an_async_tool_gathers(telemetry: Telemetry, serve: Serve, parallel: bool) -> None:
    async def ask_all(question: str) -> str:
        """Ask everybody."""
        asked = [a_chat(silent_agent(f"clerk{n}"), silent_agent(f"expert{n}"), max_turns=1) for n in range(2)]
        if parallel:
            await asyncio.gather(*asked)
        else:
            for one in asked:
                await one
        return "Asked."

    asker, helper = pair(serve([tool_call("ask_all", {"question": "?"}), text("TERMINATE")]), ask_all)
    converse("async", asker, helper)
    assert [span.name for span in telemetry.children(telemetry.one("execute_tool"))] == [
        f"invoke_workflow clerk{n} -> expert{n}" for n in range(2)
    ]
    assert len(telemetry.trace_ids) == 1


@THREADING
def test_a_thread_that_a_tool_starts_belongs_to_it_with_opentelemetrys_instrumentation_of_threads(
    telemetry: Telemetry, serve: Serve, threading_too: bool
) -> None:
    def ask_aside(question: str) -> str:
        """Ask somebody in a thread."""
        aside = threading.Thread(
            target=lambda: chat(silent_agent("clerk"), silent_agent("expert"), max_turns=1), name="aside"
        )
        aside.start()
        aside.join()
        return "Asked."

    asker, helper = pair(serve([tool_call("ask_aside", {"question": "?"}), text("TERMINATE")]), ask_aside)
    with threads_instrumented(threading_too):
        converse("sync", asker, helper)
    tool, inner = telemetry.one("execute_tool"), telemetry.one("invoke_workflow clerk")
    assert len(telemetry.named("invoke_workflow clerk")) == 1
    if threading_too:
        assert telemetry.children(tool) == [inner]
        assert len(telemetry.trace_ids) == 1
    else:
        assert inner.parent is None
        assert len(telemetry.trace_ids) == 2


def test_the_hosts_modules_see_the_real_threading_and_asyncio_again_after_undo() -> None:
    from autogen.agentchat import conversable_agent

    assert conversable_agent.asyncio is asyncio
    assert getattr(conversable_agent, "threading", threading) is threading
