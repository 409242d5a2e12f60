from __future__ import annotations

import pytest

from autogen_otel.traces.source import SourceError
from autogen_otel.traces.sources.clickhouse import LONGEST_FIELD, ClickHouse
from autogen_otel.traces.sources.http import Client


@pytest.mark.parametrize(
    ("sql", "value"), [("x" * LONGEST_FIELD, "y" * 3000), ("SELECT 1", "ü" * (LONGEST_FIELD // 2 + 1))]
)
def test_what_no_form_takes_is_one_sentence_and_is_not_sent(sql: str, value: str) -> None:
    nowhere = ClickHouse(Client("ClickHouse", "http://127.0.0.1:1"))
    with pytest.raises(
        SourceError, match=r"takes no question as long as this one \(128 KiB, and 128"
    ) as told:
        list(nowhere.rows(sql, {"value": value}))
    assert "--since" in str(told.value)
    assert "\n" not in str(told.value)
