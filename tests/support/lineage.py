"""Which AutoGen this environment has and what is in it: conditions for ``@pytest.mark.needs``."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import zlib

import autogen
import openai

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


_HAS_OPENAI_1 = openai.VERSION.startswith("1.")
_IS_AG2 = IS_014 and any(
    distribution.metadata["name"] == "ag2" for distribution in importlib.metadata.distributions(name="ag2")
)


def _half() -> int | None:
    """Which half of dear cases this environment runs; ``None`` where it runs them all."""
    if IS_02:
        return 0 if _HAS_OPENAI_1 else 1
    if IS_014:
        return 1 if _IS_AG2 else 0
    return None


def _end() -> int | None:
    """Which end of the matrix this environment is: the oldest of everything, or the newest."""
    if IS_02 and _HAS_OPENAI_1:
        return 0
    return 1 if _IS_AG2 else None


_HALF = _half()
_END = _end()


def is_here(case_id: str, kind: str) -> bool:
    """Whether this environment runs a case that several environments have between them.

    A checksum of the case's id decides, so that a new case moves no other.

    Args:
        case_id: pytest's id of the test with its parameters.
        kind: ``hosts`` for cases that run on every host: pyautogen 0.2 stands in two environments, and so
            does the newest host; each of the two runs half of them. ``shapes`` for call shapes of one case:
            as ``hosts``, and pyautogen 0.9, which stands alone, runs half of them too. ``plain`` for what
            is about no host: the oldest and the newest environment run half of them each.
    """
    half = {"hosts": _HALF, "shapes": _HALF or 0, "plain": _END}[kind]
    return half is None or zlib.crc32(case_id.encode()) % 2 == half


SHAPES = ("sync", "async") if _HALF is None else (("sync", "async")[_HALF],)
"""The call shapes that one test of many calls goes through here; together they are all on every host."""


def examples_of_plain(count: int) -> int:
    """How many examples Hypothesis makes up here, for tests that take long and are about no host.

    The oldest and the newest environment try so many between them.
    """
    return count if _END is None else (count + 1) // 2
