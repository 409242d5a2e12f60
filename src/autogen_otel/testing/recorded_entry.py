"""An entry of a ``config_list`` as a trace names it, asked again: for the tests that ``repro`` writes."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autogen_otel.testing.lacking import fail, skip

CONFIG_VARIABLE = "OAI_CONFIG_LIST"
"""Where AutoGen's ``config_list_from_json`` looks by default: JSON, or the path of a file of it."""
_KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}
_WORD = "filler "


@dataclass(frozen=True, kw_only=True)
class RecordedEntry:
    """An entry of the user's; making one reads and asks nothing.

    Where there is no ``config_list``, the entry is made of what was recorded of it, with the key that is in
    ``OPENAI_API_KEY`` or ``AZURE_OPENAI_API_KEY``.

    Args:
        index: its place in the list, from 0.
        model: that it named when it was recorded.
        base_url: where it was, as far as recorded.
        api_type: its ``api_type``; OpenAI's by default.
        api_version: of Azure.
        timeout: seconds that the SDK waited for an answer.
        config: the list: the name of an environment variable with JSON or a path, the path of a JSON file, or
            ``module:attribute``.
    """

    index: int
    model: str
    base_url: str | None = None
    api_type: str = "openai"
    api_version: str | None = None
    timeout: float | None = None
    config: str = CONFIG_VARIABLE

    def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        retries: bool = True,
        **options: Any,
    ) -> Any:
        """Make one model call through AutoGen, past its cache.

        Args:
            messages: the prompt.
            tools: those offered.
            retries: whether the SDK may try again, as the entry says; else the first attempt has to work.
            options: further ones of ``OpenAIWrapper.create``: ``stream``, ``max_tokens``.

        Returns:
            The answer; what AutoGen or the SDK raises goes through as it is.
        """
        entry = self.found()
        if not retries:
            entry["max_retries"] = 0
        from autogen import OpenAIWrapper  # noqa: PLC0415 - nothing is imported while tests are collected

        wrapper = OpenAIWrapper(config_list=[entry])
        asked = {"tools": [dict(one) for one in tools]} if tools else {}
        answer = wrapper.create(messages=[dict(one) for one in messages], cache_seed=None, **asked, **options)
        # An answer without a completion in it is where AutoGen fails next.
        assert wrapper.extract_text_or_completion_object(answer), "the answer holds no completion"
        return answer

    def found(self) -> dict[str, Any]:
        """The entry as it is now; without list and key the test is skipped, saying what to set."""
        entries = self._entries()
        if entries is None:
            return self._remade()
        if self.index >= len(entries):
            fail(f"{self.config} has {len(entries)} entries, and entry {self.index} was recorded")
        return dict(entries[self.index])

    def _entries(self) -> list[dict[str, Any]] | None:
        if self.config.partition(":")[2] and not Path(self.config).exists():
            return _listed(_attribute(self.config), self.config)
        text = os.environ.get(self.config) or self.config
        path = Path(text)
        try:
            is_file = path.is_file()
        except (OSError, ValueError):  # JSON is no path
            is_file = False
        if is_file:
            text = path.read_text(encoding="utf-8")
        elif self.config not in os.environ:
            if self.config != CONFIG_VARIABLE:
                fail(f"{self.config} is neither an environment variable that is set nor a file")
            return None
        try:
            return _listed(json.loads(text), self.config)
        except ValueError:
            # What the JSON says is not shown: there are keys in it.
            fail(f"{self.config} holds no JSON")

    def _remade(self) -> dict[str, Any]:
        variable = _KEY_VARIABLES.get(self.api_type)
        key = os.environ.get(variable) if variable else None
        if self.base_url is None or key is None:
            also = f", or a key in {variable}" if variable and self.base_url else ""
            skip(f"put your config_list into {CONFIG_VARIABLE} (JSON, or the path of a file){also}")
        azure = {"api_type": "azure", "api_version": self.api_version} if self.api_type == "azure" else {}
        waiting = {} if self.timeout is None else {"timeout": self.timeout}
        return {"model": self.model, "base_url": self.base_url, "api_key": key, **azure, **waiting}


def filler_messages(count: int, *, chars: int, largest: int = 0) -> list[dict[str, str]]:
    """Messages that say nothing, for prompts whose words were not recorded.

    Args:
        count: how many.
        chars: of all of them together.
        largest: characters of the largest one; all are of one size by default.
    """
    sizes = [0] * max(1, count)
    sizes[-1] = min(largest, chars)
    others = len(sizes) - 1 if largest else len(sizes)
    rest = chars - sizes[-1]
    for place in range(others):
        sizes[place] = rest // others + (place < rest % others)
    if not others:
        sizes[-1] = chars
    # The last is from the user, and the one before from the assistant.
    roles = ["assistant" if (len(sizes) - place) % 2 == 0 else "user" for place in range(len(sizes))]
    if len(roles) > 1:
        roles[0] = "system"
    return [{"role": role, "content": _filler(size)} for role, size in zip(roles, sizes, strict=True)]


def filler_tools(names: Sequence[str], *, chars: int = 0) -> list[dict[str, Any]]:
    """Tools without parameters, for those whose definitions were not recorded.

    Args:
        names: theirs.
        chars: of all definitions together, as JSON.
    """
    tools = [_tool(name, "") for name in names]
    spare = max(0, chars - sum(len(json.dumps(one)) for one in tools))
    return [_tool(name, _filler(spare // len(names))) for name in names]


def _tool(name: str, description: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _filler(chars: int) -> str:
    return (_WORD * (chars // len(_WORD) + 1))[:chars]


def _attribute(config: str) -> Any:
    module, _, name = config.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    held: Any = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(held, part):
            fail(f"{module} has no {name}")
        held = getattr(held, part)
    return held


def _listed(value: Any, config: str) -> list[dict[str, Any]]:
    """The entries of a ``config_list``, of an ``llm_config`` with one, or of AG2's ``LLMConfig``."""
    held = value.get("config_list") if isinstance(value, Mapping) else getattr(value, "config_list", value)
    if not isinstance(held, list):
        fail(f"{config} holds no list of entries")
    return [one if isinstance(one, dict) else one.model_dump(exclude_none=True) for one in held]
