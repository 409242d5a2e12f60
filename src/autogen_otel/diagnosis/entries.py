"""Whether the entry of model calls that failed works otherwise: then nothing about it is wrong for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from autogen_otel.diagnosis.comparison.calls import WorkingCalls
from autogen_otel.diagnosis.comparison.discriminators import Discriminator
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.statistics import NEARLY_ALL
from autogen_otel.vocabulary import attributes as names

_ATTRIBUTES: Final = {
    "entry": names.CONFIG_INDEX,
    "model": names.GEN_AI_REQUEST_MODEL,
    "host": names.SERVER_ADDRESS,
}
_FEW: Final = 0.1


def works_otherwise(
    subject: Mapping[str, Any], failed: float, discriminators: Sequence[Discriminator], calls: WorkingCalls
) -> bool:
    """Whether most calls of the entry work.

    It does not count that others work if the failing calls have something in common that hardly any of them
    has: since a certain time, or in one process, the entry may never work.

    Args:
        subject: of the failures.
        failed: how many calls failed.
        discriminators: what they have in common.
        calls: the model calls that worked.
    """
    entry = [
        Property(attribute, Comparison.EQUALS, subject[name])
        for name, attribute in _ATTRIBUTES.items()
        if name in subject
    ]
    if not entry:
        return False
    combinations = calls.combinations([*entry, *(one.property for one in discriminators)])
    is_of_entry = (1 << len(entry)) - 1
    working = [
        (bits >> len(entry), count * calls.weight)
        for bits, count in combinations.items()
        if bits & is_of_entry == is_of_entry
    ]
    if sum(count for _, count in working) <= failed:
        return False
    return not any(
        discriminator.table.failing_share >= NEARLY_ALL
        and sum(count for bits, count in working if bits >> index & 1) <= _FEW * failed
        for index, discriminator in enumerate(discriminators)
    )
