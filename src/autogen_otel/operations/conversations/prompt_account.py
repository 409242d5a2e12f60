"""How large a prompt is and what makes it grow, read without copying it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autogen_otel.observations import PromptSize
from autogen_otel.operations.conversations.hidden_agents import agents_of
from autogen_otel.operations.reading import attribute

Mark = tuple[int, int]
"""What a message is known by in the next prompt: its characters, and the hash of its text."""


@dataclass(slots=True)
class PromptAccount:
    """What a conversation remembers of the prompts sent in it.

    Args:
        left_over: for each history that was not empty when the conversation began, its first message and
            how many there were, by id of that message.
        sent: marks of the messages in the last prompt, by pair of agents.
        tool_chars: lists of tool schemas and how many characters they make as JSON, by id.
    """

    left_over: dict[int, tuple[object, int]] = field(default_factory=dict)
    sent: dict[object, Counter[Mark]] = field(default_factory=dict)
    tool_chars: dict[int, tuple[object, int | None]] = field(default_factory=dict)

    @classmethod
    def begun(cls, initiator: object, recipient: object) -> PromptAccount:
        """Look at what the agents remember of earlier conversations; the host may yet clear that."""
        agents = [initiator, recipient]
        for group in (attribute(initiator, "groupchat"), attribute(recipient, "groupchat")):
            agents.extend(() if group is None else agents_of(group))
        return cls({id(first): (first, count) for agent in agents for first, count in _histories(agent)})

    def carried(self, history: Sequence[Any]) -> int:
        """How many messages of a history are older than the conversation."""
        first = history[0] if history else None
        kept, count = self.left_over.get(id(first), (None, 0))
        return count if first is not None and kept is first else 0

    def size(
        self, messages: Sequence[Any], tools: Sequence[Sequence[Any]], pair: object, history: Sequence[Any]
    ) -> PromptSize:
        """Measure a prompt.

        Args:
            messages: the messages of one model call; their dicts are the live history of the agents.
            tools: the lists of tool schemas sent along.
            pair: whose prompts are one series.
            history: what the agent replies to, which ``messages`` are made of.
        """
        carried = self.carried(history)
        before = self.sent.get(pair)
        if before is None:
            before = Counter(_marks(messages, carried))
        return self._measured(messages, tools, pair, before, carried)

    def _measured(
        self,
        messages: Sequence[Any],
        tools: Sequence[Sequence[Any]],
        pair: object,
        before: Counter[Mark],
        carried: int,
    ) -> PromptSize:
        now: Counter[Mark] = Counter()
        total = largest = new = new_chars = 0
        largest_message: Any = None
        for message in messages:
            mark = mark_of(message)
            chars = mark[0]
            now[mark] += 1
            total += chars
            if chars > largest:
                largest, largest_message = chars, message
            if now[mark] > before[mark]:
                new += 1
                new_chars += chars
        self.sent[pair] = now
        return PromptSize(
            messages=len(messages),
            new_messages=new,
            carried_messages=carried or None,
            chars=total,
            new_chars=new_chars,
            largest_chars=largest or None,
            largest_from=_speaker(largest_message),
            tools=sum(len(listed) for listed in tools),
            tools_chars=self._chars_of(tools),
        )

    def _chars_of(self, tools: Sequence[Sequence[Any]]) -> int | None:
        sizes = [self._schema_chars(listed) for listed in tools]
        return sum(size for size in sizes if size is not None) or None

    def _schema_chars(self, listed: Sequence[Any]) -> int | None:
        # An agent sends the same list with each call.
        kept, size = self.tool_chars.get(id(listed), (None, None))
        if kept is not listed:
            size = _json_length(listed)
            self.tool_chars[id(listed)] = (listed, size)
        return size


def mark_of(message: Any) -> Mark:
    """Characters of a message, and a hash of its text; of a message that will not say, nothing."""
    try:
        return _mark_of(message)
    except Exception:  # noqa: BLE001 - mappings are the user's code, and the call is worth more than its size
        return 0, 0


def _mark_of(message: Any) -> Mark:
    # Asked of every message of every call: the exact class first, which costs a tenth.
    if type(message) is not dict and not isinstance(message, Mapping):
        return 0, 0
    content = message.get("content")
    if type(content) is str:
        total, known = len(content), hash(content)
    else:
        total = known = _content_chars(content)
    asked = message.get("tool_calls")
    if isinstance(asked, (list, tuple)):
        total += sum(_called_chars(one.get("function")) for one in asked if isinstance(one, Mapping))
    called = message.get("function_call")
    return (total if called is None else total + _called_chars(called)), known


def _marks(messages: Sequence[Any], count: int) -> Iterator[Mark]:
    """Marks of the first ``count`` messages that are no instructions."""
    spoken = (one for one in messages if _field(one, "role") != "system")
    return (mark_of(message) for message, _ in zip(spoken, range(count), strict=False))


def _histories(agent: object) -> Iterator[tuple[object, int]]:
    """First message and length of each history that an agent keeps."""
    kept = attribute(agent, "_oai_messages")
    for history in tuple(kept.values()) if isinstance(kept, dict) else ():
        if isinstance(history, list) and history:
            yield history[0], len(history)


def _speaker(message: Any) -> str | None:
    said_by = _field(message, "name") or _field(message, "role")
    return said_by if isinstance(said_by, str) else None


def _field(message: Any, name: str) -> Any:
    try:
        return message.get(name) if isinstance(message, Mapping) else None
    except Exception:  # noqa: BLE001 - as above
        return None


def _json_length(listed: Sequence[Any]) -> int | None:
    try:
        return len(json.dumps(listed, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):  # the SDK will refuse it, too
        return None


def _called_chars(function: object) -> int:
    if not isinstance(function, Mapping):
        return 0
    return _length(function.get("name")) + _length(function.get("arguments"))


def _content_chars(content: object) -> int:
    if isinstance(content, list):
        return sum(_length(part.get("text")) for part in content if isinstance(part, Mapping))
    return _length(content)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str) else 0
