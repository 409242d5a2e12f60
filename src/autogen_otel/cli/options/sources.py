"""The options that say where to read traces from, and the sources that they name."""

from __future__ import annotations

import argparse
import base64
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, NamedTuple
from urllib.parse import unquote

from autogen_otel.cli import CommandError, add_authorities, quantities
from autogen_otel.cli.options import journals
from autogen_otel.settings import COMMAND_VARIABLES, Settings
from autogen_otel.traces.selection import EVERYTHING, Selection
from autogen_otel.traces.source import Source
from autogen_otel.traces.sources.clickhouse import SECONDS as STORED_SECONDS
from autogen_otel.traces.sources.clickhouse import TABLE, ClickHouse
from autogen_otel.traces.sources.files import Files
from autogen_otel.traces.sources.http import SECONDS, Client
from autogen_otel.traces.sources.jaeger import Jaeger
from autogen_otel.traces.sources.store import Store, StoreSource
from autogen_otel.traces.sources.tempo import Tempo

HEADERS_VARIABLE, PROMETHEUS_HEADERS_VARIABLE = COMMAND_VARIABLES
_SENT_THERE: Final = "do your programs call autogen_otel.instrument(), and send their spans there?"
USER_VARIABLE: Final = "CLICKHOUSE_USER"
PASSWORD_VARIABLE: Final = "CLICKHOUSE_PASSWORD"  # noqa: S105 - where it is, not what it is
"""ClickHouse's own commands read these two as well."""


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add the options to a command."""
    group = parser.add_argument_group("where from (default: the journal of this user)")
    kinds = group.add_mutually_exclusive_group()
    kinds.add_argument(
        "--journal",
        action="append",
        metavar="PATH",
        help="OTLP JSON file (.gz too) or folder of *.jsonl files; - for standard input; may be repeated",
    )
    for name, product in _STORES.items():
        kinds.add_argument(f"--{name}", metavar="URL", help=product.help)
    kinds.add_argument(
        "--clickhouse",
        metavar="URL",
        help="the HTTP interface of a ClickHouse, such as http://localhost:8123; user and password in it,"
        f" or in {USER_VARIABLE} and {PASSWORD_VARIABLE}",
    )
    group.add_argument(
        "--table",
        metavar="NAME",
        default=TABLE,
        help=f"of ClickHouse, such as otel.{TABLE} where it is in another database (default: {TABLE})",
    )
    group.add_argument(
        "--header",
        action="append",
        type=_header,
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with each request, such as 'Authorization: Bearer …'; may be repeated; "
        f"others do not see those in {HEADERS_VARIABLE}, as 'NAME=VALUE,NAME=VALUE'",
    )
    add_authorities(group)
    group.add_argument(
        "--link",
        metavar="TEMPLATE",
        help="address at which a browser shows a trace, with {trace_id} and {span_id} where they belong "
        "(default: that of AUTOGEN_OTEL_ANNOUNCE_FAILURES, else Jaeger's own)",
    )


def open_source(args: argparse.Namespace) -> Source:
    """Open the source that the options name.

    Raises:
        CommandError: there is no such source.
    """
    for name, product in _STORES.items():
        url = getattr(args, name)
        if url is not None:
            client = _client(product.name, url, (HEADERS_VARIABLE, args.header), args.ca)
            return StoreSource(product.store(client), (f"--{name}", client.url))
    if args.clickhouse is not None:
        return _clickhouse(args)
    # Who follows it may begin before the first program does.
    return (
        journals.files(args.journal)
        if args.journal
        else journals.own_journal(may_begin_later="follow" in args and args.follow)
    )


def _client(
    product: str,
    url: str,
    sent_headers: tuple[str, Iterable[tuple[str, str]]],
    authorities: str | None,
    seconds: float = SECONDS,
) -> Client:
    """A client that sends the headers of a variable and of an option; those of the option win."""
    headers = {}
    variable, option_headers = sent_headers
    for pair in filter(None, os.environ.get(variable, "").split(",")):
        name, equals, value = pair.partition("=")
        value = unquote(value.strip())
        if not equals or not name.strip() or not _is_printable(name + value):
            raise CommandError(f"{variable} does not hold NAME=VALUE,NAME=VALUE.")
        headers[name.strip()] = value
    return Client(product, url, {**headers, **dict(option_headers)}, seconds, authorities)


@contextmanager
def open_rereadable(args: argparse.Namespace) -> Iterator[Source]:
    """Open the source that the options name for more than one read: standard input is copied to a file."""
    if "-" not in (args.journal or ()):
        yield open_source(args)
        return
    with NamedTemporaryFile(prefix="autogen-otel-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield journals.files(args.journal, Path(copy.name))


def link(source: Source, template: str | None, trace_id: str, span_id: str) -> str | None:
    """The URL of a span in a browser, if one is known; the option ``--link`` comes first."""
    if template is None:
        configured_template = Settings(environ=journals.environ_without_redact()).announce_failures
        if not isinstance(configured_template, str):
            return source.link(trace_id, span_id)
        template = configured_template
    return template.replace("{trace_id}", trace_id).replace("{span_id}", span_id)


def add_prometheus(parser: argparse.ArgumentParser) -> None:
    """Add the options that let a command count all conversations although it reads only a sample."""
    group = parser.add_argument_group("rates (with --jaeger and --tempo)")
    group.add_argument(
        "--prometheus",
        metavar="URL",
        help="count conversations there, in a Prometheus or Mimir, instead of estimating how many there were",
    )
    group.add_argument(
        "--prometheus-header",
        action="append",
        type=_header,
        default=[],
        metavar="'NAME: VALUE'",
        help=f"as --header, for Prometheus; or {PROMETHEUS_HEADERS_VARIABLE}",
    )


def prometheus(args: argparse.Namespace) -> Client | None:
    """The client that the options of ``add_prometheus`` name, if they name one.

    Raises:
        CommandError: the source is not one of which only a sample is read, or an option is malformed.
    """
    if args.prometheus is None:
        return None
    if all(getattr(args, name) is None for name in _STORES):
        raise CommandError("--prometheus counts what --jaeger or --tempo give a sample of; name one of them.")
    return _client(
        "Prometheus", args.prometheus, (PROMETHEUS_HEADERS_VARIABLE, args.prometheus_header), args.ca
    )


def no_conversation_error(
    source: Source, selection: Selection, requested_selection: Selection
) -> CommandError:
    """The error that a source has no such conversation, with what to do, by what the user asked for."""
    if source.lookback_ns is not None and requested_selection.since is None and selection.since is not None:
        since = quantities.local_time(selection.since)
        return CommandError(
            f"{source.name} holds no such conversation since {since}; --since looks further back."
        )
    if requested_selection == EVERYTHING:
        if isinstance(source, Files) and journals.has_conversation_in_flight(source.paths):
            return CommandError(
                f"No conversation in {source.name} has ended: all that are there are in flight; "
                f"{show_command(source)} lists them."
            )
        advice = source.advice() if isinstance(source, Files) else _SENT_THERE
        return CommandError(f"No conversations in {source.name}{advice and f': {advice}'}.")
    return CommandError(f"{source.name} holds no such conversation: none fits the options; ask for less.")


def show_command(source: Source, *words: str) -> str:
    """The command that shows something of a source, to be copied into any shell."""
    return shlex.join(("autogen-otel", "show", *words, *source.option))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    # Do not repeat the text: it may be a secret.
    if not colon or not name.strip() or not _is_printable(name + value):
        raise argparse.ArgumentTypeError("a header is written 'NAME: VALUE'")
    return name.strip(), value.strip()


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


class _Product(NamedTuple):
    name: str
    store: Callable[[Client], Store]
    help: str


_STORES: Final = {
    "jaeger": _Product("Jaeger", Jaeger, "a Jaeger, such as http://localhost:16686"),
    "tempo": _Product("Tempo", Tempo, "a Tempo, such as http://localhost:3200"),
}


def _clickhouse(args: argparse.Namespace) -> ClickHouse:
    if not all(args.table.split(".")) or args.table.count(".") > 1:
        raise CommandError(
            f"{args.table!r} is no table; say otel_traces, or otel.otel_traces with its database."
        )
    headers = []
    user = os.environ.get(USER_VARIABLE)
    if user and "@" not in args.clickhouse:
        words = f"{user}:{os.environ.get(PASSWORD_VARIABLE, '')}"
        headers.append(("Authorization", "Basic " + base64.b64encode(words.encode()).decode()))
    headers += args.header
    client = _client("ClickHouse", args.clickhouse, (HEADERS_VARIABLE, headers), args.ca, STORED_SECONDS)
    return ClickHouse(client, args.table)
