"""Errors that a tool returns and does not raise: objects that say so, never plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from autogen_otel.reading import read, read_json, read_text

_MOST_CHARS = 200_000
"""Longer JSON text is not read."""
_MOST_LITERAL_CHARS = 20_000
_ERROR_KEY = re.compile(r"""["'](?:error|status|state|success|ok|isError|is_error)["']\s*:""")
_LITERAL = re.compile(
    r"""'[^'\\]*(?:\\.[^'\\]*)*'?|\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|\b(?:True|False|None)\b|,?\)|\(""", re.DOTALL
)
_AS_JSON = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]", ",)": "]"}
_ESCAPE = re.compile(r"""\\(?:x[0-9a-f]{2}|U[0-9a-f]{8}|.)|\"""", re.DOTALL)
_MOST_CHARACTERS = 0x110000
_FAILED_STATES = frozenset({"error", "failed", "failure"})
_MESSAGE_KEYS = ("message", "error_message", "detail", "details", "reason", "msg", "content")


def returned_error(value: object) -> str | None:
    """The message of the error that a tool returned; ``None`` if it returned no error.

    Args:
        value: what the user's function returned: an object, or JSON text of one.
    """
    if type(value) is str:
        text = value.lstrip() if len(value) <= _MOST_CHARS else ""
        if not text.startswith("{") or _ERROR_KEY.search(text) is None:
            return None
        value = _parse(text)
    if isinstance(value, Mapping):
        return _error_of(value)
    # Results of MCP are objects of a class.
    return _error_text(read(value, "content"), value) if read(value, "isError") is True else None


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


def _error_of(value: Mapping[Any, Any]) -> str | None:
    error = value.get("error")
    # A number is as often a measure of accuracy.
    if error and (error is True or not isinstance(error, (int, float)) or _first_message(value) is not None):
        message = _first_message(error) if isinstance(error, Mapping) else error
        return _error_text(value.get("message") if message is True else message, value)
    status = value.get("status", value.get("state"))
    has_failed = isinstance(status, str) and status.lower() in _FAILED_STATES
    is_refused = value.get("success") is False or value.get("ok") is False
    if has_failed or is_refused or value.get("isError") is True or value.get("is_error") is True:
        return _error_text(_first_message(value), value)
    return None


def _first_message(value: Mapping[Any, Any]) -> object:
    return next((value[key] for key in _MESSAGE_KEYS if value.get(key)), None)


def _error_text(message: object, value: object) -> str:
    """The message, or the whole object where there is none."""
    if isinstance(message, str):
        return message
    try:
        return json.dumps(value if message is None else message, ensure_ascii=False, default=read_text)
    except (TypeError, ValueError, RecursionError):
        return read_text(value if message is None else message)
