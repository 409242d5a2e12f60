"""Every knob: one frozen dataclass whose fields carry their environment variable and documentation."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, InitVar, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from functools import cached_property
from operator import index
from pkgutil import resolve_name
from reprlib import Repr
from typing import Any, Final

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})

NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT = "NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"
MESSAGE_CONTENT = (NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT)
"""Where the content of messages goes; these are the values of the standard variable."""

TRACE_ID: Final = "{trace_id}"
"""Placeholder of the id in a link to a trace."""

OFF, UNDELIVERED, FAILING, ALL = "off", "undelivered", "failing", "all"
JOURNALS = (UNDELIVERED, FAILING, ALL, OFF)
"""Which telemetry the journal stores."""
OFFLINE = "offline"
CHECKS = (OFF, OFFLINE)
"""How the ``config_list`` of agents is checked."""


class SettingsError(ValueError):
    """A setting that cannot be used; the message says which and what it may be."""


class _FromEnvironment:
    """Marks a field that the program has not set."""

    def __repr__(self) -> str:
        return "<from the environment>"


_MISSING: Final[Any] = _FromEnvironment()
_REPR: Final = Repr()
"""Shows in messages whatever a program has given: it may be long, or raise."""
_REPR.maxstring = _REPR.maxother = 200
_PREFIX: Final = "AUTOGEN_OTEL_"
REDACT_VARIABLE: Final = "AUTOGEN_OTEL_REDACT"
_JOURNAL_VARIABLE: Final = "AUTOGEN_OTEL_JOURNAL"
COMMAND_VARIABLES: Final = ("AUTOGEN_OTEL_SOURCE_HEADERS", "AUTOGEN_OTEL_PROMETHEUS_HEADERS")
"""Variables that only the command line reads."""


def withhold_everything(_text: str) -> str:
    """Give none of the text: replaces a ``redact`` function that cannot be loaded."""
    return "[redacted]"


# ---------------------------------------------------------------- checks of a knob's value, or of its text
def _same(_name: str, value: Any) -> Any:
    return value


def _folder(name: str, value: Any) -> str | None:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if path is not None and not isinstance(path, str):
        raise SettingsError(f"{name} must be the path of a folder, not {_REPR.repr(value)}")
    return path


def _lowered(value: Any) -> str:
    """A word in lower case; nothing for what is no word."""
    return str(value).strip().lower() if isinstance(value, (bool, str)) else ""


def _switch(name: str, value: Any) -> bool:
    word = _lowered(value)
    if word not in _TRUE | _FALSE:
        raise SettingsError(f"{name} must be true or false, not {_REPR.repr(value)}")
    return word in _TRUE


def _number(least: int, unit: str = "") -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        try:
            number = int(value) if isinstance(value, str) else index(value)
        except (TypeError, ValueError):
            raise SettingsError(f"{name} must be a whole number, not {_REPR.repr(value)}") from None
        if number < least:
            raise SettingsError(f"{name} must be at least {least}{unit}, not {number}")
        return number

    return check


def _word(words: Sequence[str], meanings: Mapping[str, str]) -> Callable[[str, Any], str]:
    """Make a check for one of a few words, or for an older word with the same meaning."""

    def check(name: str, value: object) -> str:
        lowered = _lowered(value)
        for word in words:
            if word.lower() == meanings.get(lowered, lowered).lower():
                return word
        raise SettingsError(f"{name} must be {', '.join(words[:-1])} or {words[-1]}, not {_REPR.repr(value)}")

    return check


def _names(name: str, value: Any) -> tuple[str, ...]:
    # One name is a text, which would otherwise be taken for its letters.
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, Collection) or not all(isinstance(one, str) for one in names):
        raise SettingsError(f"{name} must be the names of tools, not {_REPR.repr(value)}")
    return tuple(filter(None, map(str.strip, names)))


def _announcement(name: str, value: Any) -> bool | str:
    word = _lowered(value)
    if word in _TRUE | _FALSE:
        return word in _TRUE
    if not isinstance(value, str) or TRACE_ID not in value:
        words = f"true, false or a URL with {TRACE_ID} in it"
        raise SettingsError(f"{name} must be {words}, not {_REPR.repr(value)}")
    return value.strip()


def _function(name: str, value: Any) -> Any:
    function = _resolve(name, value) if isinstance(value, str) else value
    if function is not None and not callable(function):
        raise SettingsError(f"{name} must be a function from str to str, not {_REPR.repr(function)}")
    return function


def _resolve(name: str, text: str) -> Any:
    module, _, function = text.strip().partition(":")
    if not (module and function):
        raise SettingsError(f"{name} must be module:function, not {_REPR.repr(text)}")
    try:
        return resolve_name(f"{module}:{function}")
    except Exception as error:
        # Their module is imported, and may raise anything.
        raise SettingsError(
            f"{name} cannot be loaded from {_REPR.repr(text)}: {type(error).__name__}: {error}"
        ) from error


def _knob(default: Any, env: str, sentence: str, check: Callable[[str, Any], Any] = _same) -> Any:
    metadata = {"env": env, "sentence": sentence, "default": default, "check": check}
    return field(default=_MISSING, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is recorded and where it is kept.

    A field that is not given is read from its environment variable when the object is made; if that is not
    set, or its value cannot be used, the field takes its default.

    Args:
        environ: the environment variables; the process's own by default.
    """

    environ: InitVar[Mapping[str, str] | None] = None

    capture_tool_content: bool = _knob(
        True,
        "AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT",
        "Record the arguments and results of tools (redacted and capped).",
        _switch,
    )
    capture_message_content: str = _knob(
        NO_CONTENT,
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "Record what is said to and by models: `NO_CONTENT`, `SPAN_ONLY`, `EVENT_ONLY` or `SPAN_AND_EVENT` "
        "([message content](docs/message-content.md)).",
        _word(MESSAGE_CONTENT, {"true": SPAN_ONLY, "false": NO_CONTENT}),
    )
    full_message_history: bool = _knob(
        False,
        "AUTOGEN_OTEL_FULL_MESSAGE_HISTORY",
        "With message content: repeat the whole history on every model call. By default each message is "
        "recorded once, where it was first sent.",
        _switch,
    )
    max_value_length: int = _knob(
        8192,
        "AUTOGEN_OTEL_MAX_VALUE_LENGTH",
        "Longest attribute value in characters; longer ones are cut visibly and keep their original length. "
        "A lower `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` counts instead.",
        _number(64, " characters"),
    )
    exclude_content_of: Sequence[str] = _knob(
        (),
        "AUTOGEN_OTEL_EXCLUDE_CONTENT_OF",
        "Names of tools whose arguments and results are not recorded, nor in messages, nor what their "
        "exceptions say; `*` and `?` stand for any characters, and commas separate them in the variable.",
        _names,
    )
    announce_failures: bool | str = _knob(
        False,
        "AUTOGEN_OTEL_ANNOUNCE_FAILURES",
        "Log one line for each conversation that fails, with its trace id: `true`, or a URL with "
        "`{trace_id}` in it for a link, such as `http://localhost:16686/trace/{trace_id}`.",
        _announcement,
    )
    journal: str = _knob(
        UNDELIVERED,
        _JOURNAL_VARIABLE,
        "What is kept in local files: `undelivered` (what no endpoint takes), `failing` (also a copy of each "
        "conversation in which something failed), `all` (also a copy of every conversation) or `off` "
        "([the journal](docs/journal.md)).",
        _word(JOURNALS, {**dict.fromkeys(_TRUE, UNDELIVERED), **dict.fromkeys(_FALSE, OFF)}),
    )
    journal_dir: str | None = _knob(
        None,
        "AUTOGEN_OTEL_JOURNAL_DIR",
        "Folder of the journal; by default `autogen-otel` in the user's state folder.",
        _folder,
    )
    journal_max_bytes: int = _knob(
        268_435_456,
        "AUTOGEN_OTEL_JOURNAL_MAX_BYTES",
        "Largest size of the journal in bytes; beyond it the files written longest ago are removed.",
        _number(1),
    )
    journal_max_age_hours: int = _knob(
        168,
        "AUTOGEN_OTEL_JOURNAL_MAX_AGE_HOURS",
        "How long a file of the journal is kept after it was last written, in hours.",
        _number(1),
    )

    check: str = _knob(
        OFF,
        "AUTOGEN_OTEL_CHECK",
        "Check the `config_list` of each agent that is first seen, and log what is wrong: `offline` asks the "
        "installed AutoGen in a process of its own, `off` checks nothing ([check](docs/check.md)).",
        _word(CHECKS, {}),
    )
    redact: Callable[[str], str] | None = _knob(  # noqa: RUF009 - a field, as the others
        None,
        REDACT_VARIABLE,
        "A function that takes out more: it gets each exported string and returns what is recorded; in the "
        "variable `module:function` ([redaction](docs/redaction.md)).",
        _function,
    )

    @cached_property
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

    def keeps_out(self, tool: str) -> bool:
        """Whether the arguments and results of a tool are excluded although those of others are recorded."""
        patterns = self.exclude_content_of
        return bool(patterns) and any(fnmatchcase(tool, pattern) for pattern in patterns)

    @property
    def keeps_journal(self) -> bool:
        """Whether there is a journal at all."""
        return self.journal != OFF

    @property
    def journal_is_set(self) -> bool:
        """Whether the program or a variable sets the journal's mode."""
        is_set: bool = self.__dict__["_journal_is_set"]
        return is_set

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each variable whose value a field cannot use."""
        problems: tuple[str, ...] = self.__dict__["_problems"]
        return problems

    def checking(self, check: str) -> Settings:
        """Return the same settings with another ``check``; their problems and the like stay known."""
        copy = replace(self, check=check)
        copy.__dict__.update(_problems=self.problems, _journal_is_set=self.journal_is_set)
        return copy

    def __post_init__(self, environ: Mapping[str, str] | None) -> None:
        """Read the fields that are not set, and refuse values that would make telemetry useless."""
        source = os.environ if environ is None else environ
        problems: list[str] = []
        is_set = self.journal is not _MISSING or bool(source.get(_JOURNAL_VARIABLE))
        for knob in fields(self):
            explicit, check = getattr(self, knob.name), knob.metadata["check"]
            value = _read(knob, source, problems) if explicit is _MISSING else check(knob.name, explicit)
            object.__setattr__(self, knob.name, value)
        self.__dict__.update(_problems=tuple(problems), _journal_is_set=is_set)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read every knob from its environment variable.

        Args:
            environ: the variables; the process's own by default.

        Raises:
            SettingsError: variables do not hold what their knobs take; it names each of them.
        """
        settings = cls(environ=environ)
        if settings.problems:
            raise SettingsError("; ".join(settings.problems))
        return settings


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable that looks like one of ours and is none, with the nearest real one.

    Args:
        environ: the variables; the process's own by default.
    """
    knobs = {knob.name: knob.metadata["env"] for knob in fields(Settings)}
    source = os.environ if environ is None else environ
    sentences = []
    for variable in source:
        if not variable.upper().startswith(_PREFIX) or variable in {*knobs.values(), *COMMAND_VARIABLES}:
            continue
        import difflib  # noqa: PLC0415 - only who misspells one pays for it

        matches = difflib.get_close_matches(variable[len(_PREFIX) :].lower(), knobs, n=1)
        hint = f"did you mean {knobs[matches[0]]}?" if matches else f"known are {', '.join(knobs.values())}."
        sentences.append(f"{variable} is not known and does nothing; {hint}")
    return sentences


def _read(knob: Field[Any], environ: Mapping[str, str], problems: list[str]) -> Any:
    """The knob's value from its variable, or its default."""
    variable, default = knob.metadata["env"], knob.metadata["default"]
    text = environ.get(variable)
    if not text:
        return default
    try:
        return knob.metadata["check"](knob.name, text)
    except SettingsError as error:
        # The sentence is about the knob; here it has to name the variable.
        problems.append(f"{variable}{str(error).removeprefix(knob.name)}")
    return withhold_everything if variable == REDACT_VARIABLE else default
