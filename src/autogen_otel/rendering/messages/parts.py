"""A message, instruction or tool definition in the form of the GenAI conventions, ready to be cut."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.cutting import cut
from autogen_otel.redaction.introspection import fields_of, instance_dict
from autogen_otel.rendering.messages.media import without_media
from autogen_otel.rendering.messages.media_parts import MEDIA_TYPES, media_part
from autogen_otel.rendering.trees import Tree, dump, parse_json, writer
from autogen_otel.vocabulary.placeholders import NOT_RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.redaction.redactor import Redactor
    from autogen_otel.rendering.messages.excluded import ExcludedTools

_ROLES: Final = {"function": "tool", "developer": "system"}
_MOST_PARTS: Final = 64
_LONGEST_WORD: Final = 128
_TEXT_KEYS: Final = {"reasoning": "reasoning", "thinking": "thinking", "refusal": "refusal"}
"""Types of content whose text is under a key of their own."""
_TEXTS: Final = ("text", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A redacted value that may have to be cut.

    Args:
        plain: the JSON value.
        text: the same as text, which is recorded cut where it is too long.
        total: characters of the original.
    """

    plain: Any
    text: str
    total: int


def cut_leaves(tree: Any, limit: int) -> Any:
    """Return the tree with each of its leaves cut to so many characters."""
    if isinstance(tree, Leaf):
        return tree.plain if len(tree.text) <= limit else cut(tree.text, limit, tree.total)
    if isinstance(tree, dict):
        return {key: cut_leaves(value, limit) for key, value in tree.items()}
    return [cut_leaves(value, limit) for value in tree] if isinstance(tree, list) else tree


dump_whole: Final = writer(attrgetter("plain"))
"""Writes a tree as JSON without cutting its leaves."""


