"""No secret leaves: forty kinds in every place, none in traces, measurements, log records or the journal.

Each conversation is held twice. Once without redaction, when every secret has to be found: that proves that
its place is exported, and that this test would notice a leak.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import autogen_otel
from autogen_otel.delivery.journal import Journal
from autogen_otel.redaction import KnownSecrets
from autogen_otel.redaction.cutting import clean
from autogen_otel.redaction.redactor import Redactor
from autogen_otel.rendering import trees
from tests.support.conversations import play
from tests.support.planted_secrets import PLACES, Place
from tests.support.secrets import KINDS, Kind, leaked
from tests.support.telemetry import LogRecords, strings_in


def exported_by(place: Place, kinds: Sequence[Kind], folder: Path, **settings: Any) -> str:
    """Every byte that leaves while the conversations of a place are held."""
    recorded = autogen_otel.Settings(
        max_value_length=1_000_000, capture_message_content="SPAN_AND_EVENT", **settings
    )
    spans, reader, logs = InMemorySpanExporter(), InMemoryMetricReader(), LogRecords()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    meters, loggers = MeterProvider([reader], shutdown_on_exit=False), logs.provider
    for some in place.shares(kinds):
        with _variables(some if place.variables else ()):
            autogen_otel.instrument(
                tracer_provider=tracers, meter_provider=meters, logger_provider=loggers, settings=recorded
            )
            try:
                play(place.conversation(some), "sync")
            finally:
                autogen_otel.uninstrument()
    finished, measured = spans.get_finished_spans(), reader.get_metrics_data()
    assert finished
    assert measured is not None
    Journal(folder).append(finished)
    return "\n".join(
        [
            strings_in(finished),
            encode_spans(finished).SerializeToString().decode("latin-1"),
            measured.to_json(indent=None),
            encode_metrics(measured).SerializeToString().decode("latin-1"),
            encode_logs(logs.data).SerializeToString().decode("latin-1"),
            *(path.read_text() for path in folder.glob("*.jsonl")),
        ]
    )


@contextlib.contextmanager
def _variables(kinds: Sequence[Kind]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for number, kind in enumerate(kinds):
            patch.setenv(f"NUMBER_{number}_API_KEY", kind.secret)
        yield


def _unredacted() -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    patch.setattr(Redactor, "_apply_own_rules", lambda self, value: clean(value))
    patch.setattr(KnownSecrets, "mask", lambda self, value: value)
    patch.setattr(trees, "hides", lambda name, value: False)
    return patch


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
@pytest.mark.shared("hosts")
def test_no_kind_of_secret_leaves_from_any_place(
    place: Place, our_errors: list[BaseException], tmp_path: Path
) -> None:
    patch = _unredacted()
    try:
        assert leaked(KINDS, exported_by(place, KINDS, tmp_path / "without")) == [kind.name for kind in KINDS]
    finally:
        patch.undo()
    assert leaked(KINDS, exported_by(place, KINDS, tmp_path / "with")) == []


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_what_the_users_function_takes_out_leaves_from_no_place(
    place: Place, our_errors: list[BaseException], tmp_path: Path
) -> None:
    name = "AugustaAdaKingCountessOfLovelace"
    exported = exported_by(
        place, [Kind("name", name, name)], tmp_path, redact=lambda text: text.replace(name, "A. K.")
    )
    # Some places hold it as a key, which is masked before.
    assert "A. K." in exported or "[redacted]" in exported
    assert name not in exported


def test_there_are_at_least_thirty_kinds_and_twelve_places() -> None:
    assert len({kind.secret for kind in KINDS}) >= 30
    assert len({place.name for place in PLACES}) >= 12
