"""What differs between the hosts, as data."""

from autogen_otel.lineages.detect import TESTED, Detection, detect
from autogen_otel.lineages.lineage import AG2_0_9, AG2_0_14, ALL, PYAUTOGEN_0_2, Lineage

__all__ = ["AG2_0_9", "AG2_0_14", "ALL", "PYAUTOGEN_0_2", "TESTED", "Detection", "Lineage", "detect"]
