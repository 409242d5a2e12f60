"""One failure that happened: why, to what, and what came of it."""

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
    """What calls of one tool are compared as."""
    return f"{_TOOL}{tool}"


class Effect(Enum):
    """What came of a failure, the worst first."""

    ENDED = "ended the conversation"
    SWALLOWED = "swallowed"
    FELL_OVER = "fell over to another entry"
    RETRIED = "retried"


@dataclass(slots=True)
class Occurrence:
    """One failure, with the retries of the same call.

    Args:
        cause: why.
        subject: what it is of, by the keys of a finding's subject.
        trace_id: the conversation.
        span_id: where it began.
        time_ns: when.
        kind: what kind of call it is.
        effect: what came of it.
        lost_ns: time that went into it.
        describe: makes the features; asked only of failures that are kept.
        detail: what else tells failures of one subject apart, or is worth counting.
        attempts: how often the same was tried in vain.
        after_tool: the span of a tool that had failed before, if the call links to one.
        fell_after: causes of the failures of other entries that came before in the same model call.
        problems: how the arguments of a tool did not fit, without their values.
        compared_as: what kind of calls it is compared with, where that is not its own.
        said: what was raised, or what the provider said, as it was recorded.
        symptoms: what happened as a consequence, in words, and how often.
        ended_by: subject of the consequence that the conversation ended with, where there was one.
        weight: how many failures it stands for.
        features: what is known of the call.
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
    fell_after: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    compared_as: str | None = None
    said: str = ""
    symptoms: Counter[str] = field(default_factory=Counter)
    ended_by: Mapping[str, Any] | None = None
    weight: float = 1.0
    features: dict[str, Any] = field(default_factory=dict)

    def described(self) -> Occurrence:
        """The same with its features, and without its conversation, which need not be kept for them then."""
        if self.describe is not None:
            self.features, self.describe = self.describe(), None
        return self

    @property
    def words(self) -> str:
        """What happened in a few words, for the list of another failure's symptoms."""
        what = self.subject.get("tool") or self.subject.get("model") or self.subject.get("agent") or ""
        how = self.subject.get("status_code") or self.subject.get("exception") or ""
        return " ".join(str(part) for part in (self.cause, what, how) if part)
