"""What a provider says of an error, in any of the shapes that bodies of answers have."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_MOST_BYTES = 1_000_000
"""Bodies beyond that are no error messages."""
_MOST_TEXT = 16_384
"""Bytes read of a body that is not JSON."""
_MOST_MESSAGE = 4_000
_MOST_PLAIN_TEXT = 200
"""Characters recorded of a body that is not JSON."""
_MOST_DETAILS = 8
_DEEPEST = 4

_WORDS = ("message", "msg", "detail", "details", "error_description", "error_message", "error_msg", "Message")
_OTHER_WORDS = ("errors", "title", "faultstring", "fault", "reason", "description")
_LAYER_KEYS = ("error", "errors", "detail", "details", "fault", "message")
"""Keys under which objects have the object that describes the error, maybe as text."""
_INNER_LAYERS = ("innererror", "inner_error")
"""Keys under which that object has one that says more."""
_CODE_KEYS = ("code", "error_code", "errorCode")
_TYPE_KEYS = ("type", "__type", "status")
_INVISIBLE = frozenset({"script", "style", "head"})

_ERROR_STATUS = re.compile("[45][0-9][0-9]")
# Neither part can match where the other begins, so that a page takes no longer than its length.
_TAG = re.compile("<([^<>]*)>")
_BLANK = re.compile(r"\s+")
_HTML = re.compile(r"\s*(?:<\?xml[^<>]*>\s*)?(?:<!doctype html|<html|<head|<body|<h1)", re.IGNORECASE)
_ANY = re.compile("(?s:.+)")
_REASON = re.compile("[A-Z][A-Z0-9_]+")
"""A code as Google has it beside its ``details``; elsewhere the reason is a sentence."""
_COMPLETION = re.compile(rb'"choices"\s{0,9}:\s{0,9}\[\s{0,9}\{')


class ProviderError(NamedTuple):
    """What a provider says of an error.

    Args:
        message: its message.
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
        for value in (self.code, self.type):
            if value is not None and _ERROR_STATUS.fullmatch(value):
                return int(value)
        return None


def error_in_body(body: bytes, content_type: str = "") -> ProviderError:
    """Read the body of an answer that is an error.

    Args:
        body: as it was received.
        content_type: the header's value.
    """
    document = _parse(body)
    return _error_in_text(_text(body), content_type) if document is _NO_JSON else error_in(document)


def error_in(document: Any) -> ProviderError:
    """Read the parsed body of an answer that is an error, or the ``body`` of an exception of the SDK's.

    Args:
        document: any JSON value: objects, ``{"error": …}`` and without it, lists of them, text.
    """
    if isinstance(document, str):
        return _error_in_text(document[:_MOST_TEXT], "")
    layers = tuple(_layers(document, 0))
    messages = (_message(layer, 0, keys) for keys in (_WORDS, _OTHER_WORDS) for layer in layers)
    message = next((text for text in messages if text is not None), None)
    code = _first_value(layers, ("reason",), _REASON) or _first_value(layers, _CODE_KEYS)
    error_code = document.get("error") if isinstance(document, Mapping) else None
    if isinstance(error_code, str):
        # OAuth has a code there, and the message beside it.
        message, code = (error_code, code) if message in {None, error_code} else (message, code or error_code)
    upstream = _upstream(layers)
    if upstream is not None:
        # A router passes on the error of the provider behind it.
        message = ": ".join(part for part in (message, upstream.message) if part) or None
        code = code if upstream.code is None else upstream.code
    message = None if message is None else message[:_MOST_MESSAGE]
    return ProviderError(
        message, code, _first_value(layers, _TYPE_KEYS), _first_value(layers, ("param", "parameter"))
    )


def error_in_answer(body: bytes, content_type: str, *, is_chat: bool) -> ProviderError | None:
    """Read the body of an answer whose status means success, and say what is wrong with it.

    Args:
        body: as it was received.
        content_type: the header's value.
        is_chat: whether it answers a request for a chat completion, which has ``choices``.

    Returns:
        ``None`` for a good answer, and for one that is not understood.
    """
    # Nearly every answer is recognised as good without parsing: quotes inside of JSON strings are escaped.
    # With ``find``, because ``in`` with bytes makes Python raise an error and clear it.
    if is_chat and body.find(b'"error"') < 0 and _COMPLETION.search(body) is not None:
        return None
    document = _parse(body)
    if document is _NO_JSON:
        return _no_json(body, content_type, is_chat=is_chat)
    document = document[0] if isinstance(document, list) and len(document) == 1 else document
    if not isinstance(document, dict):
        return ProviderError("JSON that is no object") if is_chat else None
    return _error_in_object(document, is_chat=is_chat)


