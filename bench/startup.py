"""How long ``import autogen_otel`` and ``instrument()`` take, beyond importing AutoGen and the SDK."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable

from bench.figures import Figure, at_most

_TARGET = 100.0
_RUNS = 7
_PROGRAM = """
import json, time
import autogen, openai
began = time.perf_counter()
import autogen_otel
imported = time.perf_counter()
autogen_otel.instrument()
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


def startup(say: Callable[[str], None]) -> Figure:
    """The median of several fresh processes.

    Args:
        say: takes progress.
    """
    say(f"Start: {_RUNS} fresh processes")
    runs = [_run() for _ in range(_RUNS)]
    imported, attached, both = (
        statistics.median(times) * 1e3 for times in zip(*((*run, sum(run)) for run in runs), strict=True)
    )
    return Figure(
        title="Start",
        explanation=f"Beyond importing AutoGen and the OpenAI SDK; the median of {_RUNS} fresh processes.",
        columns=("what", "measured", "target"),
        rows=[
            ("`import autogen_otel`", f"{imported:.0f} ms", "-"),
            ("`autogen_otel.instrument()`", f"{attached:.0f} ms", "-"),
            ("both", f"{both:.0f} ms", at_most(_TARGET, " ms")),
        ],
    )


def _run() -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "AUTOGEN_OTEL_JOURNAL_DIR": folder}
        command = [sys.executable, "-W", "ignore", "-c", _PROGRAM]
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - ours
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times
