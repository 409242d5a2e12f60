"""A message, instruction or tool definition as the GenAI conventions want it, its values ready to be cut."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.cutting import cut
from autogen_otel.redaction.introspection import fields_of, instance_dict
from autogen_otel.rendering.messages.media import LONGEST_PLAIN, announces_media, without_media
from autogen_otel.rendering.messages.media_parts import MEDIA_TYPES, media_part
from autogen_otel.rendering.trees import Tree, dumped, parsed_json, writer, written_as_it_is
from autogen_otel.vocabulary.placeholders import NOT_RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autogen_otel.redaction.redactor import Redactor
    from autogen_otel.rendering.messages.excluded import ExcludedTools

_ROLES: Final = {"function": "tool", "developer": "system"}
_MOST_PARTS: Final = 64
_LONGEST_WORD: Final = 128
_WORDS_UNDER: Final = {"reasoning": "reasoning", "thinking": "thinking", "refusal": "refusal"}
"""Types of content that are words under a key of their own."""
_TEXTS: Final = ("text", "input_text", "output_text")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A redacted value that may have to be cut.

    Args:
        plain: as JSON has it.
        text: the same as text, which is shown cut where it is too long.
        total: characters of the original.
    """

    plain: Any
    text: str
    total: int


def within(tree: Any, limit: int) -> Any:
    """The tree with each of its leaves cut to so many characters."""
    if isinstance(tree, Leaf):
        return tree.plain if len(tree.text) <= limit else cut(tree.text, limit, tree.total)
    if isinstance(tree, dict):
        return {key: within(value, limit) for key, value in tree.items()}
    return [within(value, limit) for value in tree] if isinstance(tree, list) else tree


whole: Final = writer(attrgetter("plain"))
"""Writes a tree as JSON, none of its leaves cut."""


