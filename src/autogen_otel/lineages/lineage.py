"""The three lineages of ``autogen`` that have ``ConversableAgent``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PYAUTOGEN_0_2: Final = frozenset({"pyautogen 0.2"})
AG2_0_9: Final = frozenset({"pyautogen 0.9"})
AG2_0_14: Final = frozenset({"ag2 0.14"})
ALL: Final = PYAUTOGEN_0_2 | AG2_0_9 | AG2_0_14


@dataclass(frozen=True)
class Lineage:
    """A supported host as it is installed.

    Args:
        name: one of the names in ``ALL``.
        distribution: the package that brought it.
        version: its version.
        awaits_results: whether ``execute_function`` awaits what a plain function returns.
        is_tested: whether the tests run on this version; we also attach to others of the lineage.
    """

    name: str
    distribution: str
    version: str
    awaits_results: bool = False
    is_tested: bool = True

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"
