"""Every knob: one frozen dataclass whose fields carry their environment variable and documentation."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})

NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT = "NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"
MESSAGE_CONTENT = (NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT)
"""Where the content of messages goes; the standard variable has these words."""
_OLDER = {"true": SPAN_ONLY, "false": NO_CONTENT}
"""What the variable was set to before it had words."""


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
    capture_message_content: str = _knob(
        NO_CONTENT,
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "Record what is said to and by models: `NO_CONTENT`, `SPAN_ONLY`, `EVENT_ONLY` or `SPAN_AND_EVENT` "
        "([message content](docs/message-content.md)).",
    )
    full_message_history: bool = _knob(
        False,
        "AUTOGEN_OTEL_FULL_MESSAGE_HISTORY",
        "With message content: repeat the whole history on every model call. By default each message is "
        "recorded once, where it was first sent.",
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

    redact: Callable[[str], str] | None = field(
        default=None,
        metadata={
            "env": None,
            "sentence": "A function that takes out more: it gets each exported string and returns what may "
            "stay ([redaction](docs/redaction.md)).",
        },
    )

    @property
    def records_messages(self) -> bool:
        """Whether the content of messages is recorded at all."""
        return self.capture_message_content != NO_CONTENT

    @property
    def messages_on_spans(self) -> bool:
        """Whether the content of messages goes on spans."""
        return self.capture_message_content in (SPAN_ONLY, SPAN_AND_EVENT)

    @property
    def messages_in_events(self) -> bool:
        """Whether the content of messages goes into events."""
        return self.capture_message_content in (EVENT_ONLY, SPAN_AND_EVENT)

    def __post_init__(self) -> None:
        """Refuse values that would make telemetry useless."""
        object.__setattr__(self, "capture_message_content", _message_content(self.capture_message_content))
        if self.redact is not None and not callable(self.redact):
            raise SettingsError(f"redact must be a function from str to str, not {self.redact!r}")
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
            SettingsError: variables do not hold what their knobs take; it names each of them.
        """
        settings, problems = cls.read_environ(environ)
        if problems:
            raise SettingsError("; ".join(problems))
        return settings

    @classmethod
    def read_environ(cls, environ: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
        """Read every knob from its environment variable; one that cannot be used takes its default.

        Args:
            environ: the variables; the process's own by default.

        Returns:
            The settings, and a sentence for each variable that does not hold what its knob takes.
        """
        source = os.environ if environ is None else environ
        given: dict[str, Any] = {}
        problems = []
        for knob in fields(cls):
            text = source.get(knob.metadata["env"] or "")
            if not text:
                continue
            try:
                value = _parse(knob, text)
                cls(**{knob.name: value})
            except SettingsError as error:
                # The sentence is about the knob; here its variable is what somebody has to mend.
                problems.append(f"{knob.metadata['env']}{str(error).removeprefix(knob.name)}")
            else:
                given[knob.name] = value
        return cls(**given), problems


def _message_content(value: object) -> str:
    word = str(value).strip().upper()
    word = _OLDER.get(word.lower(), word)
    if word not in MESSAGE_CONTENT:
        allowed = ", ".join(MESSAGE_CONTENT[:-1])
        raise SettingsError(
            f"capture_message_content must be {allowed} or {MESSAGE_CONTENT[-1]}, not {value!r}"
        )
    return word


def _parse(knob: Field[Any], text: str) -> Any:
    if isinstance(knob.default, bool):
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise SettingsError(f"{knob.name} must be true or false, not {text!r}")
    if isinstance(knob.default, int):
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{knob.name} must be a whole number, not {text!r}") from None
    return text
