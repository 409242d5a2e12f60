"""Causes before symptoms: what a failure really is, where only many conversations together tell it.

Each rule takes failures that look like one thing and says, by the numbers, that they are another: a plain 500
that sets in with prompt size is a size limit, a tool that raises on arguments that do not fit its schema has
been called wrongly, a model call that only fails after a tool failed is that tool's symptom.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from autogen_otel.diagnosis.comparison.candidates import is_number, round_between, thin
from autogen_otel.diagnosis.comparison.in_memory import working_calls_of
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.questions import CallsOf, Counts, Inquiry, Outline, Run, answer_all
from autogen_otel.diagnosis.comparison.statistics import Table, fisher_of_best_cut
from autogen_otel.diagnosis.evidence.features import PREVIOUS_TOOL, PREVIOUS_TOOL_SECONDS, PROBLEMS, Features
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
_MORE_OFTEN_THAN_NOT: Final = 0.5
_SMALLEST_LIMIT: Final = 1000
"""Characters; no model is bothered by less."""
_SLOW_SECONDS: Final = 1.0
_AFTER_TOOL: Final = Property(names.TOOL_FAILED_BEFORE, Comparison.EQUALS, value=True)


def roots_of(population: Population, calls_of: CallsOf | None = None) -> list[Occurrence]:
    """All failures, each with the cause that the whole population shows, and their symptoms folded in.

    Args:
        population: the failures.
        calls_of: the calls of a kind that worked; by default those that the population keeps.
    """
    calls_of = calls_of or working_calls_of(population)
    groups = [population.in_group(key) for key in sorted(population.groups)]
    models: list[Inquiry[None]] = []
    for group in groups:
        first = group[0]
        if first.cause == causes.TOOL_EXCEPTION:
            answer_all([_blame_arguments(group)], calls_of(first.kind))
        elif first.kind == MODEL and first.cause in _EXPLAINED:
            models.append(_EXPLAINED[first.cause](group))
    if models:
        answer_all(models, calls_of(MODEL))
    found = [one for group in groups for one in group]
    found.extend(_loops(population))
    _show_fallbacks(found)
    return _without_symptoms(found, calls_of)


# ---------------------------------------------------------------- tools
def _blame_arguments(group: Sequence[Occurrence]) -> Inquiry[None]:
    """A tool that raises where its arguments do not fit, and works where they do, was called wrongly."""
    bad: Counter[str] = Counter()
    for one in group:
        bad.update(one.problems)
    if not bad:
        return
    answer = yield Counts([Property(PROBLEMS, Comparison.INCLUDES, problem) for problem in bad])
    fine = dict(zip(bad, answer.counts, strict=True))
    for one in group:
        blamed = [problem for problem in one.problems if bad[problem] >= fine[problem] * answer.weight]
        if blamed:
            one.symptoms[f"tool_exception {one.subject['tool']} {one.subject.get('exception', '')}"] += 1
            one.cause = causes.TOOL_ARGUMENTS
            one.subject = {**one.subject, **problem_subject(blamed[0])}


# ---------------------------------------------------------------- model calls
def _explain_plain(group: Sequence[Occurrence]) -> Inquiry[None]:
    """Find what plain refusals set in with: the size of the prompt, or history of an earlier run."""
    sizes = _numbers(one.features for one in group)
    counted = {
        name: [number if is_number(number := one.features.get(name)) else 0 for one in group]
        for name in (names.PROMPT_CARRIED_MESSAGES, names.PROMPT_MESSAGES)
    }
    cuts = {name: thin(numbers) for name, numbers in counted.items()}
    outline = yield Outline({names.PROMPT_CHARS: thin(sizes), **cuts})
    answer = yield Counts([_AFTER_TOOL])
    (after_tool,) = answer.counts
    weight = answer.weight
    carried, messages = (
        _Numbers(numbers, outline.runs[name], weight, answer.total) for name, numbers in counted.items()
    )
    explanations = [
        _by_size(_Numbers(sizes, outline.runs[names.PROMPT_CHARS], weight)),
        _by_history(carried, messages, is_refused=group[0].cause == causes.CLIENT),
    ]
    explained = max(filter(None, explanations), key=lambda one: one[0], default=None)
    if explained is None:
        return
    effect, cause, holds, more = explained
    # What tools say of their failures makes prompts longer, too.
    if _after_tools(group, after_tool, answer.total).effect >= effect:
        return
    for one in group:
        if holds(one.features):
            one.symptoms[one.words] += 1
            one.cause = cause
            one.subject = {**_of_entry(one.subject), **more}
            one.detail = {}


_Explanation = tuple[float, str, Callable[[Features], bool], dict[str, Any]]


class _Numbers:
    """The numbers of failing and of working calls, and the cut that tells the failures best.

    Args:
        bad: of failing calls.
        runs: of working calls, by which cuts they are between.
        weight: how many calls each working one stands for.
        all_working: of how many calls those are; only those that have a number by default.
    """

    def __init__(
        self, bad: Sequence[float], runs: Sequence[Run], weight: float, all_working: int | None = None
    ) -> None:
        self.bad, self._runs, self._weight = bad, runs, weight
        self.good = sum(run.calls for run in runs)
        self._all_working = self.good if all_working is None else all_working

    @cached_property
    def cut(self) -> float:
        """The number from which on calls fail; there has to be a failing call."""
        return max(thin(self.bad), key=lambda cut: _likelihood(self._above(cut), self._weight))

    @cached_property
    def table(self) -> Table:
        """How many have at least so much."""
        return self._above(self.cut)

    def explain(self, covering: float = _MORE_OFTEN_THAN_NOT) -> bool:
        """Whether the cut explains the failures, see ``_is_explained``."""
        return _is_explained(self.table, self._weight, len(thin(self.bad)), covering)

    def below(self, cut: float) -> float | None:
        """The largest working number that is smaller."""
        return max((run.highest for run in self._runs if run.highest < cut), default=None)

    def _above(self, cut: float) -> Table:
        bad = sum(one >= cut for one in self.bad)
        good = sum(run.calls for run in self._runs if run.lowest >= cut)
        return Table(bad, len(self.bad), good, self._all_working)


def _by_size(sizes: _Numbers) -> _Explanation | None:
    if len(sizes.bad) < _FEWEST or not sizes.good or sizes.cut < _SMALLEST_LIMIT or not sizes.explain():
        return None
    limit = round_between(sizes.below(sizes.cut) or 0, sizes.cut)
    is_large = Property(names.PROMPT_CHARS, Comparison.AT_LEAST, sizes.cut).tester()
    return sizes.table.effect, causes.PROMPT_TOO_LARGE, is_large, {"limit_chars": int(limit)}


def _after_tools(group: Sequence[Occurrence], working: int, all_working: int) -> Table:
    return Table(sum(map(_is_after_tool, group)), len(group), working, all_working)


def _by_history(carried: _Numbers, messages: _Numbers, *, is_refused: bool) -> _Explanation | None:
    # On equal terms history wins: what is carried over makes the prompt larger, too.
    effect = carried.table.effect + 0.02
    if effect < messages.table.effect:
        # It is how many messages there are, wherever they came from.
        return None
    # A refusal is about what was sent: where all that were refused sent history along, it is about that, even
    # if most history does no harm.
    if carried.cut < 1 or not carried.explain(0.0 if is_refused else _MORE_OFTEN_THAN_NOT):
        return None
    is_carried = Property(names.PROMPT_CARRIED_MESSAGES, Comparison.AT_LEAST, carried.cut).tester()
    return effect, causes.STALE_STATE, is_carried, {}


def _is_explained(
    table: Table, weight: float, tried: int = 1, covering: float = _MORE_OFTEN_THAN_NOT
) -> bool:
    """Whether a property explains failures: nearly all have it, or nearly all that have it fail.

    Args:
        table: how many have it.
        weight: how many calls each working one stands for.
        tried: how many cuts of a number it was chosen from.
        covering: how many of those that have it have to fail, where nearly all failures have it.
    """
    if table.failing < _FEWEST or fisher_of_best_cut(table, tried) > _SURE:
        return False
    precision = table.failing / (table.failing + table.working * weight)
    covers = table.failing_share >= _NEARLY_ALL and table.effect >= _CLEAR_EFFECT
    return (covers and precision >= covering) or precision >= _MOST_OF_THEM


def _likelihood(table: Table, weight: float) -> float:
    """How well the failures are told by one rate with a property and another one without it."""
    total = 0.0
    for bad, good in (
        (table.failing, table.working * weight),
        (table.all_failing - table.failing, (table.all_working - table.working) * weight),
    ):
        total += sum(count * math.log(count / (bad + good)) for count in (bad, good) if count)
    return total


def _measure_limit(group: Sequence[Occurrence]) -> Inquiry[None]:
    """Say from where on prompts are too large, in characters."""
    bad = _numbers(one.features for one in group)
    if not bad:
        return
    smallest = min(bad)
    outline = yield Outline({names.PROMPT_CHARS: [smallest]})
    below = _Numbers(bad, outline.runs[names.PROMPT_CHARS], outline.weight).below(smallest)
    limit: float = smallest if below is None else round_between(below, smallest)
    for one in group:
        one.subject = {**one.subject, "limit_chars": int(limit)}


def _blame_slow_tool(group: Sequence[Occurrence]) -> Inquiry[None]:
    """Name the tool after which calls time out, if it is its slowness that they have in common."""
    tools = Counter(one.features[PREVIOUS_TOOL] for one in group if PREVIOUS_TOOL in one.features)
    for tool, count in tools.most_common(1):
        bad = [_seconds_of(tool, one.features) for one in group]
        outline = yield Outline({PREVIOUS_TOOL_SECONDS: thin(bad)}, tool=tool)
        seconds = _Numbers(bad, outline.runs[PREVIOUS_TOOL_SECONDS], outline.weight, outline.total)
        if seconds.cut < _SLOW_SECONDS or count < _FEWEST or not seconds.explain():
            return
        for one in group:
            if _seconds_of(tool, one.features) >= seconds.cut:
                one.symptoms[one.words] += 1
                one.subject = {**one.subject, "tool": tool}


def _seconds_of(tool: str, features: Features) -> float:
    """How long the tool before took, if it was this one."""
    return float(features[PREVIOUS_TOOL_SECONDS]) if features.get(PREVIOUS_TOOL) == tool else 0.0


_EXPLAINED: Final[Mapping[str, Callable[[Sequence[Occurrence]], Inquiry[None]]]] = {
    **dict.fromkeys(_LOOK_PLAIN, _explain_plain),
    causes.PROMPT_TOO_LARGE: _measure_limit,
    causes.TIMEOUT: _blame_slow_tool,
}


def _show_fallbacks(found: Sequence[Occurrence]) -> None:
    """A backup that can never work shows only when the first entry fails: it is what ends the call."""
    for one in found:
        if one.cause == causes.CONFIG_ENTRY:
            for cause in one.earlier_causes:
                if cause in _CAN_WAIT:
                    one.symptoms[f"seen only after {cause} of an entry before it"] += 1


# ---------------------------------------------------------------- conversations
def _loops(population: Population) -> list[Occurrence]:
    """Loops of workflows that do not always end at their limit: those that do are built so.

    Of a single conversation lengths say too little: it may be held for so many turns.
    """
    return [
        occurrence
        for workflow, loop in sorted(population.loops, key=str)
        if population.seldom_at_limit(workflow)
        and not (loop.has_alike_answers and population.ended[workflow] == 1)
        for occurrence in population.in_loop((workflow, loop))
    ]


def _without_symptoms(found: list[Occurrence], calls_of: CallsOf) -> list[Occurrence]:
    """Fold model calls that only fail after a tool failed into that tool's failures."""
    tools = {(one.trace_id, one.span_id): one for one in found if one.kind.startswith(tool_kind(""))}
    by_entry: dict[Any, list[Occurrence]] = defaultdict(list)
    for one in found:
        if one.kind == MODEL and one.cause in _LOOK_PLAIN:
            by_entry[one.cause, one.subject.get("model")].append(one)
    groups = [group for group in by_entry.values() if any(map(_is_after_tool, group))]
    if not groups:
        return found
    (answer,) = calls_of(MODEL).answer([Counts([_AFTER_TOOL])])
    dropped: set[int] = set()
    for group in groups:
        table = _after_tools(group, answer.counts[0], answer.total)
        # Where tools fail all the time, that one failed before says nothing; and once or twice is chance.
        always = table.failing == table.all_failing and table.effect >= _TELLING_EFFECT
        if table.failing < _FEWEST or not (always or _is_explained(table, answer.weight)):
            continue
        for one in group:
            root = tools.get((one.trace_id, one.after_tool or ""))
            if root is None or not _is_after_tool(one):
                continue
            root.symptoms[one.words] += 1
            root.lost_ns += one.lost_ns
            if one.effect is Effect.ENDED:
                root.effect = Effect.ENDED
                root.ended_by = one.subject
            dropped.add(id(one))
    return [one for one in found if id(one) not in dropped]


def _is_after_tool(one: Occurrence) -> bool:
    return one.after_tool is not None or one.features.get(names.TOOL_FAILED_BEFORE) is True


def _numbers(calls: Iterable[Features]) -> list[float]:
    sizes = (features.get(names.PROMPT_CHARS) for features in calls)
    return [size for size in sizes if is_number(size)]


def _of_entry(subject: dict[str, Any]) -> dict[str, Any]:
    return {name: subject[name] for name in ("entry", "model", "host", "status_code") if name in subject}
