"""A store that can only be searched, some traces at a time, as a source.

It pages through time: a search that comes back full is repeated over shorter windows. A store that is too
large to be read whole is sampled: time is divided into equal windows, of which a random choice is read, and
each conversation found in them stands for as many as there are windows for each that was read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from autogen_otel.traces.conversations import is_conversation, is_selected
from autogen_otel.traces.following import Arrivals
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import NO_PROGRESS, NoConversationsError, Progress, WeightedConversation
from autogen_otel.traces.sources.http import TooMuchError
from autogen_otel.traces.trace import NS, Span

_HOUR_NS: Final = 3600 * NS
_DAY_NS: Final = 24 * _HOUR_NS
_AT_ONCE: Final = 4
"""Requests at the same time."""
_FIRST_SHARE: Final = 16
_SPARSE: Final = 4
_PROBES: Final = 4
_FEW: Final = 5
_FEWEST_PARTS: Final = 16
"""A sample is made of at least so many moments."""
_MOST_OF_A_MOMENT: Final = 50
"""In the shortest window, so many times as many traces as usual are asked for."""
_MOST_STRETCHES: Final = 64
_MOST_PARTS: Final = 4**10
_MOST_READ_PARTS: Final = 4000
_SEED: Final = 14
_YOUNG_NS: Final = 600 * NS
"""How long after its beginning a conversation that ends is still reported, when a store is followed."""
_CLOCKS_DIFFER_NS: Final = 60 * NS
_LATE_NS: Final = _HOUR_NS
"""How long after its beginning a conversation may still fail, and be found by its failure."""


class Window(NamedTuple):
    """A stretch of time, in nanoseconds since 1970; its end is not part of it."""

    start_ns: int
    end_ns: int

    def __contains__(self, moment_ns: object) -> bool:
        return isinstance(moment_ns, int) and self.start_ns <= moment_ns < self.end_ns

    def part(self, number: int, of: int) -> Window:
        """One of so many equal parts, from 0."""
        length = self.end_ns - self.start_ns
        return Window(self.start_ns + length * number // of, self.start_ns + length * (number + 1) // of)


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """A trace that a search gave.

    Args:
        trace_id: which.
        found_at_ns: the first moment at which it matches the search: it lies in exactly one of the windows
            into which time is divided.
        spans: of the whole trace; ``None`` if the search gives no more than its id.
    """

    trace_id: str
    found_at_ns: int
    spans: list[Span] | None = None


class Page(NamedTuple):
    """Traces that a search gave, in any order, and whether there may be more."""

    traces: list[FoundTrace]
    is_full: bool


class Store(Protocol):
    """A store of traces. Every method may raise ``SourceError``, and is called in several threads."""

    name: str
    most: int
    """Traces that one search gives at most."""
    finest_ns: int
    """The shortest window that it can search; all begin and end at a multiple of it."""
    longest_ns: int
    """The longest."""
    has_damaged_spans: bool
    """Whether it has given what is no span."""

    def query(self, selection: Selection, window: Window) -> Any:
        """Prepare searches for as much of the selection as the store can search for."""

    def search(self, query: Any, window: Window, most: int) -> Page:
        """Search traces that have what the query looks for at a time within the window.

        Args:
            query: from ``query``.
            window: a trace whose ``found_at_ns`` is in it must be found, others may be.
            most: traces to give.
        """

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace; none if it is not there."""

    def link(self, trace_id: str, span_id: str) -> str | None:
        """See ``Source.link``."""


def sound_spans(store: Store, results: Iterable[Span | Exception]) -> Iterator[Span]:
    """The spans among what a format made of an answer; the store remembers that others are damaged."""
    for result in results:
        if isinstance(result, Span):
            yield result
        else:
            store.has_damaged_spans = True


