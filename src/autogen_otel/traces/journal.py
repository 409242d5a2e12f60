"""Reading files of traces as a stream: the journal's, the Collector's, and Jaeger's downloads."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from autogen_otel.traces import in_flight, jaeger, otlp
from autogen_otel.traces.beside import beside, processors
from autogen_otel.traces.parsing import loads
from autogen_otel.traces.source import SourceError
from autogen_otel.traces.trace import Span

PATTERN: Final = "*.jsonl"
COPIES: Final = "*.kept.jsonl"
"""Conversations that were kept whether or not an endpoint took them."""
PATTERNS: Final = (PATTERN, f"{PATTERN}.gz")
STANDARD_INPUT: Final = Path("-")
LARGE: Final = 50_000_000
"""Bytes from which on several processes read; to start one takes half a second."""
_GZIP: Final = b"\x1f\x8b"
_BEGINS_A_DOCUMENT: Final = frozenset({b"{", b"[", b"[{"})
_OTLP_KEYS: Final = frozenset(
    {"resourceSpans", "batches", "result", "trace", "resourceMetrics", "resourceLogs"}
)


def journal_files(path: Path) -> list[Path]:
    """The files to read, oldest name first, of a file or a folder of ``*.jsonl`` and ``*.jsonl.gz`` files.

    Those that say what is under way come first: what ends meanwhile is then found in the others.

    Raises:
        SourceError: there is nothing, or reading it is not permitted.
    """
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        files = sorted(file for file in path.iterdir() if file.is_file())
        under_way = [file for file in files if file.match(in_flight.PATTERN)]
        return under_way + [file for file in files if any(map(file.match, PATTERNS))]
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def read_spans(
    paths: Iterable[Path],
    *,
    trace_filter: otlp.TraceFilter | None = None,
    warn: Callable[[str], None] | None = None,
    advance: Callable[[int], None] | None = None,
    may_repeat: bool = False,
) -> Iterator[Span]:
    """Read files one after the other, with one line at a time in memory; compressed ones too.

    A torn last line is skipped in silence: that is how a file looks while a program writes it. Other damage
    is reported once per file, and costs only what is damaged. So does a file of several that cannot be read.
    A span that is stored twice is read once; one that is under way comes last, if it is not stored at all.

    Args:
        paths: the files; ``STANDARD_INPUT`` is one.
        trace_filter: see ``otlp.TraceFilter``; all traces by default.
        warn: takes one sentence about a damaged file; by default it goes to stderr.
        advance: takes the number of bytes of each line that was read.
        may_repeat: give a span that is stored twice twice, and remember none: for more spans than fit memory.
            Those under way are left out then.

    Raises:
        SourceError: no file can be read.
    """
    read: set[int] = set()
    files = list(paths)
    at_work = [path for path in files if path.match(in_flight.PATTERN)]
    under_way = (
        [] if may_repeat else [span for path in at_work for span in _under_way(path, trace_filter, advance)]
    )
    refused = []
    for path in files:
        if path in at_work:
            continue
        damaged: list[int] = []
        try:
            is_plain = may_repeat and trace_filter is None
            reading = (
                beside(_pieces, path)
                if is_plain and path != STANDARD_INPUT and path.stat().st_size >= LARGE and processors() > 1
                else nullcontext(_pieces(path, trace_filter))
            )
            with reading as pieces:
                for number, piece in enumerate(pieces, start=1):
                    if advance is not None:
                        advance(piece.size)
                    if piece.is_damaged:
                        damaged.append(number)
                    yield from piece.spans if may_repeat else _once(piece.spans, read)
        except (OSError, EOFError, zlib.error) as error:
            refused.append(_refusal(path, error))
        if damaged:
            (warn or _write_to_stderr)(_damage(path, damaged))
    if refused and len(refused) == len(files) - len(at_work):
        raise SourceError(refused[0])
    for sentence in refused:
        (warn or _write_to_stderr)(f"{sentence}; all else was read.")
    yield from _once(under_way, read)


def _once(spans: Iterable[Span], read: set[int]) -> Iterator[Span]:
    """Those of which none was read before."""
    for span in spans:
        # A hash of 64 bits instead of the ids keeps millions of spans affordable.
        key = hash((span.trace_id, span.span_id))
        if key not in read:
            read.add(key)
            yield span


def _refusal(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
        return f"{path} cannot be read: {error.strerror}"
    return f"{path} is damaged: {error}"


class Tail:
    """What is appended to the files of a journal, from now on.

    Args:
        path: file, or folder in which files come and go.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Files are renamed when they are full: they are known by what they are, not by their names.
        self._read = {_identity(file): file.stat().st_size for file in journal_files(path)}

    def spans(self) -> list[Span]:
        """The spans of the lines that were completed since the last time.

        Raises:
            SourceError: a file cannot be read.
        """
        try:
            return [span for file in journal_files(self._path) for span in self._appended(file)]
        except FileNotFoundError:
            # It was deleted while it was looked at.
            return []
        except OSError as error:
            raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from error

    def _appended(self, file: Path) -> Iterator[Span]:
        if file.suffix == ".gz" or file.match(in_flight.PATTERN):
            return
        identity = _identity(file)
        with file.open("rb") as opened:
            opened.seek(self._read.get(identity, 0))
            text = opened.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read[identity] = self._read.get(identity, 0) + len(complete)
        for line in complete.splitlines():
            try:
                document = loads(line)
            except (ValueError, RecursionError):
                continue
            yield from (span for span in _document_spans(document, None) if isinstance(span, Span))


