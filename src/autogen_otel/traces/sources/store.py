"""A store that can only be searched, some traces at a time, as a source.

It pages through time: a search that comes back full is repeated over shorter windows. A store that is too
large to be read whole is sampled: time is divided into equal stretches, and of a stretch that has more than
one search gives, a random part is read, whose conversations stand for those of the whole stretch.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
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
_MOST_OF_A_MOMENT: Final = 50
"""In the shortest window, so many times as many traces as usual are asked for."""
_STRETCHES: Final = 64
"""Of which a sample is made."""
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

    @property
    def length_ns(self) -> int:
        """How long it is."""
        return self.end_ns - self.start_ns

    def part(self, number: int, of: int) -> Window:
        """One of so many equal parts, from 0."""
        first, last = (self.start_ns + self.length_ns * index // of for index in (number, number + 1))
        return Window(first, last)


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
        # Some of them failed.
        every, weight = self._choose(selection, window, 2 * working, progress)
        failing_weight, failed = weight, [spans for spans in every if any(span.failed for span in spans)]
        others = [spans for spans in every if not any(span.failed for span in spans)]
        if weight > 1:
            # Failures are rare: there is a search for them alone.
            end_ns = max(window.end_ns, min(window.end_ns + _LATE_NS, self._until()))
            failed, failing_weight = self._choose(
                replace(selection, failing=True), Window(window.start_ns, end_ns), failing, progress
            )
        return [*_weighted(failed, failing_weight, failing), *_weighted(others, weight, working)]

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
    def _choose(
        self, selection: Selection, window: Window, most: int, progress: Progress
    ) -> tuple[list[list[Span]], float]:
        """Conversations in random order, and how many each of them stands for.

        Args:
            selection: which.
            window: in which they are found.
            most: how many whole traces to ask the store for.
            progress: is told of each.
        """
        rng = random.Random(_SEED)  # noqa: S311 - a sample, no secret
        query = self._store.query(selection, window)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while True:
                count = max(_STRETCHES, -(-window.length_ns // self._store.longest_ns))
                stretches = self._split(window, count)
                pages = list(pool.map(partial(self._page, query), stretches))
                busy = [stretch for stretch, page in zip(stretches, pages, strict=True) if page.traces]
                if not busy:
                    return [], 1.0
                # Conversations often come in bursts: then they are looked for where there are some.
                narrow_window = Window(busy[0].start_ns, busy[-1].end_ns)
                if narrow_window.length_ns * 2 > window.length_ns or not any(page.is_full for page in pages):
                    break
                window = narrow_window
            seeds = [rng.random() for _ in stretches]
            samples = list(pool.map(partial(self._part_of, query), stretches, pages, seeds))
            weight = max(weight for _, weight in samples)
            # All have to stand for as many.
            chosen = [
                trace
                for traces, own_weight in samples
                for trace in traces
                if rng.random() * weight < own_weight
            ]
            rng.shuffle(chosen)
            if len(chosen) > most and any(trace.spans is None for trace in chosen):
                # Each would have to be asked for.
                weight, chosen = weight * len(chosen) / most, chosen[:most]
            conversations: list[list[Span]] = []
            for spans in pool.map(self._spans_of, chosen):
                if is_conversation(spans) and is_selected(selection, spans):
                    conversations.append(spans)
                    progress.advance(1)
        return conversations, weight

    def _part_of(
        self, query: Any, stretch: Window, page: Page, seed: float
    ) -> tuple[list[FoundTrace], float]:
        """What is found in a random part of a stretch, and how many traces each of them stands for."""
        rng, part = random.Random(seed), stretch  # noqa: S311 - a sample, no secret
        while page.is_full and part.length_ns > self._store.finest_ns:
            part = rng.choice(self._split(part, 2))
            page = self._page(query, part)
        traces = [trace for trace in page.traces if trace.found_at_ns in part]
        return traces, stretch.length_ns / part.length_ns

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


def _weighted(conversations: list[list[Span]], weight: float, most: int) -> list[WeightedConversation]:
    """At most so many of the conversations, each with how many it stands for."""
    weight *= max(1.0, len(conversations) / most)
    return [WeightedConversation(spans, weight) for spans in conversations[:most]]


def _unique(spans: list[Span]) -> list[Span]:
    """Each span once: a store may have received one twice."""
    return list({span.span_id: span for span in spans}.values())
