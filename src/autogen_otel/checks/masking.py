"""Taking the keys of a list out of all that is said about it, whoever says it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from autogen_otel.checks.offline.placeholders import is_dummy
from autogen_otel.redaction import KnownSecrets, Redactor
from autogen_otel.redaction.cutting import MASK
from autogen_otel.redaction.names import looks_secret

_LONGEST: Final = 600
_SHORTEST: Final = 4


class Masking:
    """Masks the secrets of lists and of the environment.

    Redaction leaves short words alone, which are no keys in telemetry; here it is known that they are.

    Args:
        values: the lists and what stands beside them.
        environ: environment variables.
    """

    def __init__(self, values: Sequence[Any], environ: Mapping[str, str]) -> None:
        secrets = KnownSecrets()
        for value in values:
            secrets.add_tree(value)
        secrets.add_environment(environ)
        self._redactor = Redactor(secrets)
        exact = {text for value in values for text in _secrets(value)}
        longest_first = sorted(exact, key=lambda text: (-len(text), text))
        self._exact = re.compile("|".join(map(re.escape, longest_first))) if exact else None

    def text(self, text: str) -> str:
        """The text as one line without secrets, cut visibly, and without signs that turn lines around."""
        line = " ".join(text.split())
        if self._exact is not None:
            line = self._exact.sub(MASK, line)
        redacted = self._redactor.fit(line, _LONGEST)
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in redacted)

    def tree(self, value: Any) -> Any:
        """The value with every text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.tree(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(one) for one in value]
        return value


def _secrets(value: Any, name: str = "") -> Iterator[str]:
    """Values under names that promise a secret, and the parts of those that hold whitespace."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _secrets(one, str(key))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _secrets(one, name)
    elif isinstance(value, str) and name and looks_secret(name):
        for part in (value, *value.split()):
            bare = " ".join(part.split()).strip("\"'`")
            if len(bare) >= _SHORTEST and not is_dummy(bare):
                yield bare
