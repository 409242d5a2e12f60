"""Conversations of every kind, prompts of every size, and log records that nobody takes."""

# ruff: noqa: E402 - agents come after the one line that instruments them

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import autogen_otel

autogen_otel.instrument()

from opentelemetry._logs import get_logger_provider

from autogen_otel.testing import ScriptedServer, entry, error, text, tool_call
from autogen_otel.vocabulary.metrics import PROMPT_SIZE
from tests.support.agents import assistant, pair, user
from tests.support.conversations import CONVERSATIONS, play


class HouseModel:
    """A model client of the user's own, which asks nobody over HTTP."""

    def __init__(self, config: dict[str, Any], **_: Any) -> None:
        self._model = config["model"]

    def create(self, _params: dict[str, Any]) -> Any:
        message = SimpleNamespace(content="Done. TERMINATE", function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model=self._model)

    def message_retrieval(self, response: Any) -> list[str]:
        return [choice.message.content for choice in response.choices]

    def cost(self, _response: Any) -> float:
        return 0.25

    @staticmethod
    def get_usage(_response: Any) -> dict[str, Any]:
        return {}


refusal = error(400, "This model's maximum context length is 128000 tokens.", code="context_length_exceeded")
with ScriptedServer(lambda _: text("Done. TERMINATE")) as works, ScriptedServer(lambda _: refusal) as refuses:
    asker = user()
    for bound in PROMPT_SIZE.buckets:
        asker.initiate_chat(assistant([entry(works)], "reader"), message="x" * int(bound), silent=True)
    with suppress(Exception):
        asker.initiate_chat(assistant([entry(refuses)], "hoarder"), message="x" * 600_000, silent=True)

house = assistant([{"model": "house-1", "model_client_cls": "HouseModel"}], "housekeeper")
house.register_model_client(model_client_cls=HouseModel)
user().initiate_chat(house, message="Hello", silent=True)


def claim() -> str:
    """Look a claim up."""
    return '{"error": "no such claim"}'


with ScriptedServer([tool_call("claim", {}), text("Done. TERMINATE", finish_reason="length")]) as cuts:
    clerk, helper = pair(cuts, claim)
    clerk.initiate_chat(helper, message="Hello", silent=True)

for conversation in [*CONVERSATIONS, *[one for one in CONVERSATIONS if one.name == "fallback"] * 10]:
    play(conversation, "sync")

# Losses are counted once they have happened; the metrics that say so are sent at the end.
get_logger_provider().force_flush()  # type: ignore[attr-defined]
