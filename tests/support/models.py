"""Models without a provider: a custom client, and token counting without the internet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from autogen import ConversableAgent

from tests.support.agents import assistant

HELLO = [{"role": "user", "content": "Hello"}]
"""What a wrapper is asked where no agent asks it."""


class HouseModel:
    """A custom client with a model of its own."""

    def __init__(self, config: dict[str, Any], **_options: Any) -> None:
        self.config = config

    def create(self, params: dict[str, Any]) -> Any:
        """Answer, or fail as the model's name says."""
        if params["model"] == "broken":
            raise LookupError("no such weights")
        if params["model"] == "interrupted":
            raise KeyboardInterrupt
        message = SimpleNamespace(content="Fine. TERMINATE", function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model=params["model"])

    def message_retrieval(self, response: Any) -> list[str]:
        """The text of each choice."""
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        """Nothing."""
        return 0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Nothing known."""
        return {}


def house(*entries: dict[str, Any], model: str = "house-1") -> ConversableAgent:
    """An agent with a custom client behind other entries."""
    helper = assistant([*entries, {"model": model, "model_client_cls": "HouseModel"}])
    helper.register_model_client(model_client_cls=HouseModel)
    return helper


class _Words:
    """An encoding in which every word is a token; tiktoken downloads its tables on first use."""

    def encode(self, text: str, **_options: object) -> list[int]:
        return [len(word) for word in text.split()]


@contextmanager
def counting_words() -> Iterator[None]:
    """Inside the block AutoGen 0.2 and 0.9 count the tokens of streams as words."""
    words = _Words()
    # Functions and no mocks, which would take a tenth of a short conversation to make.
    with pytest.MonkeyPatch.context() as patch:
        for name in ("get_encoding", "encoding_for_model"):
            patch.setattr(f"tiktoken.{name}", lambda *_, **__: words)
        yield
