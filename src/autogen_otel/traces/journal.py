"""Reading files of traces as a stream: the journal's, the Collector's, and Jaeger's downloads."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from autogen_otel.traces import jaeger, otlp
from autogen_otel.traces.trace import Span

PATTERN: Final = "*.jsonl"
_BEGINS_A_DOCUMENT: Final = frozenset({b"{", b"[", b"[{"})
_OTLP_KEYS: Final = frozenset(
    {"resourceSpans", "batches", "result", "trace", "resourceMetrics", "resourceLogs"}
)


class JournalError(Exception):
    """A journal that cannot be read; the message says why, in one sentence."""


def journal_files(path: Path) -> list[Path]:
    """The files to read, oldest name first, of a file or a folder of ``*.jsonl`` files.

    Raises:
        JournalError: there is nothing, or reading it is not permitted.
    """
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        return sorted(file for file in path.iterdir() if file.match(PATTERN) and file.is_file())
    except FileNotFoundError:
        raise JournalError(f"{path} does not exist") from None
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error


def read_spans(
    paths: Iterable[Path],
    *,
    trace_filter: otlp.TraceFilter | None = None,
    warn: Callable[[str], None] | None = None,
    advance: Callable[[int], None] | None = None,
) -> Iterator[Span]:
    """Read files one after the other, with one line at a time in memory.

    A torn last line is skipped in silence: that is how a file looks while a program writes it. Other damage
    is reported once per file, and costs only what is damaged. A span that is stored twice is read once.

    Args:
        paths: the files.
        trace_filter: see ``otlp.TraceFilter``; all traces by default.
        warn: takes one sentence about a damaged file; by default it goes to stderr.
        advance: takes the number of bytes of each line that was read.

    Raises:
        JournalError: a file cannot be read.
    """
    read: set[int] = set()
    for path in paths:
        damaged: list[int] = []
        try:
            with path.open("rb") as file:
                for span in _file_spans(file, damaged, trace_filter, advance):
                    # A hash of 64 bits instead of the ids keeps millions of spans affordable.
                    key = hash((span.trace_id, span.span_id))
                    if key not in read:
                        read.add(key)
                        yield span
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}") from error
        if damaged:
            (warn or _write_to_stderr)(_damage(path, damaged))


def _file_spans(
    file: BinaryIO,
    damaged: list[int],
    trace_filter: otlp.TraceFilter | None,
    advance: Callable[[int], None] | None,
) -> Iterator[Span]:
    """Read the spans of one file and add the numbers of its damaged lines to ``damaged``."""
    for number, line in enumerate(file, start=1):
        # Jaeger and people with an editor write one document over many lines.
        text = line + file.read() if number == 1 and line.strip() in _BEGINS_A_DOCUMENT else line
        if advance is not None:
            advance(len(text))
        if text.isspace():
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            if line.endswith(b"\n"):
                damaged.append(number)
            continue
        for span in _document_spans(document, trace_filter):
            if isinstance(span, Span):
                yield span
            elif number not in damaged[-1:]:
                damaged.append(number)


def _document_spans(document: Any, trace_filter: otlp.TraceFilter | None) -> Iterator[Span | Exception]:
    if jaeger.is_jaeger(document):
        yield from jaeger.spans_of(document, trace_filter)
        return
    try:
        if isinstance(document, dict) and _OTLP_KEYS.isdisjoint(document):
            yield ValueError("no OTLP")
            return
        yield from otlp.spans_of(document, trace_filter)
    except otlp.MALFORMED as error:
        yield error


def _damage(path: Path, lines: list[int]) -> str:
    what = "a damaged line was" if len(lines) == 1 else f"{len(lines)} damaged lines were"
    where = f"{path}, line {lines[0]}" + (" and following" if len(lines) > 1 else "")
    return f"{where}: {what} passed over, all else was read; delete what is damaged to silence this."


def _write_to_stderr(sentence: str) -> None:
    sys.stderr.write(f"autogen-otel: {sentence}\n")
