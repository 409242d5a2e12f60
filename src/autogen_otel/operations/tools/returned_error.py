"""Errors that a tool returns instead of raising: objects that say so, never plain text."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from autogen_otel.reading import read, read_text

_MOST_CHARS = 200_000
"""JSON text beyond that is not looked at."""
_MOST_LITERAL_CHARS = 20_000
_SAYS_SO = re.compile(r"""["'](?:error|status|state|success|ok|isError|is_error)["']\s*:""")
_FAILED = frozenset({"error", "failed", "failure"})
_WORDS = ("message", "error_message", "detail", "details", "reason", "msg", "content")


def returned_error(value: object) -> str | None:
    """The error that a tool returned, in its own words; ``None`` if what it returned is none.

    Args:
        value: what the user's function returned: an object, or JSON text of one.
    """
    if type(value) is str:
        text = value.lstrip() if len(value) <= _MOST_CHARS else ""
        if not text.startswith("{") or _SAYS_SO.search(text) is None:
            return None
        value = _parsed(text)
    if isinstance(value, Mapping):
        return _error_of(value)
    # Results of MCP are objects of a class.
    return _said(read(value, "content"), value) if read(value, "isError") is True else None


def _parsed(text: str) -> object:
    """The object that a text stands for: JSON, or how AG2 writes the dicts that tools return."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text) if len(text) <= _MOST_LITERAL_CHARS else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _error_of(value: Mapping[Any, Any]) -> str | None:
    error = value.get("error")
    # A number is as often a measure of accuracy.
    if error and (error is True or not isinstance(error, (int, float)) or _first(value) is not None):
        words = _first(error) if isinstance(error, Mapping) else error
        return _said(value.get("message") if words is True else words, value)
    status = value.get("status", value.get("state"))
    failed = isinstance(status, str) and status.lower() in _FAILED
    refused = value.get("success") is False or value.get("ok") is False
    if failed or refused or value.get("isError") is True or value.get("is_error") is True:
        return _said(_first(value), value)
    return None


def _first(value: Mapping[Any, Any]) -> object:
    return next((value[key] for key in _WORDS if value.get(key)), None)


def _said(words: object, value: object) -> str:
    """The words, or the whole object where there are none."""
    if isinstance(words, str):
        return words
    try:
        return json.dumps(value if words is None else words, ensure_ascii=False, default=read_text)
    except (TypeError, ValueError, RecursionError):
        return read_text(value if words is None else words)
