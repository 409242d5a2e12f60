"""Bytes exported over conversations of 10, 50 and 150 turns: how they grow, with and without message content.

Bytes are those of the OTLP requests, counted and not timed. The exponent is the
slope between two lengths on logarithmic scales: 1 is linear, 2 is what recording the whole history with
each call comes to.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autogen import ConversableAgent, GroupChat, GroupChatManager
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import autogen_otel
from autogen_otel import Settings
from autogen_otel.testing import ChatRequest, ScriptedServer, entry, text, tool_call
from bench.figures import Figure
from bench.lean import lean_sdk

TURNS = (10, 50, 150)
_WORDS = "The policy holder reports water damage in the cellar and asks what is covered. "

SETTINGS = {
    "without content": Settings(),
    "with content": Settings(capture_message_content="SPAN_ONLY"),
    "with the whole history": Settings(capture_message_content="SPAN_ONLY", full_message_history=True),
}


class Weighing(SpanExporter):
    """Adds up what spans weigh as OTLP."""

    size = 0

    def export(self, spans: Any) -> SpanExportResult:
        """Weigh a batch."""
        self.size += encode_spans(spans).ByteSize()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


def lookup(policy_id: str) -> str:
    """Look a policy up."""
    return f"policy {policy_id}: {_WORDS}"


def two(server: ScriptedServer, turns: int) -> Callable[[], Any]:
    """An agent with a model that asks for a tool on every other turn, and one that runs it."""
    helper, asker = _agent("assistant", server), _agent("user")
    helper.register_for_llm(name="lookup", description="Looks up")(lookup)
    asker.register_for_execution(name="lookup")(lookup)
    return lambda: asker.initiate_chat(helper, message=_WORDS, max_turns=turns, silent=True)


def group(server: ScriptedServer, turns: int) -> Callable[[], Any]:
    """A group chat of four agents with models, each of which sends the whole history."""
    members = [_agent(f"member_{number}", server) for number in range(4)]
    chat = GroupChat(members, [], max_round=turns, speaker_selection_method="round_robin")
    manager, asker = GroupChatManager(chat, llm_config=False), _agent("user")
    return lambda: asker.initiate_chat(manager, message=_WORDS, silent=True)


CONVERSATIONS = {"two agents and a tool": two, "group of four": group}


def exported(
    conversation: Callable[[ScriptedServer, int], Callable[[], Any]], turns: int, settings: Settings
) -> int:
    """Bytes that one conversation exports."""
    weighing = Weighing()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(weighing))
    with ScriptedServer(_reply) as server:
        autogen_otel.instrument(
            tracer_provider=provider, meter_provider=NoOpMeterProvider(), settings=settings
        )
        try:
            with contextlib.redirect_stdout(io.StringIO()), lean_sdk():
                conversation(server, turns)()
        finally:
            autogen_otel.uninstrument()
    return weighing.size


def exponents(turns: Sequence[int], sizes: Sequence[int]) -> Iterator[float]:
    """Slopes between neighbours on logarithmic scales."""
    pairs = list(zip(turns, sizes, strict=True))
    for (fewer, smaller), (more, larger) in itertools.pairwise(pairs):
        yield math.log(larger / smaller) / math.log(more / fewer)


def measure(say: Callable[[str], None]) -> Figure:
    """All conversations with all settings.

    Args:
        say: takes progress.
    """
    measurements = []
    for kind, conversation in CONVERSATIONS.items():
        for label, settings in SETTINGS.items():
            say(f"Bytes: {kind}, {label}")
            sizes = [exported(conversation, turns, settings) for turns in TURNS]
            measurements.append((f"{kind}, {label}", sizes, list(exponents(TURNS, sizes))))
    return Figure(
        title="Bytes exported",
        explanation=(
            "How what a conversation exports grows with its turns. The exponents are the slopes between the "
            "lengths on logarithmic scales: 1 is linear. The whole history is recorded only where "
            "`full_message_history` asks for it."
        ),
        columns=("conversation", *(f"{turns} turns" for turns in TURNS), "exponents", "target"),
        rows=[
            (
                name,
                *(f"{size / 1000:.0f} kB" for size in sizes),
                ", ".join(f"{slope:.2f}" for slope in slopes),
                "-" if name.endswith("history") else "linear",
            )
            for name, sizes, slopes in measurements
        ],
    )


def _agent(name: str, server: ScriptedServer | None = None) -> ConversableAgent:
    config = False if server is None else {"config_list": [entry(server)], "cache_seed": None}
    return ConversableAgent(
        name,
        llm_config=config,
        human_input_mode="NEVER",
        code_execution_config=False,
        default_auto_reply="Go on, please.",
        max_consecutive_auto_reply=max(TURNS),
    )


def _reply(request: ChatRequest) -> Any:
    messages = request.body["messages"]
    if request.body.get("tools") and messages[-1]["role"] != "tool":
        return tool_call("lookup", {"policy_id": f"P-{len(messages)}"})
    return text(f"Answer {len(messages)}: {_WORDS}")
