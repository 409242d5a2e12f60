"""Which messages of a conversation were recorded already: an account of hashes, which holds no message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_MOST_NODES = 2000
_DEEPEST = 16
_INSTRUCTION_ROLES = ("system", "developer")
_PLAIN = (int, float, bool, bytes, type(None))


@dataclass(slots=True)
class MessageAccount:
    """What the model calls of one conversation have recorded.

    Every agent of a group sends the same history again, under other roles, and transforms cut it and change
    its order. So content and count identify a message: the second "yes" of a prompt is new if only one
    was recorded.

    Calls of one conversation may run at the same time, on threads or in a signal handler. No lock keeps them
    apart: what is recorded is claimed in one step of a dictionary.
    """

    _claims: dict[object, object] = field(default_factory=dict)
    """Who records what: messages by hash and count, instructions and tool definitions by hash."""
    _recorded_counts: dict[int, int] = field(default_factory=dict)
    """How many messages of each content were recorded, at least."""

    def new_messages(
        self, messages: Iterable[Any], prompt_counts: dict[int, int] | None = None
    ) -> tuple[Any, ...]:
        """The messages that were not recorded before; they count as recorded from now on.

        Args:
            messages: of one prompt.
            prompt_counts: how many messages of each content the prompt has before these; it is updated.
        """
        unrecorded_messages = []
        counts: dict[int, int] = {} if prompt_counts is None else prompt_counts
        recorded_counts = self._recorded_counts
        for message in messages:
            key = key_of(message)
            times = counts[key] = counts.get(key, 0) + 1
            if times > recorded_counts.get(key, 0) and self._claim(key, times):
                unrecorded_messages.append(message)
        return tuple(unrecorded_messages)

    def _claim(self, key: int, times: int) -> bool:
        """Whether nobody has recorded this one of equal messages before; from now on it is recorded."""
        mark = object()
        self._recorded_counts[key] = times
        return self._claims.setdefault((key, times), mark) is mark

    def new_once(self, kind: str, values: Iterable[Any]) -> tuple[Any, ...]:
        """The values that were not recorded before, however often they are sent.

        Args:
            kind: keeps tools apart from instructions.
            values: messages or definitions.
        """
        unrecorded_values = []
        for value in values:
            mark = object()
            key = hash((kind, key_of(value) if kind == "instructions" else hash_of(value)))
            if self._claims.setdefault(key, mark) is mark:
                unrecorded_values.append(value)
        return tuple(unrecorded_values)

    def add_answers(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Note answers as recorded: their own call records them, a prompt that repeats them does not."""
        for answer in answers:
            for key in _keys_of_answer(answer):
                times = self._recorded_counts.get(key, 0) + 1
                while not self._claim(key, times):
                    times += 1


def is_instruction(message: Any) -> bool:
    """Whether a message instructs the model; only those at the beginning of a prompt are kept apart."""
    role = message.get("role") if isinstance(message, dict) else None
    return isinstance(role, str) and role in _INSTRUCTION_ROLES


def key_of(message: Any) -> int:
    """A hash that identifies a message, without its role and name, which depend on who sends it."""
    try:
        return _key_of(message)
    except Exception:  # noqa: BLE001 - hashing and reading may be the user's code
        return hash(("unreadable", id(type(message))))


def hash_of(value: Any) -> int:
    """A hash of whatever JSON can hold, by value; of other objects by identity."""
    return _hash_of(value, [_MOST_NODES], 0)


def _key_of(message: Any) -> int:
    if type(message) is not dict and not isinstance(message, Mapping):
        return hash_of(message)
    tool_calls = message.get("tool_calls")
    if isinstance(tool_calls, (list, tuple)) and tool_calls:
        return hash(("calls", *(_key_of_call(call) for call in tool_calls)))
    function_call = message.get("function_call")
    if isinstance(function_call, Mapping) and function_call:
        return hash(("call", hash_of(function_call.get("arguments"))))
    content = message.get("content")
    key = hash(content) if type(content) is str else _key_of_content(content)
    call_id = message.get("tool_call_id")
    return key if call_id is None else hash((hash_of(call_id), key))


def _key_of_call(call: Any) -> int:
    function = call.get("function") if type(call) is dict or isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        return hash_of(call)
    # Not the name: AutoGen replaces the characters in it that providers refuse.
    return hash((hash_of(call.get("id")), hash_of(function.get("arguments"))))


def _key_of_content(content: Any) -> int:
    if content is None:
        return hash("")
    texts = _texts_of(content)
    if texts is None:
        return hash_of(content)
    return hash(texts[0]) if len(texts) == 1 else hash(tuple(texts))


def _texts_of(content: Any) -> list[str] | None:
    """The texts of content that is a list of nothing else."""
    if not isinstance(content, (list, tuple)) or not content:
        return None
    parts = (one.get("text") if isinstance(one, Mapping) else None for one in content)
    texts = [text for text in parts if type(text) is str]
    return texts if len(texts) == len(content) else None


def _keys_of_answer(answer: Mapping[str, Any]) -> set[int]:
    """The keys of all that AutoGen may make of an answer when it sends it on."""
    keys = {key_of(answer)}
    content = answer.get("content")
    if answer.get("tool_calls") or answer.get("function_call"):
        return keys
    if type(content) is str:
        return keys | {hash(content.strip())}
    if isinstance(content, Sequence):
        blocks = [block for block in map(_text_of_block, content) if block]
        texts = [text for kind, text in blocks if kind == "text"]
        keys.update(
            hash(joint.join(parts)) for joint in (" ", "") for parts in (texts, [t for _, t in blocks])
        )
    return keys


def _text_of_block(block: Any) -> tuple[str, str] | None:
    """Kind and text of a block of an answer: AG2's second clients join reasoning and text."""
    for kind in ("text", "reasoning"):
        text = block.get(kind) if isinstance(block, Mapping) else None
        if isinstance(text, str) and text:
            return kind, text
    return None


def _hash_of(value: Any, nodes: list[int], depth: int) -> int:
    nodes[0] -= 1
    if isinstance(value, str):
        return str.__hash__(value)
    if type(value) in _PLAIN:
        return hash(value)
    if nodes[0] < 0 or depth > _DEEPEST:
        return 0
    if isinstance(value, dict):
        pairs = [(_hash_of(k, nodes, depth + 1), _hash_of(v, nodes, depth + 1)) for k, v in dict.items(value)]
        return hash(("dict", frozenset(pairs)))
    if isinstance(value, (list, tuple)):
        part = value[: max(nodes[0], 0)]
        return hash(("list", len(value), *(_hash_of(one, nodes, depth + 1) for one in part)))
    return id(value)
