"""``autogen-otel stack``: write what ``docker compose up`` needs to show traces, metrics and dashboards."""

from __future__ import annotations

import argparse
import os
from typing import Final

from autogen_otel.cli import SUCCESS, CommandError, add_format, answer
from autogen_otel.cli.package_files import (
    differing_files,
    output_folder,
    package_resource,
    texts_below,
    write_files,
)

_COMPOSE: Final = "docker-compose.yml"
SUMMARY: Final = "write the Docker Compose stack of Collector, Jaeger, Tempo, Prometheus and Grafana"
HELP: Final = """\
Write the Docker Compose stack that shows traces, metrics and dashboards.

examples:
  autogen-otel stack --out stack && docker compose --project-directory stack up -d
  autogen-otel stack --out stack --force        write over the files of an older version

It writes docker-compose.yml, the configurations in deploy/ and the dashboards: a Collector that takes OTLP on
the ports 4317 and 4318, Jaeger, Tempo, Prometheus and Grafana, for this machine only. Nothing is started.

exit codes:
  0  done
  2  could not be done as asked; one sentence on stderr says why
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the files; made if missing")
    parser.add_argument("--force", action="store_true", help="write over files that are there and differ")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    folder = output_folder(args.out)
    texts = {_COMPOSE: package_resource(_COMPOSE).read_text(encoding="utf-8")}
    for name in ("deploy", "dashboards"):
        texts |= {f"{name}/{path}": text for path, text in texts_below(package_resource(name))}
    # If a file is where a folder should be, ``write_files`` says so.
    differing_paths = [path for path in differing_files(folder, texts) if os.path.lexists(path)]
    if differing_paths and not args.force:
        raise CommandError(
            f"{differing_paths[0]} is there and differs from what this version writes"
            f"{f' (and {len(differing_paths) - 1} more)' if differing_paths[1:] else ''}"
            ": --force writes over it."
        )
    paths = write_files(folder, texts)
    lines = [*(f"wrote {path}" for path in paths), f"docker compose --project-directory {folder} up -d"]
    answer(args, {"written": paths}, lines)
    return SUCCESS