class Parts:
    """Builds trees of JSON values and leaves.

    Args:
        redactor: takes the secrets out of every text.
        limit: most characters that any of it will be shown with.
        excluded: the tools whose arguments and results stay out; ``None`` for none.
    """

    def __init__(self, redactor: Redactor, limit: int, excluded: ExcludedTools | None = None) -> None:
        self._redactor, self._limit, self._excluded = redactor, limit, excluded

    def note_calls(self, values: Iterable[Any]) -> None:
        """Note the calls of excluded tools that messages ask for, before any of them is built."""
        if self._excluded is None:
            return
        for value in values:
            for call in _sequence((_fields(value) or {}).get("tool_calls")):
                held = _fields(call) or {}
                name = (_fields(held.get("function")) or held).get("name")
                if isinstance(name, str):
                    self._excluded.note(name, held.get("id"))

    def message(self, value: Any) -> dict[str, Any]:
        """A message of the chat API."""
        held = _fields(value)
        if held is None:
            return {"role": "unknown", "parts": [self._text(value)]}
        role = self._word(held.get("role")) or "user"
        parts = self._response(held) if role in ("tool", "function") else self._said(held)
        name = self._word(held.get("name"))
        return {"role": _ROLES.get(role, role), "parts": parts, **({} if name is None else {"name": name})}

    def answer(self, value: Any) -> dict[str, Any]:
        """A message that the model answered, with the reason why it stopped."""
        reason = self._word((_fields(value) or {}).get("finish_reason"))
        return {**self.message(value), "finish_reason": reason or "unknown"}

    def instruction(self, value: Any) -> dict[str, Any]:
        """A system message."""
        held = _fields(value)
        return self._text(value if held is None else held.get("content"))

    def tool(self, value: Any) -> dict[str, Any]:
        """A tool definition, of ``tools`` or of the older ``functions``."""
        held = _fields(value)
        if held is None:
            return {"type": "unknown", "name": self._words(value)}
        kind = self._word(held.get("type")) or "function"
        held = _fields(held.get("function")) or held
        shown: dict[str, Any] = {
            key: self._leaf(held[key]) for key in ("description", "parameters") if key in held
        }
        return {"type": kind, "name": self._word(held.get("name")) or kind, **shown}

    def _said(self, held: dict[str, Any]) -> list[Any]:
        parts = []
        if held.get("reasoning_content") is not None:
            parts.append({"type": "reasoning", "content": self._words(held["reasoning_content"])})
        parts += self._contents(held.get("content"))
        if held.get("refusal") is not None:
            parts.append({"type": "refusal", "content": self._words(held["refusal"])})
        if held.get("audio") is not None:
            parts.append(self._content({"type": "audio", "audio": held["audio"]}))
        parts += [self._call(_fields(one) or {}) for one in _sequence(held.get("tool_calls"))]
        called = _fields(held.get("function_call"))
        return parts if called is None else [*parts, self._call(called)]

    def _call(self, held: dict[str, Any]) -> dict[str, Any]:
        function = _fields(held.get("function")) or held
        name = self._word(function.get("name")) or "unknown"
        arguments = NOT_RECORDED if self._keeps_out(function.get("name")) else function.get("arguments")
        return {
            "type": "tool_call",
            **self._id(held.get("id")),
            "name": name,
            "arguments": self._leaf(arguments),
        }

    def _response(self, held: dict[str, Any]) -> list[Any]:
        content = held.get("content", held.get("output"))
        if self._keeps_out(held.get("name"), held.get("tool_call_id")):
            content = NOT_RECORDED
        response = self._contents(content) if isinstance(content, (list, tuple)) else self._leaf(content)
        return [{"type": "tool_call_response", **self._id(held.get("tool_call_id")), "response": response}]

    def _keeps_out(self, tool: object, call_id: object = None) -> bool:
        """Whether it is a call or result of an excluded tool."""
        excluded = self._excluded
        if excluded is None:
            return False
        return excluded.called(call_id) or (isinstance(tool, str) and excluded.keeps_out(tool))

    def _contents(self, content: Any) -> list[Any]:
        if content is None or (type(content) is str and not content):
            return []
        if not isinstance(content, (list, tuple)):
            return [self._text(content)]
        parts = [self._content(one) for one in content[:_MOST_PARTS]]
        more = len(content) - _MOST_PARTS
        return [*parts, {"type": "omitted", "content": f"[{more} more parts cut]"}] if more > 0 else parts

    def _content(self, value: Any) -> Any:
        held = _fields(value)
        if held is None:
            return self._text(value)
        kind = self._word(held.get("type")) or "unknown"
        if kind in _TEXTS:
            return self._text(held.get("text"))
        if kind in _WORDS_UNDER:
            shown_as = "reasoning" if kind == "thinking" else kind
            return {"type": shown_as, "content": self._words(held.get(_WORDS_UNDER[kind]))}
        if kind == "tool_call":
            return self._call(held)
        if kind == "tool_result":
            return self._response(held)[0]
        part = media_part(kind, {**held, **_inner(held)}, self._words) if kind in MEDIA_TYPES else None
        return part or {"type": kind, "content": self._leaf(value)}

    def _text(self, value: Any) -> dict[str, Any]:
        return {"type": "text", "content": self._words(value)}

    def _id(self, value: Any) -> dict[str, str]:
        shown = self._word(value)
        return {} if shown is None else {"id": shown}

    def _word(self, value: Any) -> str | None:
        if type(value) is not str:
            if isinstance(value, Enum):
                value = value._value_
            if not isinstance(value, str):
                return None
        shown = self._redactor.memory.get(value) if type(value) is str else None
        if shown is None or len(shown) > _LONGEST_WORD:
            shown = self._redactor.fitted(value, _LONGEST_WORD)
        return " ".join(shown.split())

    def _words(self, value: Any) -> Leaf:
        """A value as text, whatever it is."""
        leaf = self._leaf(value)
        return Leaf(leaf.text, leaf.text, leaf.total)

    def _leaf(self, value: Any) -> Leaf:
        """A value as JSON; text that is itself JSON is parsed, so that keys tell what is secret."""
        if isinstance(value, str):
            text = without_media(str.__str__(value))
            parsed = parsed_json(text)
            if parsed is None:
                shown = self._redactor.fitted(text, self._limit)
                return Leaf(shown, shown, len(text))
            value = parsed
        written = written_as_it_is(value, self._limit, self._redactor, LONGEST_PLAIN)
        if written is not None and not announces_media(written):
            return Leaf(value, written, len(written))
        plain = _MediaTree(self._redactor, self._limit).plain(value)
        shown = plain if isinstance(plain, str) else dumped(plain)
        return Leaf(plain, shown, len(shown))


class _MediaTree(Tree):
    """A tree without the pictures in it."""

    def _text(self, value: str, redactor: Redactor | None = None) -> str:
        return super()._text(without_media(str.__str__(value)), redactor)


def _sequence(calls: Any) -> list[Any]:
    """The calls that a message asks for, as far as they are recorded."""
    return list(calls[:_MOST_PARTS]) if isinstance(calls, (list, tuple)) else []


def _inner(held: dict[str, Any]) -> dict[str, Any]:
    """What stands one level deeper: ``{"image_url": {"url": …}}``, ``{"source": {"data": …}}``."""
    found: dict[str, Any] = {}
    for key in ("image_url", "audio_url", "video_url", "input_audio", "audio", "file", "source"):
        found.update(_fields(held.get(key)) or {})
    return {key: value for key, value in found.items() if key != "type"}


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
    return None if rows is None else {name: item for name, item, shown in rows if shown}
