"""The dashboards and alerts against a real Prometheus and Jaeger, with what real conversations left there."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.dashboards.queries import Asked, asked, examples_on, filled, models
from tests.servers import programs
from tests.servers.jaeger import Jaeger
from tests.servers.otlp import Span
from tests.servers.prometheus import Prometheus, Sample
from tools.dashboards.alerts import alerts
from tools.dashboards.files import METRICS_PAGE

SERVICE = "every-conversation"
RULES = Path(__file__).parents[2] / "dashboards" / "alerts.yml"
QUERIES = asked()
PANELS = list({query.panel["title"] + query.dashboard["uid"]: query.panel for query in QUERIES}.values())
_LEGEND_LABEL = re.compile(r"\{\{(\w+)\}\}")
_FIELD = re.compile(r"\$\{__(?:field\.labels|data\.fields)\.(\w+):percentencode\}")


@pytest.fixture(scope="module")
def measured(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with our rules and what a program that does everything once has measured."""
    folder = tmp_path_factory.mktemp("measured")
    with Prometheus(folder / "prometheus", rules=[RULES]) as server:
        programs.run(
            "everything",
            folder=folder,
            OTEL_SERVICE_NAME=SERVICE,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{jaeger.otlp_url}/v1/traces",
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=server.otlp_metrics_url,
            # Often enough for rates over so short a time.
            OTEL_METRIC_EXPORT_INTERVAL="100",
            OTEL_BLRP_SCHEDULE_DELAY="500",
            # Nothing listens there.
            OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://127.0.0.1:9/v1/logs",
            OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN="logs/dup",
        )
        server.wait_for("autogen_conversation_duration_seconds_count")
        yield server


@pytest.fixture(scope="module")
def spans(measured: Prometheus, jaeger: Jaeger) -> list[Span]:
    """The spans of the same conversations."""
    return [span for trace in jaeger.find(SERVICE, spans=500) for span in trace.spans]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_every_query_of_a_dashboard_has_an_answer_with_the_labels_it_shows(
    query: Asked, measured: Prometheus
) -> None:
    series = measured.query(query.filled())

    assert series
    assert all(math.isfinite(one.value) for one in series)
    for label in _LEGEND_LABEL.findall(query.target["legendFormat"]):
        assert any(one.labels.get(label) for one in series), f"no series has {label}"


@pytest.mark.parametrize("query", examples_on(METRICS_PAGE))
def test_every_query_of_the_documentation_has_an_answer(query: str, measured: Prometheus) -> None:
    # Where nothing is above a limit, it is asked for what is below.
    assert any(math.isfinite(one.value) for one in measured.query(query.removesuffix(" > 0")))


def test_every_variable_has_values(measured: Prometheus) -> None:
    for dashboard in models():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
                assert asked is not None
                result = measured.query(f"count by ({asked[2]}) ({filled(asked[1])})")
                assert any(one.labels.get(asked[2]) for one in result), variable["name"]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_a_query_for_one_service_answers_for_that_one_only(query: Asked, measured: Prometheus) -> None:
    chosen = measured.query(query.filled(service=f"({SERVICE}|another)"))

    assert _labels(chosen) == _labels(measured.query(query.filled()))
    assert measured.query(query.filled(service="another")) == []


@pytest.mark.parametrize("title", ["Conversations", "Attempts", "Silent retries", "Tool calls", "Handoffs"])
def test_numbers_on_the_dashboards_are_those_of_the_traces(
    title: str, measured: Prometheus, spans: list[Span]
) -> None:
    parents = {s.parent_id for s in spans}
    expected = {
        "Conversations": [s for s in spans if s.parent_id is None and s.name.startswith("invoke_workflow")],
        # A client without HTTP is asked once, which is the attempt of its entry; so is a request that the SDK
        # cannot send.
        "Attempts": [
            s
            for s in spans
            if "http.request.method" in s.attributes
            or (s.name.startswith("chat") and s.attributes.get("gen_ai.provider.name") == "custom")
            or (s.name.startswith("chat") and s.status == "error" and s.span_id not in parents)
        ],
        "Silent retries": [s for s in spans if s.attributes.get("http.request.resend_count")],
        "Tool calls": [s for s in spans if s.name.startswith("execute_tool")],
        "Handoffs": [s for s in spans if s.name.startswith("handoff")],
    }
    (query,) = (one for one in QUERIES if one.panel["title"] == title and one.panel["type"] == "stat")
    (number,) = measured.query(query.filled())

    assert number.value == len(expected[title]) > 0


