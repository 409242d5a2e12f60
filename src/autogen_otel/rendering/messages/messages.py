"""Messages of models in the GenAI conventions' JSON schema, redacted, and cut so that they stay JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.introspection import unprintable
from autogen_otel.rendering.messages.parts import Parts, cut_leaves, dump_whole
from autogen_otel.rendering.trees import dump

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.redaction.redactor import Redactor
    from autogen_otel.rendering.messages.excluded import ExcludedTools

_SHORTEST_LEAF: Final = 48
"""A cut value needs room for the marker that says so."""
_STEP: Final = 8
_MOST_GUESSES: Final = 4
"""After these, the search halves the remaining range, and so comes to an end in any case."""
_BETWEEN: Final = len(", ")
_BRACKETS: Final = len("[]")


def messages_json(
    kind: str,
    values: tuple[Any, ...],
    limit: int,
    redactor: Redactor,
    excluded: ExcludedTools | None = None,
) -> str:
    """Render messages, instructions or tool definitions as a JSON array, valid also where it was cut.

    Args:
        kind: ``input``, ``output``, ``instructions`` or ``tools``.
        values: messages of the chat API, oldest first, or tool definitions.
        limit: most characters to return; the newest are favoured.
        redactor: takes out the secrets, before anything is cut.
        excluded: the tools whose arguments and results stay out; ``None`` for none.
    """
    parts = Parts(redactor, limit, excluded)
    parts.note_calls(values)
    build, omission = {
        "tools": (parts.tool, _omitted_tools),
        "instructions": (parts.instruction, _omitted_part),
        "output": (parts.answer, _omitted_message),
    }.get(kind, (parts.message, _omitted_message))
    array = f"[{', '.join(_fit(_safe(build, redactor), values, limit, omission))}]"
    # Masked once more as a whole, for a secret that only the assembled text spells.
    masked_array = redactor.mask(array)
    return masked_array if masked_array == array or _is_json(masked_array) else "[]"


def _safe(build: Callable[[Any], Any], redactor: Redactor) -> Callable[[Any], Any]:
    def build_safely(value: Any) -> Any:
        try:
            return build(value)
        except Exception as error:  # noqa: BLE001 - the user's objects may raise anything
            return build(redactor.text(unprintable(value, error)))

    return build_safely


def _fit(
    build: Callable[[Any], Any], values: tuple[Any, ...], limit: int, omission: Callable[[int], Any]
) -> list[str]:
    """Write as many of the newest as fit; each may take half of the remaining room.

    The room that remains in the end goes to those that were cut. Most fit as they are and are written once.
    """
    room, omitted_count = limit - _BRACKETS, 0
    texts: list[str] = []
    cut_trees: list[tuple[int, Any]] = []
    for index in range(len(values) - 1, -1, -1):
        spare = room - (len(dump(omission(index))) + _BETWEEN if index else 0)
        share = spare // 2 if index else spare
        tree = build(values[index])
        text = dump_whole(tree)
        if len(text) > share:
            shorter_text = _shorten(tree, share)
            if shorter_text is None:
                omitted_count = index + 1
                break
            cut_trees.append((len(texts), tree))
            text = shorter_text
        texts.append(text)
        room -= len(text) + _BETWEEN
    marker = [dump(omission(omitted_count))] if omitted_count else []
    room -= len(marker[0]) + _BETWEEN if marker else -_BETWEEN
    if room < 0:
        return []
    for position, tree in cut_trees if room > _STEP else ():
        shorter_text = texts[position]
        texts[position] = _shorten(tree, len(shorter_text) + room) or shorter_text
        room -= len(texts[position]) - len(shorter_text)
    return marker + texts[::-1]


def _shorten(tree: Any, room: int) -> str | None:
    """Write the tree with its longest values cut until it fits; ``None`` if it never does."""
    longest, low, high = None, _SHORTEST_LEAF, max(room, _SHORTEST_LEAF)
    leaf_limit, guesses_left = high, _MOST_GUESSES
    while True:
        text = dump(cut_leaves(tree, leaf_limit))
        spare = room - len(text)
        if spare >= 0:
            longest, low = text, leaf_limit
        else:
            high = leaf_limit
        if high - low <= _STEP or 0 <= spare <= _STEP or leaf_limit == low == high:
            break
        # Cut values are most of the text, so its length grows about as their limit: 2 or 3 guesses suffice.
        guess = leaf_limit + (spare - _STEP // 2) * leaf_limit // len(text)
        leaf_limit = guess if guesses_left and low < guess < high else (low + high) // 2
        guesses_left -= guesses_left > 0
    if longest is None:
        text = dump(cut_leaves(tree, _SHORTEST_LEAF))
        longest = text if len(text) <= room else None
    return longest


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _omitted_message(count: int) -> dict[str, Any]:
    return {"role": "omitted", "parts": [{"type": "text", "content": f"[{count} older messages cut]"}]}


def _omitted_part(count: int) -> dict[str, Any]:
    return {"type": "text", "content": f"[{count} instructions cut]"}


def _omitted_tools(count: int) -> dict[str, Any]:
    return {"type": "omitted", "name": f"[{count} tools cut]"}
