"""Random numbers of our own: the global ``random`` is the application's, and it may have seeded it."""

from __future__ import annotations

import random
import sys
from typing import Final

SYSTEM: Final = random.SystemRandom()
"""It has no state, so that no seed reaches it and a forked process repeats nothing."""
_EXPORTERS: Final = "opentelemetry.exporter."


def spare_global_random() -> None:
    """Have OpenTelemetry's exporters that are loaded take their random numbers from the system.

    Some draw the jitter of a retry, before each export, and from the thread that exports.
    """
    # A copy is made in one step; a list of items is not, and other threads import meanwhile.
    for name, module in sys.modules.copy().items():
        if name.startswith(_EXPORTERS) and vars(module).get("random") is random:
            vars(module)["random"] = SYSTEM