def test_the_handoff_matrix_names_both_agents(measured: Prometheus) -> None:
    (query,) = (one for one in QUERIES if one.panel["title"] == "Who hands over to whom")
    pairs = {
        (one.labels.get("autogen_handoff_from"), one.labels.get("autogen_handoff_to"))
        for one in measured.query(query.filled())
    }

    assert len([pair for pair in pairs if all(pair)]) >= 2


def test_exemplars_lead_to_the_trace(measured: Prometheus, jaeger: Jaeger, spans: list[Span]) -> None:
    known = {span.trace_id for span in spans}
    for query in QUERIES:
        if query.target["exemplar"]:
            result = measured.exemplars(query.filled())
            assert {one.labels["trace_id"] for one in result} & known, query.where


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_link_to_jaeger_finds_traces(
    panel: dict[str, Any], measured: Prometheus, jaeger: Jaeger, spans: list[Span]
) -> None:
    (of_panel,) = (link["url"] for link in panel["links"] if link["title"] == "Traces in Jaeger")
    assert jaeger.search(SERVICE, **_tags(of_panel, {}))

    series = [one for target in panel["targets"] for one in measured.query(filled(target["expr"]))]
    for link in _links(panel):
        if "/search?" in link["url"]:
            keys = set(_FIELD.findall(link["url"]))
            clicked = [one.labels for one in series if all(one.labels.get(key) for key in keys)]
            assert any(jaeger.search(SERVICE, **_tags(link["url"], labels)) for labels in clicked)


# Those on the Collector's own losses stand in tests/dashboards/alerts.test.yml: there is none here.
@pytest.mark.parametrize(
    "name", [one.name for one in alerts() if not one.name.startswith("AutoGenCollector")]
)
def test_every_alert_is_raised_and_leads_to_traces(name: str, measured: Prometheus, jaeger: Jaeger) -> None:
    measured.wait_for(f'ALERTS{{alertname="{name}"}}')
    raised = [alert for alert in measured.alerts() if alert["labels"]["alertname"] == name]

    assert raised
    assert {alert["labels"]["service_name"] for alert in raised} == {SERVICE}
    for alert in raised:
        assert "<no value>" not in json.dumps(alert["annotations"])
        assert "%!" not in json.dumps(alert["annotations"])
    links = [alert["annotations"]["traces"] for alert in raised]
    assert all(parse_qs(urlsplit(link).query)["service"] == [SERVICE] for link in links)
    assert any(jaeger.search(SERVICE, **_tags(link, {})) for link in links)


def test_every_rule_is_evaluated_without_an_error(measured: Prometheus) -> None:
    rules = measured.rules()

    assert len(rules) == len(RULES.read_text().split("  - record: ")) + len(alerts()) - 1
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def _labels(series: list[Sample]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(one.labels.items()) for one in series}


def _links(panel: dict[str, Any]) -> list[Any]:
    config = panel["fieldConfig"]
    overridden = (
        one["value"]
        for override in config["overrides"]
        for one in override["properties"]
        if one["id"] == "links"
    )
    return [link for links in (config["defaults"].get("links", []), *overridden) for link in links]


def _tags(url: str, labels: dict[str, str]) -> dict[str, str]:
    """What Jaeger's search is told, once Grafana has filled in the labels of what was clicked."""
    clicked = _FIELD.sub(lambda result: quote(labels.get(result[1], ""), safe=""), url)
    query = urlsplit(clicked.replace("${jaeger:raw}", "http://jaeger")).query
    tags: dict[str, str] = json.loads(parse_qs(query)["tags"][0])
    return tags
