"""How large a prompt is and what makes it grow, read without copying it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.reading import read
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names

_MOST_TOOL_NAMES = 64

Fingerprint = tuple[int, int]
"""What identifies a message in the next prompt: its characters, and the hash of its text."""


@dataclass(slots=True, eq=False)
class _Series:
    """The last prompt of a series, so that only the new messages of the next one are read.

    Args:
        copies: copies of its messages; none where a copy would not show what changes in them.
        fingerprints: of its messages.
        chars: characters of all.
        largest: characters of the largest.
        largest_from: who sent it.
        content_counts: how many messages have each content; whoever records content counts them.
    """

    copies: list[dict[str, Any]]
    fingerprints: list[Fingerprint]
    chars: int
    largest: int
    largest_from: str | None
    content_counts: dict[int, int]


_EMPTY_SERIES = _Series([], [], 0, 0, None, {})


@dataclass(slots=True, eq=False)
class Prompt:
    """A measured prompt.

    Args:
        facts: what is recorded of it also without content.
        tool_facts: what is recorded of its list of tools; the same object as long as the list is the same.
        messages: its messages.
        tools: the lists of tool definitions sent along, none of them empty.
        carried_count: how many of its messages an earlier conversation left.
        known_count: how many messages it has at its beginning in common with the prompt before.
        content_counts: how many of those have each content.
        same_tools: whether all its tools were sent before in the conversation.
    """

    facts: Facts
    tool_facts: Facts
    messages: Sequence[Any]
    tools: Sequence[Sequence[Any]]
    carried_count: int = 0
    known_count: int = 0
    content_counts: dict[int, int] | None = None
    same_tools: bool = False


@dataclass(slots=True, eq=False)
class _ToolList:
    """A list of tool definitions, since each call sends the same one, and what is recorded of it."""

    definitions: Sequence[Any]
    copy: Any
    size: int | None
    tool_names: list[str]
    facts: Facts


def _facts_of(*tool_lists: _ToolList) -> Facts:
    tool_names = [name for tool_list in tool_lists for name in tool_list.tool_names]
    return {
        names.PROMPT_TOOLS: sum(len(tool_list.definitions) for tool_list in tool_lists),
        names.PROMPT_TOOL_NAMES: tool_names[:_MOST_TOOL_NAMES] or None,
        names.PROMPT_TOOLS_CHARS: sum(tool_list.size or 0 for tool_list in tool_lists) or None,
    }


_NO_TOOLS: Final = _facts_of()


class PromptAccount:
    """What a conversation remembers of the prompts sent in it.

    Args:
        agents: who talks: their messages of earlier conversations are carried over, unless the host
            clears them.

    Attributes:
        schemas: JSON schema of each tool's parameters, as last sent to the model.
    """

    __slots__ = ("_last_prompts", "_old_histories", "_tool_lists", "schemas")

    def __init__(self, *agents: object) -> None:
        self.schemas: dict[str, Mapping[str, Any]] = {}
        # The last prompt, by pair of agents.
        self._last_prompts: dict[object, _Series] = {}
        # By id of the list.
        self._tool_lists: dict[int, _ToolList] = {}
        members = [*agents]
        for agent in agents:
            members_of_group = read(read(agent, "groupchat"), "agents")
            members.extend(members_of_group if isinstance(members_of_group, list) else ())
        # First message and length of each history that is not empty, by id of that message.
        self._old_histories = {
            id(first): (first, count) for agent in members for first, count in _histories(agent)
        }

    def forget(self) -> None:
        """Let go of the host's objects."""
        self._old_histories, self._tool_lists, self._last_prompts = {}, {}, {}

    def carried_count(self, history: Sequence[Any]) -> int:
        """How many messages of a history are older than the conversation."""
        first = history[0] if history else None
        old_first, count = self._old_histories.get(id(first), (None, 0))
        return count if first is not None and old_first is first else 0

    def measure(
        self, messages: Sequence[Any], tools: Sequence[Sequence[Any]], pair: object, history: Sequence[Any]
    ) -> Prompt:
        """Measure a prompt.

        Args:
            messages: the messages of one model call; their dicts are the live history of the agents.
            tools: the lists of tool definitions sent along, none of them empty.
            pair: whose prompts are one series.
            history: what the agent replies to, which ``messages`` are made of.
        """
        carried_count = self.carried_count(history) if self._old_histories else 0
        previous, base = self._last_prompts.get(pair), _EMPTY_SERIES
        # Without a loop of Python's, which for a long conversation would cost more than all else in here.
        are_plain = [*map(type, messages)].count(dict) == len(messages)
        if are_plain and previous is not None and previous.copies:
            # Nearly every prompt is the previous one, and more.
            base = previous if _is_equal(previous.copies, messages[: len(previous.copies)]) else base
        known_count = len(base.copies)
        added_messages = messages[known_count:] if known_count else messages
        copies = _copies(added_messages) if are_plain else None
        fingerprints = [fingerprint_of(message) for message in added_messages]
        new_fingerprints, content_counts, largest, speaker = (
            fingerprints,
            base.content_counts,
            base.largest,
            base.largest_from,
        )
        if not known_count:
            earlier_fingerprints = (
                list(_fingerprints(messages, carried_count)) if previous is None else previous.fingerprints
            )
            new_fingerprints, content_counts = _new_fingerprints(earlier_fingerprints, fingerprints), {}
        sizes = [size for size, _ in fingerprints]
        if sizes and max(sizes) > largest:
            largest = max(sizes)
            speaker = speaker_of(messages[known_count + sizes.index(largest)], messages)
        new_chars = added_chars = sum(sizes)
        if new_fingerprints is not fingerprints:
            new_chars = sum([size for size, _ in new_fingerprints])
        chars = base.chars + added_chars
        copies = [] if copies is None else base.copies + copies
        self._last_prompts[pair] = _Series(
            copies, base.fingerprints + fingerprints, chars, largest, speaker, content_counts
        )
        tool_lists, same_tools = [], True
        for definitions in tools:
            tool_list, was_sent = self._tool_list(definitions)
            tool_lists.append(tool_list)
            same_tools = same_tools and was_sent
        facts = {
            names.PROMPT_MESSAGES: len(messages),
            names.PROMPT_NEW_MESSAGES: len(new_fingerprints),
            names.PROMPT_CARRIED_MESSAGES: carried_count or None,
            names.PROMPT_CHARS: chars,
            names.PROMPT_NEW_CHARS: new_chars,
            names.PROMPT_LARGEST_CHARS: largest or None,
            names.PROMPT_LARGEST_FROM: speaker,
        }
        tool_facts = tool_lists[0].facts if tool_lists else _NO_TOOLS
        if len(tool_lists) > 1:
            facts.update(_facts_of(*tool_lists))
        return Prompt(
            facts, tool_facts, messages, tools, carried_count, known_count, content_counts, same_tools
        )

    def _tool_list(self, definitions: Sequence[Any]) -> tuple[_ToolList, bool]:
        """What is recorded of a list of tool definitions, and whether it was sent before; keep schemas."""
        tool_list = self._tool_lists.get(id(definitions))
        if (
            tool_list is not None
            and tool_list.definitions is definitions
            and _is_equal(tool_list.copy, definitions)
        ):
            return tool_list, True
        text, tool_names = _json(definitions), []
        copy, size = (None, None) if text is None else (json.loads(text), len(text))
        # We read the copy, since nobody changes it.
        for definition in definitions if copy is None else copy:
            function = definition.get("function", definition) if isinstance(definition, Mapping) else None
            if isinstance(function, Mapping) and isinstance(function.get("name"), str):
                tool_names.append(function["name"])
                if copy is not None:
                    self.schemas[function["name"]] = function.get("parameters") or {}
        tool_list = _ToolList(definitions, copy, size, tool_names, {})
        tool_list.facts.update(_facts_of(tool_list))
        self._tool_lists[id(definitions)] = tool_list
        return tool_list, False


