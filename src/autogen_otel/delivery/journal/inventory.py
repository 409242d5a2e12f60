"""What is in a journal: how much, how old, and whether it is still to be delivered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from autogen_otel import plain_files
from autogen_otel.delivery.journal.files import JournalFile, Kind, list_files, notes
from autogen_otel.delivery.journal.position import Position, read_position
from autogen_otel.delivery.otlp_json import raw_spans


@dataclass
class Contents:
    """The batches of one kind.

    Args:
        files: how many files hold them.
        bytes: the size of these files.
        batches: how many there are.
        spans: how many spans are in them.
        oldest_ns: when the first span began, in nanoseconds since 1970; 0 where there is none.
        newest_ns: when the last span began.
    """

    files: int = 0
    bytes: int = 0
    batches: int = 0
    spans: int = 0
    oldest_ns: int = 0
    newest_ns: int = 0


@dataclass
class Inventory:
    """A journal's contents.

    Args:
        kinds: the contents by kind.
        conversations: how many traces they belong to.
        in_flight: how many notes about conversations there are that have not ended.
        in_flight_bytes: their size.
        position: how far it is forwarded.
        unreadable: why files cannot be read, by path.
    """

    kinds: dict[Kind, Contents] = field(default_factory=lambda: {kind: Contents() for kind in Kind})
    conversations: int = 0
    in_flight: int = 0
    in_flight_bytes: int = 0
    position: Position = field(default_factory=Position)
    unreadable: dict[Path, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return self.in_flight_bytes + sum(contents.bytes for contents in self.kinds.values())


def inventory(folder: Path, advance: Callable[[int], None] = lambda _count: None) -> Inventory:
    """Read a whole journal; of the file that is being forwarded, only the batches that are left count.

    Args:
        folder: the journal's.
        advance: takes the number of bytes that were read.
    """
    in_flight_notes = notes(folder)
    result = Inventory(
        position=read_position(folder),
        in_flight=len(in_flight_notes),
        in_flight_bytes=sum(note.bytes for note in in_flight_notes),
    )
    trace_ids: set[str] = set()
    for kind, contents in result.kinds.items():
        for file in list_files(folder, kind):
            contents.files += 1
            contents.bytes += file.bytes
            for starts in _batches(file, result, trace_ids, advance):
                contents.batches += 1
                contents.spans += len(starts)
                contents.oldest_ns = min([*starts, contents.oldest_ns or starts[0]])
                contents.newest_ns = max([*starts, contents.newest_ns])
    result.conversations = len(trace_ids)
    return result


def _batches(
    file: JournalFile, result: Inventory, trace_ids: set[str], advance: Callable[[int], None]
) -> Iterator[list[int]]:
    """When the spans of each batch began; adds the ids of their traces."""
    try:
        lines = plain_files.open_file(file.path)
    except FileNotFoundError:
        return
    except OSError as error:
        result.unreadable[file.path] = error.strerror or type(error).__name__
        return
    with lines, suppress(OSError):
        lines.seek(result.position.of(file.path))
        for line in lines:
            advance(len(line))
            starts = []
            with suppress(ValueError, KeyError, TypeError, AttributeError):
                for span in raw_spans(json.loads(line)):
                    starts.append(int(span.get("startTimeUnixNano", 0)))
                    trace_ids.add(span["traceId"])
            if starts:
                yield starts
