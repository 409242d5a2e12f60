"""From raw values to attribute values, through the capture room."""

from __future__ import annotations

from typing import Any

from autogen_otel.capture import Capture
from autogen_otel.observations import ArgumentProblem, Content
from autogen_otel.recording.spans import Raw
from autogen_otel.vocabulary import attributes as names

_INT64_END = 2**63
"""Integers from here on are none in OTLP."""
_FREE_TEXT = frozenset(
    {names.URL_FULL, names.HTTP_REQUEST_ID, names.GEN_AI_RESPONSE_ID, names.CODE_FILE_PATH}
)
"""Attributes that may be longer than a name."""


def rendered_attributes(capture: Capture, raw: Raw, known: Raw) -> dict[str, Any]:
    """Render attributes.

    Args:
        capture: the door.
        raw: what they are made of; ``None`` is not recorded.
        known: what is recorded already; the same object is not rendered again.
    """
    shown: dict[str, Any] = {}
    name = capture.name
    for key, value in raw.items():
        if value is None or known.get(key) is value:
            continue
        if type(value) is str and key not in _FREE_TEXT:
            shown[key] = name(value)
        elif type(value) is int and -_INT64_END <= value < _INT64_END:
            shown[key] = value
        else:
            out = _value(capture, key, value)
            if out is not None:
                shown[key] = out
    return shown


def _value(capture: Capture, key: str, value: Any) -> Any:
    if isinstance(value, str):
        return capture.url(value) if key == names.URL_FULL else capture.text(value)
    if isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return int(value) if -_INT64_END <= value < _INT64_END else capture.text(value)
    if isinstance(value, Content):
        return capture.content(value)
    return [_item(capture, one) for one in value]


def _item(capture: Capture, one: Any) -> Any:
    if isinstance(one, int):
        return one
    return capture.problem(one) if isinstance(one, ArgumentProblem) else capture.name(one)
