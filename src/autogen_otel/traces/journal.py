"""Reading files of traces as a stream: the journal's, the Collector's, and Jaeger's downloads."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Final, cast

from autogen_otel.traces import in_flight, jaeger, otlp
from autogen_otel.traces.trace import Span

PATTERN: Final = "*.jsonl"
PATTERNS: Final = (PATTERN, f"{PATTERN}.gz")
STANDARD_INPUT: Final = Path("-")
_GZIP: Final = b"\x1f\x8b"
_BEGINS_A_DOCUMENT: Final = frozenset({b"{", b"[", b"[{"})
_OTLP_KEYS: Final = frozenset(
    {"resourceSpans", "batches", "result", "trace", "resourceMetrics", "resourceLogs"}
)


class JournalError(Exception):
    """A journal that cannot be read; the message says why, in one sentence."""


def journal_files(path: Path) -> list[Path]:
    """The files to read, oldest name first, of a file or a folder of ``*.jsonl`` and ``*.jsonl.gz`` files.

    Those that say what is under way come first: what ends meanwhile is then found in the others.

    Raises:
        JournalError: there is nothing, or reading it is not permitted.
    """
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        files = sorted(file for file in path.iterdir() if file.is_file())
        under_way = [file for file in files if file.match(in_flight.PATTERN)]
        return under_way + [file for file in files if any(map(file.match, PATTERNS))]
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
    may_repeat: bool = False,
) -> Iterator[Span]:
    """Read files one after the other, with one line at a time in memory; compressed ones too.

    A torn last line is skipped in silence: that is how a file looks while a program writes it. Other damage
    is reported once per file, and costs only what is damaged. A span that is stored twice is read once; one
    that is under way comes last, if it is not stored at all.

    Args:
        paths: the files; ``STANDARD_INPUT`` is one.
        trace_filter: see ``otlp.TraceFilter``; all traces by default.
        warn: takes one sentence about a damaged file; by default it goes to stderr.
        advance: takes the number of bytes of each line that was read.
        may_repeat: give a span that is stored twice twice, and remember none: for more spans than fit memory.
            Those under way are left out then.

    Raises:
        JournalError: a file cannot be read.
    """
    read: set[int] = set()
    under_way: list[Span] = []
    for path in paths:
        if path.match(in_flight.PATTERN):
            if not may_repeat:
                under_way += _under_way(path, trace_filter, advance)
            continue
        damaged: list[int] = []
        try:
            with _opened(path) as file:
                for span in _file_spans(file, damaged, trace_filter, advance):
                    if may_repeat:
                        yield span
                        continue
                    # A hash of 64 bits instead of the ids keeps millions of spans affordable.
                    key = hash((span.trace_id, span.span_id))
                    if key not in read:
                        read.add(key)
                        yield span
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise JournalError(f"{path} is damaged: {error}") from error
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}") from error
        if damaged:
            (warn or _write_to_stderr)(_damage(path, damaged))
    yield from (span for span in under_way if hash((span.trace_id, span.span_id)) not in read)


def _under_way(
    path: Path, trace_filter: otlp.TraceFilter | None, advance: Callable[[int], None] | None
) -> list[Span]:
    # It is gone once nothing is under way any more.
    with suppress(FileNotFoundError):
        state, seen_ns = in_flight.state_of(path)
        with _opened(path) as file:
            spans = list(_file_spans(file, [], trace_filter, advance))
        return [in_flight.marked(span, state, seen_ns) for span in spans]
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


def _parser() -> Callable[[bytes], Any]:
    """``json.loads``, or that of orjson where it is installed, which takes a third of the time."""
    with suppress(ImportError):
        fast = import_module("orjson").loads

        def loads(text: bytes) -> Any:
            try:
                return fast(text)
            except ValueError:
                # It refuses NaN and lone surrogates, which Python's own writer leaves in.
                return json.loads(text)

        return loads
    return json.loads


_loads: Final = _parser()


def _file_spans(
    file: IO[bytes],
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
            document = _loads(text)
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
