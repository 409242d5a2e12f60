"""The differences between the hosts, as data."""

from autogen_otel.lineages.detect import REQUIREMENTS, TESTED, Detection, detect, installed_requirements
from autogen_otel.lineages.lineage import AG2_0_9, AG2_0_14, ALL, PYAUTOGEN_0_2, Lineage

__all__ = [
    "AG2_0_9",
    "AG2_0_14",
    "ALL",
    "PYAUTOGEN_0_2",
    "REQUIREMENTS",
    "TESTED",
    "Detection",
    "Lineage",
    "detect",
    "installed_requirements",
]
