"""Pictures, recordings and files in messages, in the form of the GenAI conventions: never their bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.redaction.introspection import instance_dict, type_name
from autogen_otel.rendering.messages.media import Media, media_of, media_of_base64

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


def media_part(kind: str, part: dict[str, Any], redact: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Convert one picture, recording or file; return ``None`` if the part has none.

    Args:
        kind: one of ``MEDIA_TYPES``.
        part: the fields of the message's part.
        redact: redacts text that will be recorded.
    """
    modality = next((name for name in ("image", "audio", "video") if name in kind), "document")
    transcript = part.get("transcript")
    extra = {} if transcript is None else {"transcript": redact(transcript)}
    file_id, source = part.get("file_id"), _first(part, (*_PAYLOADS, *_URLS))
    if source is None:
        return None if file_id is None else {"type": "file", "modality": modality, "file_id": redact(file_id)}
    media = _media_of(source, _mime_type(part, modality))
    if media is not None:
        mime = {"mime_type": redact(media.mime_type)}
        return {"type": "blob", "modality": modality, **mime, "content": media.facts, **extra}
    if isinstance(source, str):
        return {"type": "uri", "modality": modality, "uri": redact(source), **extra}
    return {"type": "blob", "modality": modality, "content": redact(_description(source)), **extra}


def _media_of(source: Any, mime_type: str | None) -> Media | None:
    if isinstance(source, (bytes, bytearray)):
        digest = hashlib.sha256(source).hexdigest()[:16]
        return Media(mime_type or "application/octet-stream", len(source), digest)
    if not isinstance(source, str):
        return None
    text = str.__str__(source)
    if text[:5].lower() == "data:":
        return media_of(text) or media_of_base64(text.partition(",")[2], mime_type)
    is_payload = len(text) >= _SHORTEST_PAYLOAD and "://" not in text[:64]
    return (
        media_of_base64(text, mime_type)
        if is_payload or (mime_type is not None and "://" not in text)
        else None
    )


def _mime_type(part: dict[str, Any], modality: str) -> str | None:
    declared_type = _first(part, _MIME_TYPES)
    if isinstance(declared_type, str):
        return declared_type
    kind = part.get("format")
    return f"{modality}/{'mpeg' if kind == 'mp3' else kind}" if isinstance(kind, str) else None


def _description(source: Any) -> str:
    """Describe a picture that is an object, as AutoGen's multimodal agents have them."""
    size = instance_dict(source).get("_size")
    pixels = f" of {size[0]} x {size[1]} pixels" if isinstance(size, tuple) and len(size) > 1 else ""
    return f"[not recorded: {type_name(type(source))}{pixels}]"


def _first(part: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first value under these keys that is no dict: a dict would have it one level deeper."""
    return next(
        (part[name] for name in names if part.get(name) is not None and not isinstance(part[name], dict)),
        None,
    )
