"""Scripts run as programs of their own, because providers are set once per process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.delivery.receivers import closed_port
from tests.support import forking

if TYPE_CHECKING:
    from pathlib import Path


_WARNINGS = "error::ResourceWarning"


class Program:
    """Runs scripts in a folder of their own, with the journal beside them."""

    def __init__(self, folder: Path, *, is_anew: bool = False) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self._is_anew = is_anew

    @property
    def anew(self) -> Program:
        """The same with a Python that has imported nothing: for what is about imports or warnings."""
        return Program(self.folder, is_anew=True)

    def run(self, *arguments: str, stdin: str | None = None, **environment: str) -> str:
        """Run Python with these arguments; returns what it says on stderr.

        It finds OpenTelemetry imported, unless it is ``anew`` or reads from ``stdin``.
        """
        given = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "AUTOGEN_OTEL_JOURNAL_DIR": str(self.journal),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{closed_port()}",
            **environment,
        }
        if self._is_anew or stdin is not None:
            done = subprocess.run(  # noqa: S603 - our own interpreter on our own scripts
                [sys.executable, "-W", _WARNINGS, *arguments],
                cwd=self.folder,
                env=given,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        else:
            done = forking.run(
                arguments,
                folder=self.folder,
                environment=given,
                seconds=60,
                modules="exporters",
                warnings=_WARNINGS,
            )
        assert done.returncode == 0, done.stderr
        self.stdout = done.stdout
        return done.stderr

    def script(self, code: str, name: str = "app.py", **environment: str) -> str:
        """Run a script of this name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        return self.run(name, **environment)

    def journalled(self) -> list[dict[str, Any]]:
        """The ``resourceSpans`` in the journal."""
        return [
            resource_spans
            for path in sorted(self.journal.glob("traces-*.jsonl"))
            for line in path.read_text().splitlines()
            for resource_spans in json.loads(line)["resourceSpans"]
        ]

    def span_names(self) -> list[str]:
        return [
            span["name"]
            for resource_spans in self.journalled()
            for scope_spans in resource_spans["scopeSpans"]
            for span in scope_spans["spans"]
        ]

    def resource(self) -> dict[str, str]:
        """The resource of the first spans in the journal."""
        attributes = self.journalled()[0]["resource"]["attributes"]
        return {item["key"]: str(*item["value"].values()) for item in attributes}
