"""Recorded values as they may be written into a file: no secrets, and placeholders for missing parts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from autogen_otel.redaction import MASK, KnownSecrets, Redactor
from autogen_otel.redaction.names import hides
from autogen_otel.repro import source
from autogen_otel.repro.source import Placeholder

_CUT: Final = re.compile(
    r"…?\[cut, (?:over )?\d+ characters in all\]|\A<(?:deeper|more|cycle|(?:int|bytes): \d[^>]*)>\Z"
)
_MORE_ITEMS: Final = "<more>"
_DEEPEST: Final = 50
"""Python reads no source with more than 200 brackets inside each other; what we record is far below."""
_REDACTED_REASON: Final = "redacted"


def is_cut(text: str) -> bool:
    """Whether a text says that it was cut when it was recorded."""
    return _CUT.search(text) is not None


class Values:
    """Makes recorded values fit for a file.

    Other programs may not have redacted their values, and a key may be known only here; so all values are
    redacted once more.
    """

    def __init__(self) -> None:
        secrets = KnownSecrets()
        secrets.add_environment(os.environ)
        self._redactor = Redactor(secrets)

    def words(self, text: object) -> str:
        """Recorded text without secrets, on one line, cut."""
        return source.words(self._redactor.text(str(text)))

    def is_clean(self, text: str) -> bool:
        """Whether a text holds no secret, and none was taken out of it."""
        return MASK not in text and self._redactor.text(text) == text

    def with_placeholders(self, value: Any, name: str, depth: int = 0) -> Any:
        """A recorded value of plain data, with a placeholder for each part that was not recorded whole.

        Args:
            value: as parsed from JSON.
            name: its name in a placeholder, for the user who has to replace a part of it.
            depth: how many values it stands in.
        """
        if isinstance(value, str):
            return self._text(value, name)
        if isinstance(value, (list, Mapping)) and depth >= _DEEPEST:
            return Placeholder(name, "nested too deeply")
        if isinstance(value, list):
            items = [
                self.with_placeholders(item, f"{name}[{index}]", depth + 1)
                for index, item in enumerate(value)
            ]
            return Placeholder(name, "cut") if _MORE_ITEMS in value else items
        if isinstance(value, Mapping):
            return self._mapping(value, name, depth)
        return value

    def without_secrets(self, value: Any, name: str) -> Any:
        """A recorded value of plain data, in which secrets are masked and all around them is kept.

        Args:
            value: as parsed from JSON.
            name: its name in a placeholder, which stands for each text that was cut.
        """
        if isinstance(value, list):
            return [self.without_secrets(item, name) for item in value]
        if isinstance(value, Mapping):
            return {key: self.without_secrets(item, f"{name}.{key}") for key, item in value.items()}
        if not isinstance(value, str):
            return value
        return Placeholder(name, "cut") if is_cut(value) else self._redactor.text(value)

    def _mapping(self, value: Mapping[str, Any], name: str, depth: int) -> Any:
        if value.get("…") == _MORE_ITEMS:
            return Placeholder(name, "cut")
        if not all(map(self.is_clean, value)):
            return Placeholder(name, _REDACTED_REASON)
        return {
            key: Placeholder(f"{name}.{key}", _REDACTED_REASON)
            if hides(key, item)
            else self.with_placeholders(item, f"{name}.{key}", depth + 1)
            for key, item in value.items()
        }

    def _text(self, text: str, name: str) -> Any:
        if is_cut(text):
            return Placeholder(name, "cut")
        return text if self.is_clean(text) else Placeholder(name, _REDACTED_REASON)
