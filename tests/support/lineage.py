"""Which AutoGen this environment has and what is in it: conditions for ``@pytest.mark.needs``."""

from __future__ import annotations

import importlib.util

import autogen

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
