"""The journal, files and standard input as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from autogen_otel.traces.following import Arrivals
from autogen_otel.traces.journal import COPIES, STANDARD_INPUT, Tail, journal_files, read_spans
from autogen_otel.traces.selection import Selection
from autogen_otel.traces.source import Progress, SourceError
from autogen_otel.traces.trace import Span


class Files:
    """Files of OTLP JSON and Jaeger's downloads, compressed or not, and folders of them.

    Args:
        paths: at least one; ``STANDARD_INPUT`` is one.
        option: the words that name them on the command line; none for the program's own journal.
        advice: what to do where nothing is in them.
        standard_input: which of them it is, also where it was copied to a file.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        option: Sequence[str] = (),
        advice: str = "",
        standard_input: Path = STANDARD_INPUT,
    ) -> None:
        self.lookback_ns = None
        self.pause_seconds = 1.0
        self._paths = paths
        self.option = tuple(option)
        self._advice, self._standard_input = advice, standard_input

    @property
    def name(self) -> str:
        """``journal /var/…``; of several, the first and how many more."""
        first, *others = self._paths
        name = "standard input" if first == self._standard_input else f"journal {first}"
        return f"{name} and {len(others)} more" if others else name

    def spans(
        self,
        selection: Selection,
        *,
        newest: int = 0,  # noqa: ARG002 - nothing orders files
        may_repeat: bool = False,
        progress: Progress | None = None,
    ) -> Iterator[Span]:
        """Read everything, or only the traces whose id begins as asked.

        Raises:
            SourceError: nothing can be read, or nothing is there.
        """
        progress = progress or Progress()
        files = [
            file
            for path in self._paths
            for file in ([path] if path == STANDARD_INPUT else journal_files(path))
        ]
        if STANDARD_INPUT in files:
            progress.expect(None, "bytes")
        else:
            size = sum(map(_size, files))
            if size == 0:
                raise SourceError(f"The {self.name} is empty{self._advice and ': ' + self._advice}.")
            progress.expect(size, "bytes")
        # Copies of conversations stand beside files that may hold parts of the same.
        may_repeat = may_repeat and not any(file.match(COPIES) for file in files)
        beginning = selection.trace
        return read_spans(
            files,
            trace_filter=(lambda trace_id: trace_id.startswith(beginning)) if beginning else None,
            warn=progress.warn,
            advance=progress.advance,
            may_repeat=may_repeat,
        )

    def arrivals(self, selection: Selection) -> Arrivals:  # noqa: ARG002 - nothing narrows files
        """What is appended from now on.

        Raises:
            SourceError: it is standard input, or cannot be read.
        """
        if STANDARD_INPUT in self._paths:
            raise SourceError(
                "Standard input cannot be followed: name the file or the folder that is written."
            )
        tails = [Tail(path) for path in self._paths]
        return lambda: [span for tail in tails for span in tail.spans()]

    def link(self, trace_id: str, span_id: str) -> None:
        """No browser shows a file."""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        # Reading it will say why.
        return 1
