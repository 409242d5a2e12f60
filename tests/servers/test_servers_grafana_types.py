"""The dashboards against Grafana's own types, and their TraceQL against Grafana's own grammar."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.dashboards.queries import filled, models, panels
from tests.servers.build import cache_folder

SOURCES = Path(__file__).with_name("grafana")
COMPILER = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022")
MODULES = ("--module", "nodenext", "--moduleResolution", "nodenext")


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with Grafana's types and grammar; installed once into the user's cache folder."""
    npm = shutil.which("npm")
    assert npm, "npm is missing: install Node.js 20 or newer, which brings it"
    wanted = (SOURCES / "package.json").read_bytes()
    folder = cache_folder() / f"grafana-types-{hashlib.sha256(wanted).hexdigest()[:8]}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(wanted)
        quietly = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock")
        subprocess.run([npm, "install", *quietly], cwd=folder, check=True, capture_output=True)  # noqa: S603
        (folder / "installed").touch()
    return folder / "node_modules"


@pytest.fixture
def compiled(node_modules: Path, tmp_path: Path) -> Any:
    """Checks values of the type of a dashboard and returns what the compiler says."""

    def check(*dashboards: dict[str, Any]) -> str:
        (tmp_path / "node_modules").symlink_to(node_modules)
        shutil.copy(SOURCES / "plain.ts", tmp_path)
        files = []
        for number, dashboard in enumerate(dashboards):
            file = tmp_path / f"dashboard{number}.ts"
            file.write_text(
                "import type { Ours } from './plain';\n"
                f"export default {json.dumps(dashboard, indent=1)} satisfies Ours;\n"
            )
            files.append(file.name)
        compiler = [str(node_modules / ".bin" / "tsc"), *COMPILER, *MODULES, *files]
        return subprocess.run(  # noqa: S603 - what was installed above
            compiler, cwd=tmp_path, capture_output=True, text=True, check=False
        ).stdout

    return check


def test_every_dashboard_has_the_types_of_grafana(compiled: Any) -> None:
    assert compiled(*models()) == ""


def test_the_types_would_refuse_what_grafana_does_not_know(compiled: Any) -> None:
    wrong = json.dumps(models()[0])
    mistakes = {
        '"colorMode": "value"': '"colorMode": "nonsense"',
        '"drawStyle": "bars"': '"drawStyle": "barz"',
        '"cellHeight"': '"cellHight"',
        '"graphTooltip": 1': '"graphTooltip": 7',
        '"type": "timeseries"': '"type": "graph"',
    }
    assert all(text in wrong for text in mistakes)
    said = compiled(*(json.loads(wrong.replace(right, mistake)) for right, mistake in mistakes.items()))

    assert set(re.findall(r"dashboard(\d)\.ts", said)) == {"0", "1", "2", "3", "4"}


def test_every_search_in_tempo_is_traceql(node_modules: Path) -> None:
    queries = _searches()
    script = node_modules.parent / "traceql.mjs"
    shutil.copy(SOURCES / "traceql.mjs", script)
    asked = json.dumps([*queries, "{ span.a = }"])
    answer = subprocess.run(  # noqa: S603 - our own script
        ["node", str(script)],  # noqa: S607 - comes with npm
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert len(queries) > 50
    assert json.loads(answer) == ["{ span.a = }"]


def _searches() -> list[str]:
    queries = []
    for dashboard in models():
        text = json.dumps(dashboard)
        for url in re.findall(r'"(/explore\?[^"]*)"', text):
            (panes,) = parse_qs(urlsplit(url).query)["panes"]
            queries += [query["query"] for query in json.loads(panes)["traces"]["queries"]]
        queries += [
            target["query"] for panel in panels(dashboard) for target in panel["targets"] if "query" in target
        ]
    clicked = (re.sub(r"\$\{__(field|data)\.[^}]*\}", "0", query) for query in queries)
    return [filled(query, trace_service="x") for query in clicked]
