"""CPU per agent turn (reply, model call, tool): without spans, with hand-written spans, and with ours.

``python -m bench.turn [ROUNDS]``. The three variants take turns in one process, and each round's CPU time
is that of this process alone (the model server is another one), so that a slow moment hits all of them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import openai._base_client
from autogen import ConversableAgent, OpenAIWrapper
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

import autogen_otel
from scenarios.server import ScriptedServer, text, tool_call

Before = Callable[..., dict[str, Any]]
After = Callable[[Any], dict[str, Any]]

TURNS = 10
ROUNDS = 15


class Counting(SpanExporter):
    """Counts spans and forgets them."""

    count = 0

    def export(self, spans: Any) -> SpanExportResult:
        """Count a batch."""
        self.count += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


def lookup(policy_id: str) -> str:
    """Look a policy up."""
    return f"policy {policy_id} is active"


def serve(pipe: Connection) -> None:
    """Run the model in a process of its own: it asks for a tool on every turn but the last."""
    turn = itertools.count(1)

    def reply(_request: Any) -> Any:
        if next(turn) % (TURNS + 1) == 0:
            return text("Done. TERMINATE")
        return tool_call("lookup", {"policy_id": "P-1"})

    with ScriptedServer(reply) as server:
        pipe.send(server.base_url)
        pipe.recv()


def converse(base_url: str) -> float:
    """One conversation; its CPU time in seconds."""
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
    with contextlib.redirect_stdout(io.StringIO()):
        began = time.process_time()
        asker.initiate_chat(helper, message="Hello", silent=True)
        return time.process_time() - began


@contextlib.contextmanager
def plain(_tracer: Tracer) -> Iterator[None]:
    """No spans at all."""
    yield


@contextlib.contextmanager
def hand_written(tracer: Tracer) -> Iterator[None]:
    """The same number of spans with what a careful engineer would put on them by hand, unredacted."""
    places: list[tuple[Any, str, Before, After]] = [
        (
            ConversableAgent,
            "initiate_chat",
            lambda self, recipient, **_: {"gen_ai.workflow.name": f"{self.name} -> {recipient.name}"},
            lambda result: {"turns": len(result.chat_history)},
        ),
        (
            ConversableAgent,
            "generate_reply",
            lambda self, _messages=None, sender=None, **_: {
                "gen_ai.agent.name": self.name,
                "sender": sender.name,
            },
            lambda _reply: {"gen_ai.operation.name": "invoke_agent"},
        ),
        (
            OpenAIWrapper,
            "create",
            lambda self, **config: {
                "gen_ai.request.model": self._config_list[0]["model"],
                "messages": len(config["messages"]),
                "chars": sum(len(str(message["content"])) for message in config["messages"]),
            },
            lambda response: {
                "gen_ai.response.id": response.id,
                "gen_ai.response.model": response.model,
                "gen_ai.usage.input_tokens": response.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": response.usage.completion_tokens,
                "gen_ai.response.finish_reasons": [choice.finish_reason for choice in response.choices],
            },
        ),
        (
            openai._base_client.SyncAPIClient,
            "request",
            lambda self, *_, **__: {"url.full": str(self.base_url), "http.request.method": "POST"},
            lambda _response: {"http.response.status_code": 200},
        ),
        (
            ConversableAgent,
            "execute_function",
            lambda _self, call, *_, **__: {
                "gen_ai.tool.name": call["name"],
                "gen_ai.tool.call.arguments": json.dumps(json.loads(call["arguments"])),
            },
            lambda value: {"ok": value[0], "gen_ai.tool.call.result": str(value[1]["content"])},
        ),
    ]
    originals = [(owner, name, vars(owner)[name]) for owner, name, _, _ in places]
    for owner, name, before, after in places:
        setattr(owner, name, spanned(tracer, vars(owner)[name], before, after))
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def spanned(tracer: Tracer, function: Callable[..., Any], before: Before, after: After) -> Any:
    """A function inside a span."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(function.__name__, attributes=before(*args, **kwargs)) as span:
            value = function(*args, **kwargs)
            span.set_attributes(after(value))
            return value

    return wrapper


@contextlib.contextmanager
def ours(_tracer: Tracer, provider: TracerProvider) -> Iterator[None]:
    """autogen-otel."""
    autogen_otel.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        autogen_otel.uninstrument()


def main(rounds: int) -> None:
    """Measure and print."""
    exporter = Counting()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("bench")
    variants: dict[str, Callable[[Tracer], contextlib.AbstractContextManager[None]]] = {
        "plain": plain,
        "hand-written": hand_written,
        "autogen-otel": functools.partial(ours, provider=provider),
    }
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    process.start()
    base_url = here.recv()
    times: dict[str, list[float]] = {name: [] for name in variants}
    spans: dict[str, int] = {}
    for round_number in range(rounds + 2):
        for name, variant in variants.items():
            exporter.count = 0
            with variant(tracer):
                took = converse(base_url)
            spans[name] = exporter.count
            if round_number > 1:
                times[name].append(took / TURNS * 1e6)
    here.send("done")
    process.join()
    report(times, spans)


def report(times: dict[str, list[float]], spans: dict[str, int]) -> None:
    """Medians, and what is added per turn against hand-written spans."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:<14} {value:8.0f} µs CPU per turn   {spans[name]:4d} spans")
    added = {name: [a - b for a, b in zip(times[name], times["plain"], strict=True)] for name in times}
    ratio = statistics.median(added["autogen-otel"]) / statistics.median(added["hand-written"])
    print(
        f"added by hand-written spans {statistics.median(added['hand-written']):.0f} µs per turn, "
        f"by autogen-otel {statistics.median(added['autogen-otel']):.0f} µs: ratio {ratio:.2f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
