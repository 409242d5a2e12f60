from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from autogen_otel.diagnosis.comparison.calls import Spread, WorkingCalls, count_by_property
from autogen_otel.diagnosis.comparison.candidates import cuts_of, round_between
from autogen_otel.diagnosis.comparison.discriminators import Discriminator, discriminate
from autogen_otel.diagnosis.comparison.properties import Comparison, Property
from autogen_otel.diagnosis.comparison.statistics import (
    Table,
    count_testable,
    design_effect,
    effective_table,
    fisher,
    fisher_of_best_cut,
    holm,
    smallest,
)
from autogen_otel.diagnosis.evidence.aggregates import ConversationStart, Numbering, Sample
from autogen_otel.diagnosis.evidence.arguments import argument_features
from autogen_otel.diagnosis.evidence.features import CONVERSATION_NUMBER, TRACE, TRAITS, Features
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION
from autogen_otel.diagnosis.evidence.population import Population
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.traces.gathering import gather_spans
from autogen_otel.traces.trace import Span, Trace
from tests.support.growth import grows_with_the_trace, one_inside_another, side_by_side


def test_fishers_test_gives_the_textbooks_numbers() -> None:
    # Fisher's lady tasting tea: all four cups right, and three of four.
    assert fisher(Table(4, 4, 0, 4)) == pytest.approx(1 / 70)
    assert fisher(Table(3, 4, 1, 4)) == pytest.approx(17 / 70)
    assert fisher(Table(0, 4, 4, 4)) == pytest.approx(1.0)
    assert fisher(Table(0, 0, 3, 9)) == 1.0


def test_fishers_test_holds_for_thousands_of_calls() -> None:
    expected = math.comb(1000, 5) / math.comb(4000, 5)
    assert fisher(Table(5, 5, 995, 3995)) == pytest.approx(expected, rel=1e-6)


def test_the_best_cut_is_as_probable_as_an_order_in_which_some_cut_is_as_good() -> None:
    # One order of three failing and four working calls has all of the former beyond all of the latter.
    assert fisher_of_best_cut(Table(3, 3, 0, 4), 6) == pytest.approx(1 / math.comb(7, 3))
    observed = Table(3, 3, 2, 5)
    orders = list(itertools.combinations(range(8), 3))
    as_good = sum(best_of(order) <= fisher(observed) * 1.0001 for order in orders)
    assert fisher_of_best_cut(observed, 100) == pytest.approx(as_good / len(orders))
    assert fisher_of_best_cut(Table(300, 300, 0, 400), 6) == pytest.approx(6 / math.comb(700, 300))


def best_of(places: tuple[int, ...]) -> float:
    """The smallest probability of any cut, where these of eight places are of failing calls."""
    beyond = {cut: sum(place < cut for place in places) for cut in range(1, 9)}
    return min(fisher(Table(failing, 3, cut - failing, 5)) for cut, failing in beyond.items())


def test_holms_correction_counts_all_that_was_tried() -> None:
    assert holm([0.01, 0.0001], 10) == pytest.approx([0.09, 0.001])
    assert holm([0.5], 10) == [1.0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (47_200, 48_311, 48_000),
        (0.2, 0.9, 0.6),
        (3, 4, 4),
        (4, 5, 5),
        (0, 1, 1),
        (2004, 2005, 2005),
        (5, 5, 5),
        (-8, -1, -4),
    ],
)
def test_a_cut_is_the_roundest_number_between(low: float, high: float, expected: float) -> None:
    assert round_between(low, high) == pytest.approx(expected)


def separating(failing: list[Features], working: list[Features]) -> list[Discriminator]:
    return discriminate(failing, WorkingCalls(working), cuts_of(failing))


def test_chance_is_not_reported() -> None:
    failing: list[Features] = [{"colour": "red", "size": size} for size in (3, 9)]
    working: list[Features] = [
        {"colour": colour, "size": size} for size in range(20) for colour in ("red", "blue")
    ]
    assert separating(failing, working) == []


