"""``autogen-otel push``: send what is in the journal to an endpoint now."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.cli import (
    DONE,
    PROBLEM,
    CommandError,
    add_command,
    add_format,
    answer,
    quantities,
)
from autogen_otel.cli.options.sources import journal_folder, journal_settings
from autogen_otel.cli.text.progress import shown
from autogen_otel.delivery.exporting.exporters import (
    CONSOLE,
    SPANS,
    Endpoint,
    ExporterError,
    ExportResult,
    Outcome,
    endpoint,
    exporter_names,
)
from autogen_otel.delivery.journal import Journal, Limits
from autogen_otel.delivery.journal.encoding import spans_of
from autogen_otel.delivery.journal.files import Kind, listed
from autogen_otel.delivery.journal.forwarding import Forwarding, Tally, count_left, undelivered
from autogen_otel.delivery.journal.progress import BusyError, UnlockableError, read_progress
from autogen_otel.traces.journal import STANDARD_INPUT, documents

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_MOST_SECONDS_TO_WAIT: Final = 5.0
"""For an endpoint that says how long it wants to be left alone."""
_MOST_WAITS: Final = 3
_AGAIN_SECONDS: Final = 1.0
_BUSY: Final = ExportResult(Outcome.FAILED, "because another program sends them at this moment")
_BUSY_SECONDS: Final = 10.0
_BUSY_AGAIN_SECONDS: Final = 0.5
_HELP: Final = """\
Send the journal's undelivered spans to an endpoint, in order, each once.

examples:
  autogen-otel push                                     to where your program's OTEL_EXPORTER_OTLP_* say
  autogen-otel push --endpoint http://collector:4318
  autogen-otel push --journal /mnt/pod/journal --endpoint https://collector.example.com
  autogen-otel push --refused                           also what an endpoint did not want before
  autogen-otel push --journal incident.jsonl.gz         a copy of a file (- for standard input)
  autogen-otel push --format json | jq .left.spans

Batches go out in order, and leave the journal once the endpoint has taken them. Press Ctrl-C at any time, or
kill it: the next push goes on where this one was. Headers, certificates and compression are read from
OTEL_EXPORTER_OTLP_*, also with --endpoint. Programs do the same by themselves while they run.

A file is read and not changed: another push sends it again. So name the folder, not one of its files, for
what is to leave a journal.

