"""The list without its dead entries, the rest as it was written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from autogen_otel.checks.source import Source, SourceError
from autogen_otel.checks.values import kind_of

_BLANK: Final = " \t\r\n"
_LIST: Final = "config_list"
_DECODER: Final = json.JSONDecoder()


class _Span(NamedTuple):
    """Where an entry stands in the text: the white space before it, its first sign, its end."""

    lead: int
    start: int
    end: int


def without(source: Source, dead: Collection[int]) -> str:
    """Write the list without the entries at these positions.

    JSON stays as it was written around them: order, white space, the spelling of numbers and strings.

    Args:
        source: the list.
        dead: positions, from 0.

    Raises:
        SourceError: the list comes from a program and holds what JSON cannot.
    """
    text = source.text
    if text is None:
        entries = [_json(entry, index) for index, entry in enumerate(source.entries) if index not in dead]
        return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    if not dead:
        return text
    opening = _opening(text)
    if text[opening] != "[":
        # One entry in the place of a list.
        return "[]\n"
    spans = list(_spans(text, opening + 1))
    kept = [span for index, span in enumerate(spans) if index not in dead]
    closing = _skip(text, spans[-1].end)
    pieces = [text[span.lead : span.end] for span in kept]
    if pieces:
        # The first that is left stands where the first stood.
        pieces[0] = text[spans[0].lead : spans[0].start] + text[kept[0].start : kept[0].end]
        pieces[-1] += text[spans[-1].end : closing]
    return text[: opening + 1] + ",".join(pieces) + text[closing:]


def _json(value: Any, index: int) -> Any:
    kind = kind_of(value)
    if kind == "tuple":
        return [_json(one, index) for one in value["items"]]
    if kind is not None:
        raise SourceError(
            f"entry {index} holds a {kind} of the program, which JSON cannot; leave out --drop-dead"
        )
    if isinstance(value, dict):
        return {key: _json(one, index) for key, one in value.items()}
    return [_json(one, index) for one in value] if isinstance(value, list) else value


def _opening(text: str) -> int:
    """Where the value begins that is the list."""
    position = _skip(text, 0)
    if text[position] != "{":
        return position
    found = position
    position = _skip(text, position + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        value = _skip(text, _skip(text, position) + 1)
        if key == _LIST:
            # The last counts, as for whoever reads the JSON.
            found = value
        _, position = _DECODER.raw_decode(text, value)
        position = _skip(text, position)
        position = _skip(text, position + 1) if text[position] == "," else position
    return found


def _spans(text: str, position: int) -> Iterator[_Span]:
    start = _skip(text, position)
    while text[start] != "]":
        _, end = _DECODER.raw_decode(text, start)
        yield _Span(position, start, end)
        position = _skip(text, end)
        if text[position] != ",":
            return
        position += 1
        start = _skip(text, position)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position
