"""The queries: real PromQL, over metrics and labels of the vocabulary only."""

from __future__ import annotations

import functools
import re
from typing import Any

import promql_parser
import pytest

from autogen_otel.vocabulary import attributes, metrics
from tests.dashboards.queries import ALL, asked, models, panels, variables_in
from tools.dashboards import promql
from tools.dashboards.alerts import alerts
from tools.dashboards.prometheus import label_name, series_names

QUERIES = asked()
SERIES = {name: metric for metric in metrics.ALL for name in series_names(metric)}
RULES = {one.name: one.expr for alert in alerts() for one in alert.uses}
EXPRESSIONS = {
    **{query.where: query.filled() for query in QUERIES},
    **RULES,
    **{alert.name: alert.expr for alert in alerts()},
}
ANYWHERE = {"service_name", "le", "__name__"}
BUILT_IN = {
    "__all",
    "__range",
    "__rate_interval",
    "__interval",
    "__from",
    "__to",
    "__field",
    "__data",
    "__value",
}


@functools.cache
def selectors(expr: str) -> list[Any]:
    """Every selector of an expression."""
    nodes = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            nodes.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            nodes.append(node.vector_selector)

    promql_parser.walk(promql_parser.parse(expr), visit)
    return nodes


def labels_of(name: str | None) -> set[str]:
    """What the labels of a metric's series may be; the Collector's have their name in a matcher."""
    return {label_name(key) for key in (SERIES[name].labels if name else ())} | ANYWHERE


def test_every_expression_is_promql_over_labels_that_its_metric_has() -> None:
    strange = {
        (where, matcher.name)
        for where, expr in EXPRESSIONS.items()
        for selector in selectors(expr)
        if selector.name not in RULES
        for matcher in selector.matchers.matchers
        if matcher.name not in labels_of(selector.name)
    }
    assert strange == set()


def test_everything_that_a_query_groups_by_is_a_label_of_its_metrics() -> None:
    for query in QUERIES:
        grouped = re.findall(r"by \(([^)]*)\)", query.filled())
        by = {label for group in grouped for label in group.split(", ")}
        assert by <= set.intersection(*(labels_of(one.name) for one in selectors(query.filled())))
        assert set(re.findall(r"\{\{(\w+)\}\}", query.target["legendFormat"])) <= by, query.where


def test_every_query_is_filtered_by_service() -> None:
    unfiltered = [
        query.where
        for query in QUERIES
        for selector in selectors(query.filled())
        if [one.value for one in selector.matchers.matchers if one.name == "service_name"] != [ALL]
    ]
    assert unfiltered == []


@pytest.mark.parametrize("dashboard", models(), ids=lambda dashboard: dashboard["uid"])
def test_every_variable_is_defined_and_every_definition_used(dashboard: dict[str, Any]) -> None:
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = variables_in(str(dashboard)) - BUILT_IN

    assert used == defined


def test_every_metric_of_the_vocabulary_is_on_a_dashboard() -> None:
    read = {SERIES[selector.name].name for query in QUERIES for selector in selectors(query.filled())}
    assert read == {metric.name for metric in metrics.ALL}


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (metrics.HANDOFFS, attributes.GEN_AI_REQUEST_MODEL),
        (metrics.TELEMETRY_DROPPED, "service.version"),
    ],
)
def test_a_label_that_a_metric_does_not_have_is_refused(metric: metrics.Metric, key: str) -> None:
    with pytest.raises(ValueError, match="has no label"):
        promql.grew(metric, "5m", (key, "=", "x"))
    with pytest.raises(ValueError, match="has no label"):
        promql.grew(metric, "5m", by=[key])


def test_series_and_buckets_that_a_metric_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="has no series for bucket"):
        promql.quantile(0.5, metrics.HANDOFFS, "5m")
    with pytest.raises(ValueError, match="has no bucket"):
        promql.series(metrics.PROMPT_SIZE, le=3.0)


def test_exemplars_are_shown_where_there_are_single_measurements() -> None:
    with_exemplars = {query.panel["title"] for query in QUERIES if query.target["exemplar"]}
    histograms_over_time = {
        query.panel["title"]
        for query in QUERIES
        if query.panel["type"] in {"timeseries", "heatmap"} and "_bucket" in query.expr
    }
    assert with_exemplars == histograms_over_time
    assert all("_bucket" in query.expr for query in QUERIES if query.target["exemplar"])


def test_a_bar_spans_at_least_two_exports() -> None:
    bars = [query for query in QUERIES if "$__interval" in query.expr]

    # Prometheus' data source takes the shortest step from the query if it has one, not from the panel.
    assert {(query.target["interval"], query.panel["interval"]) for query in bars} == {("2m", "2m")}


def test_ids_and_places_of_panels_are_unique() -> None:
    for dashboard in models():
        every = [*panels(dashboard), *(panel for panel in dashboard["panels"] if panel["type"] == "row")]
        assert len({panel["id"] for panel in every}) == len(every)
        taken: set[tuple[int, int]] = set()
        for panel in every:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


def test_every_line_of_a_dashboard_is_full() -> None:
    for dashboard in models():
        widths: dict[int, int] = {}
        for panel in dashboard["panels"]:
            widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
        assert set(widths.values()) == {24}


@pytest.mark.parametrize("dashboard", models(), ids=lambda dashboard: dashboard["uid"])
def test_every_panel_asks_a_question_and_says_something_where_there_is_nothing(
    dashboard: dict[str, Any],
) -> None:
    for panel in panels(dashboard):
        assert "?" in panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"]
        assert [link["title"] for link in panel["links"]] == ["Traces in Jaeger", "Traces in Tempo"]
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)