def test_of_many_values_some_are_frequent_by_chance() -> None:
    def has_found(seed: int) -> bool:
        rng = random.Random(seed)  # noqa: S311 - no secret
        calls: list[Features] = [{"ids": frozenset(rng.sample(range(1000), 40))} for _ in range(150)]
        return bool(separating(calls[:6], calls[6:]))

    assert sum(map(has_found, range(60))) <= 2


def test_what_only_follows_from_a_stronger_one_is_left_out() -> None:
    failing: list[Features] = [{"host": "b", "region": "b-land", "size": size} for size in range(30)]
    working: list[Features] = [
        {"host": "a", "region": "b-land" if size % 5 == 0 else "a-land", "size": size} for size in range(60)
    ]
    (found,) = separating(failing, working)
    assert found.property == Property("host", Comparison.EQUALS, "b")
    assert found.table == Table(30, 30, 0, 60)


def test_calls_of_one_value_are_counted_as_each_of_them_would_be() -> None:
    values = [True, 1, 1.0, 2, "1", None, {"a": 1}, frozenset({1, "x"}), frozenset({"x"}), math.nan, b"1"]
    calls: list[Features] = [{}, *({"a": value, f"a{TRAITS}": value} for value in values), {"a": 1}]
    values_of: dict[Comparison, list[Any]] = {
        Comparison.WITHIN: [(1, 2)],
        Comparison.BEGINS: ["1", ""],
        Comparison.ENDS: ["1", ""],
    }
    asked = [
        Property("a", comparison, value)
        for comparison in Comparison
        for value in values_of.get(comparison, [1, True, 2.0, 0.5])
    ] + [Property("a", Comparison.INCLUDES, "x"), Property("a", Comparison.IS, "x")]
    assert count_by_property(calls, asked) == [sum(map(one.tester(), calls)) for one in asked]


@pytest.mark.parametrize("odd", ["empty", "blank", "not ASCII", "negative", "zero", "text for nothing"])
@pytest.mark.parametrize("kind", ["text", "a number", "a list", "an object"])
def test_what_is_odd_is_reported_rather_than_the_type(odd: str, kind: str) -> None:
    failing: list[Features] = [{f"a{TRAITS}": frozenset({kind, odd})}] * 20
    found = separating(failing, [{f"a{TRAITS}": frozenset({"null"})}] * 20)
    assert [one.property for one in found] == [Property("a", Comparison.IS, odd)]


def test_calls_of_one_conversation_count_once_where_they_are_the_same() -> None:
    assert design_effect(Spread(40, 20, 4, 400, 200, 200)) == 10
    assert design_effect(Spread(40, 20, 4, 400, 100, 200)) == 1
    assert effective_table(10, Table(3, 3, 19, 40)) == Table(3, 3, 2, 4)


