"""What we add to a turn, beside what as many hand-written spans add to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.figures import Figure, at_most
from bench.measured import Measured
from bench.workloads import FIRST_TURNS, WORKLOADS, Workload

_NOT_COUNTED = "not counted"
_WHAT_FOR = """\
What the tiny turn's instructions are spent on: about half are the SDK's, for 52 attributes where the
hand-written spans set 27; about a tenth is the rendering of values and the search for secrets in them, and
the rest what no hand-written span tells: the prompt's sizes by sender, the answer's shape, the entry and its
endpoint, the credentials of a client."""
_EXPLANATION = f"""\
What autogen-otel adds to a turn, as a multiple of what as many hand-written spans add to it:
(autogen-otel - no spans) / (hand-written spans - no spans). A turn is a reply with a model call and its
request, and a reply that runs a tool; the first {FIRST_TURNS} turns of a conversation do not count. The
hand-written spans (`bench/by_hand.py`) tell names, tokens, arguments, results, the same sizes and how each
call ended, but redact nothing and look for no failure that AutoGen hides. Nobody reads metrics. The SDK's
walk through the history is left out (`bench/lean.py`)."""


def overhead(
    spans: Mapping[str, int], cpu: Mapping[str, Measured], instructions: Mapping[str, Measured] | None
) -> Iterator[Figure]:
    """The ratios, and the amounts that they are made of.

    Args:
        spans: in a turn of each workload.
        cpu: of each workload, in microseconds.
        instructions: of each workload; nothing where there is no valgrind.
    """
    yield Figure(
        title="Overhead",
        explanation=_EXPLANATION,
        columns=("workload", "spans", "instructions", "target", "CPU", "target"),
        rows=[
            (
                workload.name,
                str(spans[workload.name]),
                _NOT_COUNTED if instructions is None else f"{instructions[workload.name].ratio:.2f}",
                at_most(workload.instructions),
                f"{cpu[workload.name].ratio:.2f}",
                at_most(workload.cpu),
            )
            for workload in WORKLOADS
            if workload.is_sampled
        ],
        notes=[
            _WHAT_FOR,
            *([] if instructions else ["Instructions are counted where valgrind is installed."]),
        ],
    )
    yield Figure(
        title="Overhead in numbers",
        explanation=(
            "What a turn costs with no spans, and what is added to that: microseconds of CPU time / millions "
            "of instructions. Of a conversation that is not sampled no span is recorded."
        ),
        columns=("workload", "no spans", "hand-written spans add", "autogen-otel adds"),
        rows=[_numbers(workload, cpu, instructions) for workload in WORKLOADS],
    )


def _numbers(
    workload: Workload, cpu: Mapping[str, Measured], instructions: Mapping[str, Measured] | None
) -> tuple[str, ...]:
    time, count = cpu[workload.name], None if instructions is None else instructions[workload.name]
    pairs = [
        (time.plain, None if count is None else count.plain),
        (time.by_hand, None if count is None else count.by_hand),
        (time.ours, None if count is None else count.ours),
    ]
    return workload.name, *(
        f"{micros:.0f} µs" if number is None else f"{micros:.0f} µs / {number / 1e6:.2f}"
        for micros, number in pairs
    )
