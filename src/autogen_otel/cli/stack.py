"""``autogen-otel stack``: write what ``docker compose up`` needs to show traces, metrics and dashboards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from autogen_otel.cli import DONE, CommandError, add_command, add_format, write_json
from autogen_otel.cli.packaged import packaged, texts_below, write_files

_COMPOSE: Final = "docker-compose.yml"
_EPILOG: Final = """\
examples:
  autogen-otel stack --out stack && docker compose --project-directory stack up -d
  autogen-otel stack --out stack --force        write over the files of an older version

It writes docker-compose.yml, the configurations in deploy/ and the dashboards: a Collector that takes OTLP on
the ports 4317 and 4318, Jaeger, Tempo, Prometheus and Grafana, for this machine only. Nothing is started.

exit codes:
  0  done
  2  could not be done as asked; one sentence on stderr says why
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        subparsers,
        "stack",
        run,
        summary="write the Docker Compose stack of Collector, Jaeger, Tempo, Prometheus and Grafana",
        description="Write the Docker Compose stack that shows traces, metrics and dashboards.",
        epilog=_EPILOG,
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for the files; made if missing")
    parser.add_argument("--force", action="store_true", help="write over files that are there and differ")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    if args.out == "":
        raise CommandError("--out needs the name of a folder; . is this one.")
    folder = Path(args.out)
    texts = {_COMPOSE: packaged(_COMPOSE).read_text(encoding="utf-8")}
    for name in ("deploy", "dashboards"):
        texts |= {f"{name}/{path}": text for path, text in texts_below(packaged(name))}
    differing = [name for name, text in texts.items() if _differs(folder / name, text)]
    if differing and not args.force:
        raise CommandError(
            f"{folder / differing[0]} is there and differs from what this version writes"
            f"{f' (and {len(differing) - 1} more)' if differing[1:] else ''}: --force writes over it."
        )
    paths = write_files(folder, texts)
    if args.format == "json":
        write_json({"written": paths})
    else:
        lines = [*(f"wrote {path}" for path in paths), f"docker compose --project-directory {folder} up -d"]
        sys.stdout.write("\n".join([*lines, ""]))
    return DONE


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != text
    except (FileNotFoundError, NotADirectoryError):
        # Where a file stands in a folder's place, writing says so.
        return False
    except (OSError, ValueError):
        return True
