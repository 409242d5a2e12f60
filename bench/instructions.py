"""Instructions per turn, counted by valgrind: unlike time, they hardly differ from run to run.

One process under valgrind (``bench.counted``) imports everything and warms up once. For each workload and
variant it then forks two children, one with the turns that do not count and one with the others besides. A
child inherits its parent's count, valgrind writes each child's total into a file of its own, and the
difference of the two is what the turns that count have cost. The model is not under valgrind.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.measured import Measured
from bench.variants import VARIANTS
from bench.workloads import WORKLOADS

_TOTAL = re.compile(r"I\s+refs:\s+([\d,]+)")


class Child(NamedTuple):
    """A child of the counted process that has ended."""

    workload: str
    variant: str
    turns: int
    pid: int


def valgrind() -> str | None:
    """The path of valgrind, if it is installed."""
    return shutil.which("valgrind")


def measure(base_url: str, valgrind: str, say: Callable[[str], None]) -> dict[str, Measured]:
    """Instructions per turn, for each workload by its name.

    Args:
        base_url: where the model is.
        valgrind: its path.
        say: takes progress.

    Raises:
        RuntimeError: the counted process failed.
    """
    totals: dict[tuple[str, str], list[int]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(valgrind, "--tool=cachegrind", "--cache-sim=no", "--branch-sim=no"),
            *("--cachegrind-out-file=/dev/null", f"--log-file={folder}/%p"),
            *(sys.executable, "-W", "ignore", "-m", "bench.counted", base_url),
        ]
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        say("Instructions: importing and warming up")
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
            assert process.stdout is not None
            for line in process.stdout:
                child = Child(*json.loads(line))
                say(f"Instructions: {child.workload}, {child.variant}, {child.turns} turns")
                totals[child.workload, child.variant].append(_total(Path(folder, str(child.pid))))
        if process.returncode:
            raise RuntimeError(f"The process under valgrind ended with code {process.returncode}")
    measured = {}
    for workload in WORKLOADS:
        costs = {}
        for variant in VARIANTS:
            fewer, more = totals[workload.name, variant]
            costs[variant] = [[(more - fewer) / workload.turns]]
        measured[workload.name] = Measured.of(costs)
    return measured


def _total(log: Path) -> int:
    match = _TOTAL.search(log.read_text())
    if match is None:
        raise RuntimeError(f"valgrind gave no count: {log.read_text()}")
    return int(match[1].replace(",", ""))
