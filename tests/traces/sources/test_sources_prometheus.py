from __future__ import annotations

from collections.abc import Mapping

from autogen_otel.traces.selection import Selection
from autogen_otel.traces.sources.http import Client
from autogen_otel.traces.sources.prometheus import ConversationCounts, count
from tests.support.stores import Answer, serving

_SECOND_NS = 1_000_000_000


def test_what_was_measured_in_the_last_second_counts() -> None:
    moments: list[str] = []

    def ask(_path: str, parameters: dict[str, str], _headers: Mapping[str, str]) -> Answer:
        moments.append(parameters["time"])
        metric = {"autogen_conversation_outcome": "ok"}
        return Answer(200, {"data": {"result": [{"metric": metric, "value": [0, "3"]}]}})

    with serving(ask) as url:
        window = Selection(since=0, until=1_800_000_000 * _SECOND_NS + 1)
        assert count(Client("Prometheus", url), window) == ConversationCounts(failing=0, working=3)
    assert moments == ["1800000001"]
