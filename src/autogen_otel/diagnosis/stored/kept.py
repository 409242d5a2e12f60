"""What several questions read is made once: temporary tables of one session, where the user may have them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autogen_otel.traces.source import Progress
from autogen_otel.traces.sources.clickhouse import TEMPORARY, ClickHouse
from autogen_otel.traces.sources.http import RefusedError

if TYPE_CHECKING:
    from typing_extensions import Self


class Kept:
    """Intermediate results of one diagnosis, in a ``with`` block. They are gone when it ends.

    Args:
        clickhouse: which keeps them.
        values: that any of them may compare with, by name.
        progress: is warned if the user may have no temporary tables: then each question makes anew what it
            reads, and comes to the same.
    """

    def __init__(self, clickhouse: ClickHouse, values: Mapping[str, Any], progress: Progress) -> None:
        self._clickhouse = clickhouse
        self._values: dict[str, Any] = dict(values)
        self._progress = progress
        self._session = uuid.uuid4().hex
        self._sources: dict[str, str] = {}
        self._tables: list[str] = []
        self._is_refused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for table in self._tables:
                self._clickhouse.run(f"DROP TEMPORARY TABLE {table}", session=self._session)

    def source(self, name: str, select: str, values: Mapping[str, Any] | None = None) -> str:
        """What a ``FROM`` may read the rows of a ``SELECT`` from.

        Args:
            name: of the rows; the same name stands for the same rows.
            select: makes them.
            values: that it compares with, beside those for all; under names that no other one uses.

        Raises:
            SourceError: it cannot be asked.
        """
        if name not in self._sources:
            self._sources[name] = self._made(name, select, values or {})
        return self._sources[name]

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[list[Any]]:
        """Ask in SQL, as ``ClickHouse.rows`` does; what is kept may be read."""
        return self._clickhouse.rows(sql, {**self._values, **(values or {})}, self._session)

    def _made(self, name: str, select: str, values: Mapping[str, Any]) -> str:
        if not self._is_refused:
            try:
                return self._create(f"{TEMPORARY}{name}", select, values)
            except RefusedError as error:
                self._is_refused = True
                # Whoever may not ask at all is told so instead.
                list(self.rows("SELECT 1"))
                self._progress.warn(
                    f"{error} - no temporary table was made, so that each question is counted from the "
                    "beginning, which takes two to three times as long: where the user may make none, "
                    "GRANT CREATE TEMPORARY TABLE ON *.*, and readonly = 2 instead of 1 in the profile"
                )
        self._values.update(values)
        return f"({select})"

    def _create(self, table: str, select: str, values: Mapping[str, Any]) -> str:
        statement = f"CREATE TEMPORARY TABLE {table} ENGINE = Memory SETTINGS compress = 1 AS {select}"
        self._clickhouse.run(statement, {**self._values, **values}, self._session)
        self._tables.append(table)
        return table
