"""Failures of several tools that are one, because a function that these tools share is what fails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

from autogen_otel.diagnosis.evidence.occurrence import Occurrence
from autogen_otel.vocabulary import causes

Group = list[Occurrence]


def by_function(groups: Iterable[Group]) -> Iterator[Group]:
    """Groups of failures, those of several tools together where one line that they share raises.

    Args:
        groups: each of failures that have the same subject.
    """
    alike: dict[Hashable, list[Group]] = defaultdict(list)
    for number, group in enumerate(groups):
        first = group[0]
        of_a_line = first.cause == causes.TOOL_EXCEPTION and "location" in first.subject
        place = (first.subject["location"], first.subject.get("exception")) if of_a_line else number
        alike[place].append(group)
    for several in alike.values():
        yield from _joined(several)


def _joined(groups: Sequence[Group]) -> Iterator[Group]:
    """Those with one function that raises as one group, if it is a helper of theirs.

    What tools call has a function of each tool around it. A decorator that raises something else in the place
    of what it caught has at most other decorators around it, and tells nothing of what its tools have in
    common.
    """
    passed = [frozenset.intersection(*(one.around for one in group)) for group in groups]
    together: Group = []
    for number, group in enumerate(groups):
        elsewhere: frozenset[str] = frozenset().union(*passed[:number], *passed[number + 1 :])
        if len(groups) > 1 and passed[number] - elsewhere:
            together += group
        else:
            yield group
    if together:
        yield together
