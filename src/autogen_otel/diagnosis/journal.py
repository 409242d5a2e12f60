"""Reading OTLP JSON files as a stream: the journal's, the collector's, and Jaeger's downloads."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from autogen_otel.diagnosis import jaeger, otlp
from autogen_otel.diagnosis.trace import Span

PATTERN: Final = "*.jsonl"
_BEGINS_A_DOCUMENT: Final = frozenset({b"{", b"[", b"[{"})
_SIGNALS: Final = ("resourceSpans", "batches", "result", "trace", "resourceMetrics", "resourceLogs")


class JournalError(Exception):
    """A journal that cannot be read; the message says why, in one sentence."""


def journal_files(path: Path) -> list[Path]:
    """Find the files to read, oldest name first.

    Args:
        path: a file, or a folder of ``*.jsonl`` files.

    Raises:
        JournalError: nothing is there, or it may not be looked at.
    """
    try:
        if not path.is_dir():
            path.stat()
            return [path]
        return sorted(found for found in path.iterdir() if found.match(PATTERN) and found.is_file())
    except FileNotFoundError:
        raise JournalError(f"{path} does not exist") from None
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror}") from error


def read_spans(
    paths: Iterable[Path],
    *,
    wanted: otlp.Wanted | None = None,
    warn: Callable[[str], None] | None = None,
    advance: Callable[[int], None] | None = None,
) -> Iterator[Span]:
    """Read files one after the other, holding one line at a time.

    A torn last line is passed over: that is how a file looks while a program writes it. Other damage is
    said once per file, and costs only what is damaged. A span that is stored twice is given once.

    Args:
        paths: the files.
        wanted: spans of other traces are passed over.
        warn: takes one sentence about a damaged file; by default it goes to stderr.
        advance: takes the number of bytes of each line read.

    Raises:
        JournalError: a file cannot be read.
    """
    met: set[int] = set()
    for path in paths:
        damage = _Damage(path)
        try:
            with path.open("rb") as file:
                for span in _file_spans(file, damage, wanted, advance or _ignore):
                    # A hash of 64 bits instead of the ids keeps millions of spans affordable.
                    key = hash((span.trace_id, span.span_id))
                    if key not in met:
                        met.add(key)
                        yield span
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}") from error
        if damage.lines:
            (warn or _to_stderr)(damage.sentence())


class _Damage:
    """Counts the damaged lines of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[int] = []

    def at(self, line: int) -> None:
        if line not in self.lines[-1:]:
            self.lines.append(line)

    def sentence(self) -> str:
        count = len(self.lines)
        what = "a damaged line was" if count == 1 else f"{count} damaged lines were"
        where = f"{self.path}, line {self.lines[0]}" + (" and following" if count > 1 else "")
        return f"{where}: {what} passed over, all else was read; delete what is damaged to silence this."


def _file_spans(
    file: BinaryIO, damage: _Damage, wanted: otlp.Wanted | None, advance: Callable[[int], None]
) -> Iterator[Span]:
    for number, line in enumerate(file, start=1):
        # Jaeger and people with an editor write one document over many lines.
        text = line + file.read() if number == 1 and line.strip() in _BEGINS_A_DOCUMENT else line
        advance(len(text))
        if text.isspace():
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            if line.endswith(b"\n"):
                damage.at(number)
            continue
        for span in _document_spans(document, wanted):
            if isinstance(span, Span):
                yield span
            else:
                damage.at(number)


def _document_spans(document: Any, wanted: otlp.Wanted | None) -> Iterator[Span | Exception]:
    if jaeger.is_jaeger(document):
        yield from jaeger.spans_of(document, wanted)
        return
    try:
        if isinstance(document, dict) and not any(signal in document for signal in _SIGNALS):
            yield ValueError("no OTLP")
            return
        yield from otlp.spans_of(document, wanted)
    except otlp.MALFORMED as error:
        yield error


def _ignore(_: int) -> None:
    return


def _to_stderr(sentence: str) -> None:
    sys.stderr.write(f"autogen-otel: {sentence}\n")