def _identity(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_dev, status.st_ino


def _under_way(
    path: Path, trace_filter: otlp.TraceFilter | None, advance: Callable[[int], None] | None
) -> list[Span]:
    # It is gone once nothing is under way any more.
    with suppress(FileNotFoundError):
        state, seen_ns = in_flight.state_of(path)
        pieces = list(_pieces(path, trace_filter))
        if advance is not None:
            advance(sum(piece.size for piece in pieces))
        return [in_flight.marked(span, state, seen_ns) for piece in pieces for span in piece.spans]
    return []


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if path == STANDARD_INPUT:
        yield _decompressed(sys.stdin.buffer)
        return
    with path.open("rb") as file:
        yield _decompressed(file)


def _decompressed(file: Any) -> IO[bytes]:
    """The file, or what a file that was compressed with gzip holds, whatever its name."""
    content: Any = gzip.GzipFile(fileobj=file) if file.peek(len(_GZIP))[:2] == _GZIP else file
    return cast("IO[bytes]", content)


class _Piece(NamedTuple):
    """What a line of a file holds, or a document of many lines.

    Args:
        size: in bytes.
        spans: what could be read.
        is_damaged: whether that is not all.
    """

    size: int
    spans: list[Span]
    is_damaged: bool


def documents(path: Path) -> Iterator[bytes]:
    """The lines of a file, or of standard input, decompressed; a document of many lines is one.

    Raises:
        OSError: it cannot be read, or is no gzip although it begins like one.
        EOFError: the compressed file is torn.
        zlib.error: it is damaged.
    """
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            # Jaeger and people with an editor write one document over many lines.
            yield line + file.read() if number == 1 and line.strip() in _BEGINS_A_DOCUMENT else line


def _pieces(path: Path, trace_filter: otlp.TraceFilter | None = None) -> Iterator[_Piece]:
    for text in documents(path):
        found: list[Span | Exception] = []
        is_damaged = False
        if not text.isspace():
            try:
                found = list(_document_spans(loads(text), trace_filter))
            except (ValueError, RecursionError):
                is_damaged = text.endswith(b"\n")
        spans = [one for one in found if isinstance(one, Span)]
        yield _Piece(len(text), spans, is_damaged or len(spans) < len(found))


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