exit codes:
  0  the endpoint has everything that was undelivered
  1  it does not: no answer, an error, or batches that it does not want; what it does not have is still there
  2  no such folder, file or endpoint; one sentence on stderr says which
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        subparsers, "push", run, "send the journal's undelivered spans to an endpoint", _HELP
    )
    parser.add_argument(
        "--endpoint", metavar="URL", help="where to send (default: OTEL_EXPORTER_OTLP_ENDPOINT)"
    )
    parser.add_argument(
        "--journal",
        metavar="PATH",
        help="folder of the journal, or OTLP JSON file (.gz too); - for standard input",
    )
    parser.add_argument("--refused", action="store_true", help="send again what an endpoint did not want")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Send everything, and print what became of it."""
    logger, variable = logging.getLogger("autogen_otel"), SPANS.variable("ENDPOINT")
    level, configured = logger.level, os.environ.get(variable)
    # What is dealt with is counted here.
    logger.setLevel(logging.ERROR)
    try:
        return _run(args)
    finally:
        logger.setLevel(level)
        # An exporter of another package was told there what the option says.
        os.environ.pop(variable, None)
        if configured is not None:
            os.environ[variable] = configured


def _run(args: argparse.Namespace) -> int:
    settings = journal_settings()
    file = _file(args.journal, refused=args.refused)
    # Of a file nothing is kept anywhere.
    folder = file.parent if file else journal_folder(args.journal)
    target = _endpoint(args.endpoint)
    limits = Limits(settings.journal_max_bytes, settings.journal_max_age_hours)
    forwarding = Forwarding(Journal(folder, limits=limits), target.export)
    copy = _Copy(file, forwarding) if file else None
    if args.refused:
        _offer_again(folder)
    tally, problem = Tally(), None
    try:
        if copy is not None:
            problem = _push(copy.run, copy.bytes, forwarding, target, tally)
        elif undelivered(folder):
            problem = _push(lambda: _attempt(forwarding), _size(folder), forwarding, target, tally)
    except UnlockableError as error:
        raise CommandError(f"The journal cannot be forwarded: {error}.") from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise CommandError(
            f"{getattr(error, 'filename', None) or file or folder} cannot be used: {why}."
        ) from None
    finally:
        target.shutdown()
    batches, spans = count_left(folder) if copy is None else copy.left()
    source = str(folder) if copy is None else copy.name
    refused = tally.refused_spans + tally.rejected_spans
    document = {
        "journal": source,
        "endpoint": target.label,
        "forwarded": {"batches": tally.batches, "spans": tally.spans},
        "refused": {"batches": tally.refused_batches, "spans": refused},
        "left": {"batches": batches, "spans": spans},
        "damaged_lines": tally.damaged_lines,
        "problem": problem,
    }
    answer(args, document, _lines(source, target, tally, spans))
    if problem and args.format == "text":
        sys.stderr.write(f"autogen-otel: {problem}.\n")
    return PROBLEM if problem or batches or refused else DONE


def _endpoint(url: str | None) -> Endpoint:
    """The endpoint to send to.

    Raises:
        CommandError: there is none, or it cannot be used.
    """
    try:
        if url is None:
            names = [name for name in exporter_names(os.environ, SPANS) if name != CONSOLE]
            if not names:
                raise CommandError(
                    f"{SPANS.chooser} names no endpoint; name one with --endpoint http://host:4318."
                )
            return endpoint(names[0], os.environ, SPANS)
        (name,) = exporter_names({**os.environ, SPANS.chooser: "otlp"}, SPANS)
        if name.endswith("http") and not url.partition("?")[0].rstrip("/").endswith(SPANS.path):
            url = url.rstrip("/") + SPANS.path
        # An exporter of another package reads it there.
        os.environ[SPANS.variable("ENDPOINT")] = url
        return endpoint(name, os.environ, SPANS)
    except ExporterError as error:
        raise CommandError(str(error).replace(SPANS.variable("ENDPOINT"), "--endpoint")) from None


def _offer_again(folder: Path) -> None:
    """Make what was refused undelivered."""
    for file in listed(folder, Kind.REFUSED):
        name = file.path.name.removesuffix(Kind.REFUSED.value) + Kind.UNDELIVERED.value
        if not (folder / name).exists():
            file.path.rename(folder / name)


def _file(given: str | None, *, refused: bool) -> Path | None:
    """The file that is named, if it is none of a journal's folder.

    Raises:
        CommandError: there is no such file.
    """
    path = None if given is None else Path(given).expanduser()
    if path is None or path.is_dir():
        return None
    if path != STANDARD_INPUT and not path.exists():
        raise CommandError(f"{path} does not exist; --journal takes the folder of a journal, or a file.")
    if refused:
        raise CommandError("--refused is for the folder of a journal; a file is sent as it is.")
    return path


class _Copy:
    """What is sent of a file, in batches that receivers take.

    Args:
        path: of the file.
        forwarding: sends its batches.
    """

    def __init__(self, path: Path, forwarding: Forwarding) -> None:
        is_input = path == STANDARD_INPUT
        self.name, self.bytes = ("standard input", 0) if is_input else (str(path), path.stat().st_size)
        self._forwarding = forwarding
        self._batches = self._read(path)
        self._batch: Sequence[ReadableSpan] = ()
        self._number = 0

    def run(self) -> ExportResult | None:
        """Send what is left of it; ``None`` if the endpoint has everything."""
        while True:
            if not self._batch:
                self._number += 1
                self._batch = next(self._batches, ())
                if not self._batch:
                    return None
            # What is not wanted stays in the file.
            stopped, tally, rest = self._forwarding.offer(
                self._batch, (self.name, self._number), lambda _part: None
            )
            self._batch = rest
            self._forwarding.tell(tally)
            if stopped is not None:
                return stopped

    def left(self) -> tuple[int, int]:
        """How many batches and spans are left."""
        batches = [self._batch, *self._batches] if self._batch else []
        return len(batches), sum(map(len, batches))

    def _read(self, path: Path) -> Iterator[Sequence[ReadableSpan]]:
        # Loads the SDK, which other commands do without.
        from autogen_otel.delivery.exporting.export import split  # noqa: PLC0415
        from autogen_otel.delivery.spans import encodable_span  # noqa: PLC0415

        for text in documents(path):
            try:
                spans = [] if text.isspace() else spans_of(text)
            except ValueError:
                # A program may be in the middle of the last line.
                self._forwarding.tell(Tally(damaged_lines=int(text.endswith(b"\n"))))
                continue
            yield from split(spans, encodable_span)[0]
            self._forwarding.tell(Tally(bytes=len(text)))


def _push(
    attempt: Callable[[], ExportResult | None],
    size: int,
    forwarding: Forwarding,
    target: Endpoint,
    total: Tally,
) -> str | None:
    """Send what there is, and say why not all of it.

    Args:
        attempt: sends until the endpoint fails.
        size: how many bytes there are.
        forwarding: what it sends with.
        target: where to.
        total: what becomes of it.

    Raises:
        UnlockableError: nobody can tell whether another program sends it too.
        OSError: the journal cannot be read, or the disk is full.
    """
    with shown("sending the journal") as progress:
        progress.expect(size, "bytes")

        def count(tally: Tally) -> None:
            for one in fields(tally):
                setattr(total, one.name, getattr(total, one.name) + getattr(tally, one.name))
            progress.advance(tally.bytes)

        forwarding.tell = count
        waits = 0
        while True:
            dealt_with = total.spans + total.refused_spans
            problem = attempt()
            if problem is None:
                break
            # One batch may be what is wrong: it is offered once more, and passed over if others are taken.
            wait = _AGAIN_SECONDS if problem.is_final else problem.retry_after
            waits = 1 if total.spans + total.refused_spans > dealt_with else waits + 1
            if wait is None or waits > _MOST_WAITS or wait > _MOST_SECONDS_TO_WAIT:
                break
            if problem.is_final and target.export([]).outcome is not Outcome.EXPORTED:
                break
            time.sleep(wait)
    return None if problem is None else f"{target.label} does not take spans ({problem.reason})"


def _attempt(forwarding: Forwarding) -> ExportResult | None:
    """Send until the endpoint fails; ``None`` where it has everything."""
    until = time.monotonic() + _BUSY_SECONDS
    while time.monotonic() < until:
        with suppress(BusyError):
            return forwarding.run(lambda: True)
        time.sleep(_BUSY_AGAIN_SECONDS)
    return _BUSY


def _size(folder: Path) -> int:
    progress = read_progress(folder)
    files = undelivered(folder)
    done = sum(progress.offset for file in files if file.path.name == progress.file)
    return sum(file.bytes for file in files) - done


def _lines(source: str, target: Endpoint, tally: Tally, left: int) -> Iterator[str]:
    yield f"{quantities.plural(tally.spans, 'span')} of {source} sent to {target.label}."
    refused = tally.refused_spans + tally.rejected_spans
    if refused:
        stay = f"; {tally.refused_spans:,} of them stay in the journal" if tally.refused_spans else ""
        yield f"{quantities.plural(refused, 'span')} refused by it{stay}."
    if tally.damaged_lines:
        yield f"{quantities.plural(tally.damaged_lines, 'damaged line')} passed over."
    if left:
        yield f"{quantities.plural(left, 'span')} left for the next push."
