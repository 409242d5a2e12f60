"""Which messages of a conversation were recorded already: an account of hashes, which holds no message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

_MOST_NODES = 2000
_DEEPEST = 16
_LEADING = ("system", "developer")
_PLAIN = (int, float, bool, bytes, type(None))


@dataclass(slots=True)
class MessageAccount:
    """What the model calls of one conversation have recorded.

    Every agent of a group sends the same history again, under other roles, and transforms cut it and change
    its order. So a message is known by its content, and how often: the second "yes" of a prompt is new if
    only one was recorded.

    Args:
        recorded: how many messages of each content were recorded.
        given: instructions and tool definitions recorded.
        changing: calls of one conversation may run at the same time.
    """

    recorded: Counter[int] = field(default_factory=Counter)
    given: set[int] = field(default_factory=set)
    changing: Lock = field(default_factory=Lock)

    def new_messages(self, messages: Iterable[Any], counted: dict[int, int] | None = None) -> tuple[Any, ...]:
        """Those that were not recorded before; they are from now on.

        Args:
            messages: of one prompt.
            counted: of each content how many messages of the prompt stand before these; counts on.
        """
        new = []
        in_this: dict[int, int] = {} if counted is None else counted
        recorded = self.recorded
        with self.changing:
            for message in messages:
                key = key_of(message)
                times = in_this[key] = in_this.get(key, 0) + 1
                if times > recorded.get(key, 0):
                    recorded[key] = recorded.get(key, 0) + 1
                    new.append(message)
        return tuple(new)

    def new_once(self, kind: str, values: Iterable[Any]) -> tuple[Any, ...]:
        """Those that were not recorded before, however often they are given.

        Args:
            kind: keeps tools apart from instructions.
            values: messages or definitions.
        """
        new = []
        with self.changing:
            for value in values:
                key = hash((kind, key_of(value) if kind == "instructions" else frozen(value)))
                if key not in self.given:
                    self.given.add(key)
                    new.append(value)
        return tuple(new)

    def add_answers(self, answers: Iterable[Mapping[str, Any]]) -> None:
        """Answers are recorded where they are given, and not again where they are sent on."""
        with self.changing:
            for answer in answers:
                self.recorded.update(_keys_of_answer(answer))


def is_instruction(message: Any) -> bool:
    """Whether a message tells the model what it is; only those that a prompt begins with are kept apart."""
    role = message.get("role") if isinstance(message, dict) else None
    return isinstance(role, str) and role in _LEADING


def key_of(message: Any) -> int:
    """What a message is known by: neither its role nor its name, which depend on who sends it."""
    try:
        return _key_of(message)
    except Exception:  # noqa: BLE001 - hashing and reading may be the user's code
        return hash(("unreadable", id(type(message))))


def frozen(value: Any) -> int:
    """A hash of whatever JSON can hold, by value; of other objects by identity."""
    return _frozen(value, [_MOST_NODES], 0)


def _key_of(message: Any) -> int:
    if type(message) is not dict and not isinstance(message, Mapping):
        return frozen(message)
    asked = message.get("tool_calls")
    if isinstance(asked, (list, tuple)) and asked:
        return hash(("calls", *(_key_of_call(one) for one in asked)))
    called = message.get("function_call")
    if isinstance(called, Mapping) and called:
        return hash(("call", frozen(called.get("arguments"))))
    content = message.get("content")
    key = hash(content) if type(content) is str else _key_of_content(content)
    call_id = message.get("tool_call_id")
    return key if call_id is None else hash((frozen(call_id), key))


def _key_of_call(one: Any) -> int:
    function = one.get("function") if type(one) is dict or isinstance(one, Mapping) else None
    if not isinstance(one, Mapping) or not isinstance(function, Mapping):
        return frozen(one)
    # Not the name: AutoGen replaces the characters in it that providers refuse.
    return hash((frozen(one.get("id")), frozen(function.get("arguments"))))


def _key_of_content(content: Any) -> int:
    if content is None:
        return hash("")
    texts = _texts_of(content)
    if texts is None:
        return frozen(content)
    return hash(texts[0]) if len(texts) == 1 else hash(tuple(texts))


def _texts_of(content: Any) -> list[str] | None:
    """The texts of content that is a list of nothing else."""
    if not isinstance(content, (list, tuple)) or not content:
        return None
    parts = (one.get("text") if isinstance(one, Mapping) else None for one in content)
    texts = [text for text in parts if type(text) is str]
    return texts if len(texts) == len(content) else None


def _keys_of_answer(answer: Mapping[str, Any]) -> set[int]:
    """All that an answer may have become when AutoGen sends it on."""
    keys = {key_of(answer)}
    content = answer.get("content")
    if answer.get("tool_calls") or answer.get("function_call"):
        return keys
    if type(content) is str:
        return keys | {hash(content.strip())}
    if isinstance(content, Sequence):
        words = [one for one in map(_words_of_block, content) if one]
        texts = [text for kind, text in words if kind == "text"]
        keys.update(
            hash(joint.join(parts)) for joint in (" ", "") for parts in (texts, [t for _, t in words])
        )
    return keys


def _words_of_block(block: Any) -> tuple[str, str] | None:
    """Kind and words of a block of an answer: AG2's second clients join reasoning and text."""
    for kind in ("text", "reasoning"):
        words = block.get(kind) if isinstance(block, Mapping) else None
        if isinstance(words, str) and words:
            return kind, words
    return None


def _frozen(value: Any, nodes: list[int], depth: int) -> int:
    nodes[0] -= 1
    if isinstance(value, str):
        return str.__hash__(value)
    if type(value) in _PLAIN:
        return hash(value)
    if nodes[0] < 0 or depth > _DEEPEST:
        return 0
    if isinstance(value, dict):
        pairs = [(_frozen(k, nodes, depth + 1), _frozen(v, nodes, depth + 1)) for k, v in dict.items(value)]
        return hash(("dict", frozenset(pairs)))
    if isinstance(value, (list, tuple)):
        part = value[: max(nodes[0], 0)]
        return hash(("list", len(value), *(_frozen(one, nodes, depth + 1) for one in part)))
    return id(value)
