"""Reading files of traces as a stream: the journal's, the Collector's, and Jaeger's downloads."""

from __future__ import annotations

import errno
import gzip
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from autogen_otel.traces.formats import jaeger, otlp
from autogen_otel.traces.formats.parsing import MALFORMED, loads
from autogen_otel.traces.gathering import Piece, gather
from autogen_otel.traces.source import NO_PROGRESS, Progress, SourceError
from autogen_otel.traces.trace import INTERRUPTED, RUNNING, Span, State, by_trace

try:
    import fcntl
except ImportError:
    # On Windows no file of spans in flight is written.
    fcntl = None  # type: ignore[assignment]

PATTERN: Final = "*.jsonl"
COPIES: Final = "*.kept.jsonl"
"""Conversations that were kept whether or not an endpoint took them."""
IN_FLIGHT: Final = "*.inflight"
"""Spans in flight, as ``delivery.processes.in_flight`` writes them: each process has a lock on its file."""
PATTERNS: Final = (PATTERN, f"{PATTERN}.gz")
STANDARD_INPUT: Final = Path("-")
_PATIENCE: Final = 8_000_000
"""How many bytes of other traces may come between the root of a trace and the last of its spans."""
_LONGEST: Final = 128_000_000
"""Over how many bytes a trace may be spread: further pieces are not waited for."""
_TRACE_ID_KEY: Final = b'"traceId"'
_TRACE_ID: Final = re.compile(rb'"traceId"\s*:\s*(?:"([0-9a-fA-F]{32})")?')
_START_KEY: Final = b'"startTimeUnixNano"'
_START: Final = re.compile(rb'"startTimeUnixNano"\s*:\s*"?([1-9]\d{0,19})[",}\s]')
"""A whole number that is a time: other notations are parsed, and 0 says nothing."""
_METRICS_KEY: Final = b'"resourceMetrics"'
_PARENT_KEY: Final = b'"parentSpanId"'
_NO_PARENT: Final = (b'"parentSpanId":""', b'"parentSpanId": ""')
_BUFFER: Final = 262_144
"""Bytes that are read at once; lines are long."""
_GZIP: Final = b"\x1f\x8b"
LONGEST_LINE: Final = 32_000_000
"""Bytes of a line, or of a document of many lines; both are in memory as a whole."""
_MOST_EXPANDED: Final = 250
_EXPANDED: Final = 64_000_000
"""A compressed file may expand to this and so many times its size; spans have ids, and shrink less."""
_SHORTEST: Final = 64
_MOST_DAMAGED: Final = 100_000
"""Lines of a file that are remembered as damaged."""
_UNREADABLE: Final = (OSError, EOFError, zlib.error, ValueError)
"""Exceptions that reading a file raises."""
_BEGINS_A_DOCUMENT: Final = frozenset({b"{", b"[", b"[{"})
_OTLP_KEYS: Final = frozenset(
    {"resourceSpans", "batches", "result", "trace", "resourceMetrics", "resourceLogs"}
)


