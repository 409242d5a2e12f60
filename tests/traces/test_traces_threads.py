"""One conversation, one trace, however many threads and event loops AutoGen runs it on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from scenarios.server import ScriptedServer, entry, text, tool_call
from tests.agents import a_chat, assistant, chat, pair, user
from tests.groups import silent
from tests.telemetry import Telemetry
from tests.traces.test_traces_conversation import HEALTHY, SHAPES, converse

Serve = Callable[[Any], ScriptedServer]

THREADING = pytest.mark.parametrize("threading_too", [False, True], ids=["alone", "with OpenTelemetry's"])


def lookup(policy_id: str) -> str:
    """Look a policy up."""
    return f"policy {policy_id} is active"


async def a_lookup(policy_id: str) -> str:
    """Look a policy up, asynchronously."""
    await asyncio.sleep(0)
    return lookup(policy_id)


@contextmanager
def threads_instrumented(active: bool) -> Iterator[None]:
    """OpenTelemetry's own instrumentation of threads, or not."""
    if active:
        ThreadingInstrumentor().instrument()
    try:
        yield
    finally:
        if active:
            ThreadingInstrumentor().uninstrument()


@contextmanager
def request(telemetry: Telemetry) -> Iterator[None]:
    """A span of the application around what it asks of AutoGen."""
    with telemetry.provider.get_tracer("app").start_as_current_span("request"):
        yield


def below_the_request(tree: str) -> str:
    """The tree as it stands below the application's span."""
    return "request\n" + "\n".join(f"  {one}" for one in tree.splitlines())


def traces(telemetry: Telemetry) -> int:
    return len({span.context.trace_id for span in telemetry.spans if span.context})


def a_pair(serve: Serve, tool: Any = lookup) -> Any:
    replies = [tool_call(tool.__name__, {"policy_id": "P-1"}), text("It is active. TERMINATE")]
    return pair(serve(replies), tool)


@THREADING
@SHAPES
def test_model_calls_in_executor_threads_hang_where_they_belong(
    telemetry: Telemetry, serve: Serve, shape: str, threading_too: bool
) -> None:
    with threads_instrumented(threading_too), request(telemetry):
        converse(shape, *a_pair(serve))
    assert telemetry.tree() == below_the_request(HEALTHY)


@THREADING
@SHAPES
def test_async_tools_hang_where_they_belong_whatever_loop_runs_them(
    telemetry: Telemetry, serve: Serve, shape: str, threading_too: bool
) -> None:
    with threads_instrumented(threading_too), request(telemetry):
        converse(shape, *a_pair(serve, a_lookup))
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
    with request(telemetry):
        if shape == "sync":
            asker.initiate_chats(queue)
        else:
            asyncio.run(asker.a_initiate_chats(queue))
    chats = telemetry.children(telemetry.one("request"))
    assert [span.name for span in chats] == [f"invoke_workflow user -> helper{number}" for number in range(3)]
    assert {span.name for one in chats for span in telemetry.children(one)} >= {
        f"invoke_agent helper{number}" for number in range(3)
    }
    assert traces(telemetry) == 1


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
    assert traces(telemetry) == 2


@pytest.mark.parametrize("parallel", [False, True], ids=["one by one", "gathered"])
def test_conversations_that_an_async_tool_gathers(telemetry: Telemetry, serve: Serve, parallel: bool) -> None:
    async def ask_all(question: str) -> str:
        """Ask everybody."""
        asked = [a_chat(silent(f"clerk{n}"), silent(f"expert{n}"), max_turns=1) for n in range(2)]
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
    assert traces(telemetry) == 1


@THREADING
def test_a_thread_that_a_tool_starts_belongs_to_it_with_opentelemetrys_instrumentation_of_threads(
    telemetry: Telemetry, serve: Serve, threading_too: bool
) -> None:
    def ask_aside(question: str) -> str:
        """Ask somebody in a thread."""
        aside = threading.Thread(
            target=lambda: chat(silent("clerk"), silent("expert"), max_turns=1), name="aside"
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
        assert traces(telemetry) == 1
    else:
        assert inner.parent is None
        assert traces(telemetry) == 2


def test_the_hosts_modules_see_the_real_threading_and_asyncio_again_after_undo() -> None:
    from autogen.agentchat import conversable_agent

    assert conversable_agent.asyncio is asyncio
    assert getattr(conversable_agent, "threading", threading) is threading
