"""Which AutoGen this environment has and what is in it: conditions for ``@pytest.mark.needs``."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from typing import TypeVar

import autogen
import openai

T = TypeVar("T")

NAME = f"AutoGen {autogen.__version__}"
IS_02 = autogen.__version__.startswith("0.2")
IS_09 = autogen.__version__.startswith("0.9")
IS_014 = autogen.__version__.startswith("0.14")


def _has(module: str) -> bool:
    """Whether the host has a module; its parent may be missing too."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


HAS_PATTERNS = _has("autogen.agentchat.group")
HAS_GUARDRAILS = _has("autogen.agentchat.group.guardrails")
HAS_SWARM = _has("autogen.agentchat.contrib.swarm_agent")
HAS_ASSISTANTS = _has("autogen.agentchat.contrib.gpt_assistant_agent")
HAS_TRACER = _has("autogen.opentelemetry")
HAS_PRICES = _has("genai_prices")


def _half() -> int | None:
    """Which half of dear cases this environment runs; ``None`` where it runs them all."""
    if IS_02 and not openai.VERSION.startswith("1."):
        return 0
    is_other_name = IS_014 and not any(
        one.metadata["name"] == "ag2" for one in importlib.metadata.distributions(name="ag2")
    )
    return 1 if is_other_name else None


_HALF = _half()


def share(cases: Sequence[T]) -> Sequence[T]:
    """The cases that this environment runs, for tests that take long.

    Two environments have nothing of their own: pyautogen 0.2 with the newest SDK has the host of the oldest
    one and the SDK of the newest, and autogen 0.14 is the newest one's host under another name. Each of them
    runs one half; all others run everything. So every case runs in four environments of five, on every host.
    """
    return cases if _HALF is None else cases[_HALF::2]
