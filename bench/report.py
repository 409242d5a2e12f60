"""What a run found: a table to read, and JSON for machines."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.growth import TURNS, Growth
from bench.measured import Measured
from bench.scale import Scale
from bench.workloads import FIRST_TURNS, WORKLOADS, Workload

_MISSING = "valgrind is not installed"
_EXPLANATION = f"""\
What autogen-otel adds to a turn, as a multiple of what as many hand-written spans add to it:
(autogen-otel - no spans) / (hand-written spans - no spans).
A turn is a reply with a model call and its request, and a reply that runs a tool. The first {FIRST_TURNS}
turns of a conversation do not count. The hand-written spans (bench/by_hand.py) tell names, sizes, tokens,
arguments, results and errors, too, but redact nothing. Nobody reads metrics. The SDK's walk through the
history is left out (bench/lean.py)."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run.

    Args:
        spans: in a turn of each workload.
        cpu: of each workload, in microseconds.
        instructions: of each workload; nothing where there is no valgrind.
        growth: of what is exported.
        scale: how fast much is diagnosed.
        repeat: the command.
        date: of the run.
        versions: of what ran.
    """

    spans: dict[str, int]
    cpu: dict[str, Measured]
    instructions: dict[str, Measured] | None
    growth: list[Growth]
    scale: list[Scale]
    repeat: str
    date: str = field(default_factory=lambda: dt.datetime.now(dt.timezone.utc).date().isoformat())
    versions: dict[str, str] = field(default_factory=lambda: dict(_versions()))

    def table(self) -> str:
        """For people."""
        rows: list[tuple[str, ...]] = [("workload", "spans", "CPU", "target", "instructions", "target")]
        rows += [self._row(workload) for workload in WORKLOADS]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return "\n".join(
            [
                _EXPLANATION,
                "",
                *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows),
                "",
                *self._absolute(),
                "",
                f"Bytes exported in {', '.join(map(str, TURNS))} turns; an exponent of 1 is linear growth:",
                *map(_growth, self.growth),
                "",
                "diagnose; targets: 50,000 spans a second from a journal, 10 million spans in ClickHouse",
                "in 60 s, with less than 500 MB of memory:",
                *(one.line for one in self.scale),
                "",
                f"{self.date}, {versions}. To repeat: {self.repeat}",
            ]
        )

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "date": self.date,
            "versions": self.versions,
            "repeat": self.repeat,
            "workloads": [
                {
                    "name": workload.name,
                    "turns": workload.turns,
                    "spans_per_turn": self.spans[workload.name],
                    "cpu_microseconds": _as_json(self.cpu[workload.name], workload.cpu),
                    "instructions": self.instructions
                    and _as_json(self.instructions[workload.name], workload.instructions),
                }
                for workload in WORKLOADS
            ],
            "scale": [asdict(one) for one in self.scale],
            "bytes": [{**asdict(growth), "turns": TURNS} for growth in self.growth],
        }

    def _row(self, workload: Workload) -> tuple[str, ...]:
        return (
            workload.name,
            str(self.spans[workload.name]),
            f"{self.cpu[workload.name].ratio:.2f}",
            _target(workload.cpu),
            f"{self.instructions[workload.name].ratio:.2f}" if self.instructions else _MISSING,
            _target(workload.instructions),
        )

    def _absolute(self) -> Iterator[str]:
        yield "A turn costs with no spans + hand-written spans add, or autogen-otel adds:"
        for workload in WORKLOADS:
            cpu = self.cpu[workload.name]
            line = f"{workload.name}: {cpu.plain:.0f} + {cpu.by_hand:.0f} or {cpu.ours:.0f} µs"
            if self.instructions:
                counted = self.instructions[workload.name]
                plain, by_hand, ours = (
                    f"{count / 1e6:.2f}" for count in (counted.plain, counted.by_hand, counted.ours)
                )
                line += f"; {plain} + {by_hand} or {ours} million instructions"
            yield line


def _target(ratio: float | None) -> str:
    return "-" if ratio is None else f"≤ {ratio}"


def _growth(growth: Growth) -> str:
    sizes = ", ".join(f"{size / 1000:.0f} kB" for size in growth.sizes)
    return f"{growth.name}: {sizes}; exponents {', '.join(f'{slope:.2f}' for slope in growth.exponents)}"


def _as_json(measured: Measured, target: float | None) -> dict[str, Any]:
    return {**asdict(measured), "ratio": measured.ratio, "target": target}


def _versions() -> Iterator[tuple[str, str]]:
    yield "Python", platform.python_version()
    for name in ("autogen-otel", "pyautogen", "ag2", "openai", "opentelemetry-sdk"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)
