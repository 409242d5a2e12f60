"""Drops the dead entries of a list, and leaves the rest as its author wrote it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from autogen_otel.checks.source import Source, SourceError
from autogen_otel.checks.values import kind_of

_BLANK: Final = " \t\r\n"
_LIST: Final = "config_list"
_DECODER: Final = json.JSONDecoder()


def drop_entries(source: Source, dead_indices: Collection[int]) -> str:
    """Write the list without the entries at these positions.

    The JSON around them stays the same: order, white space, the spelling of numbers and strings.

    Args:
        source: the list.
        dead_indices: positions, from 0.

    Raises:
        SourceError: the list comes from a program and holds what JSON cannot.
    """
    text = source.text
    if text is None:
        entries = [
            _to_json_value(entry, index)
            for index, entry in enumerate(source.entries)
            if index not in dead_indices
        ]
        return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    if not dead_indices:
        return text
    start = _list_start(text)
    if text[start] != "[":
        # One entry instead of a list.
        return "[]\n"
    ranges = list(_entry_ranges(text, start + 1))
    remaining_indices = [index for index in range(len(ranges)) if index not in dead_indices]
    if not remaining_indices:
        return f"{text[: start + 1]}{text[_skip_blanks(text, ranges[-1][1]) :]}"
    # The first remaining entry takes the place of the first one; the text after each entry stays after it.
    pieces = [text[ranges[index][0] : ranges[index + 1][0]] for index in remaining_indices[:-1]]
    pieces.append(text[slice(*ranges[remaining_indices[-1]])])
    return text[: ranges[0][0]] + "".join(pieces) + text[ranges[-1][1] :]


def _to_json_value(value: Any, index: int) -> Any:
    kind = kind_of(value)
    if kind == "tuple":
        return [_to_json_value(item, index) for item in value["items"]]
    if kind is not None:
        raise SourceError(
            f"entry {index} holds a {kind} of the program, which JSON cannot; leave out --drop-dead"
        )
    if isinstance(value, dict):
        return {key: _to_json_value(item, index) for key, item in value.items()}
    return [_to_json_value(item, index) for item in value] if isinstance(value, list) else value


def _list_start(text: str) -> int:
    """The position at which the list begins."""
    position = _skip_blanks(text, 0)
    if text[position] != "{":
        return position
    start = position
    position = _skip_blanks(text, position + 1)
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        value = _skip_blanks(text, _skip_blanks(text, position) + 1)
        if key == _LIST:
            # The last one counts, as it does for JSON parsers.
            start = value
        _, position = _DECODER.raw_decode(text, value)
        position = _skip_blanks(text, position)
        position = _skip_blanks(text, position + 1) if text[position] == "," else position
    return start


def _entry_ranges(text: str, position: int) -> Iterator[tuple[int, int]]:
    """The positions at which each entry of the list begins and ends."""
    start = _skip_blanks(text, position)
    while text[start] != "]":
        _, end = _DECODER.raw_decode(text, start)
        yield start, end
        position = _skip_blanks(text, end)
        if text[position] != ",":
            return
        start = _skip_blanks(text, position + 1)


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position
