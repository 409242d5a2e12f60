"""The list without its dead entries, the rest as it was written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from autogen_otel.checks.source import Source, SourceError
from autogen_otel.checks.values import kind_of

_BLANK: Final = " \t\r\n"
_LIST: Final = "config_list"
_DECODER: Final = json.JSONDecoder()


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
    places = list(_places(text, opening + 1))
    kept = [index for index in range(len(places)) if index not in dead]
    if not kept:
        return f"{text[: opening + 1]}{text[_skip(text, places[-1][1]) :]}"
    # The first that is left stands where the first stood, and behind each what stood behind it.
    pieces = [text[places[index][0] : places[index + 1][0]] for index in kept[:-1]]
    pieces.append(text[slice(*places[kept[-1]])])
    return text[: places[0][0]] + "".join(pieces) + text[places[-1][1] :]


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


def _places(text: str, position: int) -> Iterator[tuple[int, int]]:
    """Where each entry of the list begins and ends."""
    start = _skip(text, position)
    while text[start] != "]":
        _, end = _DECODER.raw_decode(text, start)
        yield start, end
        position = _skip(text, end)
        if text[position] != ",":
            return
        start = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANK:
        position += 1
    return position
