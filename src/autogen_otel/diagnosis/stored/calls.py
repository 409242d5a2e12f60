"""The calls that worked, counted where they are stored, with one query for the questions of all findings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Final

from autogen_otel.diagnosis.comparison.questions import Answer, Holding, Outline, Question, Run, Together
from autogen_otel.diagnosis.evidence.arguments import PREFIX
from autogen_otel.diagnosis.evidence.features import (
    LONGEST_TEXT,
    NOT_OF_THE_PROGRAM,
    PREVIOUS_TOOL,
    follows_from_outcome,
)
from autogen_otel.diagnosis.evidence.occurrence import CONVERSATION, MODEL, tool_kind
from autogen_otel.diagnosis.stored.columns import ARGUMENTS, DERIVED, Columns
from autogen_otel.diagnosis.stored.leaves import leaf_names
from autogen_otel.diagnosis.stored.tables import Tables
from autogen_otel.traces.sources.clickhouse import ClickHouse

_MOST_NAMES: Final = 1000


class StoredCalls:
    """The calls of one kind that worked.

    Args:
        clickhouse: where they are.
        tables: what is read.
        kind: of the calls.
        failed: ids of conversations that are no working ones; only conversations as a whole are asked.
    """

    weight = 1.0

    def __init__(self, clickhouse: ClickHouse, tables: Tables, kind: str, failed: Sequence[str]) -> None:
        self._clickhouse = clickhouse
        self._tables = tables
        self._kind = kind
        self._failed = failed
        self._total: int | None = None

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer the questions, those of one sort together."""
        answers: dict[int, Answer] = {}
        sorts: dict[type, list[int]] = defaultdict(list)
        for index, question in enumerate(questions):
            sorts[type(question)].append(index)
        for sort, indexes in sorts.items():
            asked: Any = [questions[index] for index in indexes]
            if sort is Outline:
                found = self._outlines(asked)
            else:
                found = self._holding(asked) if sort is Holding else self._together(asked)
            answers.update(zip(indexes, found, strict=True))
        return [answers[index] for index in range(len(questions))]

    # ------------------------------------------------------------ questions
    def _holding(self, questions: Sequence[Holding]) -> list[Answer]:
        every = list(dict.fromkeys(one for question in questions for one in question.properties))
        columns = Columns(self._kind)
        counts = [f"countIf({columns.holds(one)})" for one in every]
        (row,) = self._rows(columns, f"SELECT {', '.join(['count()', *counts])}")
        total, *holding = map(int, row)
        by_property = dict(zip(every, holding, strict=True))
        return [
            Answer(total, holding=[by_property[one] for one in question.properties]) for question in questions
        ]

    def _together(self, questions: Sequence[Together]) -> list[Answer]:
        columns = Columns(self._kind)
        bits = [
            " + ".join(
                f"bitShiftLeft(toUInt64({columns.holds(one)}), {index})"
                for index, one in enumerate(question.properties)
            )
            or "toUInt64(0)"
            for question in questions
        ]
        pairs = ", ".join(f"({index}, {sql})" for index, sql in enumerate(bits))
        rows = self._rows(
            columns, "SELECT pair.1, pair.2, count()", "GROUP BY pair", each=f"arrayJoin([{pairs}]) AS pair"
        )
        together: list[dict[int, int]] = [{} for _ in questions]
        for index, bitmask, count in rows:
            together[int(index)][int(bitmask)] = int(count)
        return [Answer(sum(counts.values()), together=counts) for counts in together]

    def _outlines(self, questions: Sequence[Outline]) -> list[Answer]:
        total, present = self._present(names=any(one.names for one in questions))
        runs: list[dict[str, list[Run]]] = [{name: [] for name in question.cuts} for question in questions]
        columns = Columns(self._kind)
        wanted: list[tuple[int, str]] = []
        tuples = []
        for index, question in enumerate(questions):
            for name, cuts in question.cuts.items():
                if not cuts:
                    continue
                number = f"ifNull({columns.number(name)}, nan)"
                if question.tool is not None:
                    wanted_tool = columns.value(question.tool, "String")
                    number = f"if({columns.text(PREVIOUS_TOOL)} = {wanted_tool}, {number}, nan)"
                at = columns.value([float(cut) for cut in cuts], "Array(Float64)")
                tuples.append(f"({len(wanted)}, {number}, roundDown({number}, {at}))")
                wanted.append((index, name))
        if not tuples:
            return [Answer(total, present, one) for one in runs]
        rows = self._rows(
            columns,
            "SELECT at.1, count(), min(at.2), max(at.2)",
            "WHERE isFinite(at.2) GROUP BY at.1, at.3, sign(at.2 - at.3)",
            each=f"arrayJoin([{', '.join(tuples)}]) AS at",
        )
        for position, count, lowest, highest in rows:
            index, name = wanted[int(position)]
            runs[index][name].append(Run(float(lowest), float(highest), int(count)))
        return [Answer(total, present, {name: sorted(of) for name, of in one.items()}) for one in runs]

    def _present(self, *, names: bool) -> tuple[int, dict[str, int]]:
        """How many calls there are, and how many of them have which feature."""
        columns = Columns(self._kind)
        if not names:
            if self._total is None:
                ((count,),) = self._rows(columns, "SELECT count()")
                self._total = int(count)
            return self._total, {}
        counts = [f"countIf({columns.present(name)})" for name in DERIVED]
        (row,) = self._rows(columns, f"SELECT {', '.join(['count()', *counts])}")
        total, *derived = map(int, row)
        self._total = total
        present = Counter({name: count for name, count in zip(DERIVED, derived, strict=True) if count})
        is_short = f"lengthUTF8(text) <= {LONGEST_TEXT} OR startsWith(text, '[')"
        short = f"mapFilter((name, text) -> {is_short}, SpanAttributes)"
        sources: list[tuple[str, str, Callable[[str], bool]]] = [
            ("", f"mapKeys({short})", lambda name: not follows_from_outcome(name)),
            ("", "mapKeys(ResourceAttributes)", lambda name: not name.startswith(NOT_OF_THE_PROGRAM)),
        ]
        if self._kind.startswith(tool_kind("")):
            sources.append((PREFIX, leaf_names(ARGUMENTS), bool))
        held = ", ".join(
            f"arrayMap(name -> ({index}, toString(name)), {keys})"
            for index, (_, keys, _) in enumerate(sources)
        )
        found = self._rows(
            Columns(self._kind),
            "SELECT held.1, held.2, count()",
            f"GROUP BY held ORDER BY count() DESC LIMIT {_MOST_NAMES} BY held.1",
            each=f"arrayJoin(arrayConcat({held})) AS held",
        )
        for index, name, count in found:
            prefix, _, counts_as = sources[int(index)]
            if counts_as(name):
                present[prefix + name] = max(present[prefix + name], int(count))
        return total, {name: min(count, total) for name, count in present.items()}

    def _rows(self, columns: Columns, select: str, rest: str = "", *, each: str = "") -> list[list[Any]]:
        """Ask about the calls.

        Args:
            columns: made the expressions.
            select: what is asked.
            rest: what comes after the calls.
            each: what is made of each call first, if it is not the call itself that is asked about.
        """
        calls = self._tables.calls(self._kind, columns)
        if each:
            calls = f"FROM (SELECT {each} {calls})"
        values = {**self._tables.values, **columns.values}
        if self._kind == CONVERSATION:
            values["failed"] = self._failed
        elif self._kind != MODEL:
            values["tool"] = self._kind.removeprefix(tool_kind(""))
        return list(self._clickhouse.rows(f"{select} {calls} {rest}", values))
