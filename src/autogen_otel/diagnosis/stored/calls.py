"""The calls that worked, counted where they are stored, with one query for the questions of all findings."""

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
Asked = TypeVar("Asked", Combinations, Clustering)

_MOST_NAMES: Final = 1000
_MOST_ALIKE: Final = 200_000
"""Calls that are enough to tell how alike those of one conversation are."""
_LONGEST_SQL: Final = LONGEST_FIELD // 2
"""Characters of what is asked at once: a query has other words, and some characters take several bytes."""


class StoredCalls:
    """The calls of one kind that worked.

    Args:
        tables: what is read.
        kind: of the calls.
        failed: ids of conversations that are no working ones; only conversations as a whole are asked.
    """

    def __init__(self, tables: Tables, kind: str, failed: Sequence[str]) -> None:
        self._tables = tables
        self._kind = kind
        self._failed = failed
        self._by_sort: Mapping[type, Callable[[Any], list[Answer]]] = {
            Outline: self._outlines,
            Counts: self._holding,
            Combinations: self._together,
            Clustering: self._resembling,
        }

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions, those of one sort together."""
        answers: dict[int, Answer] = {}
        sorts: dict[type, list[int]] = defaultdict(list)
        for index, question in enumerate(questions):
            sorts[type(question)].append(index)
        for sort, indexes in sorts.items():
            asked: Any = [questions[index] for index in indexes]
            found = self._by_sort[sort](asked)
            answers.update(zip(indexes, found, strict=True))
        return [answers[index] for index in range(len(questions))]

    # ------------------------------------------------------------ questions
    def _holding(self, questions: Sequence[Counts]) -> list[Answer]:
        columns = Columns(self._kind)
        every = dict.fromkeys(one for question in questions for one in question.properties)
        by_property = self._counts(
            columns, {one: (columns.side(one.attribute), columns.holds(one)) for one in every}
        )
        return [
            Answer(self._total, counts=[by_property[one] for one in question.properties])
            for question in questions
        ]

    def _together(self, questions: Sequence[Combinations]) -> list[Answer]:
        return [answer for few in self._portions(questions) for answer in self._few_together(few)]

    def _few_together(self, questions: Sequence[Combinations]) -> list[Answer]:
        columns = Columns(self._kind)
        rows = self._tables.rows(
            f"SELECT number, bits, count() FROM ({self._bits(columns, questions)}) GROUP BY number, bits",
            columns.values,
        )
        together: list[dict[int, int]] = [{} for _ in questions]
        for number, bitmask, count in rows:
            together[int(number) - 1][int(bitmask)] = int(count)
        return [Answer(sum(counts.values()), combinations=counts) for counts in together]

    def _resembling(self, questions: Sequence[Clustering]) -> list[Answer]:
        return [answer for few in self._portions(questions) for answer in self._few_resembling(few)]

    def _few_resembling(self, questions: Sequence[Clustering]) -> list[Answer]:
        columns = Columns(self._kind)
        failing = [
            self._failing(columns, number, one, range(at, at + LONGEST_LIST))
            for number, one in enumerate(questions, 1)
            for at in range(0, len(one.failing), LONGEST_LIST)
        ]
        # Of millions of conversations every so many tell as well how alike the calls of one are.
        step = max(1, self._total // _MOST_ALIKE)
        most = max(len(question.properties) for question in questions)
        counted = (
            "SELECT number, trace, count() AS calls,"
            f" sumForEach(arrayMap(bit -> toUInt64(bitTest(bits, bit)), range(toUInt8({most})))) AS having"
            f" FROM (SELECT toUInt32(number) AS number, trace, bits FROM ({self._bits(columns, questions)})"
            f"{''.join(failing)}) WHERE trace % {step} = 0 GROUP BY number, trace"
        )
        rows = self._tables.rows(
            "SELECT number, sum(calls), sumForEach(having), count(), sum(calls * calls),"
            " sumForEach(arrayMap(one -> one * one, having)),"
            " sumForEach(arrayMap(one -> one * calls, having))"
            f" FROM ({counted}) GROUP BY number",
            columns.values,
        )
        spreads: dict[int, list[Spread]] = {}
        for number, calls, having, conversations, squared, having_squared, both in rows:
            spreads[int(number)] = [
                Spread(*map(int, (calls, with_it, conversations, squared, with_squared, with_both)))
                for with_it, with_squared, with_both in zip(having, having_squared, both, strict=True)
            ]
        nothing = [Spread(0, 0, 0, 0, 0, 0)] * most
        return [
            Answer(self._total, spreads=spreads.get(number, nothing)[: len(question.properties)])
            for number, question in enumerate(questions, 1)
        ]

    def _portions(self, questions: Sequence[Asked]) -> Iterator[list[Asked]]:
        """The questions about bits, in portions each of which one query can ask."""
        columns = Columns(self._kind)
        return portions(
            questions, lambda question: sum(len(columns.holds(one)) for one in question.properties)
        )

    @staticmethod
    def _failing(columns: Columns, number: int, question: Clustering, which: range) -> str:
        """Some of the failing calls of a question as further rows of ``_bits``."""
        failing = question.failing[which.start : which.stop]
        traces = columns.value([str(call[TRACE]) for call in failing], "Array(String)")
        bits = columns.value(list(bits_of(failing, question.properties)), "Array(UInt64)")
        return (
            f" UNION ALL SELECT toUInt32({number}), reinterpretAsUInt128(unhex(one.1)), one.2"
            f" FROM (SELECT arrayJoin(arrayZip({traces}, {bits})) AS one)"
        )

    def _bits(self, columns: Columns, questions: Sequence[Combinations | Clustering]) -> str:
        """Each call once for each question: its ``number``, the ``trace``, and ``bits`` for what it has."""
        bits: dict[str, list[list[str]]] = {side: [[] for _ in questions] for side in (OWN, AROUND)}
        for number, question in enumerate(questions):
            for index, one in enumerate(question.properties):
                bit = f"bitShiftLeft(toUInt64({columns.holds(one)}), {index})"
                bits[columns.side(one.attribute)][number].append(bit)
        sides = [side for side, of in bits.items() if any(of)] or [OWN]
        parts = []
        for side in sides:
            words = ", ".join(" + ".join(of) or "toUInt64(0)" for of in bits[side])
            parts.append(f"(SELECT trace, id, [{words}] AS {side} FROM {self._source(side)}) AS with_{side}")
        added = "arrayMap((one, other) -> one + other, own, around)" if len(sides) > 1 else sides[0]
        return (
            f"SELECT number, trace, bits FROM {' ANY LEFT JOIN '.join(parts)}"
            f"{' USING (trace, id)' if len(sides) > 1 else ''}"
            f" ARRAY JOIN arrayEnumerate({sides[0]}) AS number, {added} AS bits"
        )

    def _outlines(self, questions: Sequence[Outline]) -> list[Answer]:
        total = self._total
        present = self._present(total) if any(one.names for one in questions) else {}
        runs: list[dict[str, list[Run]]] = [{name: [] for name in question.cuts} for question in questions]
        columns = Columns(self._kind)
        wanted: list[tuple[int, str]] = []
        by_sides: dict[Collection[str], list[str]] = defaultdict(list)
        for index, question in enumerate(questions):
            for name, cuts in question.cuts.items():
                if not cuts:
                    continue
                about = {columns.side(name)}
                number = f"ifNull({columns.of(name).number}, nan)"
                if question.tool is not None:
                    about.add(columns.side(PREVIOUS_TOOL))
                    wanted_tool = columns.value(question.tool, "String")
                    number = f"if({columns.of(PREVIOUS_TOOL).text} = {wanted_tool}, {number}, nan)"
                at = columns.value([float(cut) for cut in cuts], "Array(Float64)")
                by_sides[frozenset(about)].append(f"({len(wanted)}, {number}, roundDown({number}, {at}))")
                wanted.append((index, name))
        several = ((sides, few) for sides, tuples in by_sides.items() for few in portions(tuples, len))
        for sides, tuples in several:
            rows = self._tables.rows(
                f"SELECT at.1, count(), min(at.2), max(at.2)"
                f" FROM (SELECT arrayJoin([{', '.join(tuples)}]) AS at {self._from(sides)})"
                " WHERE isFinite(at.2) GROUP BY at.1, at.3, sign(at.2 - at.3)",
                columns.values,
            )
            for position, count, lowest, highest in rows:
                index, name = wanted[int(position)]
                runs[index][name].append(Run(float(lowest), float(highest), int(count)))
        return [Answer(total, present, {name: sorted(of) for name, of in one.items()}) for one in runs]

    def _present(self, total: int) -> dict[str, int]:
        """How many calls have which feature."""
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
        held = ", ".join(
            f"arrayMap(name -> ({index}, toString(name)), keys{index})" for index in range(len(sources))
        )
        # Most calls have the same names as many others.
        alike = f"SELECT {', '.join(keys)}, count() AS calls {self._from({OWN})} GROUP BY ALL"
        found = self._tables.rows(
            "SELECT held.1, held.2, sum(calls) AS times"
            f" FROM (SELECT calls, arrayJoin(arrayConcat({held})) AS held FROM ({alike}))"
            f" GROUP BY held ORDER BY times DESC LIMIT {_MOST_NAMES} BY held.1"
        )
        for index, name, count in found:
            prefix, _, counts_as = sources[int(index)]
            if counts_as(name):
                present[prefix + name] = max(present[prefix + name], int(count))
        return {name: min(count, total) for name, count in present.items()}

    # ------------------------------------------------------------ where they are
    @cached_property
    def _total(self) -> int:
        """How many calls there are."""
        ((count,),) = self._tables.rows(f"SELECT count() {self._from({OWN})}")
        return int(count)

    def _counts(self, columns: Columns, tests: Mapping[T, tuple[str, str]]) -> dict[T, int]:
        """Count the calls for which tests hold; each comes with the side that it is about."""
        counts: dict[T, int] = {}
        for side in (OWN, AROUND):
            asked = {key: sql for key, (about, sql) in tests.items() if about == side}
            for few in portions(asked.items(), lambda one: len(one[1])):
                each = ", ".join(f"countIf({sql})" for _, sql in few)
                (row,) = self._tables.rows(f"SELECT {each} {self._from({side})}", columns.values)
                counts.update((key, int(count)) for (key, _), count in zip(few, row, strict=True))
        return counts

    def _from(self, sides: Collection[str]) -> str:
        own, around = (self._source(side) if side in sides else "" for side in (OWN, AROUND))
        if own and around:
            return f"FROM {own} AS own ANY LEFT JOIN {around} AS around USING (trace, id)"
        return f"FROM {own or around}"

    def _source(self, side: str) -> str:
        own = self._tables.calls(self._kind, self._failed)
        return own if side == OWN else self._tables.around(self._kind, own)


def portions(items: Iterable[T], length: Callable[[T], int]) -> Iterator[list[T]]:
    """What is asked, in order, in portions that are short enough for one query; at least one in each."""
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
