"""The process that runs under valgrind: ``python -m bench.counted BASE_URL``, see ``bench.instructions``."""

from __future__ import annotations

import json
import os
import sys
import traceback

from bench.instructions import Child
from bench.memory import settle
from bench.variants import VARIANTS, observed
from bench.workloads import FIRST_TURNS, WORKLOADS, Workload, converse

_WARM_UP = 5
"""Turns of each workload and variant before anything is counted, so that Python has adapted its bytecode."""


def main(base_url: str) -> None:
    """Warm up, then fork a child for each count and tell of it on a line of its own."""
    pairs = [(workload, variant) for workload in WORKLOADS for variant in VARIANTS]
    for workload, variant in pairs:
        _observe(workload, variant, _WARM_UP, base_url)
    settle()
    for workload, variant in pairs:
        for turns in (FIRST_TURNS, FIRST_TURNS + workload.turns):
            child = Child(workload.name, variant, turns, _fork(workload, variant, turns, base_url))
            print(json.dumps(child), flush=True)


def _observe(workload: Workload, variant: str, turns: int, base_url: str) -> None:
    with observed(variant, workload):
        converse(workload, turns, base_url)


def _fork(workload: Workload, variant: str, turns: int, base_url: str) -> int:
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        if status:
            raise SystemExit(f"{workload.name}, {variant}, {turns} turns: status {status}")
        return pid
    code = 1
    try:
        _observe(workload, variant, turns, base_url)
        code = 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
