"""A span's line in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from autogen_otel.cli import quantities
from autogen_otel.cli.span_labels import FACT_LENGTH, SpanLabel, Tone, span_label
from autogen_otel.cli.text.drawing import Console, Text
from autogen_otel.cli.text.terminal import one_line, signs
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import spans as span_names

_LONG: Final = 100
_GAP: Final = "  "
_ARROW: Final = "→"
_STYLES: Final[Mapping[Tone, str]] = {
    Tone.PLAIN: "",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.WARN: "yellow",
    Tone.BAD: "bold red",
}
_SUBJECTS: Final[Mapping[str, str]] = {
    span_names.INVOKE_AGENT: "bold cyan",
    span_names.HANDOFF: "bold magenta",
    span_names.EXECUTE_TOOL: "bold blue",
    span_names.INVOKE_WORKFLOW: "bold",
    span_names.CHAT: "bold",
}
"""How the subjects of operations look that are not an answer."""


@dataclass(frozen=True, slots=True)
class View:
    """How to print spans.

    Args:
        console: where; decides on signs.
        full: whether to print long values whole.
    """

    console: Console
    full: bool = False

    def cut(self, value: object, longest: int) -> str:
        """Make a recorded value fit a line."""
        return one_line(str(value), self.console, None if self.full else longest)


def label(span: Span, view: View) -> Text:
    """Describe a span in one line."""
    described = span_label(span)
    line = Text()
    if span.failed:
        line.append(f"{signs(view.console).failed} ", style="bold red")
    line.append_text(_head(span, described, view))
    line.append(_GAP + quantities.duration(span.duration_ns), style="dim")
    for fact in described.facts:
        if view.full or not fact.detail:
            words = view.cut(fact.words, FACT_LENGTH).replace(_ARROW, signs(view.console).arrow)
            line.append(_GAP).append(words, style=_STYLES[fact.tone])
    return line


def head(span: Span, view: View) -> Text:
    """What a span is, without what matters about it."""
    return _head(span, span_label(span), view)


def _head(span: Span, described: SpanLabel, view: View) -> Text:
    style = _STYLES[described.tone] or _SUBJECTS.get(span.operation, "")
    kind = f"{described.kind} " if described.kind else ""
    line = Text(kind).append(view.cut(described.subject, _LONG), style=style)
    if described.arguments is not None:
        line.append(f"({view.cut(described.arguments, _LONG)})")
    return line
