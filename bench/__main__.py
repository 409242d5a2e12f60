"""``python -m bench``: measure all and print tables; some ten minutes on two cores."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

from bench import confusion, cpu, growth, instructions, model, scale, spans
from bench.dead_endpoint import dead_endpoint
from bench.latency import latency
from bench.overhead import overhead
from bench.report import Report
from bench.sampling import unsampled
from bench.startup import startup
from bench.workloads import WORKLOADS

_ROUNDS = 12


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure what being observed costs, as ratios from one run."
    )
    parser.add_argument(
        "--rounds", type=_rounds, default=_ROUNDS, metavar="N", help="rounds of CPU time (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured to this file, too")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write a page of documentation, too")
    parser.add_argument(
        "--no-scale",
        action="store_true",
        help="leave out what takes longest: a journal of 2 GB and ClickHouse",
    )
    options = parser.parse_args()
    began = time.monotonic()

    def say(progress: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {progress}", file=sys.stderr, flush=True)

    with model.running() as base_url:
        counted = spans.per_turn(base_url)
        times = cpu.measure(base_url, options.rounds, say)
        path = instructions.valgrind()
        if path is None:
            say("Instructions are not counted: valgrind is not installed")
        counts = instructions.measure(base_url, path, say) if path else None
        report = Report(
            figures=[
                *overhead(counted, times, counts),
                latency(base_url, counted[WORKLOADS[0].name], say),
                unsampled(base_url),
                growth.measure(say),
                dead_endpoint(base_url, say),
                startup(say),
                *confusion.measure(say),
                *([] if options.no_scale else [scale.measure(say)]),
            ],
            repeat=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        )
    print(report.text())
    if options.write:
        options.write.write_text(report.page())
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"rounds are a whole number from 1, not {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
