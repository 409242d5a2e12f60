"""This process: what begins with its first observed call, what goes on beside it, and how it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.processes import ending
from autogen_otel.delivery.processes.at_exit import AT_EXIT
from autogen_otel.delivery.processes.ending import STATE
from autogen_otel.delivery.threads import start_thread

if TYPE_CHECKING:
    from autogen_otel.delivery.processes.ending import BesideJournal

_LOGGER: Final = logging.getLogger("autogen_otel")
_LOOK_SECONDS: Final = 0.4
"""A conversation is found if it began a second before its process was killed."""
_SERVER_LOOK_SECONDS: Final = 0.05
"""Nothing tells that a server has begun to end; to look costs as much as a function call."""
_NOTE_SECONDS: Final = 0.3
"""For a few hundred bytes beside the journal, at the end of a process."""
_PRUNE_SECONDS: Final = 3600.0
"""A program whose endpoint takes everything begins no file of the journal, which would prune it too."""


class Process:
    """What an ``instrument()`` has each process do, also one that is forked from this one.

    Attributes:
        providers: those to flush at the end, whoever has made them.
        on_span_start: to be called with each span that begins; ``None`` where nobody needs to know.
    """

    def __init__(self, providers: Sequence[Any] = ()) -> None:
        self.providers = providers
        self._stopped = threading.Event()
        self._flushes = 0
        self.on_span_start: Callable[[Any], object] | None = self._on_first_span
        renew_after_fork(self)
        # Only the last one counts.
        STATE.export = self.end
        ending.catch_sigterm()
        AT_EXIT.prepare()

    def flush(self, seconds: float) -> bool:
        """Export everything that was recorded by now.

        Args:
            seconds: how long to wait.

        Returns:
            Whether everything was exported in that time.
        """
        flushes = [
            flush
            for provider in self.providers
            if (flush := getattr(provider, "force_flush", None)) is not None
        ]
        return ending.within(seconds, *flushes)

    def end(self, seconds: float) -> None:
        """Export for the last time; spans that are in flight then stay in their file."""
        process_files = STATE.process_files
        if process_files is None:
            self.flush(seconds)
            return
        # In another thread: a signal may have struck where this one counts, or sets a span's attribute, and
        # holds a lock for it.
        ending.within(_NOTE_SECONDS, process_files.note)
        self.flush(seconds)
        ending.within(_NOTE_SECONDS, process_files.note, partial(process_files.count, is_last=True))

    def catch_sigterm_again(self) -> None:
        """Catch SIGTERM in this process too, where ``instrument()`` is called once more after a fork.

        Servers give their workers the signals' defaults back.
        """
        if not self._stopped.is_set() and not STATE.has_checked_sigterm:
            ending.catch_sigterm()

    def stop(self) -> None:
        """Stop the thread beside the application, and leave its signals alone."""
        self._stopped.set()
        self.on_span_start = None
        ending.leave_sigterm()

    def after_fork(self) -> None:
        """Begin anew with the first observed call of this process."""
        if self.on_span_start is not None:
            self.on_span_start = self._on_first_span
            self._stopped = threading.Event()

    def _on_first_span(self, span: Any) -> None:
        process_files = STATE.process_files
        self.on_span_start = None if process_files is None else process_files.in_flight.started_spans.append
        if self.on_span_start is not None:
            self.on_span_start(span)
        ending.begin()
        is_accompanied = process_files is not None or ending.is_server_ending() is not None
        if is_accompanied and start_thread("process", self._accompany, self._stopped, process_files) is None:
            self.on_span_start = None
            _LOGGER.info("Conversations in flight are not noted: no thread can be started.")

    def _accompany(self, stopped: threading.Event, process_files: BesideJournal | None) -> None:
        pruned_at, noted_at = -_PRUNE_SECONDS, time.monotonic()
        while not stopped.wait(_LOOK_SECONDS if ending.is_server_ending() is None else _SERVER_LOOK_SECONDS):
            self._look_at_server()
            now = time.monotonic()
            if process_files is not None and now - noted_at >= _LOOK_SECONDS:
                noted_at = now
                process_files.note()
                # Another journal may be written to by now.
                (STATE.process_files or process_files).count()
            if process_files is not None and now - pruned_at > _PRUNE_SECONDS:
                pruned_at = now
                process_files.prune()

    def _look_at_server(self) -> None:
        """Export telemetry while a server ends, which does not say when it is done."""
        is_ending = bool(ending.is_server_ending())
        has_begun = is_ending and not STATE.is_near_end
        # A program may go on when its server has ended.
        STATE.is_near_end = is_ending
        if has_begun or STATE.has_news:
            STATE.has_news = False
            # Twice, because measurements follow their span.
            self._flushes = 2
        if is_ending and self._flushes:
            self._flushes -= 1
            self.flush(ending.SIGNAL_SECONDS)
