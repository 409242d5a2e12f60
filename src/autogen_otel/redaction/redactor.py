"""Taking secrets out of text: known ones, known formats, and what stands under secret-looking names."""

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

SHORT: Final = 128
"""Longest text that is remembered redacted."""
_LONGEST_FORMAT: Final = 4096
_SCHEME = re.compile(r"(?ai)(?<![A-Za-z0-9])((?:bearer|basic)[ \t]+)([A-Za-z0-9._~+/=-]{8,})")
_LONG: Final = 32


class Redactor:
    """Takes secrets out of text and escapes what receivers refuse.

    Args:
        secrets: the exact secrets to look for, shared with whoever finds them.
        remove: the user's function, which looks at what is left and may take out more.
    """

    def __init__(self, secrets: KnownSecrets, remove: Callable[[str], str] | None = None) -> None:
        self._secrets = secrets
        self._removal: Removal | None = None
        if remove is not None:
            from autogen_otel.redaction.removal import Removal  # noqa: PLC0415 - most programs have none

            self._removal = Removal(remove)
        self.memory = secrets.memory()
        """Short texts and what became of them."""
        self.ours = self if remove is None else Redactor(secrets)
        """The same without the user's function, for text made of parts that it has seen."""

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
        if len(text) > SHORT:
            return self._without_theirs(self._without_ours(text))
        shown = self.memory.get(text)
        if shown is None:
            version = self._secrets.version
            ours = self._without_ours(text)
            shown = self._without_theirs(ours)
            # What their function failed on it may be able to look at next time.
            if shown == ours or shown != MASK:
                self._secrets.remember(self.memory, text, shown, version)
        return shown

    def anew(self, text: str) -> str:
        """Return the same as ``text``, of what is not worth to be remembered."""
        if self._removal is not None:
            # What the user's function did is remembered, as that may be slow.
            return self.text(text)
        return text if is_clean(text) and self._secrets.mask(text) == text else self._redacted(text)

    def leaves_json(self, written: str, *, no_signs: bool = False) -> bool:
        """Tell whether a JSON text would stay as it is if each of its strings and numbers was redacted.

        Args:
            written: with no other escapes than ``json.dumps(..., ensure_ascii=False)`` makes.
            no_signs: there is no colon in it but those behind its keys.
        """
        if self._removal is not None or not is_clean(written, in_json=True, no_signs=no_signs):
            return False
        mask = self._secrets.mask
        if mask(written) != written:
            return False
        if "\\" not in written:
            return True
        plain = written.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n")
        plain = plain.replace("\\r", "\r").replace("\\t", "\t").replace("\0", "\\")
        return mask(plain) == plain

    def fitted(self, text: str, limit: int) -> str:
        """Return redacted text of at most ``limit`` characters, cut visibly.

        Of text far longer than that only the beginning is read, and so much more that no secret is halved.
        """
        total = str.__len__(text)
        if total <= limit:
            shown = self.text(text if type(text) is str else head(text, total))
            return shown if len(shown) <= limit else cut(shown, limit, total)
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

    def _without_ours(self, text: str) -> str:
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
