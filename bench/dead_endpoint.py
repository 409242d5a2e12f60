"""Memory of a process whose endpoint is dead: ``python -m bench.dead_endpoint BASE_URL`` is that process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import autogen_otel
from bench.figures import Figure
from bench.workloads import WORKLOADS, converse

_STEPS = 5
_CONVERSATIONS = 25
"""In each step: with 12 turns some 1,500 spans, more than a batch."""
_TURNS = 12
_GROWTH = 1.05
"""Growth from the second step on that is noise of the allocator."""


def dead_endpoint(base_url: str, say: Callable[[str], None]) -> Figure:
    """Resident memory after each step.

    Args:
        base_url: where the model is.
        say: takes progress.
    """
    say(f"Memory with a dead endpoint: {_STEPS * _CONVERSATIONS} conversations")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as nobody:
        # Bound and never listened to: whoever connects is refused.
        nobody.bind(("127.0.0.1", 0))
        environ = {
            **os.environ,
            "AUTOGEN_OTEL_JOURNAL_DIR": folder,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{nobody.getsockname()[1]}",
        }
        command = [sys.executable, "-W", "ignore", "-m", "bench.dead_endpoint", base_url]
        process = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 - ours
    sizes: list[int] = json.loads(process.stdout.splitlines()[-1])
    growth = sizes[-1] / sizes[1]
    return Figure(
        title="Memory with a dead endpoint",
        explanation=(
            f"Resident memory after each {_CONVERSATIONS} conversations of {_TURNS} turns whose spans nobody "
            "takes; they go to the journal, which is bounded."
        ),
        columns=(
            "",
            *(f"{number * _CONVERSATIONS} conversations" for number in range(1, _STEPS + 1)),
            "target",
        ),
        rows=[
            (
                "resident memory",
                *(f"{size / 1e6:.0f} MB" for size in sizes),
                f"≤ {_GROWTH - 1:.0%} from the second on, is {growth - 1:+.1%}",
            )
        ],
    )


def _resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main(base_url: str) -> None:
    """Converse, and print how much memory the process has after each step."""
    autogen_otel.instrument()
    sizes = []
    for _ in range(_STEPS):
        for _ in range(_CONVERSATIONS):
            converse(WORKLOADS[0], _TURNS, base_url)
        sizes.append(_resident())
    print(json.dumps(sizes))


if __name__ == "__main__":
    main(sys.argv[1])
