"""Whatever the variables hold, spans go on: one warning says what is wrong with which, and what is used."""

from __future__ import annotations

import pytest

from tests.delivery.programs import Program

_PROGRAM = """
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
meters = delivery.meter_provider(tracers)
delivery.logger_provider(tracers, is_wanted=True)
meters.get_meter("app").create_counter("orders").add(1)
with tracers.get_tracer("app").start_as_current_span("work", attributes={"a": "b"}) as span:
    assert span.is_recording()
assert delivery.Process([tracers]).flush(5)
"""


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1.5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "\x1b[31m"),
        ("OTEL_BSP_SCHEDULE_DELAY", "9" * 30),
        ("OTEL_BSP_SCHEDULE_DELAY", "nan"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "abc"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "1e9"),
    ],
)
def test_a_number_that_is_none_is_the_default(program: Program, variable: str, text: str) -> None:
    said = program.script(_PROGRAM, **{variable: text})
    assert program.span_names() == ["work"]
    assert said.count(f"{variable} is {text!r}, which is no whole number above zero: ") == 1


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=abc",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT is 'abc', which is no number: the default is used.",
        ),
        (
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=-3",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT is '-3', which is no number: the default is used.",
        ),
        (
            "OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=7",
            # Newer SDKs say it themselves.
            "TRACES_SAMPLER",
        ),
        ("OTEL_METRICS_EXEMPLAR_FILTER=odd", "OTEL_METRICS_EXEMPLAR_FILTER cannot be used ("),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT=inf",
            "OTEL_EXPORTER_OTLP_TIMEOUT is 'inf', which is no number of seconds: 10 is used.",
        ),
        ("OTEL_EXPORTER_OTLP_COMPRESSION=zip", "OTEL_EXPORTER_OTLP_COMPRESSION is 'zip'; it may be gzip, "),
        (
            "OTEL_EXPORTER_OTLP_HEADERS=secret",
            "OTEL_EXPORTER_OTLP_HEADERS holds something that is no name=value",
        ),
        ("OTEL_PYTHON_TRACER_PROVIDER=nope", "Failed to load configured provider"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=nope", ""),
        ("OTEL_TRACES_SAMPLER=odd", ""),
        ("OTEL_RESOURCE_ATTRIBUTES=abc,=x", ""),
    ],
)
def test_another_value_that_is_refused_costs_no_span(
    program: Program, environment: str, sentence: str
) -> None:
    said = program.script(_PROGRAM, **dict(pair.split("=", 1) for pair in environment.split()))
    assert program.span_names() == ["work"]
    assert said.count(sentence) == 1 or not sentence
    assert "secret" not in said
    assert "cannot be set up" not in said
