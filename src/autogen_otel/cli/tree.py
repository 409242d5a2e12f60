"""One conversation as a tree: who did what, how long it took, and what failed where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.text import Text
from rich.tree import Tree

from autogen_otel.cli import quantities
from autogen_otel.cli.labels import View, label
from autogen_otel.cli.outcomes import STYLES, sentence
from autogen_otel.cli.terminal import dim, signs, visible
from autogen_otel.diagnosis.conversations import summarize
from autogen_otel.diagnosis.failures import Failure, carriers
from autogen_otel.diagnosis.stacktrace import chain, identity, users_frame
from autogen_otel.diagnosis.trace import HTTP, Event, Span, Trace
from autogen_otel.vocabulary import attributes as names

_SHORT_MESSAGE: Final = 300
_SHORT_SOURCE: Final = 120
_INDENT: Final = 4


def render_trace(trace: Trace, console: Console, full: bool = False, *, failing: bool = False) -> None:
    """Print a trace.

    Args:
        trace: what to print.
        console: where.
        full: print whole stack traces, arguments and results.
        failing: print only what failed and what leads there.
    """
    for line in _header(trace):
        console.print(line)
    view = View(console, full)
    shown = trace.failing() if failing else trace
    failures = _Failures(trace, view)
    trees: list[Tree] = []
    branch: list[Tree] = []
    for span, depth in shown.walk():
        guide = signs(console).guide if shown.children(span) else " "
        content = Group(
            label(span, view).append_text(failures.short(span)), _Hanging(guide, failures.lines(span))
        )
        del branch[depth:]
        branch.append(branch[-1].add(content) if branch else Tree(content, guide_style="dim"))
        if depth == 0:
            trees.append(branch[0])
    for tree in trees:
        console.print(tree)


def _header(trace: Trace) -> Iterator[Text]:
    summary = summarize(trace)
    where = f"  {visible(summary.service)}" if summary.service else ""
    yield dim(f"{quantities.local_time(summary.start_ns)}{where}  trace {summary.trace_id}")
    yield Text(sentence(summary), style=STYLES[summary.outcome])


class _Hanging:
    """Lines that stay indented below a span when they wrap, with the guide to its children beside them."""

    def __init__(self, guide: str, lines: Iterable[Text]) -> None:
        self._guide = guide
        self._lines = list(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._lines:
            return
        guide = Segment(self._guide.ljust(_INDENT), console.get_style("dim"))
        narrower = options.update(width=max(1, options.max_width - _INDENT))
        for line in console.render_lines(Text("\n").join(self._lines), narrower, pad=False):
            yield guide
            yield from line
            yield Segment.line()


class _Failures:
    """Says below each failing span why it failed, and says it once."""

    def __init__(self, trace: Trace, view: View) -> None:
        self._trace = trace
        self._view = view
        self._read = {span.span_id: Failure.of(span) for span in trace.spans if span.failed}
        self._carriers = carriers(self._read.values())
        self._told: set[tuple[str, ...]] = set()

    def short(self, span: Span) -> Text:
        """What the span's own line says of its failure: where it is told, or all of it if that is little."""
        if not span.failed:
            return Text()
        if self._is_told_below(span):
            return Text(f"  {self._type(span)} (see below)", style="red")
        if span.exception is None or _refusal(span) is not None:
            refusal = self._view.cut(_refusal(span) or "", _SHORT_SOURCE)
            return Text(f"  {refusal}" if refusal else "", style="red").append_text(self._cause(span))
        return Text()

    def lines(self, span: Span) -> Iterator[Text]:
        """The lines to print below a span."""
        problems = span.attributes.get(names.TOOL_ARGUMENTS_PROBLEMS) or ()
        for problem in [problems] if isinstance(problems, str) else problems:
            mark = signs(self._view.console).recovered
            yield Text(f"{mark} {self._view.cut(str(problem), _SHORT_MESSAGE)}", style="yellow")
        if not span.failed:
            return
        if not self._is_told_below(span):
            yield from self._told_in_full(span)
        for link in span.links:
            linked = self._trace.span(link.span_id)
            if linked is not None and linked.failed:
                yield dim(f"after {self._view.cut(linked.name, _SHORT_SOURCE)} had failed above")

    def _is_told_below(self, span: Span) -> bool:
        mine = self._read[span.span_id]
        below = [self._read[child.span_id] for child in self._trace.children(span) if child.failed]
        if mine.raised is None:
            return any(map(mine.carries, below))
        return any(child.raised in mine.chained for child in below)

    def _cause(self, span: Span) -> Text:
        passing = span.span_id in self._carriers
        return Text("" if passing else f"  [{self._read[span.span_id].cause}]", style="magenta")

    def _told_in_full(self, span: Span) -> Iterator[Text]:
        if _refusal(span) is not None:
            return
        if span.exception is None:
            if span.status_message:
                yield Text(self._view.cut(span.status_message, _SHORT_MESSAGE), style="red")
            return
        told = tuple(self._exception(span, span.exception))
        if told in self._told:
            yield Text(f"{self._type(span)} (as above)", style="red").append_text(self._cause(span))
            return
        self._told.add(told)
        yield Text(told[0], style="bold red").append_text(self._cause(span))
        yield from map(Text, told[1:])

    def _type(self, span: Span) -> str:
        seen = span.exception.attributes.get(names.EXCEPTION_TYPE) if span.exception is not None else None
        error_type = str(seen or span.attributes.get(names.ERROR_TYPE) or "failed")
        return self._view.cut(error_type.rpartition(".")[2], _SHORT_MESSAGE)

    def _exception(self, span: Span, exception: Event) -> Iterator[str]:
        error_type = str(exception.attributes.get(names.EXCEPTION_TYPE, "exception"))
        message = str(exception.attributes.get(names.EXCEPTION_MESSAGE, ""))
        stacktrace = str(exception.attributes.get(names.EXCEPTION_STACKTRACE, ""))
        yield self._view.cut(f"{error_type}: {message}" if message else error_type, _SHORT_MESSAGE)
        if self._view.full and stacktrace:
            yield from visible(stacktrace.rstrip()).split("\n")
            return
        first = next(iter(chain(stacktrace)), None)
        if first is not None and first != identity(error_type, message):
            yield f"caused by {self._view.cut(first, _SHORT_MESSAGE)}"
        # Every request of a program comes from the same few lines of its user; a tool's frame is the news.
        frame = users_frame(stacktrace) if span.operation != HTTP else None
        if frame is not None:
            source = self._view.cut(frame.source or "", _SHORT_SOURCE)
            yield visible(frame.location) + (f":  {source}" if source else "")


def _refusal(span: Span) -> str | None:
    """What a server said with the status that stands in the span's line; ``None`` if there was no answer."""
    status = span.attributes.get(names.HTTP_RESPONSE_STATUS_CODE)
    if span.operation != HTTP or status is None:
        return None
    seen = span.exception.attributes.get(names.EXCEPTION_MESSAGE) if span.exception is not None else None
    return str(seen or span.status_message).removeprefix(str(status)).strip()
