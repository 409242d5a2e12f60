"""An entry of a ``config_list`` as a trace names it, asked again: for the tests that ``repro`` writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from autogen_otel.testing.placeholders import fail, skip

CONFIG_VARIABLE = "OAI_CONFIG_LIST"
"""Where AutoGen's ``config_list_from_json`` looks by default: JSON, or the path of a file of it."""
_PORTS = {"http": 80, "https": 443}
_WORD = "filler "


@dataclass(frozen=True, kw_only=True)
class RecordedEntry:
    """An entry of the user's; making one reads and asks nothing.

    Where there is no ``config_list``, the entry is made of what was recorded of it, with the key that is in
    ``OPENAI_API_KEY`` or ``AZURE_OPENAI_API_KEY``. A key is sent only to where the SDK would send it: to
    OpenAI, or to the host in ``OPENAI_BASE_URL`` or ``AZURE_OPENAI_ENDPOINT``.

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
        tool_options = {"tools": [dict(tool) for tool in tools]} if tools else {}
        answer = wrapper.create(
            messages=[dict(message) for message in messages], cache_seed=None, **tool_options, **options
        )
        # An answer without a completion in it is where AutoGen fails next.
        assert wrapper.extract_text_or_completion_object(answer), "the answer holds no completion"
        return answer

    def found(self) -> dict[str, Any]:
        """The entry as it is now; without list and key the test is skipped, saying what to set."""
        entries = self._entries()
        if entries is None:
            return self._rebuild()
        if not 0 <= self.index < len(entries):
            fail(f"{self.config} has {len(entries)} entries, and entry {self.index} was recorded")
        return dict(entries[self.index])

    def _entries(self) -> list[dict[str, Any]] | None:
        from autogen_otel.checks.source import SourceError, own_entries  # noqa: PLC0415 - only tests that ask need it

        is_default = self.config == CONFIG_VARIABLE
        if is_default and self.config not in os.environ and not Path(self.config).is_file():
            return None
        try:
            entries = own_entries(None if is_default else self.config)
        except SourceError as error:
            fail(str(error))
        # AG2 has classes of entries, of which its wrapper takes none.
        return [
            entry if isinstance(entry, dict) else entry.model_dump(exclude_none=True) for entry in entries
        ]

    def _rebuild(self) -> dict[str, Any]:
        """The entry as it was recorded, where the key in the environment is meant for its host.

        Whoever wrote the trace has named the host, so nothing is sent there by the trace's word alone.
        """
        provider = _PROVIDERS.get(self.api_type)
        if provider is None or self.base_url is None:
            skip(_PUT_LIST)
        key, allowed_url = os.environ.get(provider.key), os.environ.get(provider.url) or provider.default
        if key is None:
            skip(f"{_PUT_LIST}, or a key in {provider.key}")
        if not _is_at(self.base_url, allowed_url):
            skip(
                f"{_PUT_LIST}, or {self.base_url} into {provider.url} if the key in {provider.key} "
                "may be sent there"
            )
        azure = {"api_type": "azure", "api_version": self.api_version} if self.api_type == "azure" else {}
        timeout = {} if self.timeout is None else {"timeout": self.timeout}
        return {"model": self.model, "base_url": self.base_url, "api_key": key, **azure, **timeout}


class _Provider(NamedTuple):
    """Where the SDK looks for a provider's key and URL, and where it asks by itself."""

    key: str
    url: str
    default: str | None


_PROVIDERS = {
    "openai": _Provider("OPENAI_API_KEY", "OPENAI_BASE_URL", "https://api.openai.com/v1"),
    "azure": _Provider("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", None),
}
_PUT_LIST = f"put your config_list into {CONFIG_VARIABLE} (JSON, or the path of a file)"


def _is_at(url: str, allowed_url: str | None) -> bool:
    """Whether a URL leads to the host of one that the user has named: the same scheme, host and port."""
    try:
        url_parts, allowed_parts = urlsplit(url), urlsplit(allowed_url or "")
        ports = [parts.port or _PORTS.get(parts.scheme) for parts in (url_parts, allowed_parts)]
    except ValueError:
        return False
    is_same_host = url_parts.hostname is not None and url_parts.hostname == allowed_parts.hostname
    return is_same_host and url_parts.scheme == allowed_parts.scheme and ports[0] == ports[1]


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
    for index in range(others):
        sizes[index] = rest // others + (index < rest % others)
    if not others:
        sizes[-1] = chars
    # The last is from the user, and the one before from the assistant.
    roles = ["assistant" if (len(sizes) - index) % 2 == 0 else "user" for index in range(len(sizes))]
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
    spare = max(0, chars - sum(len(json.dumps(tool)) for tool in tools))
    return [_tool(name, _filler(spare // len(names))) for name in names]


def _tool(name: str, description: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _filler(chars: int) -> str:
    return (_WORD * (chars // len(_WORD) + 1))[:chars]
