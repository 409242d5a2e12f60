"""Messages of models in the GenAI conventions' JSON schema, redacted, and cut so that they stay JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.introspection import unprintable
from autogen_otel.rendering.messages.parts import Parts, whole, within
from autogen_otel.rendering.trees import dumped

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.redaction.redactor import Redactor
    from autogen_otel.rendering.messages.excluded import ExcludedTools

_SHORTEST_LEAF: Final = 48
"""A cut value needs room for the words that say so."""
_STEP: Final = 8
_MOST_GUESSES: Final = 4
"""Then the search halves what is left, which comes to an end whatever is cut."""
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
    build, omitted = {
        "tools": (parts.tool, _omitted_tools),
        "instructions": (parts.instruction, _omitted_part),
        "output": (parts.answer, _omitted_message),
    }.get(kind, (parts.message, _omitted_message))
    shown = f"[{', '.join(_fitted(_safe(build, redactor), values, limit, omitted))}]"
    # Once more over the whole, for a secret that only the assembled text spells.
    masked = redactor.mask(shown)
    return masked if masked == shown or _is_json(masked) else "[]"


def _safe(build: Callable[[Any], Any], redactor: Redactor) -> Callable[[Any], Any]:
    def built(value: Any) -> Any:
        try:
            return build(value)
        except Exception as error:  # noqa: BLE001 - the user's objects may raise anything
            return build(redactor.text(unprintable(value, error)))

    return built


def _fitted(
    build: Callable[[Any], Any], values: tuple[Any, ...], limit: int, omitted: Callable[[int], Any]
) -> list[str]:
    """As many of the newest as fit: each gets half of what is left, and where it was cut, what remains.

    Most fit as they are, and are written once.
    """
    room, left_out = limit - _BRACKETS, 0
    shown: list[str] = []
    cut: list[tuple[int, Any]] = []
    for index in range(len(values) - 1, -1, -1):
        spare = room - (len(dumped(omitted(index))) + _BETWEEN if index else 0)
        share = spare // 2 if index else spare
        tree = build(values[index])
        written = whole(tree)
        if len(written) > share:
            shorter = _shortened(tree, share)
            if shorter is None:
                left_out = index + 1
                break
            cut.append((len(shown), tree))
            written = shorter
        shown.append(written)
        room -= len(written) + _BETWEEN
    marker = [dumped(omitted(left_out))] if left_out else []
    room -= len(marker[0]) + _BETWEEN if marker else -_BETWEEN
    if room < 0:
        return []
    for place, tree in cut if room > _STEP else ():
        shorter = shown[place]
        shown[place] = _shortened(tree, len(shorter) + room) or shorter
        room -= len(shown[place]) - len(shorter)
    return marker + shown[::-1]


def _shortened(tree: Any, room: int) -> str | None:
    """The tree with its longest values cut until it fits; ``None`` if it never does."""
    found, low, high = None, _SHORTEST_LEAF, max(room, _SHORTEST_LEAF)
    tried, guesses = high, _MOST_GUESSES
    while True:
        written = dumped(within(tree, tried))
        spare = room - len(written)
        if spare >= 0:
            found, low = written, tried
        else:
            high = tried
        if high - low <= _STEP or 0 <= spare <= _STEP or tried == low == high:
            break
        # Most of it is what is cut, so it grows about as that does: two or three guesses come near enough.
        guess = tried + (spare - _STEP // 2) * tried // len(written)
        tried = guess if guesses and low < guess < high else (low + high) // 2
        guesses -= guesses > 0
    if found is None:
        written = dumped(within(tree, _SHORTEST_LEAF))
        found = written if len(written) <= room else None
    return found


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
