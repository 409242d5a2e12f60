"""One failure: its cause, its subject and its effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

MODEL: Final = "model"
CONVERSATION: Final = "conversation"
_TOOL: Final = "tool "


def tool_kind(tool: str) -> str:
    """The kind of the calls of one tool, for comparison."""
    return f"{_TOOL}{tool}"


class Effect(Enum):
    """The effect of a failure, the worst first."""

    ENDED = "ended the conversation"
    SWALLOWED = "swallowed"
    FELL_OVER = "fell over to another entry"
    RETRIED = "retried"


@dataclass(slots=True)
class Occurrence:
    """One failure, with the retries of the same call.

    Args:
        cause: why it failed.
        subject: what failed, by the keys of a finding's subject.
        trace_id: the conversation.
        span_id: the span in which it began.
        time_ns: when it began.
        kind: the kind of the call.
        effect: its effect.
        lost_ns: the time that it cost.
        describe: makes the features; called only for failures that a population keeps.
        detail: what else separates failures of one subject, or is worth counting.
        attempts: how many attempts failed.
        after_tool: the span of a tool that had failed before, if the call links to one.
        earlier_errors: cause and status of the failures of other entries earlier in the same model call.
        problems: how the arguments of a tool did not fit, without their values.
        compared_as: the kind of calls to compare it with, if that is not its own.
        message: the exception, or the provider's error, as the span recorded it.
        symptoms: its consequences in words, with how often each happened.
        ended_by: the subject of the consequence that ended the conversation, if there was one.
        weight: how many failures it stands for.
        features: the features of the call.
    """

    cause: str
    subject: dict[str, Any]
    trace_id: str
    span_id: str
    time_ns: int
    kind: str
    effect: Effect
    lost_ns: int
    describe: Callable[[], dict[str, Any]] | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1
    after_tool: str | None = None
    earlier_errors: tuple[tuple[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
    compared_as: str | None = None
    message: str = ""
    symptoms: Counter[str] = field(default_factory=Counter)
    ended_by: Mapping[str, Any] | None = None
    weight: float = 1.0
    features: dict[str, Any] = field(default_factory=dict)

    def with_features(self) -> Occurrence:
        """This failure with its features; it no longer refers to its conversation, which may be freed."""
        if self.describe is not None:
            self.features, self.describe = self.describe(), None
        return self

    @property
    def words(self) -> str:
        """The failure in a few words, for the symptoms of another failure."""
        target = self.subject.get("tool") or self.subject.get("model") or self.subject.get("agent") or ""
        error = self.subject.get("status_code") or self.subject.get("exception") or ""
        return " ".join(str(part) for part in (self.cause, target, error) if part)