def test_what_is_of_a_conversation_needs_more_of_them_than_what_is_of_a_call() -> None:
    failing: list[Features] = [{TRACE: f"f{number}", "host": "b", "size": 9} for number in range(7)]
    working: list[Features] = [
        {TRACE: number // 10, "host": "b" if number < 30 else "a", "size": 9 if number % 10 < 3 else 0}
        for number in range(100)
    ]
    (found,) = separating(failing, working)
    assert found.property == Property("size", Comparison.EQUALS, 9)
    assert found.table == Table(7, 7, 30, 100)


@pytest.mark.parametrize(
    ("name", "failing", "working"),
    [("process.pid", 4000, 100), ("server.port", 9000, 80), ("gap_seconds", 0.004, 0.001)],
)
def test_numbers_that_measure_nothing_have_no_threshold(name: str, failing: float, working: float) -> None:
    numbers = [[least * (1 + number / 100) for number in range(20)] for least in (failing, working)]

    def named(name: str) -> list[list[Features]]:
        return [[{name: number} for number in side] for side in numbers]

    assert separating(*named(name)) == []
    assert separating(*named("size"))


def test_a_single_minute_is_said_as_one() -> None:
    failing: list[Features] = [{"minute": 20, "time": 3600 * hour} for hour in range(12)]
    working: list[Features] = [{"minute": number % 60, "time": number * 660} for number in range(200)]
    (found,) = separating(failing, working)
    assert (found.property.attribute, found.property.text) == ("minute", "20")


@pytest.mark.parametrize("failing_minutes", [range(55, 60), range(5)])
def test_of_one_hour_a_window_of_time_is_said_and_not_the_minutes_of_each_hour(
    failing_minutes: range,
) -> None:
    seconds = range(3600 - 14 * 60, 3600 + 36 * 60, 10)
    calls: list[Features] = [{"minute": second // 60 % 60, "time": second} for second in seconds]
    failing = [call for call in calls if call["minute"] in failing_minutes]
    (found,) = separating(failing, [call for call in calls if call not in failing])
    assert found.property.attribute == "time"


def test_an_argument_may_be_named_like_what_the_numbers_of_a_list_come_to() -> None:
    failing: list[Features] = [argument_features('{"range": {"highest": "open"}}')] * 9
    working: list[Features] = [argument_features('{"range": {"highest": "shut"}}')] * 30
    (found,) = separating(failing, working)
    assert found.property == Property("autogen.tool.argument.range.highest", Comparison.EQUALS, "open")
    working = [argument_features('{"range": {}}')] * 30
    assert separating(failing, working)[0].property.attribute == "autogen.tool.argument.range.highest"


def _ordering(count: int) -> Features:
    return argument_features(json.dumps({"lines": [{"article": "any"}] * count}))


@pytest.mark.parametrize(
    ("failing", "working", "comparison", "value"),
    [
        (range(12, 32), range(1, 9), Comparison.AT_LEAST, 10),
        ((0, 1), range(2, 12), Comparison.AT_MOST, 1),
        ((2,), (1,), Comparison.AT_LEAST, 2),
    ],
)
def test_how_many_elements_a_list_has_may_set_calls_apart(
    failing: Sequence[int], working: Sequence[int], comparison: Comparison, value: int
) -> None:
    calls = [[_ordering(count) for count in counts] * 20 for counts in (failing, working)]
    found = [one.property for one in separating(*calls)]
    assert Property("autogen.tool.argument.lines[].elements", comparison, value) == found[0]


def test_the_elements_of_lists_are_counted_also_where_there_are_none() -> None:
    features = argument_features('{"rows": [[1, 2], [3]], "names": [], "any": {"elements": [{}]}}')
    counts = {name: value for name, value in features.items() if name.endswith(".elements")}
    assert counts == {
        "autogen.tool.argument.rows[].elements": 2,
        "autogen.tool.argument.rows[][].elements": 2,
        "autogen.tool.argument.names[].elements": 0,
        "autogen.tool.argument.any.elements[].elements": 1,
    }


def test_a_list_behind_a_long_one_is_counted() -> None:
    features = argument_features(json.dumps({"ids": [*range(1000)], "tags": ["a", "b"]}))
    assert features["autogen.tool.argument.ids[].elements"] == 1000
    assert features["autogen.tool.argument.tags[].elements"] == 2


def test_an_argument_may_be_named_like_the_number_of_elements_of_a_list() -> None:
    def ordering(word: str) -> Features:
        return argument_features(json.dumps({"lines": [{"elements": word}]}))

    (found,) = separating([ordering("open")] * 9, [ordering("shut")] * 30)
    assert found.property == Property("autogen.tool.argument.lines[].elements", Comparison.INCLUDES, "open")


def test_leaves_of_arguments_are_described_however_deep() -> None:
    features = argument_features(
        '{"to": {"name": "Köln"}, "items": [{"price": -3}, {"price": 4}], "note": null}'
    )
    assert features["autogen.tool.argument.to.name"] == "Köln"
    assert "not ASCII" in features["autogen.tool.argument.to.name#traits"]
    assert features["autogen.tool.argument.items[].price"] == {-3, 4}
    assert "negative" in features["autogen.tool.argument.items[].price#traits"]
    assert features["autogen.tool.argument.note#traits"] == {"null"}
    assert features["autogen.tool.arguments.depth"] == 3


def test_arguments_that_are_no_json_have_a_size() -> None:
    assert argument_features("{cut") == {"autogen.tool.arguments.chars": 4}
    assert argument_features(None) == {}


def test_a_sample_is_fair_and_bounded() -> None:
    sample = sampled(range(100_000))
    assert len(sample.members) == 1000
    assert sample.weight == 100
    assert 45_000 < sum(sample.members) / 1000 < 55_000


def sampled(numbers: Iterable[int]) -> Sample[int]:
    sample: Sample[int] = Sample(1000)
    for number in numbers:
        if sample.wants(str(number)):
            sample.keep(number)
    return sample


def test_samples_of_parts_are_the_sample_of_the_whole() -> None:
    whole = sampled(range(10_000))
    parts = sampled(range(9_999, 0, -2))
    parts.merge(sampled(range(0, 10_000, 2)))
    assert parts.members == whole.members
    assert parts.weight == whole.weight


def test_what_cannot_be_significant_is_not_corrected_for() -> None:
    # Two of a thousand calls have it: of three that failed, both at best.
    assert smallest(Table(0, 3, 2, 997)) == pytest.approx(3 / math.comb(1000, 2))
    assert count_testable([*[1e-9] * 5, *[0.5] * 100], 0.01) == 5
    assert count_testable([0.0] * 30, 0.01) == 30
    assert count_testable([], 0.01) == 0


def test_conversations_are_numbered_by_when_they_began_whoever_read_them() -> None:
    numbering, other = Numbering(), Numbering()
    numbering.note(ConversationStart("a", 30))
    numbering.note(ConversationStart("b", 5))
    other.note(ConversationStart("a", 10))
    numbering.merge(other)
    features: dict[str, object] = {CONVERSATION_NUMBER: ConversationStart("a", 30)}
    numbering.replace(features)
    assert features == {CONVERSATION_NUMBER: 2}


def test_a_conversation_counts_in_the_process_that_holds_it_wherever_its_trace_begins() -> None:
    population = Population()
    for number in (1, 2):
        trace_id = f"{number:032x}"
        # Every conversation is asked for by another copy of a program before this one.
        asking = Span(
            trace_id=trace_id,
            span_id="a",
            name="GET /",
            start_ns=number * 10,
            resource={"process.pid": number},
        )
        held = Span(
            trace_id=trace_id,
            span_id="b",
            parent_id="a",
            name="invoke_workflow user -> clerk",
            start_ns=number * 10 + 5,
            resource={"process.pid": 7},
        )
        population.add([asking, held])
    population.number()
    kept = population.working[CONVERSATION].members
    assert sorted(features[CONVERSATION_NUMBER] for features in kept) == [1, 2]


def span(trace: int, number: int, parent: str | None = "p") -> Span:
    return Span(trace_id=f"{trace:032x}", span_id=f"{number:016x}", parent_id=parent)


def test_traces_are_given_once_their_root_has_come_and_some_time_has_passed() -> None:
    spans = [span(1, 1), span(2, 2), span(1, 3, None), span(2, 4), span(1, 5), span(2, 6), span(2, 7, None)]
    traces = [[one.span_id[-1] for one in trace] for trace in gather_spans(spans, patience=3)]
    assert traces == [["1", "3", "5"], ["2", "4", "6", "7"]]


def test_a_trace_that_is_spread_far_is_given_in_pieces() -> None:
    spans = [span(1, 1), *(span(number, 1) for number in range(2, 9)), span(1, 2)]
    traces = [[one.trace_id[-1] for one in trace] for trace in gather_spans(iter(spans), longest=4)]
    assert traces == [["1"], *([str(number)] for number in range(2, 9)), ["1"]]


@pytest.mark.parametrize("trace_of_many", [one_inside_another, side_by_side])
def test_what_is_known_of_a_whole_trace_is_looked_at_once(trace_of_many: Callable[[int], Trace]) -> None:
    assert grows_with_the_trace(lambda trace: Population.of(trace.spans), trace_of_many)


def test_failures_that_are_each_others_parents_are_a_finding_all_the_same() -> None:
    attributes = {"autogen.error.origin": "backend", "gen_ai.operation.name": "chat"}
    spans = [
        Span(
            trace_id="1" * 32,
            span_id=one,
            parent_id=other,
            name="chat m",
            status_code=2,
            attributes=attributes,
        )
        for one, other in (("a" * 16, "b" * 16), ("b" * 16, "a" * 16))
    ]
    (found,) = diagnose(spans).findings
    assert (found.cause, found.occurrences) == ("backend", 1)
