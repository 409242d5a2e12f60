"""The journal: spans that no endpoint took, in local files that Jaeger, the collector and our CLI read."""

from __future__ import annotations

import base64
import errno
import json
import logging
import os
import shlex
import stat
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.delivery.fork import importing, in_child

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_LOGGER = logging.getLogger("autogen_otel")
_MEBIBYTE: Final = 1024 * 1024
_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")
_OPEN: Final = (
    os.O_RDWR | os.O_APPEND | sum(getattr(os, flag, 0) for flag in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"))
)


DIR_VARIABLE: Final = "AUTOGEN_OTEL_JOURNAL_DIR"


class NoFolderError(OSError):
    """There is no folder for a journal; the message is a sentence that says why and what to do."""


def default_dir() -> Path:
    """Return the journal's folder.

    It is the one that ``AUTOGEN_OTEL_JOURNAL_DIR`` names, else a place in the user's state folder. Where that
    cannot be written, as in many containers, it is one in the folder for temporary files.

    Raises:
        NoFolderError: none of them can be written.
    """
    named = os.environ.get(DIR_VARIABLE)
    return resolved(named) if named else _unnamed_dir()


def show_command(folder: Path) -> str:
    """Return the command that lists a journal, also in a shell that has other variables than this process."""
    with suppress(NoFolderError):
        if folder == _unnamed_dir():
            return "autogen-otel show"
    return f"autogen-otel show --journal {shlex.quote(str(folder))}"


def _unnamed_dir() -> Path:
    for candidate in (_state_dir, _temporary_dir):
        # A user may have no home, and a container no folder for temporary files.
        with suppress(RuntimeError, OSError):
            folder = candidate()
            if is_writable(folder):
                return folder
    raise NoFolderError(
        "neither the user's state folder nor one for temporary files can be written; "
        f"{DIR_VARIABLE} may name another"
    )


def resolved(named: str | os.PathLike[str]) -> Path:
    """Return a folder that somebody named as an absolute path.

    Raises:
        NoFolderError: it stands in the home of a user without one.
    """
    try:
        return Path(named).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise NoFolderError(
            f"{os.fspath(named)} cannot be resolved ({error}); {DIR_VARIABLE} may name another"
        ) from error


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or the folder itself in the nearest one that exists."""
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), None)
    return nearest is not None and nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _temporary_dir() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"autogen-otel-{user}"
    # Anybody may make folders there, also one of this name, to read what is put into it.
    if os.path.lexists(folder) and hasattr(os, "getuid"):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise NoFolderError(f"{folder} is somebody else's")
    return folder


def _state_dir() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "autogen-otel"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "autogen-otel"
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The XDG rules: a relative path counts as none.
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "autogen-otel" / "journal"


class Journal:
    """Appends batches as lines of OTLP JSON, to one file per process that is private to the user.

    Nothing is created before the first batch.

    Args:
        folder: where the files are; ``default_dir()`` by default.
        max_file_bytes: a file that would grow beyond it is followed by a new one.
        max_total_bytes: bound of all files; the ones longest unwritten are removed to stay below it.
            Each further process that writes at the same time can add up to ``max_file_bytes``.

    Raises:
        NoFolderError: there is no folder for it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        max_file_bytes: int = 16 * _MEBIBYTE,
        max_total_bytes: int = 256 * _MEBIBYTE,
    ) -> None:
        self.folder = default_dir() if folder is None else resolved(folder)
        self.removed_files = 0
        self._max_file_bytes = max_file_bytes
        self._max_total_bytes = max_total_bytes
        self._path: Path | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()
        _LIVE.add(self)

    def append(self, spans: Sequence[ReadableSpan]) -> None:
        """Write a batch as one line.

        Raises:
            OSError: the line cannot be written.
            Exception: whatever the encoder raises for a span it cannot take; nothing is written then.
        """
        if not spans:
            return
        line = _line(spans)
        with self._lock:
            descriptor, size = self._opened(len(line))
            try:
                if size and not _ends_a_line(descriptor):
                    line = b"\n" + line
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            finally:
                os.close(descriptor)

    def after_fork(self) -> None:
        """Forget the parent's lock, which another thread may have held, and its file."""
        self._lock = threading.Lock()
        self._path = None

    def _opened(self, coming: int) -> tuple[int, int]:
        # Opened for each batch: then a file that was removed or pushed meanwhile is noticed.
        if self._path is not None and self._pid == os.getpid():
            with suppress(FileNotFoundError):
                descriptor = os.open(self._path, _OPEN)
                size = os.fstat(descriptor).st_size
                if size + coming <= self._max_file_bytes:
                    return descriptor, size
                os.close(descriptor)
        return self._created(coming), 0

    def _created(self, coming: int) -> int:
        make_private(self.folder)
        self._make_room(max(coming, self._max_file_bytes))
        started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        path = self.folder / f"traces-{started}-{os.getpid()}.jsonl"
        descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        # Whatever the umask took away.
        path.chmod(0o600)
        self._path, self._pid = path, os.getpid()
        return descriptor

    def _make_room(self, coming: int) -> None:
        files = sorted(_files(self.folder))
        total = sum(size for _, size, _ in files)
        removed, freed = 0, 0
        for _, size, path in files:
            if total - freed + coming <= self._max_total_bytes:
                break
            with suppress(FileNotFoundError):
                path.unlink()
                removed += 1
            freed += size
        if removed:
            self.removed_files += removed
            _LOGGER.warning(
                "The journal in %s is full (%.0f MiB): its %d oldest files (%.1f MiB) were removed.",
                self.folder,
                self._max_total_bytes / _MEBIBYTE,
                removed,
                freed / _MEBIBYTE,
            )


_LIVE: weakref.WeakSet[Journal] = weakref.WeakSet()


def _after_fork() -> None:
    for journal in list(_LIVE):
        journal.after_fork()


in_child(_after_fork)


def _files(folder: Path) -> list[tuple[int, int, Path]]:
    files = []
    for path in folder.glob("traces-*.jsonl"):
        with suppress(FileNotFoundError):
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    return files


def make_private(folder: Path) -> None:
    """Make a folder that only the user can read, where there is none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # A folder that exists is somebody's decision (it might be /tmp); the files in it are private anyway.
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)


def _ends_a_line(descriptor: int) -> bool:
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


def _line(spans: Sequence[ReadableSpan]) -> bytes:
    # Loaded with the first batch: both are slow to load, and with a healthy endpoint nobody needs the second.
    with importing():
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415

    request = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource_spans in request.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                _write_ids_in_hex(span)
    return json.dumps(request, separators=(",", ":")).encode("ascii") + b"\n"


def _write_ids_in_hex(span: dict[str, Any]) -> None:
    # OTLP departs from protobuf's JSON mapping in this one point.
    for holder in (span, *span.get("links", ())):
        for name in _ID_FIELDS:
            if name in holder:
                holder[name] = base64.b64decode(holder[name]).hex()
