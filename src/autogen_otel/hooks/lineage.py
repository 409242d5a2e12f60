"""A host as it is installed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lineage:
    """A supported host as it is installed.

    Args:
        name: of its lineage.
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
