"""Prints one conversation as a tree: who did what, how long it took, and what failed where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from autogen_otel.cli import quantities
from autogen_otel.cli.span_labels import FACT_LENGTH, SpanLabel, Tone, span_label
from autogen_otel.cli.text.listing import STYLES, sentence
from autogen_otel.cli.text.terminal import Console, Text, TextConsole, dim, one_line, signs, visible
from autogen_otel.traces.conversations import summarize
from autogen_otel.traces.failures import FailedSpan, propagating_span_ids, stack_of
from autogen_otel.traces.messages import message_parts
from autogen_otel.traces.stacktrace import chained_exceptions, exception_key, raising_user_frame
from autogen_otel.traces.trace import HTTP, Event, Span, Trace
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import spans as span_names

_LONG: Final = 300
_SHORT: Final = 120
_INDENT: Final = 4
_NARROWEST: Final = 20
"""The columns of a text so deep in the tree that the terminal would have fewer left for it."""
_MOST_CANCELLED: Final = 5
_SUBJECT_LENGTH: Final = 100
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
"""How subjects look, by operation; a subject that is an answer has a tone instead."""


def render_trace(
    trace: Trace,
    console: Console | None = None,
    full: bool = False,
    *,
    failing: bool = False,
    link: str | None = None,
) -> None:
    """Print a trace.

    Args:
        trace: the trace to print.
        console: where to print; on stdout by default.
        full: print whole stack traces, arguments, results and messages.
        failing: print only what failed and what leads there.
        link: the trace's URL in a browser.
    """
    summary, console = summarize(trace), console or TextConsole()
    service = f"  {one_line(summary.service, console, _SHORT)}" if summary.service else ""
    console.print(dim(f"{quantities.local_time(summary.start_ns)}{service}  trace {summary.trace_id}"))
    if link is not None:
        console.print(dim(one_line(link, console)), soft_wrap=True)
    console.print(Text(sentence(summary), style=STYLES[summary.outcome]))
    view = _View(console, full)
    for span, waited_ns in trace.awaited_spans()[:_MOST_CANCELLED]:
        words = Text(f"cancelled after it had waited {quantities.duration(waited_ns)} for ", style="cyan")
        console.print(words.append(_title(span, span_label(span), view)), soft_wrap=True)
    visible_trace = trace.failing() if failing else trace
    failures = _Failures(trace, view)
    rows = list(visible_trace.walk())
    guides = _guides([depth for _, depth in rows], console)
    for (span, _), (first_prefix, next_prefix) in zip(rows, guides, strict=True):
        label = _label(span, view).append(failures.beside(span))
        content_prefix = next_prefix + (signs(console).guide if visible_trace.children(span) else " ").ljust(
            _INDENT
        )
        _print_hanging(label, first_prefix, next_prefix, console)
        for text in (*failures.below(span), *(_content(span, view) if full else ())):
            _print_hanging(text, content_prefix, content_prefix, console)


def _guides(depths: Sequence[int], console: Console) -> list[tuple[str, str]]:
    """The prefix of the first line of each row of a tree, and the prefix of its next lines.

    Args:
        depths: the depths of the rows, from top to bottom; rows at depth 0 have no guide.
        console: decides which signs to use.
    """
    sign, guides = signs(console), []
    # Going up from the last row, we know at which levels a later row continues the guide.
    open_levels: set[int] = set()
    for depth in reversed(depths):
        guide = (
            (sign.guide if level in open_levels else " ").ljust(_INDENT) for level in range(1, depth + 1)
        )
        next_prefix = "".join(guide)
        first_prefix = (
            next_prefix[:-_INDENT] + (sign.fork if depth in open_levels else sign.last) if depth else ""
        )
        guides.append((first_prefix, next_prefix))
        open_levels = {level for level in open_levels if level < depth} | {depth}
    return guides[::-1]


def _print_hanging(text: Text, first_prefix: str, next_prefix: str, console: Console) -> None:
    """Print a text wrapped to the console, with one prefix for its first line and one for the next lines."""
    for line in text.wrap(console, max(_NARROWEST, console.width - len(next_prefix))):
        console.print(Text().append(first_prefix, style="dim").append(line), soft_wrap=True)
        first_prefix = next_prefix


@dataclass(frozen=True, slots=True)
class _View:
    """How to print spans.

    Args:
        console: where to print; decides which signs to use.
        full: whether to print long values whole.
    """

    console: Console
    full: bool = False

    def cut(self, value: object, longest: int) -> str:
        """Make a recorded value fit a line."""
        return one_line(str(value), self.console, None if self.full else longest)


def _label(span: Span, view: _View) -> Text:
    """Describe a span in one line."""
    label = span_label(span)
    line = Text()
    if span.failed:
        line.append(f"{signs(view.console).failure} ", style="bold red")
    line.append(_title(span, label, view))
    line.append(_GAP + quantities.duration(span.duration_ns), style="dim")
    for fact in label.facts:
        if view.full or not fact.detail:
            words = view.cut(fact.words, FACT_LENGTH).replace(_ARROW, signs(view.console).arrow)
            line.append(_GAP).append(words, style=_STYLES[fact.tone])
    return line


def _title(span: Span, label: SpanLabel, view: _View) -> Text:
    style = _STYLES[label.tone] or _SUBJECTS.get(span.operation, "")
    kind = f"{view.cut(label.kind, _SHORT)} " if label.kind else ""
    line = Text(kind).append(view.cut(label.subject, _SUBJECT_LENGTH), style=style)
    if label.arguments is not None:
        line.append(f"({view.cut(label.arguments, _SUBJECT_LENGTH)})")
    return line


def _content(span: Span, view: _View) -> Iterator[Text]:
    """The messages of a span, if they were recorded."""
    for message in message_parts(span):
        sign = f"{signs(view.console).arrow} " if message.is_answer else ""
        lines = visible(message.words).split("\n")
        yield Text(sign).append(f"{view.cut(message.who, _SHORT)}: ", style="bold").append(lines[0])
        yield from (Text(f"  {line}") for line in lines[1:])


class _Failures:
    """Why each failed span failed: in full where the failure began, and each failure in full only once."""

    def __init__(self, trace: Trace, view: _View) -> None:
        self._trace = trace
        self._view = view
        self._by_id = {span.span_id: FailedSpan.of(span) for span in trace.spans if span.failed}
        self._propagating_ids = propagating_span_ids(self._by_id.values())
        self._printed_exceptions: set[tuple[str, ...]] = set()

    def beside(self, span: Span) -> Text:
        """The text on the span's own line."""
        if not span.failed:
            return Text()
        if self._is_described_below(span):
            return Text(f"  {self._type(span)} (see below)", style="red")
        answer = _answer(span)
        if span.exception is None or answer is not None:
            text = self._view.cut(answer or "", _SHORT)
            return Text(f"  {text}" if text else "", style="red").append(self._cause(span))
        return Text()

    def below(self, span: Span) -> Iterator[Text]:
        """The lines below the span's own."""
        sign = signs(self._view.console).warning
        problems = span.attributes.get(names.TOOL_ARGUMENTS_PROBLEMS) or []
        for problem in problems if isinstance(problems, list) else [problems]:
            yield Text(f"{sign} {self._view.cut(problem, _LONG)}", style="yellow")
        returned_error = span.attributes.get(names.TOOL_RETURNED_ERROR)
        if returned_error is not None:
            text = self._view.cut(returned_error, _LONG)
            yield Text(f"{sign} returned an error: {text}", style="yellow")
        if not span.failed:
            return
        if not self._is_described_below(span):
            yield from self._description(span)
        for link in span.links:
            linked_span = self._trace.span(link.span_id)
            if linked_span is not None and linked_span.failed:
                yield dim(f"after {self._view.cut(linked_span.name, _SHORT)} had failed above")

    def _is_described_below(self, span: Span) -> bool:
        failure = self._by_id[span.span_id]
        children = [self._by_id[child.span_id] for child in self._trace.children(span) if child.failed]
        if failure.exception is None:
            return any(map(failure.passes_on, children))
        return any(child.exception in failure.chain for child in children)

    def _cause(self, span: Span) -> Text:
        if span.span_id in self._propagating_ids:
            return Text()
        return Text(f"  [{self._view.cut(self._by_id[span.span_id].cause, _SHORT)}]", style="magenta")

    def _description(self, span: Span) -> Iterator[Text]:
        if _answer(span) is not None:
            return
        if span.exception is None:
            if span.status_message:
                yield Text(self._view.cut(span.status_message, _LONG), style="red")
            return
        lines = tuple(self._exception(span, span.exception))
        if lines in self._printed_exceptions:
            yield Text(f"{self._type(span)} (as above)", style="red").append(self._cause(span))
            return
        self._printed_exceptions.add(lines)
        yield Text(lines[0], style="bold red").append(self._cause(span))
        yield from map(Text, lines[1:])

    def _type(self, span: Span) -> str:
        exception_type = (
            None if span.exception is None else span.exception.attributes.get(names.EXCEPTION_TYPE)
        )
        error_type = str(exception_type or span.attributes.get(names.ERROR_TYPE) or "failed")
        return self._view.cut(error_type.rpartition(".")[2], _LONG)

    def _exception(self, span: Span, exception: Event) -> Iterator[str]:
        error_type = str(exception.attributes.get(names.EXCEPTION_TYPE, "exception"))
        message = str(exception.attributes.get(names.EXCEPTION_MESSAGE, ""))
        stacktrace = stack_of(exception)
        exception_line = f"{error_type}: {message}" if message else error_type
        yield self._view.cut(exception_line, _LONG)
        explanation = (span.status_message or "").removesuffix(f" ({exception_line})")
        if explanation not in {message, ""}:
            yield f"because of {self._view.cut(explanation, _LONG)}"
        if self._view.full and stacktrace:
            yield from visible(stacktrace).split("\n")
            return
        first = next(iter(chained_exceptions(stacktrace)), None)
        if first is not None and first != exception_key(error_type, message):
            yield f"caused by {self._view.cut(first, _LONG)}"
        # All requests of a program come from the same few lines of user code; a tool's frame says more.
        frame = raising_user_frame(stacktrace) if span.operation != HTTP else None
        if frame is not None:
            source = self._view.cut(frame.source or "", _SHORT)
            yield self._view.cut(frame.location, _LONG) + (f":  {source}" if source else "")


def _answer(span: Span) -> str | None:
    """What a server wrote beside its status, which is on the span's line; ``None`` if there was no answer."""
    status = span.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    if span.operation != HTTP or status is None:
        return None
    message = None if span.exception is None else span.exception.attributes.get(names.EXCEPTION_MESSAGE)
    return str(message or span.status_message).removeprefix(str(status)).strip()
