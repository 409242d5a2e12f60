"""``autogen-otel push``: send what is in the journal to an endpoint now."""

from __future__ import annotations

import argparse
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.cli import PROBLEM, SUCCESS, CommandError, add_format, answer, quantities
from autogen_otel.cli.options.journals import journal_folder, journal_settings
from autogen_otel.cli.output import complain
from autogen_otel.cli.text.progress import show_progress
from autogen_otel.delivery.exporting.exporters import (
    CONSOLE,
    Endpoint,
    ExporterError,
    endpoint,
    exporter_names,
)
from autogen_otel.delivery.journal import Limits
from autogen_otel.delivery.journal.position import UnlockableError
from autogen_otel.delivery.signals import SPANS
from autogen_otel.traces.formats.journal import STANDARD_INPUT, documents

if TYPE_CHECKING:
    from autogen_otel.delivery.journal.forwarding import Tally
    from autogen_otel.delivery.pushing import PushedCopy, PushedJournal

SUMMARY: Final = "send the journal's undelivered spans to an endpoint"
HELP: Final = """\
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
  2  no such folder, file or endpoint, or a file without OTLP; one sentence on stderr says which
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
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
    """Send everything, and print the result."""
    logger, variable = logging.getLogger("autogen_otel"), SPANS.variable("ENDPOINT")
    level, configured_endpoint = logger.level, os.environ.get(variable)
    # This command itself counts and prints what the warnings are about.
    logger.setLevel(logging.ERROR)
    try:
        return _run(args)
    finally:
        logger.setLevel(level)
        # ``_endpoint`` put the option's URL there for an exporter of another package.
        os.environ.pop(variable, None)
        if configured_endpoint is not None:
            os.environ[variable] = configured_endpoint


def _run(args: argparse.Namespace) -> int:
    from autogen_otel.delivery.pushing import push  # noqa: PLC0415 - loads the SDK, which others do without

    file = _file(args.journal, with_refused=args.refused)
    target = _endpoint(args.endpoint)
    try:
        source = _open_source(args, file, target)
        with show_progress("sending the journal") as progress:
            progress.expect(source.bytes, "bytes")
            tally, problem = push(source, target, progress.advance)
    except UnlockableError as error:
        raise CommandError(f"The journal cannot be forwarded: {error}.") from None
    except (OSError, EOFError, zlib.error) as error:
        label = getattr(error, "filename", None) or file or args.journal or "The journal"
        raise CommandError(f"{label} cannot be used: {getattr(error, 'strerror', None) or error}.") from None
    finally:
        target.shutdown()
    batches, spans = source.remaining()
    refused_spans = tally.refused_spans + tally.rejected_spans
    if file is not None and tally.damaged_lines and not (tally.spans or refused_spans or spans):
        raise CommandError(f"{source.name} holds no spans; push takes OTLP JSON, one batch a line.")
    document = {
        "journal": source.name,
        "endpoint": target.label,
        "forwarded": {"batches": tally.batches, "spans": tally.spans},
        "refused": {"batches": tally.refused_batches, "spans": refused_spans},
        "left": {"batches": batches, "spans": spans},
        "damaged_lines": tally.damaged_lines,
        "problem": problem,
    }
    answer(args, document, _lines(source.name, target, tally, spans))
    if problem and args.format == "text":
        complain(problem)
    return PROBLEM if problem or batches or refused_spans else SUCCESS


def _open_source(args: argparse.Namespace, file: Path | None, target: Endpoint) -> PushedJournal | PushedCopy:
    from autogen_otel.delivery.pushing import PushedCopy, PushedJournal  # noqa: PLC0415 - see above

    settings = journal_settings()
    if file is not None:
        is_input = file == STANDARD_INPUT
        name, size = ("standard input", 0) if is_input else (str(file), file.stat().st_size)
        return PushedCopy(name, size, documents(file), file.parent, target)
    limits = Limits(settings.journal_max_bytes, settings.journal_max_age_hours)
    folder = journal_folder(args.journal, "name one of them with --journal to send it")
    journal = PushedJournal(folder, limits, target)
    if args.refused:
        journal.offer_again()
    return journal


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
                    f"{SPANS.exporter_variable} names no endpoint; name one with --endpoint http://host:4318."
                )
            return endpoint(names[0], os.environ, SPANS)
        (name,) = exporter_names({**os.environ, SPANS.exporter_variable: "otlp"}, SPANS)
        if name.endswith("http") and not url.partition("?")[0].rstrip("/").endswith(SPANS.path):
            url = url.rstrip("/") + SPANS.path
        # An exporter of another package reads the URL there.
        os.environ[SPANS.variable("ENDPOINT")] = url
        return endpoint(name, os.environ, SPANS)
    except ExporterError as error:
        raise CommandError(str(error).replace(SPANS.variable("ENDPOINT"), "--endpoint")) from None


def _file(path_option: str | None, *, with_refused: bool) -> Path | None:
    """The file that ``--journal`` names; ``None`` if it names a folder or is not given.

    Raises:
        CommandError: there is no such file, or ``--refused`` is for a file.
    """
    path = None if path_option is None else Path(path_option).expanduser()
    if path is None or path.is_dir():
        return None
    if path != STANDARD_INPUT and not path.exists():
        raise CommandError(f"{path} does not exist; --journal takes the folder of a journal, or a file.")
    if with_refused:
        raise CommandError("--refused is for the folder of a journal; a file is sent as it is.")
    return path


def _lines(source: str, target: Endpoint, tally: Tally, remaining_spans: int) -> Iterator[str]:
    yield f"{quantities.plural(tally.spans, 'span')} of {source} sent to {target.label}."
    refused_spans = tally.refused_spans + tally.rejected_spans
    if refused_spans:
        suffix = f"; {tally.refused_spans:,} of them stay in the journal" if tally.refused_spans else ""
        yield f"{quantities.plural(refused_spans, 'span')} refused by it{suffix}."
    if tally.damaged_lines:
        yield f"{quantities.plural(tally.damaged_lines, 'damaged line')} passed over."
    if remaining_spans:
        yield f"{quantities.plural(remaining_spans, 'span')} left for the next push."
