"""How fast ``diagnose`` reads: spans a second from a journal, and ten million spans in ClickHouse."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from autogen_otel.diagnosis.of_source import diagnose_source
from autogen_otel.traces.selection import EVERYTHING
from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.http import Client
from bench.figures import Figure
from tests.servers import clickhouse as servers
from tests.support.diagnosed import healthy, incidents, journal
from tests.support.recorded import RecordedTrace, spans_of

_MB = 1_000_000
_JOURNAL_MB = 2_000
_STORED_SPANS = 10_000_000
_CONVERSATIONS = 900
_POPULATIONS = 8
_WEEK_DAYS = 7
_INCIDENT = "three things at once"
_TROUBLED = 8
"""One population in so many is in trouble, all others are well."""
_COPY = (
    "INSERT INTO otel_traces SELECT Timestamp + toIntervalDay({days}),"
    " concat('{copy}', substring(TraceId, 9, 16), substring(TraceId, 1, 8)), * EXCEPT (Timestamp, TraceId)"
    " FROM seed"
)
_ROOT = Path(__file__).parents[1]
_NO_ENGINE = "make test-servers installs chdb-core, and so does pip"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Scale:
    """One diagnosis.

    Args:
        source: what was read.
        spans: how many.
        seconds: from beginning to end.
        cpu_seconds: of ``diagnose``, with the processes that read a journal for it.
        engine_seconds: of CPU, of the engine of ClickHouse.
        peak_bytes: of its memory.
        findings: how many it came to.
        megabytes: what was read takes in storage.
    """

    source: str
    spans: int
    seconds: float
    cpu_seconds: float
    engine_seconds: float | None
    peak_bytes: int
    findings: int
    megabytes: float

    @property
    def row(self) -> tuple[str, ...]:
        """For a table."""
        return (
            self.source,
            f"{self.spans:,}",
            f"{self.megabytes:,.0f} MB",
            f"{self.seconds:.1f}",
            f"{self.spans / self.seconds:,.0f}",
            f"{self.cpu_seconds:.1f} s",
            "-" if self.engine_seconds is None else f"{self.engine_seconds:.1f} s",
            f"{self.peak_bytes / _MB:,.0f} MB",
            str(self.findings),
        )


def measure(say: Say, *, journal_mb: int = _JOURNAL_MB, stored_spans: int = _STORED_SPANS) -> Figure:
    """Diagnose a journal and, where there is its engine, what is stored in ClickHouse.

    Args:
        say: takes progress.
        journal_mb: megabytes of the journal.
        stored_spans: about so many in ClickHouse.
    """
    python = _python_with_engine()
    with tempfile.TemporaryDirectory(prefix="autogen-otel-bench-") as folder:
        measurements = [_journal(Path(folder) / "journal.jsonl", journal_mb, say)]
        if python is not None:
            measurements.append(_clickhouse(Path(folder) / "clickhouse", python, stored_spans, say))
    return Figure(
        title="Diagnose",
        explanation=(
            "How fast `autogen-otel diagnose` reads. Targets: 90,000 spans a second from a journal with two "
            "cores, ten million spans in ClickHouse within 20 s and a hundred million within 60 s, with at "
            "most 300 MB of memory. CPU and memory are those of the command; the engine of ClickHouse, with "
            "two threads, works beside it. Seconds depend on what else the machine does, CPU less so."
        ),
        columns=(
            "source",
            "spans",
            "stored",
            "seconds",
            "spans a second",
            "CPU",
            "engine",
            "memory",
            "findings",
        ),
        rows=[one.row for one in measurements],
        notes=() if python else (f"ClickHouse is not measured: {_NO_ENGINE}.",),
    )


def _python_with_engine() -> Path | None:
    """A Python that has ``chdb-core``: this one, or that of the tests against real servers."""
    for python in (Path(sys.executable), _ROOT / ".tox" / "servers" / "bin" / "python"):
        command = [str(python), "-c", "import chdb"]
        if python.exists() and not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:  # noqa: S603 - a Python of ours
            return python
    return None


# ---------------------------------------------------------------- the journal
def _journal(path: Path, megabytes: int, say: Say) -> Scale:
    say(f"Diagnose: a journal of {megabytes:,} MB is written")
    lines = [
        conversation.line for seed in range(1, 5) for conversation in _population(seed, troubled=seed == 1)
    ]
    spans = sum(line.count('"spanId"') - line.count('"links"') for line in lines)
    characters = copies = 0
    with path.open("w", encoding="utf-8") as file:
        while characters < megabytes * _MB:
            for line in lines:
                characters += file.write(_copied(line, copies))
            copies += 1
    say("Diagnose: the journal is read")
    return _run(path, spans * copies, characters / _MB)


def _copied(line: str, number: int) -> str:
    """The same conversation with ids of its own."""
    match = re.search(r'"traceId": "(\w{8})', line)
    assert match is not None
    return line.replace(match[1], f"{int(match[1], 16) + number * 100_000:08x}")


def _run(path: Path, spans: int, megabytes: float) -> Scale:
    command = [
        sys.executable,
        "-m",
        "autogen_otel.cli",
        "diagnose",
        "--journal",
        str(path),
        "--format",
        "json",
    ]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        findings = process.stdout.read().count('"cause"')
        # Of this child alone; what is known of all children is about the largest of them.
        _, process.returncode, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    return Scale(
        source="journal",
        spans=spans,
        seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        engine_seconds=None,
        peak_bytes=used.ru_maxrss * 1024,
        findings=findings,
        megabytes=megabytes,
    )


# ---------------------------------------------------------------- ClickHouse
class _Told(Progress):
    """Says how many conversations have been read, every tenth of them."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._total = self._read = 0

    def expect(self, total: int | None, unit: str) -> None:
        self._total = total or 0
        self._say(f"Diagnose: ClickHouse counted, {self._total:,} {unit} are read")

    def advance(self, count: int) -> None:
        before, self._read = self._read, self._read + count
        if self._total and before * 10 // self._total < self._read * 10 // self._total:
            self._say(f"Diagnose: {self._read:,} of {self._total:,} conversations are read")


