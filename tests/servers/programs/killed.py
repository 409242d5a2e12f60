"""Forks processes that hold conversations with real AutoGen, and kills each at a moment of its own.

Arguments: how many processes, how many of them at a time, a seed, and a folder. There each process writes a
line for each conversation that it begins (its span's id and when), and twenty times a second that it runs,
if the machine lets it; and the program when it killed whom.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

import autogen_otel
from autogen_otel import delivery

autogen_otel.instrument()

from tests.support.short_chats import hold  # noqa: E402 - agents come after the one line

_BEAT_SECONDS = 0.05
_SOONEST_SECONDS, _LATEST_SECONDS = 1.1, 3.5


class _Begun(SpanProcessor):
    def __init__(self, log: Path) -> None:
        self._log = log.open("a")

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.parent is None:
            self._log.write(f"{span.get_span_context().span_id:016x} {time.time()}\n")
            self._log.flush()


def _beat(log: Path) -> None:
    with log.open("a") as beats:
        while True:
            beats.write(f"{time.time()}\n")
            beats.flush()
            time.sleep(_BEAT_SECONDS)


def _converse(log: Path, seed: int) -> None:
    """Hold conversations that take from nothing to seconds, until the end."""
    random_seconds = random.Random(seed)  # noqa: S311 - not a secret
    provider = delivery.tracer_provider(autogen_otel.Settings())
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(_Begun(log))
    threading.Thread(target=_beat, args=(log.with_suffix(".beats"),), daemon=True).start()
    longest = random_seconds.choice([0.02, 0.3, 5.0])

    def answer() -> str:
        time.sleep(random_seconds.uniform(0, longest))
        return "done"

    while True:
        hold("agent", answer)


def _forked(log: Path, seed: int) -> int:
    child = os.fork()
    if not child:
        _converse(log, seed)
    while not (log.exists() and log.stat().st_size):
        time.sleep(0.01)
    return child


many, at_a_time, first_seed, folder = *map(int, sys.argv[1:4]), Path(sys.argv[4])
moments = random.Random(first_seed)  # noqa: S311 - not a secret
for start in range(0, many, at_a_time):
    numbers = range(start, min(start + at_a_time, many))
    children = {number: _forked(folder / f"{number}.begun", first_seed + number) for number in numbers}
    begun_at = time.monotonic()
    due = sorted((moments.uniform(_SOONEST_SECONDS, _LATEST_SECONDS), number) for number in numbers)
    for seconds, number in due:
        time.sleep(max(0.0, begun_at + seconds - time.monotonic()))
        killed_at = time.time()
        os.kill(children[number], signal.SIGKILL)
        os.waitpid(children[number], 0)
        (folder / f"{number}.killed").write_text(str(killed_at))
# What is forked here has no telemetry; this process had none either.
os._exit(0)
