"""How fast ``diagnose`` reads: spans a second from a journal, and ten million spans in ClickHouse."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from autogen_otel.diagnosis.stored.diagnosis import diagnose_stored
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.http import Client
from bench.figures import Figure
from tests.servers import clickhouse as servers
from tests.support.diagnosed import healthy, incidents, journal
from tests.support.recorded import Recorded, spans_of

_MB = 1_000_000
_JOURNAL_BYTES = 2_000 * _MB
_STORED_SPANS = 10_000_000
_CONVERSATIONS = 900
_POPULATIONS = 24
_INCIDENT = "three things at once"
"""One population in so many is in trouble, all others are well."""


@dataclass(frozen=True)
class Scale:
    """One diagnosis.

    Args:
        source: what was read.
        spans: how many.
        seconds: from beginning to end.
        cpu_seconds: of the process of ``diagnose`` alone.
        peak_bytes: of its memory.
        findings: how many it came to.
        megabytes: what was read takes in storage.
    """

    source: str
    spans: int
    seconds: float
    cpu_seconds: float
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
            f"{self.peak_bytes / _MB:,.0f} MB",
            str(self.findings),
        )


def measure(say: Callable[[str], None]) -> Figure:
    """Diagnose a journal of 2 GB and, where ``chdb-core`` is installed, ten million spans in ClickHouse."""
    found = _diagnosed(say)
    is_stored = len(found) > 1
    return Figure(
        title="Diagnose",
        explanation=(
            "How fast `autogen-otel diagnose` reads. Targets: 50,000 spans a second from a journal, ten "
            "million spans in ClickHouse within 60 s, with less than 500 MB of memory. CPU and memory are "
            "those of the command; ClickHouse's engine works beside it."
        ),
        columns=("source", "spans", "stored", "seconds", "spans a second", "CPU", "memory", "findings"),
        rows=[one.row for one in found],
        notes=() if is_stored else ("ClickHouse is not measured: chdb-core is not installed.",),
    )


def _diagnosed(say: Callable[[str], None]) -> list[Scale]:
    with tempfile.TemporaryDirectory(prefix="autogen-otel-bench-") as folder:
        found = [_journal(Path(folder) / "journal.jsonl", say)]
        if find_spec("chdb") is None:
            say("ClickHouse is not measured: chdb-core is not installed")
        else:
            found.append(_clickhouse(Path(folder) / "clickhouse", say))
    return found


# ---------------------------------------------------------------- the journal
def _journal(path: Path, say: Callable[[str], None]) -> Scale:
    say(f"a journal of {_JOURNAL_BYTES // _MB:,} MB is written")
    lines = [one.line for seed in range(1, 5) for one in _population(seed, troubled=seed == 1)]
    spans = sum(line.count('"spanId"') - line.count('"links"') for line in lines)
    written = copies = 0
    with path.open("w", encoding="utf-8") as file:
        while written < _JOURNAL_BYTES:
            for line in lines:
                written += file.write(_copied(line, copies))
            copies += 1
    say("the journal is diagnosed")
    return _run(path, spans * copies, written / _MB)


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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    findings = done.stdout.count('"cause"')
    seconds = time.monotonic() - began
    return Scale("journal", spans, seconds, cpu, after.ru_maxrss * 1024, findings, megabytes)


# ---------------------------------------------------------------- ClickHouse
def _clickhouse(folder: Path, say: Callable[[str], None]) -> Scale:
    with servers.ClickHouse(folder, f"max_threads = {min(2, os.cpu_count() or 1)}") as clickhouse:
        say(f"{_STORED_SPANS:,} spans are written into ClickHouse")
        spans = _fill(clickhouse)
        sizes = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'otel_traces'"
        megabytes = int(clickhouse.do(f"{sizes} FORMAT TSV")) / _MB
        say("ClickHouse is diagnosed")
        with _measured() as cost:
            diagnosis = diagnose_stored(ClickHouse(Client("ClickHouse", clickhouse.url, seconds=3600)))
    seconds, cpu, peak = cost
    return Scale("ClickHouse", spans, seconds, cpu, int(peak), len(diagnosis.findings), megabytes)


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


def _fill(clickhouse: servers.ClickHouse) -> int:
    clickhouse.store("otel_traces", ())
    for seed in range(1, _POPULATIONS + 1):
        clickhouse.insert("otel_traces", spans_of(*_population(seed, troubled=seed % 8 == 1)))
    first = int(clickhouse.do("SELECT count() FROM otel_traces FORMAT TSV"))
    # Ids of their own, and every copy a week later.
    copied = (
        "INSERT INTO otel_traces SELECT Timestamp + toIntervalDay({days:UInt32}),"
        " concat({copy:String}, substring(TraceId, 9, 16), substring(TraceId, 1, 8)),"
        " * EXCEPT (Timestamp, TraceId)"
        " FROM otel_traces WHERE endsWith(TraceId, '00000001')"
    )
    copies = -(-_STORED_SPANS // first)
    for number in range(1, copies):
        words = copied.replace("{days:UInt32}", str(7 * number)).replace("{copy:String}", f"'{number:08x}'")
        clickhouse.do(words)
    return first * copies


def _population(seed: int, *, troubled: bool) -> list[Recorded]:
    incident = incidents()[_INCIDENT] if troubled else healthy()["all is well"]
    return journal(incident, seed, _CONVERSATIONS)


def main() -> None:
    """Measure and print: ``python -m bench.scale``."""
    print(measure(lambda sentence: print(sentence, file=sys.stderr, flush=True)).text())


if __name__ == "__main__":
    main()