def _copies(messages: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Copies of messages; ``None`` where a copy would not show a change inside its message."""
    copies = []
    for message in messages:
        content = message.get("content")
        if (content is not None and type(content) is not str) or message.get("function_call"):
            return None
        copies.append(message.copy())
    return copies


def _new_fingerprints(previous: list[Fingerprint], current: list[Fingerprint]) -> list[Fingerprint]:
    """The fingerprints that the previous prompt did not have: the third of three equal, if it had two."""
    if current[: len(previous)] == previous:
        # Nearly every prompt is the previous one, and more.
        return current[len(previous) :]
    remaining, new_fingerprints = Counter(previous), []
    for fingerprint in current:
        if remaining[fingerprint] > 0:
            remaining[fingerprint] -= 1
        else:
            new_fingerprints.append(fingerprint)
    return new_fingerprints


def fingerprint_of(message: Any) -> Fingerprint:
    """Characters of a message, and a hash of its text; zeros for a message that cannot be read."""
    try:
        # The exact class first: asking the abstract one costs ten times as much.
        if type(message) is not dict and not isinstance(message, Mapping):
            return 0, 0
        content = message.get("content")
        if type(content) is str:
            total, text_hash = len(content), hash(content)
        else:
            total = text_hash = 0 if content is None else _content_chars(content)
        calls = message.get("tool_calls")
        if isinstance(calls, (list, tuple)):
            for call in calls:
                if type(call) is dict or isinstance(call, Mapping):
                    function = call.get("function")
                    if type(function) is dict and type(function.get("arguments")) is str:
                        # As ``_call_chars``, without the call.
                        name = function.get("name")
                        total += len(function["arguments"]) + (len(name) if isinstance(name, str) else 0)
                    else:
                        total += _call_chars(function)
        function_call = message.get("function_call")
        return (total if function_call is None else total + _call_chars(function_call)), text_hash
    except Exception:  # noqa: BLE001 - mappings are the user's code, and the call is worth more than its size
        return 0, 0


def _fingerprints(messages: Sequence[Any], count: int) -> Iterator[Fingerprint]:
    """Fingerprints of the first ``count`` messages that are no instructions."""
    dialogue = (message for message in messages if _field(message, "role") != "system")
    return (fingerprint_of(message) for message, _ in zip(dialogue, range(count), strict=False))


def _histories(agent: object) -> Iterator[tuple[object, int]]:
    """First message and length of each history that an agent keeps."""
    histories = read(agent, "_oai_messages")
    for history in tuple(histories.values()) if isinstance(histories, dict) else ():
        if isinstance(history, list) and history:
            yield history[0], len(history)


def speaker_of(message: Any, messages: Sequence[Any]) -> str | None:
    """Who sent a message of a prompt: the agent or the tool, else only the role."""
    speaker = _field(message, "name") or _field(message, "role")
    if speaker == "tool":
        speaker = _tool_of_call(_field(message, "tool_call_id"), messages) or speaker
    return speaker if isinstance(speaker, str) else None


def _tool_of_call(call_id: Any, messages: Sequence[Any]) -> Any:
    """Name of the tool that a tool call's id belongs to."""
    for message in reversed(messages):
        tool_calls = _field(message, "tool_calls")
        for call in tool_calls if isinstance(tool_calls, (list, tuple)) else ():
            if _field(call, "id") == call_id:
                return _field(_field(call, "function"), "name")
    return None


def _field(message: Any, name: str) -> Any:
    try:
        return message.get(name) if type(message) is dict or isinstance(message, Mapping) else None
    except Exception:  # noqa: BLE001 - as above
        return None


def _is_equal(copy: Any, original: Sequence[Any]) -> bool:
    try:
        return bool(copy == original)
    except Exception:  # noqa: BLE001 - the comparison may be the user's code
        return False


def _json(definitions: Sequence[Any]) -> str | None:
    try:
        return json.dumps(definitions, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # the SDK will refuse it, too
        return None


def _call_chars(function: Any) -> int:
    if type(function) is not dict and not isinstance(function, Mapping):
        return 0
    name, arguments = function.get("name"), function.get("arguments")
    return (len(name) if isinstance(name, str) else 0) + (len(arguments) if isinstance(arguments, str) else 0)


def _content_chars(content: Any) -> int:
    if not isinstance(content, list):
        return str.__len__(content) if issubclass(type(content), str) else 0
    texts = (part.get("text") for part in content if isinstance(part, Mapping))
    return sum(len(text) for text in texts if isinstance(text, str))
