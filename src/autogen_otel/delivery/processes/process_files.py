"""The files that a process writes beside its journal: the conversations in flight, and the counts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from autogen_otel.delivery.counts.shared import SharedCountsFile
from autogen_otel.delivery.processes.at_exit import AT_EXIT
from autogen_otel.delivery.processes.ending import STATE
from autogen_otel.delivery.processes.in_flight import InFlight

if TYPE_CHECKING:
    from autogen_otel.delivery.journal import Journal

_LOGGER: Final = logging.getLogger("autogen_otel")


class ProcessFiles:
    """The files of this process beside one journal.

    Args:
        journal: the one that it writes to.

    Attributes:
        in_flight: the file of the conversations in flight.
        counts: the file of the counts.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.in_flight = InFlight(journal.folder)
        self.counts = SharedCountsFile(journal.folder)

    def note(self) -> None:
        """Update the file of the conversations in flight; never raises."""
        try:
            self.in_flight.write()
        except Exception as error:  # noqa: BLE001 - the next look may succeed, and the last must not end the export
            _LOGGER.debug("What is in flight could not be noted: %s", type(error).__name__)

    def count(self, *, is_last: bool = False) -> None:
        """Add the new counts, unless the process writes to another journal by now; never raises."""
        if STATE.process_files is self:
            self.counts.write(is_last=is_last)

    def prune(self) -> None:
        """Remove files that are too old or too many from the journal, which may take long; never raises."""
        try:
            self.journal.prune()
        except Exception as error:  # noqa: BLE001 - the next hour
            _LOGGER.debug("The journal could not be pruned: %s", type(error).__name__)

    def end(self) -> None:
        """Note and count for the last time."""
        self.note()
        self.count(is_last=True)


def keep(journal: Journal) -> ProcessFiles:
    """Write notes and counts beside this journal, and no other."""
    previous = STATE.process_files
    if isinstance(previous, ProcessFiles) and previous.journal.folder == journal.folder:
        return previous
    current = ProcessFiles(journal)
    if previous is not None:
        previous.count(is_last=True)
        current.counts.skip_earlier_counts()
    STATE.process_files = current
    # Exit functions are called in reverse order: a provider that is built now exports before.
    AT_EXIT.register(current.end)
    return current
