"""Diagnosis in ClickHouse: its engine counts, and comes to what Python comes to."""

from __future__ import annotations

from typing import Any

import pytest

from autogen_otel.diagnosis.document import document_of
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.diagnosis.stored.diagnosis import diagnose_stored
from autogen_otel.traces.sources.clickhouse import ClickHouse
from autogen_otel.traces.sources.http import Client
from tests.servers import clickhouse as servers
from tests.support.diagnosed import healthy, incidents, journal, wrong_with
from tests.support.recorded import spans_of

EVERY = {**incidents(), **healthy()}
SEED = 3


def source(clickhouse: servers.ClickHouse, table: str) -> ClickHouse:
    return ClickHouse(Client("ClickHouse", clickhouse.url), table)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """Without what ties decide: which of equal conversations are the best to look at."""
    for finding in document["findings"]:
        for one in finding["discriminators"]:
            one["p"] = float(f"{one['p']:.6g}")
    return document


@pytest.mark.parametrize("name", EVERY)
def test_the_engine_finds_what_python_finds(name: str, clickhouse: servers.ClickHouse) -> None:
    spans = spans_of(*journal(EVERY[name], SEED))
    clickhouse.store("incident", spans)
    stored = diagnose_stored(source(clickhouse, "incident"))
    assert wrong_with(stored, EVERY[name]) == []
    assert plain(document_of(stored, "a test")) == plain(document_of(diagnose(spans), "a test"))
