"""What every observation is made of, and what recording makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


class ContentKind(Enum):
    """What a captured value is; the capture policy decides by kind."""

    TOOL_ARGUMENTS = "tool_arguments"
    TOOL_RESULT = "tool_result"
    CODE_OUTPUT = "code_output"
    CODE_TRACEBACK = "code_traceback"
    INPUT_MESSAGES = "input_messages"
    OUTPUT_MESSAGES = "output_messages"
    SYSTEM_INSTRUCTIONS = "system_instructions"
    TOOL_DEFINITIONS = "tool_definitions"


class MessagePolicy(Enum):
    """How much of the messages of model calls is wanted."""

    NONE = "none"
    ONCE = "once"
    """Each message on the call of a conversation that sent it first."""
    WHOLE = "whole"
    """The whole history on each call."""


@dataclass(frozen=True, slots=True)
class Content:
    """A value of the user's data. Only the capture room can turn it into an attribute.

    Args:
        kind: what it is.
        value: the host's own object, never changed; JSON text is parsed so that keys can be redacted.
    """

    kind: ContentKind
    value: object


@dataclass(frozen=True, slots=True)
class PrintedError:
    """An exception that the host has only as text, because executed code printed it.

    Args:
        stacktrace: the stack trace as printed, else whatever was printed.
        type: the exception's class as printed; ``None`` where none shows.
        message: the exception's message as printed.
    """

    stacktrace: Content
    type: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Args:
        origin: one of ``vocabulary.failures.CAUSES``.
        error: the original exception; ``None`` where the host has none (an HTTP status, an unknown tool).
        type: ``error.type`` where there is no exception.
        message: what to say where there is no exception.
        printed: the exception where only its text is left.
    """

    origin: str
    error: BaseException | None = None
    type: str | None = None
    message: str | None = None
    printed: PrintedError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What all observations share."""

    failure: Failure | None = None


class Recording(Protocol):
    """A running observation, finished exactly once."""

    @property
    def context(self) -> Any:
        """What has to be current while the observed call runs."""

    def end(self, observation: Observation) -> None:
        """Finish it with what the call came to."""


class Recorder(Protocol):
    """Turns observations into telemetry."""

    def goes_with(self, tracer: object) -> bool:
        """Whether the spans of a tracer of somebody else go where ours go."""

    def start(self, observation: Observation, parent: Recording | None) -> Recording:
        """Begin recording; children of the observed call hang below it."""
