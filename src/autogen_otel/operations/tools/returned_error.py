"""Errors that a tool returns and does not raise: objects that say so, never plain text.

Only types that are known are read: anything else may be code of the user's, which runs when it is asked.
"""

from __future__ import annotations

import json
import re
from typing import Any

from autogen_otel.reading import read_json

_MOST_CHARS = 200_000
"""Longer JSON text is not read."""
_MOST_LITERAL_CHARS = 20_000
_MOST_LEVELS = 100
"""Deeper values are not written."""
_ERROR_KEY = re.compile(r"""["'](?:error|status|state|success|ok|isError|is_error)["']\s*:""")
_LITERAL = re.compile(
    r"""'[^'\\]*(?:\\.[^'\\]*)*'?|\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|\b(?:True|False|None)\b|,?\)|\(""", re.DOTALL
)
_AS_JSON = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]", ",)": "]"}
_ESCAPE = re.compile(r"""\\(?:x[0-9a-f]{2}|U[0-9a-f]{8}|.)|\"""", re.DOTALL)
_MOST_CHARACTERS = 0x110000
_FAILED_STATES = frozenset({"error", "failed", "failure"})
_MESSAGE_KEYS = ("message", "error_message", "detail", "details", "reason", "msg", "content")
_FLAT = (str, int, float, bool, type(None))
_NESTED = (dict, list, tuple)
_MCP = frozenset({"mcp", "fastmcp"})


def returned_error(value: object) -> str | None:
    """The message of the error that a tool returned; ``None`` if it returned no error.

    Args:
        value: what the user's function returned: an object, or JSON text of one.

    Returns:
        An empty text where only the host's own text of the value tells the message.
    """
    kind = type(value)
    if kind is str:
        text = str(value).lstrip() if len(str(value)) <= _MOST_CHARS else ""
        if not text.startswith("{") or _ERROR_KEY.search(text) is None:
            return None
        value = _parse(text)
    elif kind.__name__ == "CallToolResult" and kind.__module__.partition(".")[0] in _MCP:
        value = object.__getattribute__(value, "__dict__")
    return _error_of(value) if type(value) is dict else None


def _parse(text: str) -> object:
    """The object in a text: JSON, or the form in which AG2 writes the dicts that tools return."""
    try:
        return read_json(text)
    except ValueError:
        pass
    try:
        return read_json(_LITERAL.sub(_as_json, text)) if len(text) <= _MOST_LITERAL_CHARS else None
    except ValueError:
        return None


def _as_json(literal: re.Match[str]) -> str:
    """One of Python's literals in JSON; not by Python's parser, which deep texts bring to its end."""
    text = literal.group()
    if text[0] not in "'\"":
        return _AS_JSON[text]
    return f'"{_ESCAPE.sub(_escape_of_json, text[1:-1])}"'


def _escape_of_json(escape: re.Match[str]) -> str:
    text = escape.group()
    if text[1:2] in ("x", "U"):
        return json.dumps(chr(int(f"0{text[2:]}", 16) % _MOST_CHARACTERS))[1:-1]
    return {"\\'": "'", '"': '\\"'}.get(text, text)


def _error_of(value: dict[Any, Any]) -> str | None:
    error = value.get("error")
    # A number is as often a measure of accuracy.
    if _is_true(error) and (type(error) not in {int, float} or _first_message(value) is not None):
        message = _first_message(error) if type(error) is dict else error
        return _error_text(value.get("message") if message is True else message, value)
    status = value.get("status", value.get("state"))
    has_failed = type(status) is str and status.lower() in _FAILED_STATES
    is_refused = value.get("success") is False or value.get("ok") is False
    if has_failed or is_refused or value.get("isError") is True or value.get("is_error") is True:
        return _error_text(_first_message(value), value)
    return None


def _is_true(value: object) -> bool:
    """Whether a value is there and not empty; the truth of an unknown type is not asked for."""
    return bool(value) if type(value) in {*_FLAT, *_NESTED} else True


def _first_message(value: dict[Any, Any]) -> object:
    return next((value[key] for key in _MESSAGE_KEYS if _is_true(value.get(key))), None)


def _error_text(message: object, value: object) -> str:
    """The message, or the whole object where there is none."""
    if type(message) is str:
        return message
    shown = value if message is None else message
    try:
        return json.dumps(shown, ensure_ascii=False) if _is_plain(shown) else ""
    except (TypeError, ValueError):
        return ""


def _is_plain(value: object) -> bool:
    """Whether a value and all in it is of types whose text runs no code of the user's."""
    level: list[object] = [value]
    for _ in range(_MOST_LEVELS):
        nested = [one for one in level if type(one) not in _FLAT]
        if not nested:
            return True
        level = []
        for one in nested:
            if type(one) is dict:
                level += [*one.keys(), *one.values()]
            elif type(one) in {list, tuple}:
                level += one  # type: ignore[arg-type]
            else:
                return False
    return False
