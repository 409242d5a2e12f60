"""How long importing and switching on takes, beyond importing AutoGen and OpenTelemetry's SDK."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable

from bench.figures import Figure, at_most

_TARGET = 100.0
_RUNS = 7
_PROGRAM = """
import json, time
import autogen, openai, opentelemetry.sdk.metrics, opentelemetry.sdk.trace
def now():
    return time.perf_counter(), time.process_time()
began = now()
import autogen_otel
imported = now()
autogen_otel.instrument()
ended = now()
print(json.dumps([began, imported, ended]))
"""


def startup(say: Callable[[str], None]) -> Figure:
    """The median of several fresh processes.

    Args:
        say: takes progress.
    """
    say(f"Start: {_RUNS} fresh processes")
    # The first writes the bytecode, as pip does when it installs a package.
    runs = [_run() for _ in range(1 + _RUNS)][1:]
    rows = [
        (
            what,
            *(f"{_median(run[end][clock] - run[begin][clock] for run in runs):.0f} ms" for clock in (0, 1)),
        )
        for what, begin, end in (
            ("`import autogen_otel`", 0, 1),
            ("`autogen_otel.instrument()`", 1, 2),
            ("both", 0, 2),
        )
    ]
    return Figure(
        title="Start",
        explanation=(
            f"Beyond importing AutoGen and OpenTelemetry's SDK; the median of {_RUNS} fresh processes, "
            "with bytecode as an installed package has it. "
            "Beside other work the clock runs on while the process waits for its turn; "
            "its CPU time is its own."
        ),
        columns=("what", "by the clock", "CPU time", "target"),
        rows=[(*row, at_most(_TARGET, " ms") if row[0] == "both" else "-") for row in rows],
    )


def _median(seconds: Iterable[float]) -> float:
    return statistics.median(seconds) * 1e3


def _run() -> list[list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "AUTOGEN_OTEL_JOURNAL_DIR": folder}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-W", "ignore", "-c", _PROGRAM]
        process = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - ours
    times: list[list[float]] = json.loads(process.stdout.splitlines()[-1])
    return times
