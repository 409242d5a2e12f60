"""Causes before symptoms: what a failure really is, where only many conversations together tell it.

Each rule takes failures that look like one thing and says, by the numbers, that they are another: a plain 500
that sets in with prompt size is a size limit, a tool that raises on arguments that do not fit its schema has
been called wrongly, a model call that only fails after a tool failed is that tool's symptom.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from autogen_otel.diagnosis.comparison.candidates import round_between
from autogen_otel.diagnosis.comparison.statistics import Table, fisher
from autogen_otel.diagnosis.evidence.features import (
    PREVIOUS_TOOL,
    PREVIOUS_TOOL_SECONDS,
    PROBLEMS,
    Features,
)
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.evidence.subjects import problem_subject
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

_LOOK_PLAIN: Final = frozenset({causes.BACKEND, causes.CLIENT, causes.UNKNOWN})
"""What is said of a model call where nothing explains why it failed."""
_CAN_WAIT: Final = frozenset({causes.RATE_LIMIT, causes.BACKEND, causes.TIMEOUT})
_SURE: Final = 0.001
_NEARLY_ALL: Final = 0.9
_MOST_OF_THEM: Final = 0.8
_CLEAR_EFFECT: Final = 0.6
_FEWEST: Final = 3
_TELLING_EFFECT: Final = 0.3
_USUAL_LIMITS: Final = 0.5
_SMALLEST_LIMIT: Final = 1000
"""Characters; no model is bothered by less."""
_SLOW_SECONDS: Final = 1.0


def find_roots(population: Population) -> list[Occurrence]:
    """All failures, each with the cause that the whole population shows, and their symptoms folded in."""
    found: list[Occurrence] = []
    by_call: dict[tuple[str, str], list[list[Occurrence]]] = defaultdict(list)
    for key in population.groups:
        group = population.in_group(key)
        first = group[0]
        by_call[first.cause, first.kind].append(group)
    working = population.working.get(MODEL)
    calls = working.kept if working is not None else []
    weight = working.weight if working is not None else 1.0
    for (cause, kind), groups in by_call.items():
        for group in groups:
            if cause == causes.TOOL_EXCEPTION:
                _blame_arguments(group, population)
            elif kind == MODEL:
                if cause in _LOOK_PLAIN:
                    _explain_plain(group, calls, weight)
                if cause == causes.PROMPT_TOO_LARGE:
                    _measure_limit(group, calls)
                if cause == causes.TIMEOUT:
                    _blame_slow_tool(group, calls, weight)
            found.extend(group)
    found.extend(_loops(population))
    _show_fallbacks(found)
    return _without_symptoms(found, calls, weight)


# ---------------------------------------------------------------- tools
def _blame_arguments(group: Sequence[Occurrence], population: Population) -> None:
    """A tool that raises where its arguments do not fit, and works where they do, was called wrongly."""
    sample = population.working.get(tool_kind(group[0].subject["tool"]))
    fine: Counter[str] = Counter()
    for features in sample.kept if sample is not None else ():
        fine.update(features.get(PROBLEMS, ()))
    weight = sample.weight if sample is not None else 1.0
    bad: Counter[str] = Counter()
    for one in group:
        bad.update(one.problems)
    for one in group:
        blamed = [problem for problem in one.problems if bad[problem] >= fine[problem] * weight]
        if blamed:
            one.symptoms[f"tool_exception {one.subject['tool']} {one.subject.get('exception', '')}"] += 1
            one.cause = causes.TOOL_ARGUMENTS
            one.subject = {**one.subject, **problem_subject(blamed[0])}


# ---------------------------------------------------------------- model calls
def _explain_plain(group: Sequence[Occurrence], calls: Sequence[Features], weight: float) -> None:
    """Find what plain refusals set in with: the size of the prompt, or history of an earlier run."""
    explanations = [
        explanation
        for explanation in (_by_size(group, calls, weight), _by_history(group, calls, weight))
        if explanation is not None
    ]
    if not explanations:
        return
    effect, cause, holds, more = max(explanations, key=lambda one: one[0])
    # What tools say of their failures makes prompts longer, too.
    if _after_tools(group, calls).effect >= effect:
        return
    for one in group:
        if holds(one.features):
            one.symptoms[one.words] += 1
            one.cause = cause
            one.subject = {**_of_entry(one.subject), **more}
            one.detail = {}


_Explanation = tuple[float, str, Callable[[Features], bool], dict[str, Any]]


def _by_size(group: Sequence[Occurrence], calls: Sequence[Features], weight: float) -> _Explanation | None:
    bad = _numbers(one.features for one in group)
    good = _numbers(calls)
    if len(bad) < _FEWEST or not good:
        return None
    cut = max(sorted(set(bad)), key=lambda size: _likelihood(_above(size, bad, good), weight))
    table = _above(cut, bad, good)
    if cut < _SMALLEST_LIMIT or not _is_explained(table, weight):
        return None
    below = max((size for size in (*good, *bad) if size < cut), default=0)
    limit = round_between(below, cut)

    def is_large(features: Features) -> bool:
        size = features.get(names.PROMPT_CHARS)
        return isinstance(size, int) and size >= cut

    return table.effect, causes.PROMPT_TOO_LARGE, is_large, {"limit_chars": int(limit)}


def _after_tools(group: Sequence[Occurrence], calls: Sequence[Features]) -> Table:
    bad = sum(map(_is_after_tool, group))
    good = sum(features.get(names.TOOL_FAILED_BEFORE) is True for features in calls)
    return Table(bad, len(group), good, len(calls))


def _by_history(group: Sequence[Occurrence], calls: Sequence[Features], weight: float) -> _Explanation | None:
    bad = [_is_carried(one.features) for one in group]
    good = [_is_carried(features) for features in calls]
    table = Table(sum(bad), len(bad), sum(good), len(good))
    if table.failing < _FEWEST or not _is_explained(table, weight):
        return None
    # On equal terms history wins: what is carried over makes the prompt larger, too.
    return table.effect + 0.02, causes.STALE_STATE, _is_carried, {}


def _is_explained(table: Table, weight: float) -> bool:
    """Whether a property explains failures: nearly all have it, or nearly all that have it fail."""
    if table.failing < _FEWEST or fisher(table) > _SURE:
        return False
    precision = table.failing / (table.failing + table.working * weight)
    covers = table.failing_share >= _NEARLY_ALL and table.effect >= _CLEAR_EFFECT
    return (covers and precision >= _USUAL_LIMITS) or precision >= _MOST_OF_THEM


def _likelihood(table: Table, weight: float) -> float:
    """How well the failures are told by one rate with a property and another one without it."""
    total = 0.0
    for bad, good in (
        (table.failing, table.working * weight),
        (table.all_failing - table.failing, (table.all_working - table.working) * weight),
    ):
        total += sum(count * math.log(count / (bad + good)) for count in (bad, good) if count)
    return total


def _measure_limit(group: Sequence[Occurrence], calls: Sequence[Features]) -> None:
    """Say from where on prompts are too large, in characters."""
    bad = _numbers(one.features for one in group)
    if not bad:
        return
    smallest = min(bad)
    below = max((size for size in _numbers(calls) if size < smallest), default=None)
    limit: float = smallest if below is None else round_between(below, smallest)
    for one in group:
        one.subject = {**one.subject, "limit_chars": int(limit)}


def _blame_slow_tool(group: Sequence[Occurrence], calls: Sequence[Features], weight: float) -> None:
    """Name the tool after which calls time out, if it is its slowness that they have in common."""
    tools = Counter(one.features[PREVIOUS_TOOL] for one in group if PREVIOUS_TOOL in one.features)
    for tool, count in tools.most_common(1):
        bad = [_seconds_of(tool, one.features) for one in group]
        good = [_seconds_of(tool, features) for features in calls]
        cut = max(sorted(set(bad)), key=lambda seconds: _likelihood(_above(seconds, bad, good), weight))
        table = _above(cut, bad, good)
        if cut < _SLOW_SECONDS or count < _FEWEST or not _is_explained(table, weight):
            return
        for one in group:
            if _seconds_of(tool, one.features) >= cut:
                one.symptoms[one.words] += 1
                one.subject = {**one.subject, "tool": tool}


def _seconds_of(tool: str, features: Features) -> float:
    """How long the tool before took, if it was this one."""
    return float(features[PREVIOUS_TOOL_SECONDS]) if features.get(PREVIOUS_TOOL) == tool else 0.0


def _show_fallbacks(found: Sequence[Occurrence]) -> None:
    """A backup that can never work shows only when the first entry fails: it is what ends the call."""
    for one in found:
        if one.cause == causes.CONFIG_ENTRY:
            for cause in one.fell_after:
                if cause in _CAN_WAIT:
                    one.symptoms[f"shown by {cause} of an entry before"] += 1


# ---------------------------------------------------------------- conversations
def _loops(population: Population) -> list[Occurrence]:
    """Loops of workflows that do not always end at their limit: those that do are built so."""
    return [
        occurrence
        for workflow, _, occurrence in population.loops
        if population.ended[workflow] == 1
        or population.ended_at_limit[workflow] <= population.ended[workflow] * _USUAL_LIMITS
    ]


def _without_symptoms(found: list[Occurrence], calls: Sequence[Features], weight: float) -> list[Occurrence]:
    """Fold model calls that only fail after a tool failed into that tool's failures."""
    tools = {(one.trace_id, one.span_id): one for one in found if one.kind.startswith(tool_kind(""))}
    by_entry: dict[Any, list[Occurrence]] = defaultdict(list)
    for one in found:
        if one.kind == MODEL and one.cause in _LOOK_PLAIN:
            by_entry[one.cause, one.subject.get("model")].append(one)
    dropped: set[int] = set()
    for group in by_entry.values():
        table = _after_tools(group, calls)
        # Where tools fail all the time, that one failed before says nothing.
        always = table.failing == table.all_failing and table.effect >= _TELLING_EFFECT
        is_symptom = always or _is_explained(table, weight)
        if not is_symptom:
            continue
        for one in group:
            root = tools.get((one.trace_id, one.after_tool or ""))
            if root is None or not _is_after_tool(one):
                continue
            root.symptoms[one.words] += 1
            root.lost_ns += one.lost_ns
            if one.is_fatal:
                root.effect = Effect.ENDED
            dropped.add(id(one))
    return [one for one in found if id(one) not in dropped]


def _is_after_tool(one: Occurrence) -> bool:
    return one.after_tool is not None or one.features.get(names.TOOL_FAILED_BEFORE) is True


def _is_carried(features: Features) -> bool:
    return bool(features.get(names.PROMPT_CARRIED_MESSAGES))


def _numbers(calls: Iterable[Features]) -> list[int]:
    sizes = (features.get(names.PROMPT_CHARS) for features in calls)
    return [size for size in sizes if isinstance(size, int)]


def _above(cut: float, bad: Sequence[float], good: Sequence[float]) -> Table:
    return Table(sum(one >= cut for one in bad), len(bad), sum(one >= cut for one in good), len(good))


def _of_entry(subject: dict[str, Any]) -> dict[str, Any]:
    return {name: subject[name] for name in ("entry", "model", "host", "status_code") if name in subject}
