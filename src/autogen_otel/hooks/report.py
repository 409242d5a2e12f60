"""What ``instrument()`` answers: each row of the table, attached or not, and why."""

from __future__ import annotations

from dataclasses import dataclass

from autogen_otel.hooks.lineage import Lineage


@dataclass(frozen=True)
class Attached:
    """A row that is in place.

    Args:
        target: the host's function.
        yields: what a reader of the trace gets from it.
    """

    target: str
    yields: str


@dataclass(frozen=True)
class Absent:
    """A row that is not in place.

    Args:
        target: the host's function.
        yields: what a reader of the trace misses.
        reason: why it is not there.
        expected: whether this host should have it; then it is worth a warning.
    """

    target: str
    yields: str
    reason: str
    expected: bool


@dataclass(frozen=True)
class StoodDown:
    """Another instrumentation whose span of the same call is not made while we are attached.

    Args:
        target: the host's function.
        who: the instrumentation.
        reason: why, and what else to know.
    """

    target: str
    who: str
    reason: str


RowReport = Attached | Absent


@dataclass(frozen=True, repr=False)
class AttachReport:
    """What is attached to the host.

    Args:
        lineage: the installed host; ``None`` if no supported one is installed.
        rows: one per row of the table.
        problem: why nothing is attached, in one sentence.
        stood_down: other instrumentations that do not report what we report.
    """

    lineage: Lineage | None
    rows: tuple[RowReport, ...] = ()
    problem: str | None = None
    stood_down: tuple[StoodDown, ...] = ()

    @property
    def attached(self) -> tuple[Attached, ...]:
        """The rows in place."""
        return tuple(row for row in self.rows if isinstance(row, Attached))

    @property
    def absent(self) -> tuple[Absent, ...]:
        """The rows not in place, those included that this host never had."""
        return tuple(row for row in self.rows if isinstance(row, Absent))

    @property
    def missing(self) -> tuple[Absent, ...]:
        """The rows that this host should have and has not."""
        return tuple(row for row in self.absent if row.expected)

    def __bool__(self) -> bool:
        return bool(self.attached)

    def __repr__(self) -> str:
        # What a prompt and a notebook show of ``instrument()``.
        return str(self)

    def __str__(self) -> str:
        if self.lineage is None:
            return f"autogen-otel is attached to nothing: {self.problem}"
        lines = [f"autogen-otel is attached to {len(self.attached)} functions of {self.lineage}"]
        lines += [f"  missing: {row.target} ({row.yields}): {row.reason}" for row in self.missing]
        lines += [
            f"  stood down: {stand_down.who} at {stand_down.target}: {stand_down.reason}"
            for stand_down in self.stood_down
        ]
        return "\n".join(lines)