class StoreSource:
    """A store as a source, see the module; ``option`` are the words that name it on the command line."""

    def __init__(self, store: Store, option: Sequence[str]) -> None:
        self.option = tuple(option)
        self.lookback_ns = _DAY_NS
        self.pause_seconds = 5.0
        self._store = store

    @property
    def name(self) -> str:
        """``Jaeger at http://…``."""
        return self._store.name

    def link(self, trace_id: str, span_id: str) -> str | None:
        """The address of a span in the store's own user interface, if it has one."""
        return self._store.link(trace_id, span_id)

    def spans(
        self, selection: Selection, *, newest: int = 0, progress: Progress = NO_PROGRESS
    ) -> Iterator[Span]:
        """Read the wanted conversations, the newest first, whole traces one after the other."""
        yield from self._spans(selection, newest, progress)
        self._warn_of_damage(progress)

    def _spans(self, selection: Selection, newest: int, progress: Progress) -> Iterator[Span]:
        if selection.is_one_trace:
            yield from _unique(self._store.trace(selection.trace))
            return
        count = 0
        for page in self._newest_first(selection, progress):
            for spans in page:
                # A trace that was asked for by its id need not be a conversation.
                if (selection.trace or is_conversation(spans)) and is_selected(selection, spans):
                    count += 1
                    yield from spans
            if newest and count >= newest:
                return

    def sample(
        self, selection: Selection, *, failing: int, working: int, progress: Progress = NO_PROGRESS
    ) -> list[WeightedConversation]:
        """See ``SampledSource.sample``."""
        progress.expect(failing + working, "conversations")
        window = self._window(selection)
        working_sample, failing_sample = _Sample(working, progress), _Sample(failing, progress)

        def keep(spans: list[Span]) -> None:
            (failing_sample if any(span.failed for span in spans) else working_sample).keep(spans)

        def is_enough() -> bool:
            return (
                working_sample.offered_count >= working or failing_sample.offered_count >= _SPARSE * failing
            )

        working_weight = failing_weight = self._draw(selection, window, keep, is_enough, self._size(working))
        if working_weight > 1 or failing_sample.offered_count > failing:
            # Failures are rare: there is a search for them alone.
            failing_sample = _Sample(failing, progress)
            longer_window = Window(
                window.start_ns, max(window.end_ns, min(window.end_ns + _LATE_NS, self._until()))
            )
            failing_weight = self._draw(
                replace(selection, failing=True),
                longer_window,
                failing_sample.keep,
                lambda: failing_sample.offered_count >= failing,
                self._size(failing),
            )
        self._warn_of_damage(progress)
        return [
            *(
                WeightedConversation(spans, working_weight * working_sample.share)
                for spans in working_sample.conversations
            ),
            *(
                WeightedConversation(spans, failing_weight * failing_sample.share)
                for spans in failing_sample.conversations
            ),
        ]

    def arrivals(self, selection: Selection) -> Arrivals:
        """The spans that arrive from now on; a conversation is searched for as long as it is young."""
        known_ids: set[str] = set()
        # Not ``_until``, which lies in the future: conversations that end in the meantime would be missed.
        start_ns = time.time_ns()

        def poll() -> list[Span]:
            nonlocal known_ids
            recent = replace(selection, since=self._until() - _YOUNG_NS, until=None)
            traces: list[list[Span]] = []
            # The first program may begin later.
            with suppress(NoConversationsError):
                traces = [
                    spans
                    for page in self._newest_first(recent, Progress())
                    for spans in page
                    if max(span.end_ns for span in spans) >= start_ns
                ]
            spans_by_id = {span.span_id: span for spans in traces for span in spans}
            new_spans = [span for span_id, span in spans_by_id.items() if span_id not in known_ids]
            # Spans that are too old by now are not found again.
            known_ids = set(spans_by_id)
            return new_spans

        return poll

    def _warn_of_damage(self, progress: Progress) -> None:
        if self._store.has_damaged_spans:
            progress.warn_damaged_spans(self.name)

    # ------------------------------------------------------------ paging
    def _newest_first(self, selection: Selection, progress: Progress) -> Iterator[list[list[Span]]]:
        """Whole traces, in groups of which each is newer than the next."""
        window = self._window(selection)
        store, seen_ids = self._store, set[str]()
        query = store.query(selection, window)
        progress.expect((window.end_ns - window.start_ns) // NS, "seconds")
        width = max(self._align((window.end_ns - window.start_ns) // _FIRST_SHARE), store.finest_ns)
        end = window.end_ns
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while end > window.start_ns:
                start = max(window.start_ns, end - min(width, store.longest_ns))
                page = self._page(query, Window(start, end))
                if page.is_full and end - start > store.finest_ns:
                    width = max(self._align((end - start) // _SPARSE), store.finest_ns)
                    continue
                if page.is_full:
                    progress.warn(f"{self.name}: so much began at the same moment that some is missing.")
                new_traces = [trace for trace in page.traces if trace.trace_id not in seen_ids]
                new_traces.sort(key=lambda trace: -trace.found_at_ns)
                seen_ids.update(trace.trace_id for trace in new_traces)
                wanted_traces = [trace for trace in new_traces if trace.trace_id.startswith(selection.trace)]
                yield list(pool.map(self._spans_of, wanted_traces))
                progress.advance((end - start) // NS)
                end = start
                if len(page.traces) * _SPARSE < store.most:
                    width *= _SPARSE

    # ------------------------------------------------------------ sampling
    def _draw(
        self,
        selection: Selection,
        window: Window,
        take: Callable[[list[Span]], None],
        is_enough: Callable[[], bool],
        size: int,
    ) -> float:
        """Read parts of a window, each with about so many, in random order until it is enough.

        Returns:
            How many conversations each of those that were read stands for.
        """
        rng = random.Random(_SEED)  # noqa: S311 - a sample, no secret
        query = self._store.query(selection, window)
        parts_read = 0
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            busy_windows = self._busy_windows(query, window, pool)
            count = self._parts(query, busy_windows, pool, rng, size)
            order = rng.sample(range(count), min(count, _MOST_READ_PARTS))
            for start in range(0, len(order), _AT_ONCE):
                numbers = order[start : start + _AT_ONCE]
                pieces = [piece for number in numbers for piece in self._pieces(busy_windows, number, count)]
                found_traces = [
                    trace
                    for piece_traces in pool.map(partial(self._all_in, query), pieces)
                    for trace in piece_traces
                ]
                for spans in pool.map(self._spans_of, found_traces):
                    if is_conversation(spans) and is_selected(selection, spans):
                        take(spans)
                parts_read += len(numbers)
                if is_enough():
                    break
        return count / parts_read

    def _size(self, sample_size: int) -> int:
        """How many conversations of a sample may begin close to each other."""
        return min(self._store.most, max(2, sample_size // _FEWEST_PARTS))

    def _busy_windows(self, query: Any, window: Window, pool: ThreadPoolExecutor) -> list[Window]:
        """The window without the stretches in which nothing is found: conversations often come in bursts."""
        longest = max(1, -(-(window.end_ns - window.start_ns) // self._store.longest_ns))
        untested_windows = self._split(window, longest)
        sparse_windows: list[Window] = []
        while untested_windows and len(sparse_windows) + len(untested_windows) < _MOST_STRETCHES:
            pages = list(pool.map(partial(self._store.search, query, most=_FEW), untested_windows))
            full_windows = [
                stretch for stretch, page in zip(untested_windows, pages, strict=True) if page.is_full
            ]
            sparse_windows += [
                stretch
                for stretch, page in zip(untested_windows, pages, strict=True)
                if page.traces and not page.is_full
            ]
            sparse_windows += [
                stretch
                for stretch in full_windows
                if stretch.end_ns - stretch.start_ns <= self._store.finest_ns
            ]
            untested_windows = [
                part
                for stretch in full_windows
                if stretch not in sparse_windows
                for part in self._split(stretch, _SPARSE)
            ]
        return sorted([*sparse_windows, *untested_windows])

    def _parts(
        self, query: Any, busy_windows: list[Window], pool: ThreadPoolExecutor, rng: random.Random, size: int
    ) -> int:
        """The number of parts of busy time, so that less than ``size`` traces are found in a dense one."""
        total = sum(window.end_ns - window.start_ns for window in busy_windows)
        count = 1
        dense_windows = rng.sample(busy_windows, min(len(busy_windows), _PROBES))
        while True:
            pages = pool.map(partial(self._store.search, query, most=size), dense_windows)
            full_windows = [
                stretch for stretch, page in zip(dense_windows, pages, strict=True) if page.is_full
            ]
            if not full_windows:
                return count
            shortest = min(stretch.end_ns - stretch.start_ns for stretch in full_windows)
            count = min(max(1, total * _SPARSE // shortest), _MOST_PARTS)
            if count == _MOST_PARTS or shortest <= self._store.finest_ns:
                return count
            quarters = [part for stretch in full_windows for part in self._split(stretch, _SPARSE)]
            dense_windows = rng.sample(quarters, min(len(quarters), _PROBES))

    def _pieces(self, busy_windows: list[Window], number: int, of: int) -> Iterator[Window]:
        """One of so many equal parts of busy time, which may be in several pieces."""
        total = sum(stretch.end_ns - stretch.start_ns for stretch in busy_windows)
        part = Window(0, total).part(number, of)
        offset = 0
        for stretch in busy_windows:
            start = stretch.start_ns + max(0, part.start_ns - offset)
            end = stretch.start_ns + min(stretch.end_ns - stretch.start_ns, part.end_ns - offset)
            offset += stretch.end_ns - stretch.start_ns
            piece = Window(self._align(start), self._align(end))
            if piece.start_ns < piece.end_ns:
                yield piece

    def _page(self, query: Any, window: Window) -> Page:
        try:
            page = self._store.search(query, window, self._store.most)
        except TooMuchError:
            if window.end_ns - window.start_ns <= self._store.finest_ns:
                raise
            # A shorter window holds less.
            return Page([], is_full=True)
        if page.is_full and window.end_ns - window.start_ns <= self._store.finest_ns:
            return self._store.search(query, window, self._store.most * _MOST_OF_A_MOMENT)
        return page

    def _split(self, window: Window, of: int) -> list[Window]:
        parts = (window.part(number, of) for number in range(of))
        windows = (Window(self._align(part.start_ns), self._align(part.end_ns)) for part in parts)
        return [part for part in windows if part.start_ns < part.end_ns]

    def _all_in(self, query: Any, window: Window) -> list[FoundTrace]:
        """Everything that is found at a time in a window."""
        page = self._page(query, window)
        if page.is_full and window.end_ns - window.start_ns > self._store.finest_ns:
            return [trace for half in self._split(window, 2) for trace in self._all_in(query, half)]
        return [trace for trace in page.traces if trace.found_at_ns in window]

    # ------------------------------------------------------------ the same everywhere
    def _spans_of(self, trace: FoundTrace) -> list[Span]:
        return _unique(self._store.trace(trace.trace_id) if trace.spans is None else trace.spans)

    def _window(self, selection: Selection) -> Window:
        until = self._until() if selection.until is None else selection.until
        since = until - self.lookback_ns if selection.since is None else selection.since
        return Window(self._align(since), self._align(until + self._store.finest_ns - 1))

    def _until(self) -> int:
        return self._align(time.time_ns() + _CLOCKS_DIFFER_NS)

    def _align(self, moment_ns: int) -> int:
        return moment_ns - moment_ns % self._store.finest_ns


class _Sample:
    """At most so many of the conversations that come in random order, and the number of all that came."""

    def __init__(self, most: int, progress: Progress) -> None:
        self.conversations: list[list[Span]] = []
        self.offered_count = 0
        self._most = most
        self._progress = progress

    def keep(self, spans: list[Span]) -> None:
        self.offered_count += 1
        if len(self.conversations) < self._most:
            self.conversations.append(spans)
            self._progress.advance(1)

    @property
    def share(self) -> float:
        """How many conversations came for each one that is kept."""
        return self.offered_count / len(self.conversations) if self.conversations else 1.0


def _unique(spans: list[Span]) -> list[Span]:
    """Each span once: a store may have received one twice."""
    return list({span.span_id: span for span in spans}.values())
