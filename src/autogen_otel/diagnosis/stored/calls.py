"""The calls that worked, counted in the database, with one query for the questions of all findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, TypeVar

from autogen_otel.diagnosis.comparison.in_memory import bits_of
from autogen_otel.diagnosis.comparison.questions import (
    Answer,
    Clustering,
    Combinations,
    Counts,
    Outline,
    Question,
    Run,
    Spread,
)
from autogen_otel.diagnosis.evidence.arguments import PREFIX
from autogen_otel.diagnosis.evidence.features import (
    NOT_OF_THE_PROGRAM,
    PREVIOUS_TOOL,
    TRACE,
    follows_from_outcome,
)
from autogen_otel.diagnosis.evidence.occurrence import tool_kind
from autogen_otel.diagnosis.stored.columns import AROUND, DERIVED, OWN, Columns, leaf_names
from autogen_otel.diagnosis.stored.tables import Tables
from autogen_otel.traces.sources.clickhouse import LONGEST_FIELD, LONGEST_LIST

T = TypeVar("T")
BitQuestion = TypeVar("BitQuestion", Combinations, Clustering)

_MOST_NAMES: Final = 1000
_MOST_ALIKE: Final = 200_000
"""So many calls are enough to estimate how alike the calls of one conversation are."""
_LONGEST_SQL: Final = LONGEST_FIELD // 2
"""Characters of the questions in one query: it has other text too, and some characters take several bytes."""


class StoredCalls:
    """The calls of one kind that worked.

    Args:
        tables: the tables to read.
        kind: the kind of the calls.
        failed_ids: ids of failed conversations, no working ones if the kind is conversations.
    """

    def __init__(self, tables: Tables, kind: str, failed_ids: Sequence[str]) -> None:
        self._tables = tables
        self._kind = kind
        self._failed_ids = failed_ids
        self._answer_by_type: Mapping[type, Callable[[Any], list[Answer]]] = {
            Outline: self._outlines,
            Counts: self._property_counts,
            Combinations: self._combinations,
            Clustering: self._clustering,
        }

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions, those of one type together."""
        answers: dict[int, Answer] = {}
        indexes_by_type: dict[type, list[int]] = defaultdict(list)
        for index, question in enumerate(questions):
            indexes_by_type[type(question)].append(index)
        for question_type, indexes in indexes_by_type.items():
            of_type: Any = [questions[index] for index in indexes]
            type_answers = self._answer_by_type[question_type](of_type)
            answers.update(zip(indexes, type_answers, strict=True))
        return [answers[index] for index in range(len(questions))]

    # ------------------------------------------------------------ questions
    def _property_counts(self, questions: Sequence[Counts]) -> list[Answer]:
        columns = Columns(self._kind)
        properties = dict.fromkeys(prop for question in questions for prop in question.properties)
        by_property = self._counts(
            columns, {prop: (columns.side(prop.attribute), columns.holds(prop)) for prop in properties}
        )
        return [
            Answer(self._total, counts=[by_property[prop] for prop in question.properties])
            for question in questions
        ]

    def _combinations(self, questions: Sequence[Combinations]) -> list[Answer]:
        return [
            answer
            for portion in self._portions(questions)
            for answer in self._combinations_of_portion(portion)
        ]

    def _combinations_of_portion(self, questions: Sequence[Combinations]) -> list[Answer]:
        columns = Columns(self._kind)
        rows = self._tables.rows(
            f"SELECT number, bits, count() FROM ({self._bits(columns, questions)}) GROUP BY number, bits",
            columns.values,
        )
        combinations: list[dict[int, int]] = [{} for _ in questions]
        for number, bitmask, count in rows:
            combinations[int(number) - 1][int(bitmask)] = int(count)
        return [Answer(sum(counts.values()), combinations=counts) for counts in combinations]

    def _clustering(self, questions: Sequence[Clustering]) -> list[Answer]:
        return [
            answer for portion in self._portions(questions) for answer in self._clustering_of_portion(portion)
        ]

    def _clustering_of_portion(self, questions: Sequence[Clustering]) -> list[Answer]:
        columns = Columns(self._kind)
        failing = [
            self._failing(columns, number, question, range(at, at + LONGEST_LIST))
            for number, question in enumerate(questions, 1)
            for at in range(0, len(question.failing), LONGEST_LIST)
        ]
        # Every n-th of millions of conversations is enough to estimate how alike the calls of one are.
        step = max(1, self._total // _MOST_ALIKE)
        most = max(len(question.properties) for question in questions)
        calls_by_trace = (
            "SELECT number, trace, count() AS calls,"
            f" sumForEach(arrayMap(bit -> toUInt64(bitTest(bits, bit)), range(toUInt8({most})))) AS having"
            f" FROM (SELECT toUInt32(number) AS number, trace, bits FROM ({self._bits(columns, questions)})"
            f"{''.join(failing)}) WHERE trace % {step} = 0 GROUP BY number, trace"
        )
        rows = self._tables.rows(
            "SELECT number, sum(calls), sumForEach(having), count(), sum(calls * calls),"
            " sumForEach(arrayMap(one -> one * one, having)),"
            " sumForEach(arrayMap(one -> one * calls, having))"
            f" FROM ({calls_by_trace}) GROUP BY number",
            columns.values,
        )
        spreads: dict[int, list[Spread]] = {}
        for number, calls, holders, conversations, squared, holders_squared, both in rows:
            spreads[int(number)] = [
                Spread(*map(int, (calls, with_it, conversations, squared, with_squared, with_both)))
                for with_it, with_squared, with_both in zip(holders, holders_squared, both, strict=True)
            ]
        nothing = [Spread(0, 0, 0, 0, 0, 0)] * most
        return [
            Answer(self._total, spreads=spreads.get(number, nothing)[: len(question.properties)])
            for number, question in enumerate(questions, 1)
        ]

    def _portions(self, questions: Sequence[BitQuestion]) -> Iterator[list[BitQuestion]]:
        """The questions about bits, in portions that fit into one query."""
        columns = Columns(self._kind)
        return portions(
            questions, lambda question: sum(len(columns.holds(prop)) for prop in question.properties)
        )

    @staticmethod
    def _failing(columns: Columns, number: int, question: Clustering, indexes: range) -> str:
        """Some of the failing calls of a question as further rows of ``_bits``."""
        failing = question.failing[indexes.start : indexes.stop]
        traces = columns.value([str(call[TRACE]) for call in failing], "Array(String)")
        bits = columns.value(list(bits_of(failing, question.properties)), "Array(UInt64)")
        return (
            f" UNION ALL SELECT toUInt32({number}), reinterpretAsUInt128(unhex(one.1)), one.2"
            f" FROM (SELECT arrayJoin(arrayZip({traces}, {bits})) AS one)"
        )

    def _bits(self, columns: Columns, questions: Sequence[Combinations | Clustering]) -> str:
        """A row for each call and question: its ``number``, the ``trace``, and the ``bits`` of the call."""
        bits: dict[str, list[list[str]]] = {side: [[] for _ in questions] for side in (OWN, AROUND)}
        for number, question in enumerate(questions):
            for index, prop in enumerate(question.properties):
                bit = f"bitShiftLeft(toUInt64({columns.holds(prop)}), {index})"
                bits[columns.side(prop.attribute)][number].append(bit)
        sides = [side for side, bits_of_side in bits.items() if any(bits_of_side)] or [OWN]
        parts = []
        for side in sides:
            sums = ", ".join(" + ".join(terms) or "toUInt64(0)" for terms in bits[side])
            parts.append(f"(SELECT trace, id, [{sums}] AS {side} FROM {self._source(side)}) AS with_{side}")
        sum_of_sides = "arrayMap((one, other) -> one + other, own, around)" if len(sides) > 1 else sides[0]
        return (
            f"SELECT number, trace, bits FROM {' ANY LEFT JOIN '.join(parts)}"
            f"{' USING (trace, id)' if len(sides) > 1 else ''}"
            f" ARRAY JOIN arrayEnumerate({sides[0]}) AS number, {sum_of_sides} AS bits"
        )

    def _outlines(self, questions: Sequence[Outline]) -> list[Answer]:
        total = self._total
        present = self._present(total) if any(question.names for question in questions) else {}
        runs: list[dict[str, list[Run]]] = [{name: [] for name in question.cuts} for question in questions]
        columns = Columns(self._kind)
        cut_attributes: list[tuple[int, str]] = []
        by_sides: dict[Collection[str], list[str]] = defaultdict(list)
        for index, question in enumerate(questions):
            for name, cuts in question.cuts.items():
                if not cuts:
                    continue
                sides_to_read = {columns.side(name)}
                number = f"ifNull({columns.of(name).number}, nan)"
                if question.tool is not None:
                    sides_to_read.add(columns.side(PREVIOUS_TOOL))
                    tool_value = columns.value(question.tool, "String")
                    number = f"if({columns.of(PREVIOUS_TOOL).text} = {tool_value}, {number}, nan)"
                cut_values = columns.value([float(cut) for cut in cuts], "Array(Float64)")
                by_sides[frozenset(sides_to_read)].append(
                    f"({len(cut_attributes)}, {number}, roundDown({number}, {cut_values}))"
                )
                cut_attributes.append((index, name))
        tuple_portions = (
            (sides, portion) for sides, tuples in by_sides.items() for portion in portions(tuples, len)
        )
        for sides, tuples in tuple_portions:
            rows = self._tables.rows(
                f"SELECT at.1, count(), min(at.2), max(at.2)"
                f" FROM (SELECT arrayJoin([{', '.join(tuples)}]) AS at {self._from(sides)})"
                " WHERE isFinite(at.2) GROUP BY at.1, at.3, sign(at.2 - at.3)",
                columns.values,
            )
            for position, count, lowest, highest in rows:
                index, name = cut_attributes[int(position)]
                runs[index][name].append(Run(float(lowest), float(highest), int(count)))
        return [
            Answer(total, present, {name: sorted(own) for name, own in question_runs.items()})
            for question_runs in runs
        ]

    def _present(self, total: int) -> dict[str, int]:
        """How many calls have each feature."""
        columns = Columns(self._kind)
        derived = self._counts(
            columns, {name: (columns.side(name), columns.of(name).present) for name in DERIVED}
        )
        present = Counter({name: count for name, count in derived.items() if count})
        sources: list[tuple[str, str, Callable[[str], bool]]] = [
            ("", "names", lambda name: not follows_from_outcome(name)),
            ("", "resource_names", lambda name: not name.startswith(NOT_OF_THE_PROGRAM)),
        ]
        if self._kind.startswith(tool_kind("")):
            sources.append((PREFIX, leaf_names(), bool))
        keys = [f"{keys} AS keys{index}" for index, (_, keys, _) in enumerate(sources)]
        feature_tuples = ", ".join(
            f"arrayMap(name -> ({index}, toString(name)), keys{index})" for index in range(len(sources))
        )
        # Most calls have the same names as many others, so they are grouped first.
        calls_by_names = f"SELECT {', '.join(keys)}, count() AS calls {self._from({OWN})} GROUP BY ALL"
        rows = self._tables.rows(
            "SELECT held.1, held.2, sum(calls) AS times"
            f" FROM (SELECT calls, arrayJoin(arrayConcat({feature_tuples})) AS held FROM ({calls_by_names}))"
            f" GROUP BY held ORDER BY times DESC LIMIT {_MOST_NAMES} BY held.1"
        )
        for index, name, count in rows:
            prefix, _, is_feature = sources[int(index)]
            if is_feature(name):
                present[prefix + name] = max(present[prefix + name], int(count))
        return {name: min(count, total) for name, count in present.items()}

    # ------------------------------------------------------------ SQL
    @cached_property
    def _total(self) -> int:
        """How many calls there are."""
        ((count,),) = self._tables.rows(f"SELECT count() {self._from({OWN})}")
        return int(count)

    def _counts(self, columns: Columns, tests: Mapping[T, tuple[str, str]]) -> dict[T, int]:
        """Count the calls that pass each test; a test is a pair of its side and its SQL."""
        counts: dict[T, int] = {}
        for side in (OWN, AROUND):
            tests_of_side = {key: sql for key, (test_side, sql) in tests.items() if test_side == side}
            for portion in portions(tests_of_side.items(), lambda test: len(test[1])):
                columns_sql = ", ".join(f"countIf({sql})" for _, sql in portion)
                (row,) = self._tables.rows(f"SELECT {columns_sql} {self._from({side})}", columns.values)
                counts.update((key, int(count)) for (key, _), count in zip(portion, row, strict=True))
        return counts

    def _from(self, sides: Collection[str]) -> str:
        own, around = (self._source(side) if side in sides else "" for side in (OWN, AROUND))
        if own and around:
            return f"FROM {own} AS own ANY LEFT JOIN {around} AS around USING (trace, id)"
        return f"FROM {own or around}"

    def _source(self, side: str) -> str:
        own = self._tables.calls(self._kind, self._failed_ids)
        return own if side == OWN else self._tables.around(self._kind, own)


def portions(items: Iterable[T], length: Callable[[T], int]) -> Iterator[list[T]]:
    """The items in order, in portions that are short enough for one query; each has at least one item."""
    portion: list[T] = []
    room = _LONGEST_SQL
    for item in items:
        needed = length(item)
        if portion and needed > room:
            yield portion
            portion, room = [], _LONGEST_SQL
        portion.append(item)
        room -= needed
    if portion:
        yield portion
