"""Random conversations at the same time, in threads and tasks, nested in each other's tools, never mix."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan

from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, text, tool_call
from tests.support.agents import a_chat, chat, pair
from tests.support.telemetry import Telemetry, attributes_of, instrumented


@dataclass(frozen=True)
class Plan:
    """A conversation and those that its tool holds.

    Args:
        awaited: whether the tool is a coroutine function; then it gathers the inner conversations.
        inner: the conversations inside.
    """

    awaited: bool
    inner: tuple[Plan, ...]


@dataclass(frozen=True)
class Start:
    """A plan and where it starts.

    Args:
        plan: the conversation.
        way: ``thread``, ``thread with a loop`` or ``task``.
    """

    plan: Plan
    way: str


PLANS = st.recursive(
    st.builds(Plan, st.booleans(), st.just(())),
    lambda inner: st.builds(Plan, st.booleans(), st.lists(inner, min_size=1, max_size=2).map(tuple)),
    max_leaves=3,
)
STARTS = st.lists(
    st.builds(Start, PLANS, st.sampled_from(["thread", "thread with a loop", "task"])),
    min_size=2,
    max_size=4,
)


class Playing:
    """The plans under way: each conversation gets a number, and a note which one it is inside of.

    Args:
        server: where all the models are.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self._server, self._lock = server, threading.Lock()
        self.outer: dict[int, int | None] = {}
        self.failed: list[BaseException] = []

    def all(self, starts: Sequence[Start]) -> None:
        """Play every plan at the same time as the others."""
        threads = [threading.Thread(target=self._guarded, args=(start,)) for start in starts]
        tasks = [start.plan for start in starts if start.way == "task"]
        threads = [thread for thread, start in zip(threads, starts, strict=True) if start.way != "task"]
        for thread in threads:
            thread.start()
        asyncio.run(self._gathered(tasks, None))
        for thread in threads:
            thread.join()

    def _guarded(self, start: Start) -> None:
        try:
            if start.way == "thread":
                self._play(start.plan, None, looping=False)
            else:
                asyncio.run(self._a_play(start.plan, None))
        except BaseException as error:
            self.failed.append(error)

    async def _gathered(self, plans: Sequence[Plan], outer: int | None) -> None:
        await asyncio.gather(*(self._a_play(plan, outer) for plan in plans))

    def _play(self, plan: Plan, outer: int | None, *, looping: bool) -> None:
        # 0.2 and 0.9 cannot run an async tool in a sync chat on a thread whose loop is already running.
        asker, helper = self._agents(plan, outer, awaited=plan.awaited and not looping, looping=looping)
        chat(asker, helper, "work")

    async def _a_play(self, plan: Plan, outer: int | None) -> None:
        asker, helper = self._agents(plan, outer, awaited=plan.awaited, looping=True)
        await a_chat(asker, helper, "work")

    def _agents(self, plan: Plan, outer: int | None, *, awaited: bool, looping: bool) -> Any:
        with self._lock:
            number = len(self.outer)
            self.outer[number] = outer

        def work(topic: str) -> str:
            for inner in plan.inner:
                self._play(inner, number, looping=looping)
            return topic

        async def a_work(topic: str) -> str:
            await self._gathered(plan.inner, number)
            return topic

        tool: Any = a_work if awaited else work
        tool.__name__ = "work"
        asker, helper = pair(self._server, tool)
        asker._name, helper._name = f"user-{number}", f"helper-{number}"
        return asker, helper


def answer(request: ChatRequest) -> Reply:
    """A tool call, and after its result the end."""
    done = any(message.get("role") == "tool" for message in request.messages)
    return text("TERMINATE") if done else tool_call("work", {"topic": "policies"})


def above(telemetry: Telemetry, span: ReadableSpan) -> Iterator[ReadableSpan]:
    """The span and those around it, innermost first."""
    by_id = {one.context.span_id: one for one in telemetry.spans if one.context}
    link: ReadableSpan | None = span
    while link is not None:
        yield link
        link = None if link.parent is None else by_id[link.parent.span_id]


def conversation_of(telemetry: Telemetry, span: ReadableSpan) -> int:
    """Number of the innermost conversation around a span."""
    workflow = next(one for one in above(telemetry, span) if one.name.startswith("invoke_workflow"))
    return int(workflow.name.rpartition("-")[2])


EACH = Counter(
    {"invoke_workflow": 1, "invoke_agent": 4, "chat": 2, "POST": 2, "execute_tool": 1},
)
"""Spans of one conversation: two turns each, two model calls, one tool."""


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STARTS)
def test_every_span_is_in_its_own_conversation(starts: Sequence[Start]) -> None:
    with ScriptedServer(answer) as server, instrumented() as telemetry:
        playing = Playing(server)
        playing.all(starts)
    assert playing.failed == []
    spans: dict[int, Counter[str]] = {}
    for span in telemetry.spans:
        number = conversation_of(telemetry, span)
        spans.setdefault(number, Counter())[span.name.split()[0]] += 1
        speaker = attributes_of(span).get("gen_ai.agent.name")
        assert speaker is None or speaker.endswith(f"-{number}")
    assert spans == dict.fromkeys(playing.outer, EACH)
    for workflow in telemetry.named("invoke_workflow"):
        number = conversation_of(telemetry, workflow)
        tool = next(
            (span for span in above(telemetry, workflow) if span.name.startswith("execute_tool")), None
        )
        outer = None if tool is None else conversation_of(telemetry, tool)
        assert outer == playing.outer[number]
    roots = [span for span in telemetry.spans if span.parent is None]
    assert len(roots) == len(starts)
    assert len(telemetry.trace_ids) == len(starts)
