"""Takes secrets out of text: known ones, known formats, and values under secret-looking names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.assignments import redact_assignments
from autogen_otel.redaction.cutting import MASK, clean, cut, cut_start, head
from autogen_otel.redaction.formats import KEY_FORMATS
from autogen_otel.redaction.names import looks_random
from autogen_otel.redaction.prefilter import is_clean
from autogen_otel.redaction.urls import redact_urls
from autogen_otel.redaction.validation import redact_validation

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.redaction.known.secrets import KnownSecrets
    from autogen_otel.redaction.removal import Removal

LONGEST_REMEMBERED: Final = 128
"""Length of the longest text whose redacted form is remembered."""
_LONGEST_FORMAT: Final = 4096
_SCHEME = re.compile(r"(?ai)(?<![A-Za-z0-9])((?:bearer|basic)[ \t]+)([A-Za-z0-9._~+/=-]{8,})")
_LONG: Final = 32


class Redactor:
    """Takes secrets out of text and escapes what receivers refuse.

    Args:
        secrets: the exact secrets to look for, shared with the code that finds them.
        remove: the user's function, which gets the redacted text and may take out more.
    """

    def __init__(self, secrets: KnownSecrets, remove: Callable[[str], str] | None = None) -> None:
        self._secrets = secrets
        self._removal: Removal | None = None
        if remove is not None:
            from autogen_otel.redaction.removal import Removal  # noqa: PLC0415 - most programs have none

            self._removal = Removal(remove)
        self.memory = secrets.memory()
        """Short texts and their redacted forms."""
        self.built_in = self if remove is None else Redactor(secrets)
        """A redactor without the user's function, for text made of parts that it has seen."""

    @property
    def is_repeatable(self) -> bool:
        """Whether the same text is always redacted the same way: the user's function may change its mind."""
        return self._removal is None

    @property
    def margin(self) -> int:
        """Characters that have to be read beyond a limit, so that no secret is halved unrecognised."""
        return max(_LONGEST_FORMAT, self._secrets.longest)

    def text(self, text: str) -> str:
        """Return the text without secrets, and with lone surrogates and control characters escaped."""
        if len(text) > LONGEST_REMEMBERED:
            return self._apply_user_function(self._apply_own_rules(text))
        redacted = self.memory.get(text)
        if redacted is None:
            version = self._secrets.version
            own_result = self._apply_own_rules(text)
            redacted = self._apply_user_function(own_result)
            # The user's function may succeed next time with a text that it failed on.
            if redacted == own_result or redacted != MASK:
                self._secrets.remember(self.memory, text, redacted, version)
        return redacted

    def text_uncached(self, text: str) -> str:
        """Redact as ``text`` does, without remembering the result."""
        if self._removal is not None:
            # The result of the user's function is remembered, because the function may be slow.
            return self.text(text)
        return text if is_clean(text) and self._secrets.mask(text) == text else self._redacted(text)

    def leaves_json(self, json_text: str, *, no_signs: bool = False) -> bool:
        """Tell whether a JSON text would stay as it is if each of its strings and numbers was redacted.

        Args:
            json_text: with no other escapes than ``json.dumps(..., ensure_ascii=False)`` makes.
            no_signs: the text has no colons but those behind its keys.
        """
        if self._removal is not None or not is_clean(json_text, in_json=True, no_signs=no_signs):
            return False
        mask = self._secrets.mask
        if mask(json_text) != json_text:
            return False
        if "\\" not in json_text:
            return True
        plain_text = json_text.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n")
        plain_text = plain_text.replace("\\r", "\r").replace("\\t", "\t").replace("\0", "\\")
        return mask(plain_text) == plain_text

    def fit(self, text: str, limit: int) -> str:
        """Return redacted text of at most ``limit`` characters, cut visibly.

        Only the beginning of a far longer text is read, and so much more that no secret is halved.
        """
        total = str.__len__(text)
        if total <= limit:
            redacted = self.text(text if type(text) is str else head(text, total))
            return redacted if len(redacted) <= limit else cut(redacted, limit, total)
        margin = self.margin
        window = limit + 2 * margin
        redacted = self.text(head(text, window))
        if total > window:
            # A secret that the window's end halves is not recognised; it lies within the margin.
            redacted = redacted[: max(0, len(redacted) - margin)]
        return cut(redacted, limit, total, is_partial=total > window)

    def fit_end(self, text: str, limit: int) -> str:
        """Return the end of redacted text, at most ``limit`` characters, cut visibly; else as ``fit``."""
        total = str.__len__(text)
        margin = self.margin
        window = limit + 2 * margin
        if total <= window:
            return cut_start(self.text(text), limit, total)
        # A secret that the window's beginning halves is not recognised; it lies within the margin.
        return cut_start(self.text(text[total - window :])[margin:], limit, total, is_partial=True)

    def mask(self, text: str) -> str:
        """Return the text without the exact known secrets only."""
        return self._secrets.mask(text)

    def mask_exact(self, text: str) -> str:
        """Redact a number or a location in code: mask exact known secrets, apply the user's function."""
        return self._apply_user_function(self._secrets.mask(text))

    def _apply_user_function(self, text: str) -> str:
        removal = self._removal
        if removal is None or not text or text == MASK:
            return text
        # The user's function may make calls that we observe; that must not make it call itself.
        remaining = None if removal.runs else removal(text)
        return MASK if remaining is None else remaining

    def _apply_own_rules(self, text: str) -> str:
        if is_clean(text) and self._secrets.mask(text) == text:
            return text
        return self._redacted(text)

    def _redacted(self, text: str) -> str:
        text = redact_validation(self._secrets.mask(clean(text)))
        for key_format in KEY_FORMATS:
            if key_format.hint in text:
                text = key_format.expression.sub(MASK, text)
        text = _SCHEME.sub(_credential, text)
        return redact_urls(redact_assignments(text))


def _credential(match: re.Match[str]) -> str:
    scheme, value = match.groups()
    return f"{scheme}{MASK}" if looks_random(value) or len(value) >= _LONG else match.group()
