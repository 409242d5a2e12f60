"""Taking secrets out of text: known ones, known formats, and what stands under secret-looking names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autogen_otel.capture.assignments import redact_assignments
from autogen_otel.capture.cutting import clean, cut, cut_start, head
from autogen_otel.capture.keys import looks_random
from autogen_otel.capture.patterns import KEY_FORMATS
from autogen_otel.capture.removal import Removal
from autogen_otel.capture.secrets import MASK, KnownSecrets
from autogen_otel.capture.urls import redact_urls
from autogen_otel.capture.validation import redact_validation

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT: Final = 128
"""Longest text that is remembered redacted."""
_MOST_CACHED: Final = 2048
_LONGEST_FORMAT: Final = 4096
_SCHEME = re.compile(r"(?i)(?<![A-Za-z0-9])((?:bearer|basic)[ \t]+)([A-Za-z0-9._~+/=-]{8,})")
_LONG: Final = 32


class _Cache(dict[str, str]):
    """Redacted short texts, valid for one version of the known secrets."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version


class Redactor:
    """Takes secrets out of text and escapes what receivers refuse.

    Args:
        secrets: the exact secrets to look for, shared with whoever finds them.
        redact: the user's function, which looks at what is left and may take out more.
    """

    def __init__(self, secrets: KnownSecrets, redact: Callable[[str], str] | None = None) -> None:
        self._secrets = secrets
        self._removal = None if redact is None else Removal(redact, MASK)
        self._cache = _Cache(secrets.version)
        self.ours = self if redact is None else Redactor(secrets)
        """The same without the user's function, for text made of parts that it has seen."""

    @property
    def margin(self) -> int:
        """Characters that have to be read beyond a limit, so that no secret is halved unrecognised."""
        return max(_LONGEST_FORMAT, self._secrets.longest)

    def text(self, text: str) -> str:
        """Return the text without secrets, and with lone surrogates and control characters escaped."""
        if len(text) > SHORT:
            return self._without_theirs(self._redacted(text))
        cache = self._cache
        if cache.version != self._secrets.version or len(cache) > _MOST_CACHED:
            cache = self._cache = _Cache(self._secrets.version)
        found = cache.get(text)
        if found is None:
            shown = self._redacted(text)
            found = self._without_theirs(shown)
            # What their function failed on it may be able to look at next time.
            if found == shown or found != MASK:
                cache[text] = found
        return found

    def fitted(self, text: str, limit: int) -> str:
        """Return redacted text of at most ``limit`` characters, cut visibly.

        Of text far longer than that only the beginning is read, and so much more that no secret is halved.
        """
        total = str.__len__(text)
        margin = self.margin
        window = limit + 2 * margin
        shown = self.text(head(text, window))
        if total > window:
            # A secret that the window's end halves is not recognised; it lies within the margin.
            shown = shown[: max(0, len(shown) - margin)]
        return cut(shown, limit, total, more=total > window)

    def fitted_end(self, text: str, limit: int) -> str:
        """Return the end of redacted text, at most ``limit`` characters, cut visibly; as ``fitted`` else."""
        total = str.__len__(text)
        margin = self.margin
        window = limit + 2 * margin
        if total <= window:
            return cut_start(self.text(text), limit, total)
        # A secret that the window's beginning halves is not recognised; it lies within the margin.
        return cut_start(self.text(text[total - window :])[margin:], limit, total, more=True)

    def mask(self, text: str) -> str:
        """Return the text without the exact known secrets only."""
        return self._secrets.mask(text)

    def exact(self, text: str) -> str:
        """Return a number or a place in the code without exact known secrets and what the user takes out."""
        return self._without_theirs(self._secrets.mask(text))

    def _without_theirs(self, text: str) -> str:
        removal = self._removal
        if removal is None or not text or text == MASK:
            return text
        # Their function may do what we observe; that must not make it call itself.
        left = None if removal.runs else removal(text)
        return MASK if left is None else left

    def _redacted(self, text: str) -> str:
        text = redact_validation(self._secrets.mask(clean(text)), MASK)
        for key_format in KEY_FORMATS:
            if key_format.hint in text:
                text = key_format.expression.sub(MASK, text)
        text = _SCHEME.sub(_credential, text)
        return redact_urls(redact_assignments(text, MASK), MASK)


def _credential(match: re.Match[str]) -> str:
    scheme, value = match.groups()
    return f"{scheme}{MASK}" if looks_random(value) or len(value) >= _LONG else match.group()
