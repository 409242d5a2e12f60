"""What is measured: five conversations of two agents, and which of their turns count.

A turn is a reply of an agent with a model, its model call (with the SDK's request), and a reply of the other
agent, which runs the tool that was asked for. The first turns of a conversation do not count: there, what an
agent or a tool says once is read for the first time.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from autogen import ConversableAgent

from bench.lean import lean_sdk
from bench.model import opening

FIRST_TURNS = 3
"""Turns at the beginning of a conversation that do not count."""

_TINY = "policy P-1 is active"
_RECORD = {"policy_id": "P-1", "status": "active", "author": "Ann", "code": 7, "note": "water in the cellar"}
_LARGE = json.dumps([_RECORD] * 82)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A conversation, and how much we may add to it as a multiple of what hand-written spans add.

    Args:
        name: for the table.
        turns: how many turns count.
        result: what the tool returns.
        content: whether the content of messages is recorded.
        instructions: the target for instructions.
        cpu: the target for CPU time, where there is one.
        is_sampled: whether its spans are recorded.
    """

    name: str
    turns: int
    instructions: float | None = None
    cpu: float | None = None
    result: str = _TINY
    content: bool = False
    is_sampled: bool = True


WORKLOADS = (
    Workload(name="tiny turn", turns=10, instructions=1.5, cpu=1.8),
    Workload(name="8 kB JSON tool result", turns=6, result=_LARGE, instructions=2.0),
    Workload(name="conversation of 60 turns", turns=60 - FIRST_TURNS, instructions=1.5, cpu=1.8),
    Workload(name="tiny turn with message content", turns=10, content=True, instructions=1.9),
    Workload(name="tiny turn, not sampled", turns=10, is_sampled=False),
)


def converse(
    workload: Workload, turns: int, base_url: str, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Have one conversation.

    Args:
        workload: what kind of conversation.
        turns: how many turns it has in all.
        base_url: where the model is.
        clock: gives seconds; by default those of CPU that this process spent.

    Returns:
        Seconds of each of the turns that count, from tool call to tool call.
    """
    times: list[float] = []

    def lookup(policy_id: str) -> str:  # noqa: ARG001 - the model sends it
        """Look a policy up."""
        times.append(clock())
        return workload.result

    config = {"model": "gpt-4o", "api_key": "sk-bench-000000000000000000000000", "base_url": base_url}
    helper = ConversableAgent(
        "assistant",
        llm_config={"config_list": [config], "cache_seed": None},
        human_input_mode="NEVER",
        code_execution_config=False,
    )
    asker = ConversableAgent(
        "user",
        llm_config=False,
        human_input_mode="NEVER",
        code_execution_config=False,
        is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
    )
    helper.register_for_llm(name="lookup", description="Looks up")(lookup)
    asker.register_for_execution(name="lookup")(lookup)
    with contextlib.redirect_stdout(io.StringIO()), lean_sdk():
        asker.initiate_chat(helper, message=opening(turns), silent=True)
    assert len(times) == turns
    return [after - before for before, after in itertools.pairwise(times[FIRST_TURNS - 1 :])]