def journal_files(path: Path) -> list[Path]:
    """The files to read, oldest name first, of a file or a folder of ``*.jsonl`` and ``*.jsonl.gz`` files.

    Files of spans in flight come first: a span that ends meanwhile is then found in the others.

    Raises:
        SourceError: there is nothing, or reading it is not permitted.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):
            return [path]
        if not stat.S_ISDIR(mode):
            raise SourceError(f"{path} is neither a file nor a folder")
        files = sorted(file for file in path.iterdir() if file.is_file())
        under_way = [file for file in files if file.match(IN_FLIGHT)]
        return under_way + [file for file in files if any(map(file.match, PATTERNS))]
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def read_spans(
    paths: Iterable[Path], *, trace_filter: otlp.TraceFilter | None = None, progress: Progress = NO_PROGRESS
) -> Iterator[Span]:
    """Read files one after the other, with one line at a time in memory; compressed ones too.

    A torn last line is skipped in silence: that is how a file looks while a program writes it. Other damage
    is reported once per file, and costs only what is damaged. So does a file of several that cannot be read.
    A span that is stored twice is read once; a span in flight comes last, if it is not stored at all.

    Args:
        paths: the files; ``STANDARD_INPUT`` is one.
        trace_filter: see ``otlp.TraceFilter``; all traces by default. Lines without one of them are not
            looked into.
        progress: is told of bytes that were read, and of damage.

    Raises:
        SourceError: no file can be read.
    """
    files = _Files(paths, progress, trace_filter)
    spans_in_flight = files.spans_in_flight()
    seen_keys: set[int] = set()
    for line in files.lines():
        if line.may_tell_of(line.only_trace, trace_filter):
            yield from _without_repeats(files.spans(line), seen_keys)
    files.report()
    yield from _without_repeats(spans_in_flight, seen_keys)


def traces_begun_before(
    paths: Iterable[Path], moment: int, progress: Progress, trace_filter: otlp.TraceFilter | None = None
) -> set[int]:
    """Hashes of the ids of traces that began before a moment, as far as that is known without parsing.

    Args:
        paths: files that can be read again.
        moment: in nanoseconds since 1970.
        progress: is told of bytes that were read.
        trace_filter: which traces; all by default.
    """
    files = _Files(paths, progress, trace_filter)
    trace_hashes: set[int] = set()
    for line in files.lines():
        only_trace = line.only_trace
        if (
            only_trace is not None
            and line.may_tell_of(only_trace, trace_filter)
            and any(int(start) < moment for start in _START.findall(line.text))
            # Metrics count since the program began, and their exemplars may name a trace.
            and _METRICS_KEY not in line.text
        ):
            # A hash of 64 bits, as in ``_without_repeats``.
            trace_hashes.add(hash(only_trace))
    return trace_hashes


def read_traces(
    paths: Iterable[Path],
    progress: Progress,
    *,
    trace_filter: otlp.TraceFilter | None = None,
    may_repeat: bool = False,
) -> Iterator[list[Span]]:
    """Read files as ``read_spans`` does, and give the spans of each trace together.

    The trace ids of a line are read before it is parsed. A line without a wanted trace is never parsed, and a
    line with a single trace only when that trace is given: text takes little memory, spans take much. Which
    lines belong together depends on where they stand in the files, and not on the filter.

    With ``may_repeat``, a span that is stored twice is given twice, and no id is remembered: for more spans
    than fit memory. Spans in flight are left out then.
    """
    files = _Files(paths, progress, trace_filter)
    spans_in_flight = [] if may_repeat else files.spans_in_flight()
    seen_keys: set[int] = set()
    for pieces in gather(_pieces(files, spans_in_flight), patience=_PATIENCE, longest=_LONGEST):
        spans = [
            span for piece in pieces for span in (files.spans(piece) if isinstance(piece, _Line) else piece)
        ]
        if not may_repeat:
            spans = list(_without_repeats(spans, seen_keys))
        if spans:
            yield spans
    files.report()


def _pieces(files: _Files, spans_in_flight: Iterable[Span]) -> Iterator[Piece[_Line | list[Span]]]:
    """The pieces of each line, by trace; a piece stands where the bytes that were read so far end."""
    position = 0
    for line in files.lines():
        position += len(line.text)
        only_trace = line.only_trace
        if not line.may_tell_of(only_trace, files.trace_filter):
            continue
        if only_trace is not None:
            yield Piece(only_trace, line.has_root, position, line)
            continue
        for trace_id, spans in by_trace(files.spans(line)).items():
            yield Piece(trace_id, any(span.parent_id is None for span in spans), position, spans)
    for trace_id, spans in by_trace(spans_in_flight).items():
        yield Piece(trace_id, has_root=False, position=position, content=spans)


def _without_repeats(spans: Iterable[Span], seen_keys: set[int]) -> Iterator[Span]:
    """The spans that were not read before."""
    for span in spans:
        # A hash of 64 bits instead of the ids keeps millions of spans affordable.
        key = hash((span.trace_id, span.span_id))
        if key not in seen_keys:
            seen_keys.add(key)
            yield span


class _Files:
    """Reads files line by line, and remembers what cannot be read.

    Args:
        paths: the files.
        progress: is told the bytes of each line, and at the end what could not be read.
        trace_filter: which traces are decoded.
    """

    def __init__(
        self, paths: Iterable[Path], progress: Progress, trace_filter: otlp.TraceFilter | None
    ) -> None:
        self.trace_filter = trace_filter
        files = list(paths)
        self._in_flight_paths = [path for path in files if path.match(IN_FLIGHT)]
        self._paths = [path for path in files if path not in self._in_flight_paths]
        self._progress = progress
        self._damaged_lines: dict[Path, set[int]] = {}
        self._refusals: list[str] = []

    def lines(self) -> Iterator[_Line]:
        """The lines of all files but those of spans in flight."""
        return (line for path in self._paths for line in self._lines_of(path))

    def _lines_of(self, path: Path) -> Iterator[_Line]:
        try:
            for number, text in enumerate(_documents(path), start=1):
                self._progress.advance(len(text))
                yield _Line(path, number, text)
        except _UNREADABLE as error:
            if not (isinstance(error, FileNotFoundError) and path in self._in_flight_paths):
                self._refusals.append(_refusal(path, error))

    def spans(self, line: _Line) -> list[Span]:
        """The spans of a line that can be read."""
        spans, is_damaged = line.spans(self.trace_filter)
        if is_damaged:
            numbers = self._damaged_lines.setdefault(line.path, set())
            if len(numbers) < _MOST_DAMAGED:
                numbers.add(line.number)
        return spans

    def spans_in_flight(self) -> list[Span]:
        """The spans in flight; to be read before the lines, in which spans that end meanwhile are found."""
        return [span for path in self._in_flight_paths for span in self._spans_in_flight(path)]

    def _spans_in_flight(self, path: Path) -> list[Span]:
        # The file is removed once no span is in flight any more.
        with suppress(FileNotFoundError):
            state, seen_ns = _state_of(path)
            return [
                _with_state(span, state, seen_ns)
                for line in self._lines_of(path)
                for span in line.spans(self.trace_filter)[0]
            ]
        return []

    def report(self) -> None:
        """Report what could not be read.

        Raises:
            SourceError: none of the files could.
        """
        for path, lines in self._damaged_lines.items():
            self._progress.warn_damaged(path, lines)
        if self._refusals and len(self._refusals) == len(self._paths) + len(self._in_flight_paths):
            raise SourceError(self._refusals[0])
        for sentence in self._refusals:
            self._progress.warn(f"{sentence}; all else was read.")


def _state_of(path: Path) -> tuple[State, int]:
    """Whether the process of a file goes on, and its last sign of life in nanoseconds since 1970.

    Raises:
        OSError: it cannot be read, or it is gone because no span is in flight any more.
    """
    with path.open("rb") as file:
        if fcntl is not None:
            try:
                # Only for a moment: the process itself locks no file that it has made visible.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return RUNNING, time.time_ns()
        return INTERRUPTED, path.stat().st_mtime_ns


def _with_state(span: Span, state: State, now_ns: int) -> Span:
    """A span of such a file: a span without an end is in flight, up to the last sign of life."""
    if span.end_ns == 0:
        span.state, span.end_ns = state, max(now_ns, span.start_ns)
    return span


def _refusal(path: Path, error: Exception) -> str:
    name = "standard input" if path == STANDARD_INPUT else path
    if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
        return f"{name} cannot be read: {error.strerror}"
    return f"{name} is damaged: {error}"


class Tail:
    """Reads what is appended from now on to a file, or in a folder in which files come and go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Files are renamed when they are full: their inode identifies them, not their name.
        self._offsets = {_identity(file): file.stat().st_size for file in self._files()}

    def spans(self) -> list[Span]:
        """The spans of the lines that were completed since the last time.

        Raises:
            SourceError: a file cannot be read.
        """
        try:
            return [span for file in self._files() for span in self._appended_spans(file)]
        except FileNotFoundError:
            # It was deleted while it was looked at.
            return []
        except OSError as error:
            raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from error

    def _files(self) -> list[Path]:
        # A journal begins with the first span that is kept.
        return journal_files(self._path) if self._path.exists() else []

    def _appended_spans(self, file: Path) -> Iterator[Span]:
        if file.suffix == ".gz" or file.match(IN_FLIGHT):
            return
        identity = _identity(file)
        with file.open("rb") as stream:
            stream.seek(self._offsets.get(identity, 0))
            text = stream.read(LONGEST_LINE)
        complete_lines = text[: text.rfind(b"\n") + 1]
        if len(text) == LONGEST_LINE and not complete_lines:
            # So long a line is passed over piece by piece, and its end is damaged.
            complete_lines = text
        self._offsets[identity] = self._offsets.get(identity, 0) + len(complete_lines)
        for number, line in enumerate(complete_lines.splitlines(), start=1):
            yield from _Line(file, number, line).spans(None)[0]


