"""What a provider says of an error, whatever shape the body of its answer has."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

_MOST_BYTES = 1_000_000
"""Bodies beyond that are no error messages; only their beginning is looked at, as text."""
_MOST_WORDS = 200
"""Characters kept of a body that is not JSON."""
_MOST_DETAILS = 8
_DEEPEST = 4

_WORDS = ("message", "msg", "detail", "details", "error_description", "error_message", "error_msg", "Message")
_WORDS_AROUND = ("errors", "title", "faultstring", "fault", "reason", "description")
_CODES = ("code", "error_code", "errorCode")
_TYPES = ("type", "__type", "status")

_ERROR_STATUS = re.compile("[45][0-9][0-9]")
_NO_TEXT = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_BLANK = re.compile(r"\s+")
_HTML = re.compile(r"^\s*(?:<!doctype html|<html|<head|<body|<h1)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What a provider says of an error.

    Args:
        message: its words.
        code: its own code, as ``model_not_found``; numbers as text.
        type: its own type, as ``insufficient_quota``.
        parameter: the request parameter that it complains about.
    """

    message: str | None = None
    code: str | None = None
    type: str | None = None
    parameter: str | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status that the body itself names, as gateways do that answer with 200."""
        for said in (self.code, self.type):
            if said is not None and _ERROR_STATUS.fullmatch(said):
                return int(said)
        return None


def error_in_body(body: bytes, content_type: str = "") -> ProviderError:
    """Read the body of an answer that is an error.

    Args:
        body: as it came.
        content_type: the header's value.
    """
    try:
        if len(body) <= _MOST_BYTES:
            return error_in(json.loads(body))
    except (ValueError, RecursionError):
        pass
    return _error_in_text(body[:_MOST_BYTES].decode("utf-8", "replace"), content_type)


def error_in(parsed: Any) -> ProviderError:
    """Read the parsed body of an answer that is an error, or the ``body`` of an exception of the SDK's.

    Args:
        parsed: what JSON can hold: objects, ``{"error": …}`` and without it, lists of them, text.
    """
    if isinstance(parsed, str):
        return _error_in_text(parsed, "")
    if isinstance(parsed, list):
        parsed = next((one for one in parsed if isinstance(one, Mapping)), None)
    if not isinstance(parsed, Mapping):
        return ProviderError()
    inner = parsed.get("error")
    if isinstance(inner, str) and isinstance(words := _first_text(parsed, *_WORDS), str) and words != inner:
        # OAuth's way: a code, and words beside it.
        return ProviderError(words, _scalar(parsed, *_CODES) or inner, _scalar(parsed, *_TYPES))
    holder = inner if isinstance(inner, Mapping) else parsed
    message = inner if isinstance(inner, str) else _message(holder, 0) or _message(parsed, 0)
    deeper = holder.get("innererror") or holder.get("inner_error")
    code = _scalar(holder, *_CODES)
    if isinstance(deeper, Mapping) and code is None:
        code = _scalar(deeper, *_CODES)
    return ProviderError(message, code, _scalar(holder, *_TYPES), _scalar(holder, "param", "parameter"))


def error_in_answer(body: bytes, content_type: str, *, is_chat: bool) -> ProviderError | None:
    """Read the body of an answer with a status that says all is well, and say what is wrong with it.

    Args:
        body: as it came.
        content_type: the header's value.
        is_chat: whether it answers a request for a chat completion, which has ``choices``.

    Returns:
        ``None`` for a good answer, and for one that is not understood.
    """
    # What nearly every answer is, is told without parsing it: quotes inside of JSON strings are escaped.
    if is_chat and b'"choices"' in body and b'"error"' not in body:
        return None
    try:
        parsed = json.loads(body) if len(body) <= _MOST_BYTES else {"choices": True}
    except (ValueError, RecursionError):
        return _no_json(body, content_type, is_chat=is_chat)
    parsed = parsed[0] if isinstance(parsed, list) and len(parsed) == 1 else parsed
    if not isinstance(parsed, dict):
        return ProviderError(f"no completion: {_short(body)}") if is_chat else None
    if parsed.get("choices") or not (is_chat or parsed.get("error") or parsed.get("object") == "error"):
        return None
    said = error_in(parsed)
    if said.message is None and "choices" in parsed:
        # An empty list is what some providers answer, and not every host trips over it.
        return None
    return said if said.message is not None else replace(said, message=f"no choices: {_short(body)}")


def _no_json(body: bytes, content_type: str, *, is_chat: bool) -> ProviderError | None:
    text = body[:_MOST_BYTES].decode("utf-8", "replace")
    if not is_chat and not _HTML.match(text):
        return None
    return _error_in_text(text, content_type) if text.strip() else ProviderError("the body is empty")


def _error_in_text(text: str, content_type: str) -> ProviderError:
    """Plain words, or a page of a proxy: its title and text without tags."""
    if not _HTML.match(text) and "html" not in content_type:
        return ProviderError(_blank(text)[:_MOST_WORDS] or None)
    title = _TITLE.search(text)
    words = _blank(html.unescape(_TAG.sub(" ", _NO_TEXT.sub(" ", text))))
    named = "" if title is None else _blank(html.unescape(title.group(1)))
    if named and not words.startswith(named):
        words = f"{named} {words}".strip()
    kind = _blank(content_type.partition(";")[0]) or "text/html"
    return ProviderError(f"{kind}: {words[:_MOST_WORDS]}" if words else kind)


def _message(holder: Any, depth: int) -> str | None:
    """The words in an object or list, wherever they stand."""
    if depth > _DEEPEST:
        return None
    if isinstance(holder, str):
        return _blank(holder) or None
    if isinstance(holder, list):
        parts = [_detail(one, depth) for one in holder[:_MOST_DETAILS]]
        return "; ".join(part for part in parts if part) or None
    if not isinstance(holder, Mapping):
        return None
    for key in (*_WORDS, *_WORDS_AROUND):
        words = _message(holder.get(key), depth + 1)
        if words is not None:
            return words
    return None


def _detail(one: Any, depth: int) -> str | None:
    """One of FastAPI's details: where, and what is wrong there."""
    words = _message(one, depth + 1)
    place = one.get("loc") if isinstance(one, Mapping) else None
    if words is None or not isinstance(place, list):
        return words
    return f"{'.'.join(str(part) for part in place[:_MOST_DETAILS])}: {words}"


def _first_text(holder: Mapping[str, Any], *keys: str) -> str | None:
    return next((holder[key] for key in keys if isinstance(holder.get(key), str)), None)


def _scalar(holder: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = holder.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
    return None


def _short(body: bytes) -> str:
    return _blank(body[: _MOST_WORDS * 4].decode("utf-8", "replace"))[:_MOST_WORDS]


def _blank(text: str) -> str:
    return _BLANK.sub(" ", text).strip()
