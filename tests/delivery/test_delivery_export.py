from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from autogen_otel.delivery.counts import ProcessCounts
from autogen_otel.delivery.exporting.export import BatchExporter, EndpointExporter
from autogen_otel.delivery.exporting.outcome import ExportResult, Outcome
from autogen_otel.delivery.signals import METRICS, SPANS
from tests.delivery.endpoints import EXPORTED, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.delivery.endpoints import Clock

_UNSUPPORTED = ExportResult(Outcome.UNSUPPORTED, "HTTP 404 Not Found")
_UNREACHABLE = ExportResult(Outcome.UNREACHABLE, "nothing answers there")
_FAILED = ExportResult(Outcome.FAILED, "HTTP 503 Service Unavailable")
_REFUSED = ExportResult(Outcome.REFUSED, "HTTP 401 Unauthorized")


@pytest.fixture(autouse=True)
def _all_messages(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "autogen_otel")


def _export(endpoint: ScriptedEndpoint, *, by_default: bool = True) -> EndpointExporter:
    return EndpointExporter(METRICS, endpoint, ProcessCounts(), "They wait.", by_default=by_default)


@pytest.mark.parametrize(
    ("result", "seconds"), [(_UNSUPPORTED, 300), (_UNREACHABLE, 5), (_FAILED, 5), (_REFUSED, 0)], ids=str
)
def test_nothing_is_sent_for_a_while_after_a_failure(
    clock: Clock, result: ExportResult, seconds: int
) -> None:
    endpoint = ScriptedEndpoint(result)
    export = _export(endpoint)
    assert not export.send("first")
    clock.now += seconds - 0.1
    assert export.send("second") is (seconds == 0)
    clock.now += 0.2
    assert export.send("third")
    assert len(endpoint.batches) == (3 if seconds == 0 else 2)


@pytest.mark.parametrize(
    ("result", "by_default", "level"),
    [
        (_UNSUPPORTED, True, "INFO"),
        (_UNREACHABLE, True, "INFO"),
        (_FAILED, True, "WARNING"),
        (_REFUSED, True, "WARNING"),
        (_UNSUPPORTED, False, "WARNING"),
        (_UNREACHABLE, False, "WARNING"),
    ],
    ids=str,
)
def test_a_failure_that_is_expected_by_default_is_no_warning(
    clock: Clock, caplog: pytest.LogCaptureFixture, result: ExportResult, *, by_default: bool, level: str
) -> None:
    _export(ScriptedEndpoint(result), by_default=by_default).send("batch")
    (record,) = caplog.records
    assert record.levelname == level
    assert record.getMessage() == (f"the endpoint does not take metrics ({result.reason}). They wait.")


def test_an_endpoint_that_comes_and_goes_does_not_fill_the_log(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    export = _export(ScriptedEndpoint(*[_FAILED, EXPORTED] * 4))
    for _ in range(8):
        export.send("batch")
        clock.now += 6
    messages = [record.getMessage() for record in caplog.records]
    assert [text.startswith("the endpoint does not") for text in messages] == [True, False]
    assert messages[1] == "the endpoint takes metrics again."


def test_nothing_is_sent_after_the_shutdown() -> None:
    endpoint = ScriptedEndpoint()
    export = _export(endpoint)
    export.shutdown()
    export.shutdown()
    assert not export.send("late")
    assert (endpoint.batches, endpoint.shutdowns) == ([], 1)


def test_batches_are_made_only_where_it_is_known_how_large_an_item_is() -> None:
    assert not hasattr(_export(ScriptedEndpoint()), "deliver")
    with pytest.raises(TypeError, match="encodable"):
        BatchExporter(SPANS, ScriptedEndpoint(), ProcessCounts(), "They wait.")  # type: ignore[call-arg]
