"""What is generated is what is committed, and the pages name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import promql_parser
import pytest
import yaml

from autogen_otel.dashboards.alerts import LARGE_PROMPT_CHARACTERS, alerts
from autogen_otel.dashboards.files import ALERTS, everything
from autogen_otel.vocabulary import metrics
from autogen_otel.vocabulary.metrics import prometheus_names
from tests.dashboards.pages import METRICS, RUNBOOK, filled, queries
from tests.dashboards.queries import models, panels

FOLDER = Path(__file__).parents[2] / "dashboards"


def test_the_committed_files_are_those_that_are_generated() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == everything(), "make dashboards"


def test_the_rule_file_is_yaml_that_says_what_the_alerts_say() -> None:
    (group,) = yaml.safe_load(everything()[ALERTS])["groups"]
    told = [
        (rule["alert"], rule["expr"], rule["labels"]["severity"], rule["annotations"]["summary"])
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert told == [(one.name, one.expr, one.severity, one.summary) for one in alerts()]
    recorded = {rule["record"]: rule["expr"] for rule in group["rules"] if "record" in rule}
    assert recorded == {used.name: used.expr for one in alerts() for used in one.uses}


@pytest.mark.parametrize("page", [METRICS, RUNBOOK], ids=lambda page: page.name)
def test_the_generated_parts_of_the_pages_are_up_to_date(page: Path) -> None:
    assert filled(page) == page.read_text(encoding="utf-8"), "make dashboards"


def test_every_metric_has_an_example_that_is_promql() -> None:
    examples = queries(METRICS)
    for example in examples:
        promql_parser.parse(example)
    missing = [
        metric.name
        for metric in metrics.ALL
        if not any(name in example for name in prometheus_names(metric) for example in examples)
    ]
    assert missing == []


def test_the_runbook_names_panels_and_dashboards_that_exist() -> None:
    titles = {panel["title"] for dashboard in models() for panel in panels(dashboard)}
    rows = {
        panel["title"] for dashboard in models() for panel in dashboard["panels"] if panel["type"] == "row"
    }
    named = re.findall(
        r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", " ".join(step for one in alerts() for step in one.look)
    )

    assert set(named) - titles - rows == set()
    assert {alert.dashboard for alert in alerts()} <= {dashboard["uid"] for dashboard in models()}


def test_the_size_that_an_alert_compares_with_is_one_that_the_histogram_knows() -> None:
    assert LARGE_PROMPT_CHARACTERS in metrics.PROMPT_SIZE.buckets
