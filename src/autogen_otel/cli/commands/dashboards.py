"""``autogen-otel dashboards``: write the Grafana dashboards and alert rules, or install them."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.cli.errors import DONE, CommandError

if TYPE_CHECKING:
    from autogen_otel.dashboards.dashboard import Dashboard

_DIFFERS: Final = 1
_SCHEMA: Final = 1
_JAEGER: Final = "http://localhost:16686"
_EPILOG: Final = """\
examples:
  autogen-otel dashboards --list
  autogen-otel dashboards --out dashboards           JSON for Grafana, alerts.yml for Prometheus
  autogen-otel dashboards --out dashboards --check   are the files there what this version writes?
  GRAFANA_TOKEN=glsa_... autogen-otel dashboards --grafana https://grafana.example.org

credentials for --grafana, from the environment only:
  GRAFANA_TOKEN  token of a service account with the role Editor
  GRAFANA_AUTH   user:password, if there is no token

exit codes:
  0  done
  1  with --check: a file is missing or differs
  2  could not be done as asked; one sentence on stderr says why
"""


def register(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "dashboards",
        help="write the Grafana dashboards and Prometheus alert rules, or install them",
        description="Write the Grafana dashboards and Prometheus alert rules, or install the dashboards.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", metavar="DIR", help="folder for the files; made if it is missing")
    what.add_argument("--grafana", metavar="URL", help="install the dashboards into this Grafana")
    what.add_argument("--list", action="store_true", help="list the dashboards")
    parser.add_argument("--check", action="store_true", help="with --out: compare, and write nothing")
    parser.add_argument(
        "--jaeger",
        metavar="URL",
        default=_JAEGER,
        help=f"address of Jaeger's user interface, for the links to traces (default: {_JAEGER})",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for.

    Raises:
        CommandError: the folder cannot be written, or Grafana does not take the dashboards.
    """
    if args.check and args.out is None:
        raise CommandError("--check compares with a folder: give --out DIR too.")
    if args.out == "":
        raise CommandError("--out needs the name of a folder; . is this one.")
    jaeger = _jaeger(args.jaeger)
    if args.list:
        return _list(args)
    if args.grafana is not None:
        return _install(args, jaeger)
    return _check(args, jaeger) if args.check else _write(args, jaeger)


def _jaeger(url: str) -> str:
    # Braces and dollars would be templates in the rules and variables in the dashboards; and it is written
    # into files, where no password belongs.
    if not re.fullmatch(r"https?://[^\s/?#{}$@]+(/[^\s?#{}$]*)?", url):
        raise CommandError(f"{url!r} is not the address of Jaeger's user interface: it looks like {_JAEGER}.")
    return url.rstrip("/")


def _dashboards() -> tuple[Dashboard, ...]:
    from autogen_otel.dashboards.files import dashboards  # noqa: PLC0415 - other commands need none of it

    return dashboards()


def _files(jaeger: str) -> dict[str, str]:
    from autogen_otel.dashboards.files import everything  # noqa: PLC0415 - same

    return everything(jaeger)


def _list(args: argparse.Namespace) -> int:
    listed = [{"uid": one.uid, "title": one.title, "description": one.description} for one in _dashboards()]
    _print(args, {"dashboards": listed}, (f"{one['uid']:<24}{one['description']}" for one in listed))
    return DONE


def _write(args: argparse.Namespace, jaeger: str) -> int:
    folder = Path(args.out)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _files(jaeger).items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(str(folder / name))
    except OSError as error:
        raise CommandError(f"{error.filename or folder} cannot be written: {error.strerror}.") from error
    _print(args, {"written": written}, (f"wrote {path}" for path in written))
    return DONE


def _check(args: argparse.Namespace, jaeger: str) -> int:
    folder = Path(args.out)
    differing = [str(folder / name) for name, text in _files(jaeger).items() if _text(folder / name) != text]
    _print(
        args,
        {"differing": differing},
        [f"differs: {path}" for path in differing] or [f"{folder} is what this version writes"],
    )
    return _DIFFERS if differing else DONE


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _install(args: argparse.Namespace, jaeger: str) -> int:
    from autogen_otel.dashboards.grafana import Grafana, GrafanaError  # noqa: PLC0415 - loads urllib

    installed = []
    try:
        grafana = Grafana(args.grafana)
        version = grafana.check()
        _progress(args, f"Grafana {version} at {grafana.url}".replace("  ", " "))
        grafana.make_folder()
        for dashboard in _dashboards():
            address = grafana.install(dashboard.model(jaeger))
            installed.append({"uid": dashboard.uid, "title": dashboard.title, "url": address})
            _progress(args, f"installed {dashboard.title}: {address}")
    except GrafanaError as error:
        raise CommandError(str(error)) from error
    _print(args, {"grafana": grafana.url, "installed": installed}, _after_installing())
    return DONE


def _after_installing() -> Iterator[str]:
    yield "The alert rules are for Prometheus: autogen-otel dashboards --out DIR writes alerts.yml."


def _progress(args: argparse.Namespace, line: str) -> None:
    if args.format == "text":
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _print(args: argparse.Namespace, document: dict[str, Any], lines: Any) -> None:
    if args.format == "json":
        sys.stdout.write(json.dumps({"schema": _SCHEMA, **document}, indent=2) + "\n")
        return
    for line in lines:
        _progress(args, line)