def _clickhouse(folder: Path, python: Path, least: int, say: Say) -> Scale:
    with servers.ClickHouse(
        folder, f"max_threads = {min(2, os.cpu_count() or 1)}", python=python
    ) as clickhouse:
        spans = _fill(clickhouse, least, say)
        sizes = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'otel_traces'"
        megabytes = int(clickhouse.do(f"{sizes} FORMAT TSV")) / _MB
        say("Diagnose: ClickHouse is asked")
        source = ClickHouse(Client("ClickHouse", clickhouse.url, seconds=3600))
        engine = clickhouse.cpu_seconds
        with _measured() as cost:
            diagnosis, _ = diagnose_source(source, EVERYTHING, 0, None, lambda _: nullcontext(_Told(say)))
        engine = clickhouse.cpu_seconds - engine
    seconds, cpu, peak = cost
    return Scale(
        source="ClickHouse",
        spans=spans,
        seconds=seconds,
        cpu_seconds=cpu,
        engine_seconds=engine,
        peak_bytes=int(peak),
        findings=len(diagnosis.findings),
        megabytes=megabytes,
    )


@contextmanager
def _measured() -> Iterator[list[float]]:
    """What the block costs this process; its memory is measured by the peak, which is reset first."""
    cost: list[float] = []
    Path("/proc/self/clear_refs").write_text("5")
    began, cpu = time.monotonic(), time.process_time()
    yield cost
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak is not None
    cost += [time.monotonic() - began, time.process_time() - cpu, int(peak[1]) * 1024]


def _fill(clickhouse: servers.ClickHouse, least: int, say: Say) -> int:
    clickhouse.store("seed", ())
    for number in range(1, _POPULATIONS + 1):
        say(f"Diagnose: population {number} of {_POPULATIONS} for ClickHouse")
        clickhouse.insert("seed", spans_of(*_population(number, troubled=number % _TROUBLED == 1)))
    each = int(clickhouse.do("SELECT count() FROM seed FORMAT TSV"))
    copies = -(-least // each)
    clickhouse.store("otel_traces", ())
    for number in range(copies):
        if number % 10 == 0:
            say(f"Diagnose: {number * each:,} of {copies * each:,} spans are in ClickHouse")
        # Ids of their own, on one of seven days.
        clickhouse.do(_COPY.replace("{days}", str(number % _WEEK_DAYS)).replace("{copy}", f"{number:08x}"))
    return each * copies


def _population(seed: int, *, troubled: bool) -> list[RecordedTrace]:
    incident = incidents()[_INCIDENT] if troubled else healthy()["all is well"]
    return journal(incident, seed, _CONVERSATIONS)


def main() -> None:
    """Measure and print: ``python -m bench.scale``."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description="Measure how fast diagnose reads a journal and a table of ClickHouse; some six minutes.",
    )
    parser.add_argument(
        "--journal-mb", type=int, default=_JOURNAL_MB, metavar="N", help="size of the journal (%(default)s)"
    )
    parser.add_argument(
        "--spans", type=int, default=_STORED_SPANS, metavar="N", help="spans in ClickHouse (%(default)s)"
    )
    options = parser.parse_args()
    began = time.monotonic()

    def say(progress: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {progress}", file=sys.stderr, flush=True)

    print(measure(say, journal_mb=options.journal_mb, stored_spans=options.spans).text())


if __name__ == "__main__":
    main()