class Parts:
    """Builds trees of JSON values and leaves.

    Args:
        redactor: takes the secrets out of every text.
        limit: most characters of any value that is recorded.
        excluded: the tools whose arguments and results stay out; ``None`` for none.
    """

    def __init__(self, redactor: Redactor, limit: int, excluded: ExcludedTools | None = None) -> None:
        self._redactor, self._limit, self._excluded = redactor, limit, excluded

    def note_calls(self, values: Iterable[Any]) -> None:
        """Note the calls of excluded tools that messages ask for, before any of them is built."""
        if self._excluded is None:
            return
        for value in values:
            for call in _tool_calls((_fields(value) or {}).get("tool_calls")):
                fields = _fields(call) or {}
                name = (_fields(fields.get("function")) or fields).get("name")
                if isinstance(name, str):
                    self._excluded.note(name, fields.get("id"))

    def message(self, value: Any) -> dict[str, Any]:
        """Convert a message of the chat API."""
        fields = _fields(value)
        if fields is None:
            return {"role": "unknown", "parts": [self._text(value)]}
        role = self._word(fields.get("role")) or "user"
        parts = self._response(fields) if role in ("tool", "function") else self._message_parts(fields)
        name = self._word(fields.get("name"))
        return {"role": _ROLES.get(role, role), "parts": parts, **({} if name is None else {"name": name})}

    def answer(self, value: Any) -> dict[str, Any]:
        """Convert a message that the model answered, with its finish reason."""
        reason = self._word((_fields(value) or {}).get("finish_reason"))
        return {**self.message(value), "finish_reason": reason or "unknown"}

    def instruction(self, value: Any) -> dict[str, Any]:
        """Convert a system message."""
        fields = _fields(value)
        return self._text(value if fields is None else fields.get("content"))

    def tool(self, value: Any) -> dict[str, Any]:
        """Convert a tool definition, of ``tools`` or of the older ``functions``."""
        fields = _fields(value)
        if fields is None:
            return {"type": "unknown", "name": self._text_leaf(value)}
        kind = self._word(fields.get("type")) or "function"
        fields = _fields(fields.get("function")) or fields
        values: dict[str, Any] = {
            key: self._leaf(fields[key]) for key in ("description", "parameters") if key in fields
        }
        return {"type": kind, "name": self._word(fields.get("name")) or kind, **values}

    def _message_parts(self, fields: dict[str, Any]) -> list[Any]:
        parts = []
        if fields.get("reasoning_content") is not None:
            parts.append({"type": "reasoning", "content": self._text_leaf(fields["reasoning_content"])})
        parts += self._contents(fields.get("content"))
        if fields.get("refusal") is not None:
            parts.append({"type": "refusal", "content": self._text_leaf(fields["refusal"])})
        if fields.get("audio") is not None:
            parts.append(self._content({"type": "audio", "audio": fields["audio"]}))
        parts += [self._call(_fields(call) or {}) for call in _tool_calls(fields.get("tool_calls"))]
        function_call = _fields(fields.get("function_call"))
        return parts if function_call is None else [*parts, self._call(function_call)]

    def _call(self, fields: dict[str, Any]) -> dict[str, Any]:
        function = _fields(fields.get("function")) or fields
        name = self._word(function.get("name")) or "unknown"
        arguments = NOT_RECORDED if self._keeps_out(function.get("name")) else function.get("arguments")
        return {
            "type": "tool_call",
            **self._id(fields.get("id")),
            "name": name,
            "arguments": self._leaf(arguments),
        }

    def _response(self, fields: dict[str, Any]) -> list[Any]:
        content = fields.get("content", fields.get("output"))
        if self._keeps_out(fields.get("name"), fields.get("tool_call_id")):
            content = NOT_RECORDED
        response = (
            self._contents(content) if issubclass(type(content), (list, tuple)) else self._leaf(content)
        )
        return [{"type": "tool_call_response", **self._id(fields.get("tool_call_id")), "response": response}]

    def _keeps_out(self, tool: object, call_id: object = None) -> bool:
        """Whether this is a call or result of an excluded tool."""
        excluded = self._excluded
        if excluded is None:
            return False
        return excluded.is_excluded_call(call_id) or (isinstance(tool, str) and excluded.keeps_out(tool))

    def _contents(self, content: Any) -> list[Any]:
        if content is None or (type(content) is str and not content):
            return []
        if not issubclass(type(content), (list, tuple)):
            return [self._text(content)]
        parts = [self._content(part) for part in content[:_MOST_PARTS]]
        excess = len(content) - _MOST_PARTS
        return [*parts, {"type": "omitted", "content": f"[{excess} more parts cut]"}] if excess > 0 else parts

    def _content(self, value: Any) -> Any:
        fields = _fields(value)
        if fields is None:
            return self._text(value)
        kind = self._word(fields.get("type")) or "unknown"
        if kind in _TEXTS:
            return self._text(fields.get("text"))
        if kind in _TEXT_KEYS:
            part_type = "reasoning" if kind == "thinking" else kind
            return {"type": part_type, "content": self._text_leaf(fields.get(_TEXT_KEYS[kind]))}
        if kind == "tool_call":
            return self._call(fields)
        if kind == "tool_result":
            return self._response(fields)[0]
        part = (
            media_part(kind, {**fields, **_inner(fields)}, self._text_leaf) if kind in MEDIA_TYPES else None
        )
        return part or {"type": kind, "content": self._leaf(value)}

    def _text(self, value: Any) -> dict[str, Any]:
        return {"type": "text", "content": self._text_leaf(value)}

    def _id(self, value: Any) -> dict[str, str]:
        text = self._word(value)
        return {} if text is None else {"id": text}

    def _word(self, value: Any) -> str | None:
        if type(value) is not str:
            if isinstance(value, Enum):
                value = value._value_
            if not isinstance(value, str):
                return None
        word = self._redactor.memory.get(value) if type(value) is str else None
        if word is None or len(word) > _LONGEST_WORD:
            word = self._redactor.fit(value, _LONGEST_WORD)
        return " ".join(word.split())

    def _text_leaf(self, value: Any) -> Leaf:
        """Convert any value into a leaf of text."""
        leaf = self._leaf(value)
        return Leaf(leaf.text, leaf.text, leaf.total)

    def _leaf(self, value: Any) -> Leaf:
        """Convert any value into a leaf; JSON text is parsed, because its keys tell what is secret."""
        if issubclass(type(value), str):
            text = without_media(str.__str__(value))
            document = parse_json(text)
            if document is None:
                leaf_text = self._redactor.fit(text, self._limit)
                return Leaf(leaf_text, leaf_text, len(text))
            value = document
        plain = _MediaTree(self._redactor, self._limit).plain(value)
        leaf_text = plain if isinstance(plain, str) else dump(plain)
        return Leaf(plain, leaf_text, len(leaf_text))


class _MediaTree(Tree):
    """A tree in which media is described and not contained."""

    def _text(self, value: str, redactor: Redactor | None = None) -> str:
        return super()._text(without_media(str.__str__(value)), redactor)


def _tool_calls(calls: Any) -> list[Any]:
    """The calls that a message asks for, as many as are recorded."""
    return list(calls[:_MOST_PARTS]) if isinstance(calls, (list, tuple)) else []


def _inner(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields one level deeper: ``{"image_url": {"url": …}}``, ``{"source": {"data": …}}``."""
    inner_fields: dict[str, Any] = {}
    for key in ("image_url", "audio_url", "video_url", "input_audio", "audio", "file", "source"):
        inner_fields.update(_fields(fields.get(key)) or {})
    return {key: value for key, value in inner_fields.items() if key != "type"}


def _fields(value: Any) -> dict[str, Any] | None:
    """A message or part of one as a dict, whether it is one or a client's data object."""
    if type(value) is dict:
        return value
    if isinstance(value, UserDict):
        value = instance_dict(value).get("data")
    if isinstance(value, dict):
        return value
    if isinstance(value, (str, bytes, list)):
        return None
    rows = fields_of(value)
    return None if rows is None else {name: item for name, item, is_shown in rows if is_shown}
