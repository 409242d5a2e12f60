"""How large a prompt is and what makes it grow, read without copying it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.operations.hidden_agents import agents_of
from autogen_otel.reading import read
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names

_MOST_TOOL_NAMES = 64

Mark = tuple[int, int]
"""What a message is known by in the next prompt: its characters, and the hash of its text."""


@dataclass(slots=True, eq=False)
class _Series:
    """What the last prompt of a series held, so that of the next one only the new messages are read.

    Args:
        copies: its messages as they were; none where that would not tell what changes in them.
        marks: of its messages.
        chars: characters of all.
        largest: characters of the largest.
        largest_from: who said it.
        counted: of each content how many messages have it; kept by whoever records content.
    """

    copies: list[dict[str, Any]]
    marks: list[Mark]
    chars: int
    largest: int
    largest_from: str | None
    counted: dict[int, int]


_NOTHING_SENT = _Series([], [], 0, 0, None, {})


@dataclass(slots=True, eq=False)
class Prompt:
    """A prompt as it was measured.

    Args:
        facts: what is recorded of it in any case.
        offered: what is recorded of one list of tools, the same object as long as that stays the same.
        messages: what it consists of.
        tools: the lists of tool definitions sent along, none of them empty.
        carried: messages that an earlier conversation left.
        known: of its messages the first that the prompt before had, too, as its first.
        counted: how many of those there are of each content.
        same_tools: whether the tools offered were all offered before in the conversation.
    """

    facts: Facts
    offered: Facts
    messages: Sequence[Any]
    tools: Sequence[Sequence[Any]]
    carried: int = 0
    known: int = 0
    counted: dict[int, int] | None = None
    same_tools: bool = False


@dataclass(slots=True, eq=False)
class _Tools:
    """A list of tool definitions, since each call sends the same one, and what is recorded of it."""

    listed: Sequence[Any]
    copy: Any
    size: int | None
    named: list[str]
    facts: Facts


def _facts_of(*offered: _Tools) -> Facts:
    named = [name for one in offered for name in one.named]
    return {
        names.PROMPT_TOOLS: sum(len(one.listed) for one in offered),
        names.PROMPT_TOOL_NAMES: named[:_MOST_TOOL_NAMES] or None,
        names.PROMPT_TOOLS_CHARS: sum(one.size or 0 for one in offered) or None,
    }


_NO_TOOLS: Final = _facts_of()


class PromptAccount:
    """What a conversation remembers of the prompts sent in it.

    Args:
        agents: who talks: what they remember of earlier conversations is carried over, unless the host yet
            clears it.

    Attributes:
        schemas: JSON schema of each tool's parameters as the model was last shown it.
    """

    __slots__ = ("_left_over", "_sent", "_tools", "schemas")

    def __init__(self, *agents: object) -> None:
        self.schemas: dict[str, Mapping[str, Any]] = {}
        # The last prompt, by pair of agents.
        self._sent: dict[object, _Series] = {}
        # By id of the list.
        self._tools: dict[int, _Tools] = {}
        members = [*agents]
        for agent in agents:
            group = read(agent, "groupchat")
            members.extend(() if group is None else agents_of(group))
        # Of each history that is not empty its first message, and how many there are, by id of that message.
        self._left_over = {id(first): (first, count) for one in members for first, count in _histories(one)}

    def forget(self) -> None:
        """Let go of the host's objects."""
        self._left_over, self._tools, self._sent = {}, {}, {}

    def carried(self, history: Sequence[Any]) -> int:
        """How many messages of a history are older than the conversation."""
        first = history[0] if history else None
        kept, count = self._left_over.get(id(first), (None, 0))
        return count if first is not None and kept is first else 0

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
        carried = self.carried(history) if self._left_over else 0
        before, same = self._sent.get(pair), _NOTHING_SENT
        # Without a loop of Python's, which for a long conversation would cost more than all else in here.
        are_plain = [*map(type, messages)].count(dict) == len(messages)
        if are_plain and before is not None and before.copies:
            # What nearly every prompt is: the one before, and more.
            same = before if _is_equal(before.copies, messages[: len(before.copies)]) else same
        known = len(same.copies)
        added = messages[known:] if known else messages
        copies = _copies(added) if are_plain else None
        marks = [mark_of(message) for message in added]
        new, counted, largest, said_by = marks, same.counted, same.largest, same.largest_from
        if not known:
            earlier = list(_marks(messages, carried)) if before is None else before.marks
            new, counted = _beside(earlier, marks), {}
        sizes = [size for size, _ in marks]
        if sizes and max(sizes) > largest:
            largest = max(sizes)
            said_by = _speaker(messages[known + sizes.index(largest)], messages)
        new_chars = added_chars = sum(sizes)
        if new is not marks:
            new_chars = sum([size for size, _ in new])
        chars = same.chars + added_chars
        copies = [] if copies is None else same.copies + copies
        self._sent[pair] = _Series(copies, same.marks + marks, chars, largest, said_by, counted)
        listed, same_tools = [], True
        for one in tools:
            kept, was_sent = self._definitions(one)
            listed.append(kept)
            same_tools = same_tools and was_sent
        facts = {
            names.PROMPT_MESSAGES: len(messages),
            names.PROMPT_NEW_MESSAGES: len(new),
            names.PROMPT_CARRIED_MESSAGES: carried or None,
            names.PROMPT_CHARS: chars,
            names.PROMPT_NEW_CHARS: new_chars,
            names.PROMPT_LARGEST_CHARS: largest or None,
            names.PROMPT_LARGEST_FROM: said_by,
        }
        offered = listed[0].facts if listed else _NO_TOOLS
        if len(listed) > 1:
            facts.update(_facts_of(*listed))
        return Prompt(facts, offered, messages, tools, carried, known, counted, same_tools)

    def _definitions(self, listed: Sequence[Any]) -> tuple[_Tools, bool]:
        """What a list of tool definitions comes to, and whether it was sent before; its schemas are kept."""
        kept = self._tools.get(id(listed))
        if kept is not None and kept.listed is listed and _is_equal(kept.copy, listed):
            return kept, True
        written, named = _json(listed), []
        copy, size = (None, None) if written is None else (json.loads(written), len(written))
        # Of the copy, which nobody changes.
        for one in listed if copy is None else copy:
            function = one.get("function", one) if isinstance(one, Mapping) else None
            if isinstance(function, Mapping) and isinstance(function.get("name"), str):
                named.append(function["name"])
                if copy is not None:
                    self.schemas[function["name"]] = function.get("parameters") or {}
        kept = _Tools(listed, copy, size, named, {})
        kept.facts.update(_facts_of(kept))
        self._tools[id(listed)] = kept
        return kept, False


