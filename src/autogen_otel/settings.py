"""Every knob: one frozen dataclass whose fields carry their environment variable and documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsError(ValueError):
    """A setting that cannot be used; the message says which and what it may be."""


def _knob(default: Any, env: str, sentence: str) -> Any:
    return field(default=default, metadata={"env": env, "sentence": sentence})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is recorded and where it is kept.

    A field that is not given takes its default; ``Settings.from_environ()`` reads the variables.
    """

    capture_tool_content: bool = _knob(
        True,
        "AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT",
        "Record the arguments and results of tools (redacted and capped).",
    )
    max_value_length: int = _knob(
        8192,
        "AUTOGEN_OTEL_MAX_VALUE_LENGTH",
        "Longest attribute value in characters; longer ones are cut visibly and keep their original length.",
    )
    journal: bool = _knob(
        True,
        "AUTOGEN_OTEL_JOURNAL",
        "Keep spans that no endpoint takes in local files.",
    )
    journal_dir: str | None = _knob(
        None,
        "AUTOGEN_OTEL_JOURNAL_DIR",
        "Folder of the journal; by default `autogen-otel` in the user's state folder.",
    )

    def __post_init__(self) -> None:
        """Refuse values that would make telemetry useless."""
        if self.max_value_length < 64:  # noqa: PLR2004 - below this a cut value says nothing
            raise SettingsError(
                f"max_value_length must be at least 64 characters, not {self.max_value_length}"
            )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read every knob from its environment variable.

        Args:
            environ: the variables; the process's own by default.

        Raises:
            SettingsError: a variable does not hold what its knob takes.
        """
        source = os.environ if environ is None else environ
        given = {
            f.name: _parse(f, source[f.metadata["env"]]) for f in fields(cls) if source.get(f.metadata["env"])
        }
        return cls(**given)


def _parse(knob: Field[Any], text: str) -> Any:
    env = knob.metadata["env"]
    if isinstance(knob.default, bool):
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise SettingsError(f"{env} must be true or false, not {text!r}")
    if isinstance(knob.default, int):
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{env} must be a whole number, not {text!r}") from None
    return text
