"""Masks the keys of a list in every text about the list, whoever wrote the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from autogen_otel.checks.placeholders import is_dummy
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.names import looks_secret

_LONGEST: Final = 600
_SHORTEST: Final = 4


class Masking:
    """Masks the secrets of lists and of the environment.

    Redaction leaves short words alone, because they are no keys in telemetry; in a list they are keys.

    Args:
        values: the lists and the options beside them.
        environ: environment variables.
    """

    def __init__(self, values: Sequence[Any], environ: Mapping[str, str]) -> None:
        secrets = KnownSecrets()
        for value in values:
            secrets.add_tree(value)
        secrets.add_environment(environ)
        self._redactor = Redactor(secrets)
        secret_texts = {text for value in values for text in _secrets(value)}
        longest_first = sorted(secret_texts, key=lambda text: (-len(text), text))
        self._secret_pattern = re.compile("|".join(map(re.escape, longest_first))) if secret_texts else None

    def text(self, text: str) -> str:
        """The text as one line without secrets, cut visibly, and without characters that reverse lines."""
        line = " ".join(text.split())
        if self._secret_pattern is not None:
            line = self._secret_pattern.sub(MASK, line)
        redacted_line = self._redactor.fit(line, _LONGEST)
        return "".join(
            character if character.isprintable() else repr(character)[1:-1] for character in redacted_line
        )

    def tree(self, value: Any) -> Any:
        """The value with the secrets masked in every text of it."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        return value


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    """The values of secret names, and the parts of those values that hold whitespace."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(item, str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets(item, name)
    elif isinstance(value, str) and name and looks_secret(name):
        for part in (value, *value.split()):
            bare = " ".join(part.split()).strip("\"'`")
            if len(bare) >= _SHORTEST and not is_dummy(bare):
                yield bare
