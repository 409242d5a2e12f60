"""Holds as many conversations as its argument says, most of them with failures, from several threads.

Each has agent classes of its own, as in a program that defines them inside a request. Prints what the process
holds after the first half and at the end, and what is left when observing ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
from autogen import ConversableAgent
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

import autogen_otel
from autogen_otel.testing import ChatRequest, Reply, ScriptedServer, entry, error, text, tool_call
from tests.support.agents import llm_config
from tests.support.tools import lookup

_THREADS = 4
_KINDS = ("works", "tool", "arguments", "retried", "fails", "async")


def _answer(request: ChatRequest) -> Reply:
    """What the model says to a conversation of a kind, which its first message names."""
    messages = request.body["messages"]
    kind = next(kind for kind in _KINDS if any(kind in str(message.get("content")) for message in messages))
    said = messages[-1]["role"] == "tool"
    if kind == "fails" or (kind == "retried" and request.headers.get("x-stainless-retry-count") == "0"):
        return error(500, "Down")
    if kind in {"tool", "async"} and not said:
        return tool_call("lookup", {"policy_id": "P-9"})
    if kind == "arguments" and not said:
        return tool_call("lookup", {"policy": 4})
    return text("TERMINATE")


def _hold(number: int, server: ScriptedServer) -> None:
    class Helper(ConversableAgent):  # type: ignore[misc]
        def get_human_input(self, prompt: str) -> str:
            return str(super().get_human_input(prompt))

    kind = _KINDS[number % len(_KINDS)]
    options: dict[str, Any] = {"human_input_mode": "NEVER", "code_execution_config": False}
    helper = Helper("helper", llm_config=llm_config([entry(server)]), **options)
    asker = ConversableAgent(
        "asker",
        llm_config=False,
        is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
        **options,
    )
    helper.register_for_llm(name="lookup", description="Looks a policy up")(lookup)
    asker.register_for_execution(name="lookup")(lookup)
    try:
        if kind == "async":
            asyncio.run(asker.a_initiate_chat(helper, message=f"{kind} {number}", silent=True))
        else:
            asker.initiate_chat(helper, message=f"{kind} {number}", silent=True)
    except openai.InternalServerError:
        pass


def _held() -> dict[str, Any]:
    """What the process holds: objects of ours by class, open files, threads, and memory in bytes."""
    for _ in range(3):
        gc.collect()
    ours = Counter(
        type(one).__qualname__
        for one in gc.get_objects()
        # The scripted server, which is here for tests, keeps what it was asked.
        if str(type(one).__module__).startswith("autogen_otel")
        and not str(type(one).__module__).startswith("autogen_otel.testing")
    )
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "objects": dict(ours),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        # A connection to the scripted server has a thread there for as long as its client is not collected.
        "threads": sorted(one.name for one in threading.enumerate() if "process_request" not in one.name),
        "bytes": pages * os.sysconf("SC_PAGE_SIZE"),
    }


def _hooked() -> dict[str, int]:
    return {name: id(value) for name, value in vars(ConversableAgent).items() if callable(value)}


# As all tests have it: each client would read all certificates, and wait before it tries again.
ssl.SSLContext.load_verify_locations = lambda *_, **__: None  # type: ignore[method-assign]
openai._base_client.MAX_RETRY_DELAY = 0.001
before, count = _hooked(), int(sys.argv[1])
autogen_otel.instrument()
halves = []
with ScriptedServer(_answer) as server, ThreadPoolExecutor(_THREADS) as pool:
    for half in (range(count // 2), range(count // 2, count)):
        for done in [pool.submit(_hold, number, server) for number in half]:
            done.result()
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
            assert isinstance(provider, (TracerProvider, MeterProvider))
            provider.force_flush()
        halves.append(_held())
autogen_otel.uninstrument()
sys.stdout.write(json.dumps({"halves": halves, "restored": before == _hooked(), "left": _held()}) + "\n")
