"""What a run found: tables to read, a page for the documentation, and JSON for machines."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.figures import Figure

_PAGE = """\
# Benchmarks

What being observed costs, measured on {date} with {versions}. `make bench` writes this page; to repeat it:

```console
$ {repeat}
```

Everything is measured in one run in which the variants take turns, so that a slow moment of the machine hits
all of them. Compare the ratios; microseconds are those of one machine.
"""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run.

    Args:
        figures: what each benchmark found.
        repeat: the command.
        date: of the run.
        versions: of what ran.
    """

    figures: Sequence[Figure]
    repeat: str
    date: str = field(default_factory=lambda: dt.datetime.now(dt.timezone.utc).date().isoformat())
    versions: dict[str, str] = field(default_factory=lambda: dict(_versions()))

    def text(self) -> str:
        """For a terminal."""
        tables = "\n\n".join(figure.text() for figure in self.figures)
        return f"{tables}\n\n{self.date}, {self._versions()}. To repeat: {self.repeat}"

    def page(self) -> str:
        """For the documentation."""
        head = _PAGE.format(date=self.date, versions=self._versions(), repeat=self.repeat)
        return "\n".join([head, "\n\n".join(figure.markdown() for figure in self.figures), ""])

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def _versions(self) -> str:
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for name in ("autogen-otel", "pyautogen", "ag2", "openai", "opentelemetry-sdk"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)
