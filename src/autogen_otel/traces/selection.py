"""The selection of conversations: by time, program, agent and user, by what failed, and by text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from autogen_otel.traces.trace import NS, TRACE_ID_DIGITS, Span
from autogen_otel.vocabulary import attributes as names

_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_ATTRIBUTES: Final = {
    "agent": names.GEN_AI_AGENT_NAME,
    "tool": names.GEN_AI_TOOL_NAME,
    "cause": names.ERROR_ORIGIN,
    "session": names.SESSION_ID,
    "user": names.USER_ID,
}

Test = Callable[[Span], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a conversation must have; a field that is ``None`` selects nothing.

    Args:
        since: beginning of the time in which it began, in nanoseconds since 1970.
        until: end of that time.
        service: its program.
        outcome: see ``Summary.outcome``.
        agent: an agent that took part.
        tool: a tool that was called.
        cause: of a failure in it.
        session: its ``session.id``.
        user: its ``user.id``.
        text: something that any of its spans says, in any case.
        failing: whether something must have failed in it, also if it recovered.
        trace: how its trace id begins, in lower case.
        attribute: a name and a value as text, which one of its spans or their program has.
    """

    since: int | None = None
    until: int | None = None
    service: str | None = None
    outcome: str | None = None
    agent: str | None = None
    tool: str | None = None
    cause: str | None = None
    session: str | None = None
    user: str | None = None
    text: str | None = None
    failing: bool = False
    trace: str = ""
    attribute: tuple[str, str] | None = None

    @property
    def is_one_trace(self) -> bool:
        """Whether it has the whole id of a trace, which can be looked up."""
        return len(self.trace) == TRACE_ID_DIGITS

    @property
    def span_attributes(self) -> dict[str, str]:
        """The values that attributes must have, each on some span."""
        values = ((key, getattr(self, name)) for name, key in _ATTRIBUTES.items())
        return {key: value for key, value in values if value is not None}

    def tests(self) -> dict[str, Test]:
        """The tests that at least one span must pass each, by name."""
        tests = {key: _has(key, value) for key, value in self.span_attributes.items()}
        if self.service is not None:
            service = self.service
            tests["service"] = lambda span: span.service == service
        if self.text is not None:
            tests["text"] = _says(self.text)
        if self.failing:
            tests["failing"] = lambda span: span.failed
        if self.trace:
            beginning = self.trace
            tests["trace"] = lambda span: span.trace_id.startswith(beginning)
        if self.attribute is not None:
            name, value = self.attribute
            tests["attribute"] = lambda span: value in span.values(name)
        return tests

    def begins_in_time(self, start_ns: int) -> bool:
        """Whether a conversation that begins then is in the time asked for."""
        return (self.since is None or start_ns >= self.since) and (
            self.until is None or start_ns < self.until
        )


EVERYTHING: Final = Selection()


def moment(text: str, now: datetime) -> int:
    """A moment in nanoseconds since 1970: ``30m``, ``2h`` or ``7d`` ago, or a date with or without a time.

    Args:
        text: as a person types it; without a time zone, that of ``now``.
        now: with a time zone.

    Raises:
        ValueError: it is neither.
    """
    match = _AGO.fullmatch(text.strip())
    if match is not None:
        result = now - timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    else:
        # Python 3.10 reads neither a "Z" nor parts of a second but three or six digits of them.
        iso_text = re.sub("[zZ]$", "+00:00", text.strip())
        result = datetime.fromisoformat(re.sub(r"\.\d+", lambda part: f"{part[0]:0<7}"[:7], iso_text))
        result = result if result.tzinfo is not None else result.replace(tzinfo=now.tzinfo)
    since_1970 = result.astimezone(timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return round(since_1970 / timedelta(microseconds=1)) * (NS // 1_000_000)


def _has(key: str, value: str) -> Test:
    return lambda span: span.attributes.get(key) == value


def _says(text: str) -> Test:
    needle = text.casefold()

    def says(span: Span) -> bool:
        attribute_maps = (span.attributes, *(event.attributes for event in span.events))
        values: list[Any] = [
            span.name,
            span.status_message,
            *(v for attributes in attribute_maps for v in attributes.values()),
        ]
        return any(needle in str(value).casefold() for value in values)

    return says
