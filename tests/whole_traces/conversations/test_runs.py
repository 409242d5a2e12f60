"""Background runs belong to the trace that they are started in, whatever thread or loop they run on."""

from __future__ import annotations

import asyncio

import pytest

from autogen_otel.testing import entry, text
from tests.support.agents import Serve, assistant, healthy_pair, user
from tests.support.groups import silent_agent, trio
from tests.support.lineage import HAS_SWARM, IS_014, IS_02
from tests.support.runs import a_finish, finish
from tests.support.telemetry import THREADING, Telemetry, attributes_of, threads_instrumented
from tests.support.trees import HEALTHY, below_the_request

RUNS = pytest.mark.needs(not IS_02, "0.2 has no background runs")
ITERATES = pytest.mark.needs(IS_014, "iterated runs came with AG2 0.14")


@THREADING
@RUNS
def test_a_run_in_a_thread(telemetry: Telemetry, serve: Serve, threading_too: bool) -> None:
    asker, helper = healthy_pair(serve)
    with threads_instrumented(threading_too), telemetry.request():
        finish(asker.run(helper, message="Hello"))
    assert telemetry.tree() == below_the_request(HEALTHY)


@RUNS
def test_a_run_in_a_task(telemetry: Telemetry, serve: Serve) -> None:
    asker, helper = healthy_pair(serve)

    async def main() -> None:
        with telemetry.request():
            await a_finish(await asker.a_run(helper, message="Hello"))

    asyncio.run(main())
    assert telemetry.tree() == below_the_request(HEALTHY)


@RUNS
def test_a_run_belongs_to_the_trace_it_was_started_in_though_its_parent_has_ended(
    telemetry: Telemetry, serve: Serve
) -> None:
    asker, helper = healthy_pair(serve)
    with telemetry.request():
        response = asker.run(helper, message="Hello")
    finish(response)
    assert telemetry.tree() == below_the_request(HEALTHY)


@RUNS
def test_a_run_that_fails_ends_and_says_why(telemetry: Telemetry, serve: Serve) -> None:
    asker, helper = user(), assistant([entry(serve([text("Hi.", overrides={"choices": []})]))])
    response = asker.run(helper, message="Hello")
    with pytest.raises(IndexError):
        finish(response)
    assert attributes_of(telemetry.one("invoke_workflow"))["error.type"] == "IndexError"


@ITERATES
@THREADING
def test_an_iterated_run(telemetry: Telemetry, serve: Serve, threading_too: bool) -> None:
    asker, helper = healthy_pair(serve)
    with threads_instrumented(threading_too), telemetry.request():
        for _event in asker.run_iter(helper, message="Hello"):
            pass
    assert telemetry.tree() == below_the_request(HEALTHY)


@ITERATES
def test_an_iterated_run_in_a_loop_of_its_own(telemetry: Telemetry, serve: Serve) -> None:
    asker, helper = healthy_pair(serve)

    async def main() -> None:
        with telemetry.request():
            async for _event in asker.a_run_iter(helper, message="Hello"):
                pass

    asyncio.run(main())
    assert telemetry.tree() == below_the_request(HEALTHY)


@RUNS
def test_runs_one_after_the_other(telemetry: Telemetry, serve: Serve) -> None:
    asker = user()
    helpers = [assistant([entry(serve([text("TERMINATE")]))], name) for name in ("first", "second")]
    queue = [{"recipient": helper, "message": "Hello", "silent": True} for helper in helpers]
    with telemetry.request():
        for response in asker.sequential_run(queue):
            finish(response)
    assert [span.name for span in telemetry.children(telemetry.one("request"))] == [
        "invoke_workflow user -> first",
        "invoke_workflow user -> second",
    ]
    assert len(telemetry.trace_ids) == 1


@ITERATES
@pytest.mark.parametrize("way", ["run", "a_run", "iter", "a_iter"])
def test_runs_of_group_chats(telemetry: Telemetry, way: str) -> None:
    from autogen.agentchat import group
    from autogen.agentchat.group.patterns import RoundRobinPattern

    agents = [silent_agent("one"), silent_agent("two")]
    made = RoundRobinPattern(initial_agent=agents[0], agents=agents)
    host = group.multi_agent_chat

    async def main() -> None:
        if way == "a_run":
            await a_finish(await host.a_run_group_chat(made, "Hello", max_rounds=3))
        else:
            async for _event in host.a_run_group_chat_iter(made, "Hello", max_rounds=3):
                pass

    with telemetry.request():
        if way == "run":
            finish(host.run_group_chat(made, "Hello", max_rounds=3))
        elif way == "iter":
            for _event in host.run_group_chat_iter(made, "Hello", max_rounds=3):
                pass
        else:
            asyncio.run(main())
    assert telemetry.tree() == below_the_request(GROUP)


GROUP = """\
invoke_workflow user -> chat_manager errors.handled=0
  handoff user -> one
  invoke_agent one
  handoff one -> two
  invoke_agent two"""


@pytest.mark.needs(HAS_SWARM, "only 0.9 has swarms")
@pytest.mark.parametrize("way", ["run", "a_run"])
def test_runs_of_swarms(telemetry: Telemetry, serve: Serve, way: str) -> None:
    from autogen.agentchat.contrib import swarm_agent

    agents = trio(serve([text("Fine.")]))
    options = {"initial_agent": agents[0], "agents": agents, "messages": "Hello", "max_rounds": 3}

    async def main() -> None:
        await a_finish(await swarm_agent.a_run_swarm(**options))

    with telemetry.request():
        if way == "run":
            finish(swarm_agent.run_swarm(**options))
        else:
            asyncio.run(main())
    assert len(telemetry.trace_ids) == 1
    assert len(telemetry.named("POST")) == 1
