"""Writing the journal: batches as lines of OTLP JSON, in files that only the user can read."""

from __future__ import annotations

import base64
import errno
import json
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel import plain_files
from autogen_otel.delivery.fork import importing, renew_after_fork
from autogen_otel.delivery.journal import locks
from autogen_otel.delivery.journal.document import write_whole
from autogen_otel.delivery.journal.files import Kind, new_path
from autogen_otel.delivery.journal.folder import default_dir, make_private, resolve_folder
from autogen_otel.delivery.journal.limits import Limits, Removal, prune
from autogen_otel.delivery.otlp_json import convert_ids
from autogen_otel.vocabulary.metrics import JOURNAL_LIMIT, SPANS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from autogen_otel.delivery.counts import ProcessCounts

_LOGGER = logging.getLogger("autogen_otel")
_MEBIBYTE: Final = 1024 * 1024
_LARGEST_FILE: Final = 16 * _MEBIBYTE
_FILES_IN_A_JOURNAL: Final = 8
"""At least: to make room, a part of the journal is removed, and not all of it."""
_FILE_SECONDS: Final = 3600.0
"""Then a new file begins, because batches grow old with their file."""
_ATTEMPTS: Final = 10
_OPEN: Final = os.O_RDWR | os.O_APPEND


class Journal:
    """Appends batches as lines of OTLP JSON, to files that no other process writes.

    Nothing is created before the first batch.

    Args:
        folder: where the files are; ``default_dir()`` by default.
        limits: bounds of all files. Each further process that writes at the same time can add one file.
        max_file_bytes: a file that would grow beyond it is followed by a new one.
        counts: where to count the spans that are lost because the journal is full, or they are too old.

    Raises:
        NoFolderError: there is no folder for it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        limits: Limits | None = None,
        max_file_bytes: int | None = None,
        counts: ProcessCounts | None = None,
    ) -> None:
        self.folder = default_dir() if folder is None else resolve_folder(folder)
        self.limits = limits or Limits()
        self._max_file_bytes = max_file_bytes or min(
            _LARGEST_FILE, self.limits.max_bytes // _FILES_IN_A_JOURNAL
        )
        self._counts = counts
        # By kind, the file to append to, and the monotonic time of its beginning.
        self._current: dict[Kind, tuple[Path, float]] = {}
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Begin new files: those that there are belong to the parent."""
        self._current = {}

    def prepare(self) -> None:
        """Load what encodes batches; never raises."""
        # An error shows with the first batch.
        with suppress(Exception):
            line_of(())

    def append(self, spans: Sequence[ReadableSpan], kind: Kind = Kind.UNDELIVERED) -> None:
        """Write a batch as one line.

        Args:
            spans: the batch.
            kind: why it is in the journal, which says whether it will be forwarded.

        Raises:
            OSError: the line cannot be written.
            Exception: whatever the encoder raises for a span it cannot take; nothing is written then.
        """
        if spans:
            self.append_line(line_of(spans), kind)

    def append_line(self, line: bytes, kind: Kind) -> None:
        """Write a batch that is a line already.

        Raises:
            OSError: it cannot be written.
        """
        with locks.between_threads():
            for _ in range(_ATTEMPTS):
                # A forwarder may remove the file meanwhile.
                path = self._path(kind, len(line))
                with suppress(FileNotFoundError), locks.sole_writer(path, _OPEN) as descriptor:
                    if os.fstat(descriptor).st_nlink:
                        is_torn = os.fstat(descriptor).st_size and not _ends_a_line(descriptor)
                        write_whole(descriptor, b"\n" + line if is_torn else line)
                        return
        raise OSError(errno.EBUSY, "its files are removed while they are written", str(self.folder))

    def _path(self, kind: Kind, new_bytes: int) -> Path:
        """The file to append to, a new one where the last one is old, would be too large or was removed."""
        path, started_at = self._current.get(kind, (None, 0.0))
        if path is not None and time.monotonic() - started_at < _FILE_SECONDS:
            with suppress(FileNotFoundError):
                if path.stat().st_size + new_bytes <= self._max_file_bytes:
                    return path
        make_private(self.folder)
        # The files of other kinds go on growing, too.
        other_kinds = len(self._current.keys() - {kind})
        self.prune(max(new_bytes, self._max_file_bytes) + other_kinds * self._max_file_bytes)
        path = new_path(self.folder, kind)
        os.close(plain_files.open_descriptor(path, _OPEN | os.O_CREAT | os.O_EXCL))
        self._current[kind] = path, time.monotonic()
        return path

    def prune(self, new_bytes: int = 0) -> None:
        """Remove files that are too old or too many, count their spans and say so.

        Args:
            new_bytes: bytes that are about to be added.
        """
        old_files, surplus_files = prune(self.folder, self.limits, new_bytes=new_bytes)
        self._log_removal(
            old_files, f"{self.limits.max_age_hours:g} hours", "AUTOGEN_OTEL_JOURNAL_MAX_AGE_HOURS"
        )
        size = f"{self.limits.max_bytes / _MEBIBYTE:.1f} MiB"
        self._log_removal(surplus_files, size, "AUTOGEN_OTEL_JOURNAL_MAX_BYTES")

    def _log_removal(self, removal: Removal, limit: str, variable: str) -> None:
        if not removal.files:
            return
        if self._counts is not None:
            self._counts.drop(SPANS, JOURNAL_LIMIT, removal.undelivered_spans)
        _LOGGER.log(
            logging.WARNING if removal.undelivered_spans else logging.INFO,
            "The journal in %s reached its limit of %s (%s): its %d oldest files (%.1f MiB) were removed, "
            "with %d spans that no endpoint has.",
            self.folder,
            limit,
            variable,
            removal.files,
            removal.bytes / _MEBIBYTE,
            removal.undelivered_spans,
        )


def _ends_a_line(descriptor: int) -> bool:
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def line_of(spans: Sequence[ReadableSpan]) -> bytes:
    """Return a batch as one line.

    Raises:
        Exception: whatever the encoder raises for a span that it cannot take.
    """
    # Loaded with the first batch: both are slow to load, and with a healthy endpoint nobody needs the second.
    # No module of ours is: where somebody imports this package anew, two threads would wait for each other.
    with importing():
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

    request = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    convert_ids(request, lambda text: base64.b64decode(text).hex())
    return json.dumps(request, separators=(",", ":")).encode("ascii") + b"\n"
