"""``autogen-otel dashboards``: write the Grafana dashboards and alert rules, or install them."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import Any, Final

from autogen_otel.cli import PROBLEM, SUCCESS, CommandError, add_authorities, add_format, answer
from autogen_otel.cli.grafana import Grafana
from autogen_otel.cli.package_files import differing_files, output_folder, package_resource, write_files

DASHBOARDS: Final = (
    "autogen-otel-overview.json",
    "autogen-otel-500s.json",
    "autogen-otel-tools.json",
    "autogen-otel-agents.json",
)
ALERTS: Final = "alerts.yml"
_JAEGER: Final = "http://localhost:16686"
"""The address in the files; ``--jaeger`` replaces it."""
SUMMARY: Final = "write the Grafana dashboards and Prometheus alert rules, or install them"
HELP: Final = """\
Write the Grafana dashboards and Prometheus alert rules, or install the dashboards.

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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add its options to the command."""
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--out", metavar="DIR", help="folder for the files; made if it is missing")
    action.add_argument("--grafana", metavar="URL", help="install the dashboards into this Grafana")
    action.add_argument("--list", action="store_true", help="list the dashboards")
    parser.add_argument("--check", action="store_true", help="with --out: compare, and write nothing")
    parser.add_argument(
        "--jaeger",
        metavar="URL",
        default=_JAEGER,
        help=f"address of Jaeger's user interface, for the links to traces (default: {_JAEGER})",
    )
    add_authorities(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Write, compare, install or list the dashboards."""
    if args.check and args.out is None:
        raise CommandError("--check compares with a folder: give --out DIR too.")
    folder = None if args.out is None else output_folder(args.out)
    texts = _texts(args.jaeger)
    models = [json.loads(texts[name]) for name in DASHBOARDS]
    if folder is None:
        return _install(models, args) if args.grafana is not None else _list(models, args)
    if args.check:
        paths = list(map(str, differing_files(folder, texts)))
        lines = [f"differs: {path}" for path in paths] or [f"{folder} is what this version writes"]
        answer(args, {"differing": paths}, lines)
        return PROBLEM if paths else SUCCESS
    paths = write_files(folder, texts)
    answer(args, {"written": paths}, (f"wrote {path}" for path in paths))
    return SUCCESS


def _texts(jaeger: str) -> dict[str, str]:
    """The files by name, with links to this Jaeger."""
    # Braces and dollars would be templates in the rules and variables in the dashboards; and the address goes
    # into files, where no password belongs.
    if not re.fullmatch(r"https?://[^\s/?#{}$@]+(/[^\s?#{}$]*)?", jaeger):
        raise CommandError(
            f"{jaeger!r} is not the address of Jaeger's user interface: it looks like {_JAEGER}."
        )
    # All files have it between quotes, and a text in JSON's quotes is the same text in YAML's.
    json_text = json.dumps(jaeger.rstrip("/"), ensure_ascii=False)[1:-1]
    folder = package_resource("dashboards")
    return {
        name: (folder / name).read_text(encoding="utf-8").replace(_JAEGER, json_text)
        for name in (*DASHBOARDS, ALERTS)
    }


def _list(models: list[dict[str, Any]], args: argparse.Namespace) -> int:
    summaries = [{key: model[key] for key in ("uid", "title", "description")} for model in models]
    answer(
        args,
        {"dashboards": summaries},
        (f"{summary['uid']:<24}{summary['description']}" for summary in summaries),
    )
    return SUCCESS


def _install(models: list[dict[str, Any]], args: argparse.Namespace) -> int:
    def say(line: str) -> None:
        if args.format == "text":
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    grafana = Grafana(args.grafana, authorities=args.ca)
    say(f"Grafana {grafana.check()} at {grafana.url}".replace("  ", " "))
    grafana.make_folder()
    installed_dashboards = []
    for model in models:
        address = grafana.install(model)
        installed_dashboards.append({"uid": model["uid"], "title": model["title"], "url": address})
        say(f"installed {model['title']}: {address}")
    last = f"The alert rules are for Prometheus: autogen-otel dashboards --out DIR writes {ALERTS}."
    answer(args, {"grafana": grafana.url, "installed": installed_dashboards}, [last])
    return SUCCESS
