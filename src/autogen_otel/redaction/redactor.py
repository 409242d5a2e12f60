"""Takes secrets out of text: known ones, known formats, and values under secret-looking names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autogen_otel.redaction.assignments import assigned_secrets, names_a_secret
from autogen_otel.redaction.cutting import MASK, are_words, clean, cut, cut_start, head
from autogen_otel.redaction.formats import keys_in, may_hold_key
from autogen_otel.redaction.names import looks_random
from autogen_otel.redaction.urls import url_secrets
from autogen_otel.redaction.validation import validation_secrets
from autogen_otel.redaction.views import find_in_views, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.redaction.known.secrets import KnownSecrets
    from autogen_otel.redaction.own_function import OwnFunction
    from autogen_otel.redaction.views import Span

LONGEST_REMEMBERED: Final = 128
"""Length of the longest text whose redacted form is remembered."""
_LONGEST_FORMAT: Final = 4096
_SCHEME = re.compile(r"(?ai)(?<![A-Za-z0-9])(?:bearer|basic)[ \t]+([A-Za-z0-9._~+/=-]{8,})")
_LONG: Final = 32


class Redactor:
    """Takes secrets out of text and escapes what receivers refuse.

    Args:
        secrets: the exact secrets to look for, shared with the code that finds them.
        function: the user's own, which gets the redacted text and returns what is recorded.
    """

    def __init__(self, secrets: KnownSecrets, function: Callable[[str], str] | None = None) -> None:
        self._secrets = secrets
        self._function: OwnFunction | None = None
        if function is not None:
            from autogen_otel.redaction.own_function import OwnFunction  # noqa: PLC0415 - most programs have none

            self._function = OwnFunction(function)
        self.memory = secrets.memory()
        """Short texts and their redacted forms."""
        self.built_in = self if function is None else Redactor(secrets)
        """A redactor without the user's function, for text made of parts that it has seen."""

    @property
    def is_repeatable(self) -> bool:
        """Whether the same text is always redacted the same way: the user's function may change its mind."""
        return self._function is None

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
        # The result of the user's function is remembered, because the function may be slow.
        return self._apply_own_rules(text) if self._function is None else self.text(text)

    def leaves(self, json_text: str) -> bool:
        """Tell whether a JSON text would stay as it is if each of its values was redacted."""
        return (
            self._function is None
            and clean(json_text) == json_text
            and not find_in_views(json_text, self._secrets_and_names)
        )

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
        own_result = self._apply_own_rules(head(text, window))
        if total > window:
            # A secret that the window's end halves is not recognised; it lies within the margin.
            own_result = own_result[: max(0, len(own_result) - margin)]
        redacted = self._apply_user_function(own_result)
        return cut(redacted, limit, total, is_partial=total > window)

    def fit_end(self, text: str, limit: int) -> str:
        """Return the end of redacted text, at most ``limit`` characters, cut visibly; else as ``fit``."""
        total = str.__len__(text)
        margin = self.margin
        window = limit + 2 * margin
        if total <= window:
            return cut_start(self.text(text), limit, total)
        # A secret that the window's beginning halves is not recognised; it lies within the margin.
        own_result = self._apply_own_rules(text[total - window :])[margin:]
        return cut_start(self._apply_user_function(own_result), limit, total, is_partial=True)

    def mask(self, text: str) -> str:
        """Return the text without the exact known secrets only."""
        return self._secrets.mask(text)

    def mask_exact(self, text: str) -> str:
        """Redact a number: mask exact known secrets, apply the user's function."""
        return self._apply_user_function(self._secrets.mask(text))

    def _apply_user_function(self, text: str) -> str:
        if self._function is None or not text or text == MASK:
            return text
        answer = self._function(text)
        return text if answer == text else self._apply_own_rules(answer)

    def _apply_own_rules(self, text: str) -> str:
        if len(text) <= LONGEST_REMEMBERED and are_words(text):
            spans = self._secrets_anywhere(text)
        else:
            text = clean(text)
            spans = find_in_views(text, self._secrets_in)
        return replaced(text, spans, MASK) if spans else text

    def _secrets_in(self, text: str) -> list[Span]:
        spans = self._secrets_anywhere(text)
        if names_a_secret(text):
            spans += assigned_secrets(text)
        return spans

    def _secrets_anywhere(self, text: str) -> list[Span]:
        spans = self._secrets.find(text)
        if may_hold_key(text):
            spans += keys_in(text)
        if "=" in text or "@" in text:
            spans += [*url_secrets(text), *validation_secrets(text)]
        lowered = text.lower()
        if "bearer" in lowered or "basic" in lowered:
            spans += _credentials_in(text)
        return spans

    def _secrets_and_names(self, text: str) -> list[Span]:
        return [(0, 0)] if names_a_secret(text) else self._secrets_anywhere(text)


def _credentials_in(text: str) -> Iterator[Span]:
    for match in _SCHEME.finditer(text):
        if looks_random(match[1]) or len(match[1]) >= _LONG:
            yield match.span(1)
