"""Pictures, recordings and files in messages, as the GenAI conventions want them: never their bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.introspection import instance_dict, type_name
from autogen_otel.rendering.messages.media import Media, encoded, media_of

if TYPE_CHECKING:
    from collections.abc import Callable

MEDIA_TYPES: Final = frozenset(
    f"{before}{kind}{after}"
    for kind in ("image", "audio", "video", "file", "document")
    for before, after in (("", ""), ("input_", ""), ("", "_url"))
)
_URLS: Final = ("url", "image_url", "audio_url", "video_url", "data_uri", "file_url")
_PAYLOADS: Final = ("data", "file_data")
_MIME_TYPES: Final = ("media_type", "mime_type")
_SHORTEST_PAYLOAD: Final = 512


def media_part(kind: str, held: dict[str, Any], words: Callable[[Any], Any]) -> dict[str, Any] | None:
    """One picture, recording or file; ``None`` if there is none in it.

    Args:
        kind: one of ``MEDIA_TYPES``.
        held: what the part of the message holds.
        words: redacts text that is to be shown.
    """
    modality = next((one for one in ("image", "audio", "video") if one in kind), "document")
    transcript = held.get("transcript")
    more = {} if transcript is None else {"transcript": words(transcript)}
    file_id, source = held.get("file_id"), _first(held, (*_PAYLOADS, *_URLS))
    if source is None:
        return None if file_id is None else {"type": "file", "modality": modality, "file_id": words(file_id)}
    media = _media_of(source, _mime_type(held, modality))
    if media is not None:
        mime = {"mime_type": words(media.mime_type)}
        return {"type": "blob", "modality": modality, **mime, "content": media.facts, **more}
    if isinstance(source, str):
        return {"type": "uri", "modality": modality, "uri": words(source), **more}
    return {"type": "blob", "modality": modality, "content": words(_description(source)), **more}


def _media_of(source: Any, mime_type: str | None) -> Media | None:
    if isinstance(source, (bytes, bytearray)):
        digest = hashlib.sha256(source).hexdigest()[:16]
        return Media(mime_type or "application/octet-stream", len(source), digest)
    if not isinstance(source, str):
        return None
    text = str.__str__(source)
    if text[:5].lower() == "data:":
        return media_of(text) or encoded(text.partition(",")[2], mime_type)
    is_payload = len(text) >= _SHORTEST_PAYLOAD and "://" not in text[:64]
    return encoded(text, mime_type) if is_payload or (mime_type is not None and "://" not in text) else None


def _mime_type(held: dict[str, Any], modality: str) -> str | None:
    declared = _first(held, _MIME_TYPES)
    if isinstance(declared, str):
        return declared
    written = held.get("format")
    return f"{modality}/{'mpeg' if written == 'mp3' else written}" if isinstance(written, str) else None


def _description(source: Any) -> str:
    """What is told of a picture that is an object, as agents of AutoGen that see have them."""
    size = instance_dict(source).get("_size")
    pixels = f" of {size[0]} x {size[1]} pixels" if isinstance(size, tuple) and len(size) > 1 else ""
    return f"[not recorded: {type_name(type(source))}{pixels}]"


def _first(held: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The value under the first of these keys that is no dict, which would hold it one level deeper."""
    return next(
        (held[name] for name in names if held.get(name) is not None and not isinstance(held[name], dict)),
        None,
    )