def _error_in_object(document: dict[str, Any], *, is_chat: bool) -> ProviderError | None:
    choices = document.get("choices")
    if isinstance(choices, list) and choices:
        first = choices[0] if isinstance(choices[0], dict) else {}
        error = document.get("error") or first.get("error")
        return error_in({"error": error}) if error else None
    if document.get("error") or document.get("object") == "error":
        return error_in(document)
    if not is_chat:
        return None
    fault = error_in(
        {key: value for key, value in document.items() if key != "message" or type(value) is str}
    )
    if fault.message is not None:
        return fault
    if "choices" in document:
        # Some providers answer with an empty list, and not every host trips over it.
        return None
    # Only its keys: the values may be the model's answer, in the shape of another API.
    keys = ", ".join(sorted(map(str, document))[:_MOST_DETAILS])
    return fault._replace(message=f"no choices, but {keys or 'nothing'}")


def _no_json(body: bytes, content_type: str, *, is_chat: bool) -> ProviderError | None:
    text = _text(body)
    if not is_chat and not _HTML.match(_without_comments(text)):
        return None
    return _error_in_text(text, content_type) if text.strip() else ProviderError("the body is empty")


_NO_JSON = object()


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body) if len(body) <= _MOST_BYTES else _NO_JSON
    except (ValueError, RecursionError):
        return _NO_JSON


def _text(body: bytes) -> str:
    return body[:_MOST_TEXT].decode("utf-8", "replace")


def _error_in_text(text: str, content_type: str) -> ProviderError:
    """Read plain text, or a page of a proxy: its title and text without tags."""
    text = _without_comments(text)
    if not _HTML.match(text) and "html" not in content_type:
        return ProviderError(_on_one_line(text)[:_MOST_PLAIN_TEXT] or None)
    page = _page(text)
    kind = _on_one_line(content_type.partition(";")[0]) or "text/html"
    return ProviderError(f"{kind}: {page[:_MOST_PLAIN_TEXT]}" if page else kind)


def _without_comments(text: str) -> str:
    """The text without comments of HTML, which hide pages' beginnings and pad them for old browsers."""
    first, *others = text.split("<!--")
    return " ".join([first, *(other.partition("-->")[2] for other in others)])


def _page(text: str) -> str:
    """Title and text of a page."""
    title, texts, invisible, end = "", [], "", 0
    for tag in _TAG.finditer(text):
        piece, end = text[end : tag.start()], tag.end()
        name = tag[1].split(maxsplit=1)[0].lower() if tag[1].strip() else ""
        if name == "/title":
            title = title or _on_one_line(html.unescape(piece))
        elif not invisible:
            texts.append(piece)
        if name == f"/{invisible}":
            invisible = ""
        elif not invisible and name in _INVISIBLE:
            invisible = name
    visible = _on_one_line(html.unescape(" ".join([*texts, "" if invisible else text[end:]])))
    return visible if visible.startswith(title) else f"{title} {visible}".strip()


def _layers(document: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """The objects that describe an error, the innermost first."""
    if isinstance(document, list):
        document = next((item for item in document if isinstance(item, Mapping)), None)
    if isinstance(document, str) and document[:1] == "{":
        document = _parse(document[:_MOST_TEXT].encode())
    if not isinstance(document, Mapping) or depth > _DEEPEST:
        return
    for key in _LAYER_KEYS:
        # A list of details becomes a message, item by item.
        if key != "detail" or not isinstance(document.get(key), list):
            yield from _layers(document.get(key), depth + 1)
    yield document
    for key in _INNER_LAYERS:
        yield from _layers(document.get(key), depth + 1)


def _upstream(layers: tuple[Mapping[str, Any], ...]) -> ProviderError | None:
    """The error that a router got from the provider behind it."""
    for layer in layers:
        metadata = layer.get("metadata")
        raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
        if isinstance(raw, str) and raw:
            return error_in_body(raw[:_MOST_TEXT].encode())
    return None


def _message(holder: Any, depth: int, keys: tuple[str, ...] = (*_WORDS, *_OTHER_WORDS)) -> str | None:
    """The message in an object or list, under any of the known keys."""
    if depth > _DEEPEST:
        return None
    if isinstance(holder, str):
        return _on_one_line(holder[:_MOST_MESSAGE]) or None
    if isinstance(holder, list):
        parts = [_detail(item, depth) for item in holder[:_MOST_DETAILS]]
        return "; ".join(part for part in parts if part) or None
    if not isinstance(holder, Mapping):
        return None
    for key in keys:
        words = _message(holder.get(key), depth + 1)
        if words is not None:
            return words
    return None


def _detail(detail: Any, depth: int) -> str | None:
    """One of FastAPI's details: the location, and what is wrong there."""
    words = _message(detail, depth + 1)
    location = detail.get("loc") if isinstance(detail, Mapping) else None
    if words is None or not isinstance(location, list):
        return words
    return f"{'.'.join(str(part) for part in location[:_MOST_DETAILS])}: {words}"


def _first_value(
    layers: tuple[Mapping[str, Any], ...], keys: tuple[str, ...], pattern: re.Pattern[str] = _ANY
) -> str | None:
    for layer in layers:
        for key in keys:
            value = layer.get(key)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if (is_number or isinstance(value, str)) and pattern.fullmatch(str(value)):
                return str(value)
    return None


def _on_one_line(text: str) -> str:
    return _BLANK.sub(" ", text).strip()
