"""``autogen-otel journal``: say where the journal is and what is in it, or remove what is not needed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import SUCCESS, CommandError, add_format, answer, quantities
from autogen_otel.cli.options.journals import journal_folder, journal_settings
from autogen_otel.cli.text.progress import show_progress
from autogen_otel.delivery.journal import Kind, Limits, command_for
from autogen_otel.delivery.journal.files import list_files, notes
from autogen_otel.delivery.journal.inventory import Contents, Inventory, inventory
from autogen_otel.delivery.journal.limits import Removal, prune, remove
from autogen_otel.delivery.journal.position import BusyError, UnlockableError, sole_forwarder
from autogen_otel.traces.document import utc_time
from autogen_otel.traces.trace import NS

_NAMES: Final = {Kind.UNDELIVERED: "undelivered", Kind.REFUSED: "refused", Kind.KEPT: "kept"}
_MEANINGS: Final = {
    Kind.UNDELIVERED: "sent once an endpoint takes them",
    Kind.REFUSED: "the endpoint does not want them; `{push} --refused` tries again",
    Kind.KEPT: "copies, only to be read",
}
SUMMARY: Final = "say what is in the journal, or remove what is not needed"
HELP: Final = """\
Say where the journal is, how large and old, and what is still to be delivered.

examples:
  autogen-otel journal                   what is in it
  autogen-otel journal --prune           remove what is older or more than the settings say
  autogen-otel journal --delete          remove everything, also what no endpoint has yet
  autogen-otel journal --format json | jq .undelivered.spans

AUTOGEN_OTEL_JOURNAL_MAX_BYTES and AUTOGEN_OTEL_JOURNAL_MAX_AGE_HOURS say how large and how old it may get.
Programs prune too: when they begin a new file, and every hour. See also: autogen-otel push --help

exit codes:
  0  done; an empty journal is well, too
  2  no such folder, no journal in it, or it cannot be written; one sentence on stderr says which
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    parser.add_argument("--journal", metavar="PATH", help="folder of the journal")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--prune", action="store_true", help="remove what is too old or too much")
    group.add_argument("--delete", action="store_true", help="remove everything")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Remove what the options say, and print what is in the journal."""
    settings = journal_settings()
    folder = journal_folder(args.journal, "{show} reads them")
    limits = Limits(settings.journal_max_bytes, settings.journal_max_age_hours)
    removal = None
    if args.prune:
        removal = sum(prune(folder, limits), Removal())
    elif args.delete:
        removal = _delete(folder)
    with show_progress("reading the journal") as progress:
        progress.expect(sum(file.bytes for file in list_files(folder)), "bytes")
        journal_inventory = inventory(folder, progress.advance)
    answer(
        args,
        _document(folder, journal_inventory, limits, removal),
        _lines(folder, journal_inventory, limits, removal),
    )
    return SUCCESS


def _delete(folder: Path) -> Removal:
    with ExitStack() as stack:
        if folder.exists():
            try:
                stack.enter_context(sole_forwarder(folder))
            except BusyError:
                raise CommandError(f"A program forwards {folder} at this moment; try again.") from None
            except UnlockableError as error:
                raise CommandError(f"Nothing was removed: {error}.") from None
        return remove(folder, [*list_files(folder), *notes(folder)])


def _document(
    folder: Path, journal_inventory: Inventory, limits: Limits, removal: Removal | None
) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "bytes": journal_inventory.bytes,
        "max_bytes": limits.max_bytes,
        "max_age_hours": limits.max_age_hours,
        "conversations": journal_inventory.conversations,
        "in_flight": journal_inventory.in_flight,
        **{_NAMES[kind]: _contents(contents) for kind, contents in journal_inventory.kinds.items()},
        "forwarded": {
            "spans": journal_inventory.position.spans,
            "at": _time(int(journal_inventory.position.at * 1e9)),
        },
        "unreadable": {str(path): reason for path, reason in journal_inventory.unreadable.items()},
        "removed": removal and asdict(removal),
    }


def _contents(contents: Contents) -> dict[str, Any]:
    document = asdict(contents)
    times = {name: _time(document.pop(f"{name}_ns")) for name in ("oldest", "newest")}
    return document | times


def _time(nanoseconds: int) -> str | None:
    return utc_time(nanoseconds) if nanoseconds else None


def _lines(
    folder: Path, journal_inventory: Inventory, limits: Limits, removal: Removal | None
) -> Iterator[str]:
    if removal is not None:
        yield (
            f"removed: {quantities.plural(removal.files, 'file')} ({quantities.size(removal.bytes)}), with "
            f"{quantities.plural(removal.undelivered_spans, 'span')} that no endpoint has"
        )
    yield f"journal: {folder}"
    yield (
        f"size: {quantities.size(journal_inventory.bytes)} of at most {quantities.size(limits.max_bytes)}; "
        f"files go after {limits.max_age_hours} hours"
    )
    yield f"conversations: {journal_inventory.conversations:,}"
    if journal_inventory.in_flight:
        file_count = quantities.plural(journal_inventory.in_flight, "file")
        yield f"in flight: {file_count} of conversations that have not ended"
    push = command_for(folder, "push")
    for kind, contents in journal_inventory.kinds.items():
        meaning = f" ({_MEANINGS[kind].format(push=push)})" if contents.batches else ""
        yield f"{_NAMES[kind]}: {_summary(contents)}{meaning}"
    for path, reason in journal_inventory.unreadable.items():
        yield f"cannot be read: {path} ({reason}); it stays there"
    if journal_inventory.position.spans:
        when = quantities.local_time(int(journal_inventory.position.at * NS))
        spans = quantities.plural(journal_inventory.position.spans, "span")
        yield f"forwarded so far: {spans}, the last at {when}"


def _summary(contents: Contents) -> str:
    if not contents.batches:
        return "nothing"
    batches = quantities.plural(contents.batches, "batch", "batches")
    first, last = map(quantities.local_time, (contents.oldest_ns, contents.newest_ns))
    spans, size = quantities.plural(contents.spans, "span"), quantities.size(contents.bytes)
    return f"{batches}, {spans}, {size}, from {first} to {last}"
