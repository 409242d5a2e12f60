"""Conversations in flight: a small file beside the journal says what a killed process was doing.

The file has a line of OTLP JSON for each span in flight; ``traces.formats.journal`` reads it. As long as the
process lives, it holds a lock on the file, which all containers see that share the folder.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autogen_otel import plain_files
from autogen_otel.delivery.fork import renew_after_fork
from autogen_otel.delivery.journal.document import write_whole
from autogen_otel.delivery.journal.files import new_note_path
from autogen_otel.delivery.journal.folder import make_private
from autogen_otel.vocabulary.spans import INVOKE_WORKFLOW

try:
    import fcntl
except ImportError:
    _HAS_LOCKS = False
    """On Windows, where an open file cannot be replaced either: no file is written."""
else:
    _HAS_LOCKS = True

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, Span

_LOGGER: Final = logging.getLogger("autogen_otel")
_MOST_STARTED: Final = 20_000
"""Spans that may begin between two updates; if there are more, the oldest are missed."""
_MOST_SPANS: Final = 1000
_MOST_BYTES: Final = 2 * 1024 * 1024
"""The most bytes of the file, which is written as a whole each time."""
_MOST_CHARACTERS: Final = 8192
"""The most characters of a value: long messages are exported with the ended span."""
_FORGOTTEN_SECONDS: Final = 60.0
"""By then a conversation that has ended was exported, or journaled, or dropped and counted."""


@dataclass(slots=True)
class _Note:
    """The note about a span in flight.

    Args:
        span: returns the span; ``None`` once nobody has it any more.
        line: of the file.
        ended_at: when the span was first seen to have ended; ``None`` while it is in flight.
    """

    span: Callable[[], Span | None]
    line: bytes
    ended_at: float | None = None


class InFlight:
    """The spans in flight in this process, and the file of them.

    A conversation that has ended stays there until it was exported or journaled.

    Args:
        folder: the journal's.

    Attributes:
        started_spans: each span that began since the last update.
        folder: as given.
    """

    def __init__(self, folder: Path) -> None:
        self.started_spans: deque[Span] = deque(maxlen=_MOST_STARTED)
        self.folder = folder
        self._descriptor: int | None = None
        self._forget()
        renew_after_fork(self)

    def _forget(self) -> None:
        self.started_spans.clear()
        self._notes: dict[int, _Note] = {}
        self._exported_ids: set[int] = set()
        self._path: Path | None = None
        self._content = b""
        self._is_off = not _HAS_LOCKS
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """Leave the file to the parent: with its lock inherited, the parent would seem to live."""
        with suppress(OSError):
            self._close()
        self._forget()

    def note_exported(self, spans: Iterable[ReadableSpan]) -> None:
        """Note that spans were exported, or journaled, or dropped and counted."""
        if len(self._exported_ids) > _MOST_STARTED:
            # The file is not updated any more.
            self._exported_ids.clear()
        self._exported_ids.update(span.context.span_id for span in spans if span.context is not None)

    def write(self) -> None:
        """Update the file; it exists only while spans are in flight."""
        if self._is_off:
            # The file is not updated any more, and must not keep spans alive.
            self.started_spans.clear()
            return
        # The process may be ended by a signal in the middle of this.
        if not self._lock.acquire(timeout=0.2):
            return
        try:
            self._update_notes()
            self._save(_join_lines(note.line for note in list(self._notes.values())[:_MOST_SPANS]))
        except OSError as error:
            self._is_off = True
            self._notes.clear()
            _LOGGER.info(
                "Conversations in flight are not noted: %s cannot be written (%s).",
                self.folder,
                error.strerror or type(error).__name__,
            )
        finally:
            self._lock.release()

    def _update_notes(self) -> None:
        # Taken first: each of these spans has a note, or is still among `started_spans`.
        exported_ids, self._exported_ids = self._exported_ids, set()
        while self.started_spans:
            span = self.started_spans.popleft()
            context = span.get_span_context()
            # The API's own span, of a trace that is not sampled, has no data.
            if not context.trace_flags.sampled or not hasattr(span, "start_time"):
                continue
            is_conversation = _is_conversation(span)
            if not span.is_recording() and not is_conversation:
                continue
            # A span that never ends has to be forgotten with the code that began it.
            reference = partial(_same, span) if is_conversation else weakref.ref(span)
            self._notes[context.span_id] = _Note(reference, _line(span))
        now = time.monotonic()
        for span_id, note in list(self._notes.items()):
            if not self._is_needed(span_id, note, exported_ids, now):
                del self._notes[span_id]

    def _is_needed(self, span_id: int, note: _Note, exported_ids: set[int], now: float) -> bool:
        """Whether only the file tells of a span."""
        span = note.span()
        if span is None:
            return False
        if span.is_recording():
            return True
        if not _is_conversation(span) or span_id in exported_ids:
            return False
        if note.ended_at is None:
            note.ended_at, note.line = now, _line(span)
        return now - note.ended_at < _FORGOTTEN_SECONDS

    def _save(self, content: bytes) -> None:
        if not content:
            self._remove()
        elif content != self._content or self._path is None or not self._path.exists():
            self._replace(content)
        elif self._descriptor is not None:
            # The last sign of life.
            os.utime(self._descriptor)

    def _replace(self, content: bytes) -> None:
        make_private(self.folder)
        if self._path is None:
            self._path = new_note_path(self.folder)
        temporary_path = self._path.with_name(f"{self._path.name}.tmp")
        descriptor = plain_files.open_descriptor(temporary_path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write_whole(descriptor, content)
            temporary_path.replace(self._path)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                temporary_path.unlink()
            raise
        self._close()
        self._descriptor, self._content = descriptor, content

    def _remove(self) -> None:
        path, self._path, self._content = self._path, None, b""
        if path is not None:
            with suppress(FileNotFoundError):
                path.unlink()
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _join_lines(lines: Iterable[bytes]) -> bytes:
    """Join as many of the lines as the file may hold, the first ones in front."""
    content, room = [], _MOST_BYTES
    for line in lines:
        room -= len(line)
        if room >= 0:
            content.append(line)
    return b"".join(content)


def _same(span: Span) -> Span:
    return span


def _is_conversation(span: Span) -> bool:
    parent = span.parent
    return parent is None or parent.is_remote or span.name.startswith(INVOKE_WORKFLOW)


# ---------------------------------------------------------------- OTLP JSON
def _line(span: Span) -> bytes:
    """A span as a document of its own, without the fields that it only has at its end.

    The journal's encoder is not loaded for that: with an endpoint that works no program needs it.
    """
    context, parent, scope = span.get_span_context(), span.parent, span.instrumentation_scope
    fields: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "attributes": _attributes(span.attributes),
    }
    if parent is not None:
        fields["parentSpanId"] = f"{parent.span_id:016x}"
    if span.end_time:
        fields["endTimeUnixNano"] = str(span.end_time)
        fields["status"] = {"code": span.status.status_code.value, "message": span.status.description or ""}
    document = {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(span.resource.attributes)},
                "scopeSpans": [{"scope": {"name": scope.name if scope else ""}, "spans": [fields]}],
            }
        ]
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"


def _attributes(attributes: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in dict(attributes or {}).items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return {"arrayValue": {"values": list(map(_value, value))}}
    text = str(value)
    return {"stringValue": text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"}
