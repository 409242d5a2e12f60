"""From an incident to a written test and back: conversations recorded, ``repro`` run, and its tests run."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autogen_otel.cli import main
from autogen_otel.delivery.journal import Journal
from tests.support import forking
from tests.support.telemetry import instrumented

ROOT = Path(__file__).parent.parent.parent
_CONFTEST = """
import pytest
from tests.support.models import counting_words

@pytest.fixture(autouse=True)
def _counted():
    with counting_words():
        yield
"""
"""AutoGen would load from the internet how to count the tokens of streams."""


class Case:
    """A folder in which incidents are recorded and tests are written.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.tests = folder / "tests"
        self.tests.mkdir()
        (self.tests / "conftest.py").write_text(_CONFTEST, encoding="utf-8")

    def record(self, conversation: Callable[[], Any], **settings: Any) -> str:
        """Hold a conversation, whatever becomes of it; the id of its trace."""
        with instrumented(**settings) as kept, contextlib.redirect_stdout(io.StringIO()):
            with contextlib.suppress(Exception):
                conversation()
            Journal(self.journal).append(kept.spans)
        (trace_id,) = kept.trace_ids
        return f"{trace_id:032x}"

    def diagnosed(self) -> dict[str, str]:
        """Run ``diagnose``: the cause of each finding, by the ids of the traces that it shows for it."""
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            assert main(["diagnose", "--journal", str(self.journal), "--format", "json"]) == 1
        findings = json.loads(stdout.getvalue())["findings"]
        return {
            evidence["trace_id"]: finding["cause"] for finding in findings for evidence in finding["evidence"]
        }

    def repro(self, trace_id: str, name: str, *options: str) -> str:
        """Write a test; its source."""
        path = self.tests / f"test_{name}.py"
        words = ["repro", trace_id, "--journal", str(self.journal), "-o", str(path), *options]
        assert main(words) == 0
        return path.read_text(encoding="utf-8")

    def mend(self, file: Path, text: str) -> None:
        """Write a file anew, so that Python sees it: within a second it trusts what it has compiled."""
        changed = file.stat().st_mtime + 10
        file.write_text(text, encoding="utf-8")
        os.utime(file, (changed, changed))

    def run(self, variables: Mapping[str, str] | None = None, only: str = "") -> tuple[dict[str, str], str]:
        """Run all written tests, or those of one file: the outcome of each, and all that pytest printed."""
        # Other plugins take longer to load than all of the tests take.
        own_variables = {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **(variables or {}),
        }
        environment = {**os.environ, **own_variables}
        environment.pop("PYTEST_ADDOPTS", None)
        words = ["-m", "pytest", "-rA", "-p", "no:cacheprovider", str(self.tests / only)]
        completed = forking.run(words, folder=self.folder, environment=environment)
        lines = (line.split(" - ")[0].split() for line in completed.stdout.splitlines())
        outcomes = {
            line[1].rpartition("/")[2]: line[0]
            for line in lines
            if len(line) > 1 and line[0] in {"PASSED", "FAILED", "ERROR", "SKIPPED"}
        }
        return outcomes, completed.stdout + completed.stderr
