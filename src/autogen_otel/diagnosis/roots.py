"""Causes before symptoms: the real cause of failures, where only many conversations together show it.

Each rule takes failures of one cause and shows by their numbers that the cause is another: a plain 500 that
sets in with prompt size is a size limit, a tool that raises on arguments that do not fit its schema has been
called wrongly, a model call that only fails after a tool failed is that tool's symptom.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from autogen_otel.diagnosis.comparison.calls import CallsOf, Run, WorkingCalls, is_number, working_calls_of
from autogen_otel.diagnosis.comparison.candidates import round_between, thin
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.statistics import NEARLY_ALL, Table, fisher_of_best_cut
from autogen_otel.diagnosis.entries import entry_of, name_dead_entries, pool, share_subject
from autogen_otel.diagnosis.evidence.features import (
    AGENT_PAIR,
    PREVIOUS_TOOL,
    PREVIOUS_TOOL_SECONDS,
    PROBLEMS,
    Features,
)
from autogen_otel.diagnosis.evidence.loops import ALIKE_ANSWERS, EMPTY_ANSWERS
from autogen_otel.diagnosis.evidence.occurrence import MODEL, Effect, Occurrence, tool_kind
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.evidence.subjects import problem_subject
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

_UNEXPLAINED_CAUSES: Final = frozenset({causes.BACKEND, causes.CLIENT, causes.UNKNOWN})
"""Causes of a failed model call that explain nothing."""
_TEMPORARY_CAUSES: Final = frozenset({causes.RATE_LIMIT, causes.BACKEND, causes.TIMEOUT})
_SURE: Final = 0.001
_MOST_OF_THEM: Final = 0.8
_CLEAR_EFFECT: Final = 0.6
_FEWEST: Final = 3
_TELLING_EFFECT: Final = 0.3
_MORE_OFTEN_THAN_NOT: Final = 0.5
_SMALLEST_LIMIT: Final = 1000
"""Characters; no model has a smaller limit."""
_SLOW_SECONDS: Final = 1.0
_AFTER_TOOL: Final = Property(names.TOOL_FAILED_BEFORE, Comparison.EQUALS, value=True)


def roots_of(population: Population) -> list[Occurrence]:
    """All failures, each with the cause that the whole population shows, and with its symptoms."""
    calls_of = working_calls_of(population)
    groups = [population.in_group(key) for key in sorted(population.groups)]
    failures = [failure for group in groups for failure in group]
    first_causes = [group[0].cause for group in groups]
    for cause in sorted(_UNEXPLAINED_CAUSES):
        # What sets in with the prompt does so whichever entry is asked.
        of_cause = [failure for failure in failures if failure.kind == MODEL and failure.cause == cause]
        if len({entry_of(failure) for failure in of_cause}) > 1:
            _explain_by_prompt(of_cause, calls_of(MODEL))
    for group, cause in zip(groups, first_causes, strict=True):
        unexplained = [failure for failure in group if failure.cause == cause]
        if not unexplained:
            continue
        kind = group[0].kind
        if cause == causes.TOOL_EXCEPTION:
            _blame_arguments(unexplained, calls_of(kind))
        elif kind == MODEL and cause in _RULES:
            _RULES[cause](unexplained, calls_of(MODEL))
    name_dead_entries(failures, population.answered)
    pool(failures, population.answered)
    failures.extend(_loops(population))
    _show_fallbacks(failures)
    return _without_symptoms(failures, calls_of)


# ---------------------------------------------------------------- tools
def _blame_arguments(group: Sequence[Occurrence], working: WorkingCalls) -> None:
    """Blame the arguments if a tool raises where they do not fit, and works where they do."""
    failing_counts: Counter[str] = Counter()
    for failure in group:
        failing_counts.update(failure.problems)
    counts = working.counts(Property(PROBLEMS, Comparison.INCLUDES, problem) for problem in failing_counts)
    working_counts = dict(zip(failing_counts, counts, strict=True))
    for failure in group:
        likely_problems = [
            problem
            for problem in failure.problems
            if failing_counts[problem] >= working_counts[problem] * working.weight
        ]
        if likely_problems:
            failure.symptoms[
                f"tool_exception {failure.subject['tool']} {failure.subject.get('exception', '')}"
            ] += 1
            failure.cause = causes.TOOL_ARGUMENTS
            failure.subject = {**failure.subject, **problem_subject(likely_problems[0])}


# ---------------------------------------------------------------- model calls
def _explain_by_prompt(group: Sequence[Occurrence], working: WorkingCalls) -> None:
    """Find what unexplained failures set in with: the size of the prompt, or history of an earlier run."""
    sizes = _numbers(failure.features for failure in group)
    numbers_by_name = {
        name: [number if is_number(number := failure.features.get(name)) else 0 for failure in group]
        for name in (names.PROMPT_CARRIED_MESSAGES, names.PROMPT_MESSAGES)
    }
    carried_messages, messages = (
        _Numbers(numbers, working.runs(name, thin(numbers)), working.weight, working.total)
        for name, numbers in numbers_by_name.items()
    )
    explanations = [
        _by_size(_Numbers(sizes, working.runs(names.PROMPT_CHARS, thin(sizes)), working.weight)),
        _by_history(carried_messages, messages, is_refused=group[0].cause == causes.CLIENT),
    ]
    best = max(filter(None, explanations), key=lambda explanation: explanation[0], default=None)
    if best is None:
        return
    effect, cause, has_property, details = best
    # The errors of tools make prompts longer, too.
    if _after_tools(group, working).effect >= effect:
        return
    explained = [failure for failure in group if has_property(failure.features)]
    more = _largest_tool(explained) if cause == causes.PROMPT_TOO_LARGE else _pair(explained)
    details = {**details, **more}
    for failure in explained:
        failure.symptoms[failure.words] += 1
        failure.cause = cause
        failure.subject = {**_entry_subject(failure.subject), **details}
        failure.detail = {}
    share_subject(explained)


_Explanation = tuple[float, str, Callable[[Features], bool], dict[str, Any]]


class _Numbers:
    """The numbers of failing and of working calls, and the cut that separates them best.

    Args:
        bad: the numbers of failing calls.
        runs: of working calls, at the cuts and between them.
        weight: how many calls each working one stands for.
        all_working: how many working calls there are; by default only those with a number.
    """

    def __init__(
        self, bad: Sequence[float], runs: Sequence[Run], weight: float, all_working: int | None = None
    ) -> None:
        self.bad, self._runs, self._weight = bad, runs, weight
        self.good = sum(run.calls for run in runs)
        self._all_working = self.good if all_working is None else all_working

    @cached_property
    def cut(self) -> float:
        """The number from which calls fail; there has to be a failing call."""
        return max(thin(self.bad), key=lambda cut: _likelihood(self._above(cut), self._weight))

    @cached_property
    def table(self) -> Table:
        """How many calls have at least the cut."""
        return self._above(self.cut)

    def explains(self, least_share: float = _MORE_OFTEN_THAN_NOT) -> bool:
        """Whether the cut explains the failures, see ``_is_explained``."""
        return _is_explained(self.table, self._weight, len(thin(self.bad)), least_share)

    def below(self, cut: float) -> float | None:
        """The largest working number that is smaller."""
        return max((run.highest for run in self._runs if run.highest < cut), default=None)

    def _above(self, cut: float) -> Table:
        bad = sum(number >= cut for number in self.bad)
        good = sum(run.calls for run in self._runs if run.lowest >= cut)
        return Table(bad, len(self.bad), good, self._all_working)


def _by_size(sizes: _Numbers) -> _Explanation | None:
    if len(sizes.bad) < _FEWEST or not sizes.good or sizes.cut < _SMALLEST_LIMIT or not sizes.explains():
        return None
    limit = round_between(sizes.below(sizes.cut) or 0, sizes.cut)
    is_large = Property(names.PROMPT_CHARS, Comparison.AT_LEAST, sizes.cut).tester()
    return sizes.table.effect, causes.PROMPT_TOO_LARGE, is_large, {"limit_chars": int(limit)}


def _after_tools(group: Sequence[Occurrence], working: WorkingCalls) -> Table:
    (after_tool,) = working.counts([_AFTER_TOOL])
    return Table(sum(map(_is_after_failed_tool, group)), len(group), after_tool, working.total)


def _by_history(carried_messages: _Numbers, messages: _Numbers, *, is_refused: bool) -> _Explanation | None:
    # If both explain as well, history wins: carried messages make the prompt larger, too.
    effect = carried_messages.table.effect + 0.02
    if effect < messages.table.effect:
        # The number of messages explains it, wherever they came from.
        return None
    # A refusal is about the request: if all refused requests had history, it is about the history, even if
    # most history does no harm.
    if carried_messages.cut < 1 or not carried_messages.explains(0.0 if is_refused else _MORE_OFTEN_THAN_NOT):
        return None
    is_carried = Property(names.PROMPT_CARRIED_MESSAGES, Comparison.AT_LEAST, carried_messages.cut).tester()
    return effect, causes.STALE_STATE, is_carried, {}


def _is_explained(
    table: Table, weight: float, cuts: int = 1, least_share: float = _MORE_OFTEN_THAN_NOT
) -> bool:
    """Whether a property explains failures: nearly all have it, or nearly all calls with it fail.

    Args:
        table: how many calls have it.
        weight: how many calls each working one stands for.
        cuts: how many cuts of a number were tried.
        least_share: which share of the calls with it has to fail, if nearly all failures have it.
    """
    if table.failing < _FEWEST or fisher_of_best_cut(table, cuts) > _SURE:
        return False
    precision = table.failing / (table.failing + table.working * weight)
    covers = table.failing_share >= NEARLY_ALL and table.effect >= _CLEAR_EFFECT
    return (covers and precision >= least_share) or precision >= _MOST_OF_THEM


def _likelihood(table: Table, weight: float) -> float:
    """The log-likelihood of the failures, by one rate with a property and another one without it."""
    total = 0.0
    for bad, good in (
        (table.failing, table.working * weight),
        (table.all_failing - table.failing, (table.all_working - table.working) * weight),
    ):
        total += sum(count * math.log(count / (bad + good)) for count in (bad, good) if count)
    return total


def _measure_limit(group: Sequence[Occurrence], working: WorkingCalls) -> None:
    """Set the limit of the prompt in characters."""
    bad = _numbers(failure.features for failure in group)
    if not bad:
        return
    smallest = min(bad)
    below = _Numbers(bad, working.runs(names.PROMPT_CHARS, [smallest]), working.weight).below(smallest)
    limit: float = smallest if below is None else round_between(below, smallest)
    tool = _largest_tool(group)
    for failure in group:
        failure.subject = {**failure.subject, "limit_chars": int(limit), **tool}


def _pair(group: Sequence[Occurrence]) -> dict[str, Any]:
    """The two agents whose history nearly all these prompts carry, if they are the same two."""
    pairs = Counter(failure.features.get(AGENT_PAIR) for failure in group)
    ((pair, count),) = pairs.most_common(1)
    is_usual = isinstance(pair, str) and count >= NEARLY_ALL * len(group)
    return {"agent": str(pair).replace(" -> ", ", ")} if is_usual else {}


def _largest_tool(group: Sequence[Occurrence]) -> dict[str, Any]:
    """The tool whose result is the largest message of nearly all these prompts, if one is."""
    speakers: Counter[str] = Counter()
    for failure in group:
        speaker, tools = (
            failure.features.get(name) for name in (names.PROMPT_LARGEST_FROM, names.PROMPT_TOOL_NAMES)
        )
        if isinstance(speaker, str) and isinstance(tools, frozenset) and speaker in tools:
            speakers[speaker] += 1
    usual = [tool for tool, count in speakers.items() if count >= NEARLY_ALL * len(group)]
    return {"tool": usual[0]} if usual else {}


def _blame_slow_tool(group: Sequence[Occurrence], working: WorkingCalls) -> None:
    """Name the tool after which calls time out, if the calls have its slowness in common."""
    tools = Counter(failure.features[PREVIOUS_TOOL] for failure in group if PREVIOUS_TOOL in failure.features)
    for tool, count in tools.most_common(1):
        bad = [_seconds_of(tool, failure.features) for failure in group]
        runs = working.runs(PREVIOUS_TOOL_SECONDS, thin(bad), tool=tool)
        seconds = _Numbers(bad, runs, working.weight, working.total)
        if seconds.cut < _SLOW_SECONDS or count < _FEWEST or not seconds.explains():
            return
        for failure in group:
            if _seconds_of(tool, failure.features) >= seconds.cut:
                failure.symptoms[failure.words] += 1
                failure.subject = {**failure.subject, "tool": tool}


def _seconds_of(tool: str, features: Features) -> float:
    """How long the previous tool took, if it was this one."""
    return float(features[PREVIOUS_TOOL_SECONDS]) if features.get(PREVIOUS_TOOL) == tool else 0.0


_RULES: Final[Mapping[str, Callable[[Sequence[Occurrence], WorkingCalls], None]]] = {
    **dict.fromkeys(_UNEXPLAINED_CAUSES, _explain_by_prompt),
    causes.PROMPT_TOO_LARGE: _measure_limit,
    causes.TIMEOUT: _blame_slow_tool,
}


def _show_fallbacks(failures: Sequence[Occurrence]) -> None:
    """Give an entry that can never work the failures before it as symptoms: it shows only after them."""
    for failure in failures:
        if failure.cause == causes.CONFIG_ENTRY:
            for cause, _ in failure.earlier_errors:
                if cause in _TEMPORARY_CAUSES:
                    failure.symptoms[f"seen only after {cause} of an entry before it"] += 1


# ---------------------------------------------------------------- conversations
def _loops(population: Population) -> list[Occurrence]:
    """Loops of workflows that seldom end at their limit: for others the limit is the design.

    The lengths of answers in a single conversation say too little: it may need so many turns. Nobody designs
    answers that are empty.
    """
    return [
        occurrence
        for workflow, loop in sorted(population.loops, key=str)
        if loop.problem == EMPTY_ANSWERS
        or (
            population.seldom_at_limit(workflow)
            and not (loop.problem == ALIKE_ANSWERS and population.ended_conversations[workflow] == 1)
        )
        for occurrence in population.in_loop((workflow, loop))
    ]


def _without_symptoms(failures: list[Occurrence], calls_of: CallsOf) -> list[Occurrence]:
    """Turn model calls that only fail after a tool failed into symptoms of that tool's failures."""
    tools = {
        (failure.trace_id, failure.span_id): failure
        for failure in failures
        if failure.kind.startswith(tool_kind(""))
    }
    by_entry: dict[Any, list[Occurrence]] = defaultdict(list)
    for failure in failures:
        if failure.kind == MODEL and failure.cause in _UNEXPLAINED_CAUSES:
            by_entry[failure.cause, failure.subject.get("model")].append(failure)
    groups = [group for group in by_entry.values() if any(map(_is_after_failed_tool, group))]
    if not groups:
        return failures
    working = calls_of(MODEL)
    symptom_ids: set[int] = set()
    for group in groups:
        table = _after_tools(group, working)
        # If tools fail all the time, an earlier failure says nothing; and once or twice is chance.
        is_always = table.failing == table.all_failing and table.effect >= _TELLING_EFFECT
        if table.failing < _FEWEST or not (is_always or _is_explained(table, working.weight)):
            continue
        for failure in group:
            root = tools.get((failure.trace_id, failure.after_tool or ""))
            if root is None or not _is_after_failed_tool(failure):
                continue
            root.symptoms[failure.words] += 1
            root.lost_ns += failure.lost_ns
            if failure.effect is Effect.ENDED:
                root.effect = Effect.ENDED
                root.ended_by = failure.subject
            symptom_ids.add(id(failure))
    return [failure for failure in failures if id(failure) not in symptom_ids]


def _is_after_failed_tool(failure: Occurrence) -> bool:
    return failure.after_tool is not None or failure.features.get(names.TOOL_FAILED_BEFORE) is True


def _numbers(calls: Iterable[Features]) -> list[float]:
    sizes = (features.get(names.PROMPT_CHARS) for features in calls)
    return [size for size in sizes if is_number(size)]


def _entry_subject(subject: dict[str, Any]) -> dict[str, Any]:
    return {name: subject[name] for name in ("entry", "model", "host", "status_code") if name in subject}