def _copies(messages: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Messages as they are now; ``None`` where a change inside one could not be told by its copy."""
    copies = []
    for message in messages:
        content = message.get("content")
        if (content is not None and type(content) is not str) or message.get("function_call"):
            return None
        copies.append(message.copy())
    return copies


def _beside(before: list[Mark], now: list[Mark]) -> list[Mark]:
    """The marks of now that are more than those before: of three equal ones the third, if two were there."""
    if now[: len(before)] == before:
        # What nearly every prompt is: the one before, and more.
        return now[len(before) :]
    left, new = Counter(before), []
    for mark in now:
        if left[mark] > 0:
            left[mark] -= 1
        else:
            new.append(mark)
    return new


def mark_of(message: Any) -> Mark:
    """Characters of a message, and a hash of its text; of a message that will not say, nothing."""
    try:
        # The exact class first: asking the abstract one costs ten times as much.
        if type(message) is not dict and not isinstance(message, Mapping):
            return 0, 0
        content = message.get("content")
        if type(content) is str:
            total, known = len(content), hash(content)
        else:
            total = known = 0 if content is None else _content_chars(content)
        calls = message.get("tool_calls")
        if isinstance(calls, (list, tuple)):
            for one in calls:
                if type(one) is dict or isinstance(one, Mapping):
                    function = one.get("function")
                    if type(function) is dict and type(function.get("arguments")) is str:
                        # As ``_called_chars``, without the call.
                        named = function.get("name")
                        total += len(function["arguments"]) + (len(named) if isinstance(named, str) else 0)
                    else:
                        total += _called_chars(function)
        called = message.get("function_call")
        return (total if called is None else total + _called_chars(called)), known
    except Exception:  # noqa: BLE001 - mappings are the user's code, and the call is worth more than its size
        return 0, 0


def _marks(messages: Sequence[Any], count: int) -> Iterator[Mark]:
    """Marks of the first ``count`` messages that are no instructions."""
    spoken = (one for one in messages if _field(one, "role") != "system")
    return (mark_of(message) for message, _ in zip(spoken, range(count), strict=False))


def _histories(agent: object) -> Iterator[tuple[object, int]]:
    """First message and length of each history that an agent keeps."""
    kept = read(agent, "_oai_messages")
    for history in tuple(kept.values()) if isinstance(kept, dict) else ():
        if isinstance(history, list) and history:
            yield history[0], len(history)


def _speaker(message: Any, messages: Sequence[Any]) -> str | None:
    said_by = _field(message, "name") or _field(message, "role")
    if said_by == "tool":
        said_by = _tool_asked(_field(message, "tool_call_id"), messages) or said_by
    return said_by if isinstance(said_by, str) else None


def _tool_asked(call_id: Any, messages: Sequence[Any]) -> Any:
    """Name of the tool that a tool call's id belongs to."""
    for message in reversed(messages):
        asked = _field(message, "tool_calls")
        for one in asked if isinstance(asked, (list, tuple)) else ():
            if _field(one, "id") == call_id:
                return _field(_field(one, "function"), "name")
    return None


def _field(message: Any, name: str) -> Any:
    try:
        return message.get(name) if type(message) is dict or isinstance(message, Mapping) else None
    except Exception:  # noqa: BLE001 - as above
        return None


def _is_equal(copy: Any, listed: Sequence[Any]) -> bool:
    try:
        return bool(copy == listed)
    except Exception:  # noqa: BLE001 - the comparison may be the user's code
        return False


def _json(listed: Sequence[Any]) -> str | None:
    try:
        return json.dumps(listed, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # the SDK will refuse it, too
        return None


def _called_chars(function: Any) -> int:
    if type(function) is not dict and not isinstance(function, Mapping):
        return 0
    name, arguments = function.get("name"), function.get("arguments")
    return (len(name) if isinstance(name, str) else 0) + (len(arguments) if isinstance(arguments, str) else 0)


def _content_chars(content: object) -> int:
    if not isinstance(content, list):
        return len(content) if isinstance(content, str) else 0
    texts = (part.get("text") for part in content if isinstance(part, Mapping))
    return sum(len(text) for text in texts if isinstance(text, str))