def _identity(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino


@contextmanager
def _open(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of a file."""
    if path == STANDARD_INPUT:
        yield _lines(sys.stdin.buffer)
        return
    with open(path, "rb", buffering=_BUFFER, opener=_without_waiting) as file:
        yield _lines(file)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file or a pipe, which may have no writer, and nothing else: a device may never end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", path)
    os.set_blocking(descriptor, True)
    return descriptor


def _lines(file: Any) -> Iterator[bytes]:
    """The lines of a file, decompressed if it was compressed with gzip, whatever its name.

    Raises:
        ValueError: a line is too long, or the file expands to too much.
    """
    is_compressed = file.peek(len(_GZIP))[:2] == _GZIP
    compressed = _Counted(file)
    content = gzip.GzipFile(fileobj=cast("IO[bytes]", compressed)) if is_compressed else file
    expanded = 0
    while line := _line(content):
        # Empty lines cost time as well.
        expanded += max(len(line), _SHORTEST)
        if is_compressed and expanded > _EXPANDED + _MOST_EXPANDED * compressed.count:
            raise ValueError(f"it expands to more than {_MOST_EXPANDED} times its size")
        yield line


def _line(content: IO[bytes] | gzip.GzipFile) -> bytes:
    line = content.readline(_BUFFER)
    if len(line) < _BUFFER or line.endswith(b"\n"):
        return line
    pieces, length = [line], len(line)
    while not pieces[-1].endswith(b"\n") and (piece := content.readline(_BUFFER)):
        pieces.append(piece)
        length += len(piece)
        if length > LONGEST_LINE:
            raise ValueError(f"a line is longer than {LONGEST_LINE // 1_000_000} MB")
    return b"".join(pieces)


class _Counted:
    """Counts the bytes that are read of a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def read(self, size: int) -> bytes:
        """Read some of it."""
        content = self._file.read(size)
        self.count += len(content)
        return content


class _Line(NamedTuple):
    """A line of a file, with its number from 1, or a document of many lines."""

    path: Path
    number: int
    text: bytes

    @property
    def only_trace(self) -> str | None:
        """The only trace in it, known without parsing; ``None`` if there are others, or may be.

        In valid JSON no text within quotes looks like this: its own quotes would have backslashes.
        """
        first = _TRACE_ID.search(self.text)
        if first is None or first[1] is None:
            return None
        if self.text.count(first[0]) < self.text.count(_TRACE_ID_KEY):
            return None
        return first[1].decode().lower()

    def may_tell_of(self, only_trace: str | None, trace_filter: otlp.TraceFilter | None) -> bool:
        """Whether it is worth parsing, given its only trace."""
        if trace_filter is None:
            return True
        if only_trace is not None:
            return trace_filter(only_trace)
        has_known_id = False
        for match in _TRACE_ID.finditer(self.text):
            has_known_id = match[1] is not None
            # The first wanted trace is enough; another program may write ids in another way.
            if not has_known_id or trace_filter(match[1].decode().lower()):
                return True
        return not has_known_id

    @property
    def has_root(self) -> bool:
        """Whether some span in it has no parent, as far as that is known without parsing."""
        count = self.text.count
        spans, children = count(_START_KEY), count(_PARENT_KEY)
        return spans > children or spans > children - sum(map(count, _NO_PARENT))

    def spans(self, trace_filter: otlp.TraceFilter | None) -> tuple[list[Span], bool]:
        """The spans that can be read, and whether that is not all; a torn last line is no damage."""
        if self.text.isspace():
            return [], False
        try:
            document = loads(self.text)
        except (ValueError, RecursionError):
            return [], self.text.endswith(b"\n")
        results: list[Span | Exception] = []
        try:
            results += _document_spans(document, trace_filter)
        except MALFORMED as error:
            # The spans that were found until then count.
            results.append(error)
        spans = [result for result in results if isinstance(result, Span)]
        return spans, len(spans) < len(results)


def documents(path: Path) -> Iterator[bytes]:
    """The lines of a file, or of standard input, decompressed; a document of many lines is one.

    Raises:
        SourceError: it cannot be read any further.
    """
    try:
        yield from _documents(path)
    except _UNREADABLE as error:
        raise SourceError(_refusal(path, error)) from None


def _documents(path: Path) -> Iterator[bytes]:
    with _open(path) as lines:
        for number, line in enumerate(lines, start=1):
            # Jaeger and people with an editor write one document over many lines.
            yield _whole(line, lines) if number == 1 and line.strip() in _BEGINS_A_DOCUMENT else line


def _whole(first_line: bytes, lines: Iterator[bytes]) -> bytes:
    document = bytearray(first_line)
    for line in lines:
        document += line
        if len(document) > LONGEST_LINE:
            raise ValueError(f"a document is longer than {LONGEST_LINE // 1_000_000} MB")
    return bytes(document)


def _document_spans(document: Any, trace_filter: otlp.TraceFilter | None) -> Iterable[Span | Exception]:
    if jaeger.is_jaeger(document):
        return jaeger.spans_of(document, trace_filter)
    if isinstance(document, dict) and _OTLP_KEYS.isdisjoint(document):
        return [ValueError("no OTLP")]
    return otlp.spans_of(document, trace_filter)
