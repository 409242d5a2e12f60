"""Images, audio and files inside text: never exported, only their type, size and digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final, NamedTuple

_LINE: Final = r"[A-Za-z0-9+/_=%-]"
_PAYLOAD: Final = rf"{_LINE}{{8,}}(?:(?:\r?\n|(?:\\r)?\\n){_LINE}{{16,}})*"
"""Base64, also in several lines, whose breaks may be escaped as in JSON."""
_DATA_URI: Final = re.compile(
    rf"data:(?P<mime>[a-z]+/[a-z0-9.+-]+)?(?:;[a-z0-9-]+=[^;,\s\"']{{1,64}}){{0,4}};base64,(?P<payload>{_PAYLOAD})",
    re.IGNORECASE,
)
_BARE_PAYLOAD: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{1024,}={0,2}")
"""Base64 without a ``data:`` prefix; no picture is shorter than this."""
_SHORTEST_BARE: Final = 1024
_MAGIC: Final = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi0": "application/pdf",
    "SUQz": "audio/mpeg",
    "T2dnUw": "audio/ogg",
}
_LONGEST_PAYLOAD: Final = 32 * 1024 * 1024
_UNKNOWN: Final = "application/octet-stream"


class Media(NamedTuple):
    """A picture, a recording or a file.

    Args:
        mime_type: its MIME type.
        size: bytes.
        digest: beginning of its SHA-256 in hexadecimal; ``None`` if it is too large to read.
    """

    mime_type: str
    size: int
    digest: str | None

    @property
    def modality(self) -> str:
        """``image``, ``audio``, ``video`` or ``document``."""
        kind = self.mime_type.partition("/")[0]
        return kind if kind in ("image", "audio", "video") else "document"

    @property
    def facts(self) -> str:
        """The text that is recorded in its place."""
        digest = "" if self.digest is None else f", sha256 {self.digest}…"
        return f"[not recorded: {self.size} bytes{digest}]"


def media_of(text: str) -> Media | None:
    """Read a ``data:`` URI; ``None`` if the text is anything else."""
    match = _DATA_URI.fullmatch(text)
    return None if match is None else media_of_base64(match["payload"], match["mime"])


def media_of_base64(payload: str, mime_type: str | None = None) -> Media:
    """Measure base64 text.

    Args:
        payload: the text; characters that are no base64 are skipped.
        mime_type: the MIME type, if it is known.
    """
    mime = (mime_type or _guess_type(payload)).lower()
    plain = re.sub(r"\s|\\[rn]", "", payload) if "\n" in payload or "\\" in payload else payload
    plain = plain.rstrip("=")
    if len(plain) > _LONGEST_PAYLOAD:
        return Media(mime, len(plain) * 3 // 4, None)
    try:
        content = base64.b64decode(plain.replace("-", "+").replace("_", "/") + "=" * (-len(plain) % 4))
    except (ValueError, binascii.Error):
        content = payload.encode("utf-8", "surrogatepass")
    return Media(mime, len(content), hashlib.sha256(content).hexdigest()[:16])


def without_media(text: str) -> str:
    """Replace ``data:`` URIs, and other text that looks like a file in base64, by descriptions."""
    if "base64," in text or "BASE64," in text:
        text = _DATA_URI.sub(_describe_match, text)
    if len(text) >= _SHORTEST_BARE and _may_contain_bare(text):
        text = _BARE_PAYLOAD.sub(_describe_if_random, text)
    return text


def _may_contain_bare(text: str) -> bool:
    """Whether the text has a stretch without spaces that is long enough to be base64."""
    # Any text of twice the length contains one such block as a whole.
    block = _SHORTEST_BARE // 2
    return any(text.find(" ", at, at + block) < 0 for at in range(0, len(text) - block + 1, block))


def _describe_match(match: re.Match[str]) -> str:
    return _description(media_of_base64(match["payload"], match["mime"]))


def _describe_if_random(match: re.Match[str]) -> str:
    sample = match.group()[:256]
    classes = (str.islower, str.isupper, str.isdigit)
    if not all(any(belongs(letter) for letter in sample) for belongs in classes):
        return match.group()
    return _description(media_of_base64(match.group()))


def _description(media: Media) -> str:
    return f"[{media.mime_type} {media.facts[1:]}"


def _guess_type(payload: str) -> str:
    return next((mime for magic, mime in _MAGIC.items() if payload.startswith(magic)), _UNKNOWN)
