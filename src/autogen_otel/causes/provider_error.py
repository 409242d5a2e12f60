"""What a provider says of an error, whatever shape the body of its answer has."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_MOST_BYTES = 1_000_000
"""Bodies beyond that are no error messages."""
_MOST_TEXT = 16_384
"""Bytes looked at of a body that is not JSON."""
_MOST_MESSAGE = 4_000
_MOST_WORDS = 200
"""Characters kept of a body that is not JSON."""
_MOST_DETAILS = 8
_DEEPEST = 4

_WORDS = ("message", "msg", "detail", "details", "error_description", "error_message", "error_msg", "Message")
_WORDS_AROUND = ("errors", "title", "faultstring", "fault", "reason", "description")
_LAYERS = ("error", "errors", "detail", "details", "fault")
"""Where objects have the object that the error is told in."""
_MORE = ("innererror", "inner_error")
"""Where that says more."""
_CODES = ("code", "error_code", "errorCode")
_TYPES = ("type", "__type", "status")
_UNSEEN = frozenset({"script", "style", "head"})

_ERROR_STATUS = re.compile("[45][0-9][0-9]")
# Neither part can match where the other begins, so that a page takes no longer than its length.
_TAG = re.compile("<([^<>]*)>")
_BLANK = re.compile(r"\s+")
_HTML = re.compile(r"\s*(?:<!doctype html|<html|<head|<body|<h1)", re.IGNORECASE)
_COMPLETION = re.compile(rb'"choices"\s{0,9}:\s{0,9}\[\s{0,9}\{')


class ProviderError(NamedTuple):
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
    parsed = _parsed(body)
    return _error_in_text(_text(body), content_type) if parsed is _NO_JSON else error_in(parsed)


def error_in(parsed: Any) -> ProviderError:
    """Read the parsed body of an answer that is an error, or the ``body`` of an exception of the SDK's.

    Args:
        parsed: what JSON can hold: objects, ``{"error": …}`` and without it, lists of them, text.
    """
    if isinstance(parsed, str):
        return _error_in_text(parsed[:_MOST_TEXT], "")
    layers = tuple(_layers(parsed, 0))
    message = next((words for layer in layers if (words := _message(layer, 0)) is not None), None)
    code = _first(layers, _CODES)
    named = parsed.get("error") if isinstance(parsed, Mapping) else None
    if isinstance(named, str):
        # OAuth names a code, and has words beside it.
        message, code = (named, code) if message in {None, named} else (message, code or named)
    upstream = _upstream(layers)
    if upstream is not None:
        # A router passes on what the provider behind it said.
        message = ": ".join(one for one in (message, upstream.message) if one) or None
        code = code if upstream.code is None else upstream.code
    message = None if message is None else message[:_MOST_MESSAGE]
    return ProviderError(message, code, _first(layers, _TYPES), _first(layers, ("param", "parameter")))


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
    # With ``find``, because to look for bytes by ``in`` makes Python raise an error and clear it.
    if is_chat and body.find(b'"error"') < 0 and _COMPLETION.search(body) is not None:
        return None
    parsed = _parsed(body)
    if parsed is _NO_JSON:
        return _no_json(body, content_type, is_chat=is_chat)
    parsed = parsed[0] if isinstance(parsed, list) and len(parsed) == 1 else parsed
    if not isinstance(parsed, dict):
        return ProviderError("JSON that is no object") if is_chat else None
    return _error_in_object(parsed, is_chat=is_chat)


def _error_in_object(parsed: dict[str, Any], *, is_chat: bool) -> ProviderError | None:
    choices = parsed.get("choices")
    if isinstance(choices, list) and choices:
        first = choices[0] if isinstance(choices[0], dict) else {}
        error = parsed.get("error") or first.get("error")
        return error_in({"error": error}) if error else None
    if parsed.get("error") or parsed.get("object") == "error":
        return error_in(parsed)
    if not is_chat:
        return None
    said = error_in({key: value for key, value in parsed.items() if key != "message" or type(value) is str})
    if said.message is not None:
        return said
    if "choices" in parsed:
        # An empty list is what some providers answer, and not every host trips over it.
        return None
    # Not what it says: that may be what the model said, in the shape of another API.
    keys = ", ".join(sorted(map(str, parsed))[:_MOST_DETAILS])
    return said._replace(message=f"no choices, but {keys or 'nothing'}")


def _no_json(body: bytes, content_type: str, *, is_chat: bool) -> ProviderError | None:
    text = _text(body)
    if not is_chat and not _HTML.match(text):
        return None
    return _error_in_text(text, content_type) if text.strip() else ProviderError("the body is empty")


_NO_JSON = object()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if len(body) <= _MOST_BYTES else _NO_JSON
    except (ValueError, RecursionError):
        return _NO_JSON


def _text(body: bytes) -> str:
    return body[:_MOST_TEXT].decode("utf-8", "replace")


def _error_in_text(text: str, content_type: str) -> ProviderError:
    """Plain words, or a page of a proxy: its title and text without tags."""
    if not _HTML.match(text) and "html" not in content_type:
        return ProviderError(_blank(text)[:_MOST_WORDS] or None)
    words = _page(text)
    kind = _blank(content_type.partition(";")[0]) or "text/html"
    return ProviderError(f"{kind}: {words[:_MOST_WORDS]}" if words else kind)


def _page(text: str) -> str:
    """Title and text of a page."""
    title, words, unseen, end = "", [], "", 0
    for tag in _TAG.finditer(text):
        piece, end = text[end : tag.start()], tag.end()
        name = tag[1].split(maxsplit=1)[0].lower() if tag[1].strip() else ""
        if name == "/title":
            title = title or _blank(html.unescape(piece))
        elif not unseen:
            words.append(piece)
        if name == f"/{unseen}":
            unseen = ""
        elif not unseen and name in _UNSEEN:
            unseen = name
    seen = _blank(html.unescape(" ".join([*words, "" if unseen else text[end:]])))
    return seen if seen.startswith(title) else f"{title} {seen}".strip()


def _layers(parsed: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """The objects that an error is told in, the one that is about it first."""
    if isinstance(parsed, list):
        parsed = next((one for one in parsed if isinstance(one, Mapping)), None)
    if isinstance(parsed, str) and parsed[:1] == "{":
        parsed = _parsed(parsed[:_MOST_TEXT].encode())
    if not isinstance(parsed, Mapping) or depth > _DEEPEST:
        return
    for key in _LAYERS:
        # A list of details is told as words, item by item.
        if key != "detail" or not isinstance(parsed.get(key), list):
            yield from _layers(parsed.get(key), depth + 1)
    yield parsed
    for key in _MORE:
        yield from _layers(parsed.get(key), depth + 1)


def _upstream(layers: tuple[Mapping[str, Any], ...]) -> ProviderError | None:
    """What a router was told by the provider behind it."""
    for layer in layers:
        metadata = layer.get("metadata")
        raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
        if isinstance(raw, str) and raw:
            return error_in_body(raw[:_MOST_TEXT].encode())
    return None


def _message(holder: Any, depth: int) -> str | None:
    """The words in an object or list, wherever they stand."""
    if depth > _DEEPEST:
        return None
    if isinstance(holder, str):
        return _blank(holder[:_MOST_MESSAGE]) or None
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


def _first(layers: tuple[Mapping[str, Any], ...], keys: tuple[str, ...]) -> str | None:
    for layer in layers:
        for key in keys:
            value = layer.get(key)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return str(value)
    return None


def _blank(text: str) -> str:
    return _BLANK.sub(" ", text).strip()
