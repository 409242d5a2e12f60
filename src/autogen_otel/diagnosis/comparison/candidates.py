"""Properties worth comparing: values, presence, traits, thresholds, windows of time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from autogen_otel.diagnosis.comparison.calls import Run, WorkingCalls, is_number
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.evidence.arguments import (
    ELEMENTS,
    FORM,
    LONGEST_VALUE,
    PREFIX,
    SIZE,
    TYPES,
    is_of_list,
)
from autogen_otel.diagnosis.evidence.features import (
    GAP,
    MINUTE,
    PREVIOUS_TOOL_SECONDS,
    TIME,
    TOOLS_USED,
    TRACE,
    TRAITS,
    TURN,
    Features,
)
from autogen_otel.vocabulary import attributes as names

_MOST_VALUES: Final = 6
_MOST_WINDOWS: Final = 40
_MOST_CUTS: Final = 256
_MOST_NAMES: Final = 500
_FEWEST_NUMBERS: Final = 4
_FEWEST_SIZES: Final = 2
_OTHER_ENDS: Final = 10
"""About how many beginnings all failing calls could share by chance: as many comparisons to correct for."""
_SIZES: Final = frozenset({"character", "byte"})
_MOMENTS: Final = frozenset({TIME, MINUTE})
"""They have a window too, and no single value: chance puts some failures into the same second or minute."""
_IDENTIFIERS: Final = frozenset({"process.pid", "process.parent_pid", names.SERVER_PORT})
"""Numbers of which none is more than another."""
_PAUSES: Final = frozenset({GAP, PREVIOUS_TOOL_SECONDS})
_SHORTEST_PAUSE: Final = 0.1
"""Seconds; a shorter one only shows how fast the program itself runs."""
_GROWING: Final = frozenset({names.PROMPT_CHARS, names.PROMPT_CARRIED_MESSAGES, TOOLS_USED})
"""Features that grow as a conversation lasts: a failed one that has less did not fail because of that."""
_MEANS_LITTLE: Final = frozenset({Comparison.ABSENT, Comparison.AT_MOST, Comparison.EQUALS})


def cuts_of(failing: Sequence[Features]) -> dict[str, list[float]]:
    """The numbers of failing calls, by attribute: the possible thresholds."""
    numbers: dict[str, set[float]] = {}
    mixed: set[str] = set()
    for features in failing:
        for name, value in features.items():
            if isinstance(value, frozenset):
                mixed.add(name)
            elif is_number(value):
                numbers.setdefault(name, set()).add(value)
    return {name: thin(values) for name, values in numbers.items() if name not in mixed}


def thin(values: Iterable[float]) -> list[float]:
    """The values in order, and only every n-th of very many."""
    ordered = sorted(set(values))
    step = -(-len(ordered) // _MOST_CUTS)
    return ordered[::step] if step > 1 else ordered


def properties(
    failing: Sequence[Features], working: WorkingCalls, cuts: Mapping[str, Sequence[float]]
) -> Iterator[tuple[Property, int]]:
    """Propose what may separate failing from working calls.

    Args:
        failing: the features of each failing call.
        working: calls of the same kind.
        cuts: of ``cuts_of``.

    Yields:
        Each property, with the number of comparisons that it was the best of.
    """
    feature_names = {name for features in failing for name in features}
    # A call belongs to a turn, a conversation does not.
    is_conversation = TURN not in feature_names
    # Models invent names of arguments: the most frequent ones are enough.
    feature_names.update(
        sorted(working.present, key=lambda name: (-working.present[name], name))[:_MOST_NAMES]
    )
    for name in sorted(feature_names - {TRACE}):
        is_growing = is_conversation and name in _GROWING
        runs = working.runs(name, cuts.get(name, ()))
        for candidate in _of_attribute(name, [features.get(name) for features in failing], working, runs):
            if not (is_growing and candidate[0].comparison in _MEANS_LITTLE):
                yield candidate


def _of_attribute(
    name: str, bad: list[Any], working: WorkingCalls, runs: Sequence[Run]
) -> Iterator[tuple[Property, int]]:
    if name.endswith(TRAITS):
        attribute = name.removesuffix(TRAITS)
        for value, comparisons in _common(bad):
            yield Property(attribute, Comparison.IS, value), comparisons
        return
    # The feature of the list itself has its presence and its values.
    comes_of_list = any(is_of_list(name, value) for value in bad if value is not None)
    if not comes_of_list and (None in bad or working.present.get(name, 0) < working.total):
        yield Property(name, Comparison.PRESENT), 1
        yield Property(name, Comparison.ABSENT), 1
    if name not in _MOMENTS and not comes_of_list and not _is_size(name):
        # An empty text in arguments has a trait that says so.
        kind = Comparison.INCLUDES if any(isinstance(v, frozenset) for v in bad) else Comparison.EQUALS
        for value, comparisons in _common(bad):
            if value != "" or not name.startswith(PREFIX):
                yield Property(name, kind, value), comparisons
    if name.startswith(PREFIX):
        yield from _ends(name, bad)
    if name not in _IDENTIFIERS:
        yield from _of_numbers(name, bad, runs, working.total, comes_of_list=comes_of_list)


def _of_numbers(
    name: str, bad: list[Any], runs: Sequence[Run], good_total: int, *, comes_of_list: bool
) -> Iterator[tuple[Property, int]]:
    numbers = [value for value in bad if is_number(value)]
    # Fewer numbers are compared as single values, except for sizes.
    is_size = _is_size(name) or (comes_of_list and name.endswith(ELEMENTS))
    fewest = _FEWEST_SIZES if is_size else _FEWEST_NUMBERS
    if len({*numbers, *(number for run in runs for number in (run.lowest, run.highest))}) >= fewest:
        for candidate in _thresholds(name, steps_of(numbers, runs), len(bad), good_total):
            if not (name in _PAUSES and candidate[0].value < _SHORTEST_PAUSE):
                yield candidate


def _is_size(name: str) -> bool:
    """Whether a number only measures a text: one size explains no failure, it only identifies the text."""
    return name == SIZE or names.UNITS.get(name) in _SIZES


def _ends(name: str, bad: list[Any]) -> Iterator[tuple[Property, int]]:
    """The common beginning and the common end of all texts of an argument, if the texts differ."""
    texts = [value for value in bad if isinstance(value, str)]
    if len(set(texts)) < 2 or len(texts) < len(bad):  # noqa: PLR2004 - a single text is compared as a value
        return
    begin = _shared_beginning(texts)
    if begin:
        yield Property(name, Comparison.BEGINS, begin), _OTHER_ENDS
    end = _shared_beginning([text[::-1] for text in texts])[::-1]
    # The end of a cut text is unknown.
    if end and all(len(text) < LONGEST_VALUE for text in texts):
        yield Property(name, Comparison.ENDS, end), _OTHER_ENDS


def _shared_beginning(texts: Sequence[str]) -> str:
    # All texts between the first and the last in order share their common beginning.
    first, last = min(texts), max(texts)
    common_pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return first[: sum(1 for _ in common_pairs)]


def _common(values: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Values of more than one call, the most frequent first, and the number of values each is the best of.

    Of many values some are frequent among failing calls by chance.
    """
    comparable = (
        value for value in values if isinstance(value, (str, bool, int, frozenset)) or is_number(value)
    )
    counts = value_counts(comparable)
    common = [value for value, count in counts.most_common(_MOST_VALUES) if count > 1]
    return ((value, -(-len(counts) // len(common))) for value in common)


def value_counts(values: Iterable[Any]) -> Counter[Any]:
    """How often each value occurs, by itself or as one of several."""
    counts: Counter[Any] = Counter()
    for value in values:
        counts.update(in_order(value) if isinstance(value, frozenset) else (value,))
    return counts


def in_order(values: frozenset[Any]) -> list[Any]:
    """The values in an order that is the same in each run, unlike that of a set of texts.

    Of two that separate alike the first is reported: a trait says more than a type, and a type says more than
    a form.
    """
    return sorted(values, key=lambda value: (str(value).startswith(FORM), value in TYPES, str(value)))


Step = tuple[float, float, int, int]
"""Neighbouring values: the lowest, the highest, the number of failing and of working calls with them."""


def steps_of(numbers: Iterable[float], runs: Sequence[Run]) -> list[Step]:
    """Runs of neighbouring values; a useful cut lies between two of them.

    A cut within a run of only failing or only working calls is never the best one.

    Args:
        numbers: the numbers of failing calls.
        runs: of working calls, at the numbers of failing calls and between them.
    """
    bad: Counter[tuple[float, float]] = Counter((value, value) for value in numbers)
    good = Counter({(run.lowest, run.highest): run.calls for run in runs})
    steps: list[Step] = []
    for lowest, highest in sorted(bad.keys() | good.keys()):
        # Both at the same number belong together before any neighbour joins them.
        failing, working = bad[lowest, highest], good[lowest, highest]
        if steps:
            previous = steps[-1]
            is_same_kind = (not failing and not previous[2]) or (not working and not previous[3])
            # If the question had only some cuts, numbers of failing calls lie within runs of working ones.
            if is_same_kind or lowest <= previous[1]:
                joined_highest = max(highest, previous[1])
                steps[-1] = (previous[0], joined_highest, previous[2] + failing, previous[3] + working)
                continue
        steps.append((lowest, highest, failing, working))
    return steps


def _thresholds(
    name: str, steps: list[Step], bad_total: int, good_total: int
) -> Iterator[tuple[Property, int]]:
    """The best cut in each direction, and for moments the best window, with the number of comparisons."""
    cuts = len(steps)
    bad_total, good_total = bad_total or 1, good_total or 1
    bad_all = sum(bad for _, _, bad, _ in steps)
    good_all = sum(good for _, _, _, good in steps)
    best_high = best_low = (-1.0, 0)
    bad_below = good_below = 0
    for index, (_, _, bad, good) in enumerate(steps):
        high = (bad_all - bad_below) / bad_total - (good_all - good_below) / good_total
        best_high = max(best_high, (high, index))
        bad_below, good_below = bad_below + bad, good_below + good
        low = bad_below / bad_total - good_below / good_total
        best_low = max(best_low, (low, -index))
    index = best_high[1]
    if index:
        yield Property(name, Comparison.AT_LEAST, _between(steps[index - 1][1], steps[index][0], name)), cuts
    index = -best_low[1]
    if index < len(steps) - 1:
        cut = _between(steps[index][1], steps[index + 1][0], name)
        yield Property(name, Comparison.AT_MOST, cut if cut < steps[index + 1][0] else steps[index][1]), cuts
    if name in _MOMENTS:
        yield from _window(name, _join_neighbours(steps), bad_total, good_total)


def _window(name: str, steps: list[Step], bad_total: int, good_total: int) -> Iterator[tuple[Property, int]]:
    best, best_from, best_to, running, start = 0.0, 0, 0, 0.0, 0
    for index, (_, _, bad, good) in enumerate(steps):
        if running <= 0:
            running, start = 0.0, index
        running += bad / bad_total - good / good_total
        if running > best:
            best, best_from, best_to = running, start, index
    windows = len(steps) * (len(steps) - 1) // 2
    if best_from > 0 and best_to < len(steps) - 1:
        value = (steps[best_from][0], steps[best_to][1])
        yield Property(name, Comparison.WITHIN, value), windows


def _join_neighbours(steps: list[Step]) -> list[Step]:
    """Join neighbouring runs until chance cannot produce a good window among so few."""
    while len(steps) > _MOST_WINDOWS:
        pairs = [
            (a[0], b[1], a[2] + b[2], a[3] + b[3]) for a, b in zip(steps[::2], steps[1::2], strict=False)
        ]
        steps = pairs + ([steps[-1]] if len(steps) % 2 else [])
    return steps


def round_between(low: float, high: float) -> float:
    """The roundest number above ``low`` and not above ``high``; a whole one where both are."""
    if low >= high:
        return high
    middle = (low + high) / 2
    magnitude = math.floor(math.log10(abs(middle))) if middle else 0
    # There is no turn 4.5.
    is_whole = low == int(low) and high == int(high)
    for digits in range(max(0, magnitude + 1) if is_whole else 12):
        unit = 10.0 ** (magnitude - digits)
        rounded = round(round(middle / unit) * unit, 10)
        if low < rounded <= high:
            return int(rounded) if rounded == int(rounded) else rounded
    return high


def _between(low: float, high: float, name: str) -> float:
    return high if name in _MOMENTS else round_between(low, high)
