"""What is generated is what is committed, and the pages name what is there."""

from __future__ import annotations

import re
import shlex

import promql_parser
import pytest
import yaml

from autogen_otel.cli import main
from autogen_otel.vocabulary import metrics
from tests.dashboards.queries import examples_on, models, panels
from tools.dashboards.alerts import LARGE_PROMPT_CHARACTERS, alerts
from tools.dashboards.files import ALERTS, FOLDER, METRICS_PAGE, generated
from tools.dashboards.prometheus import series_names


def test_the_committed_files_are_those_that_are_generated() -> None:
    committed = {path: path.read_text(encoding="utf-8") for path in generated()}
    assert committed == generated(), "make dashboards"
    assert set(FOLDER.iterdir()) <= set(committed), "files that no builder makes"


def test_the_rule_file_is_yaml_that_says_what_the_alerts_say() -> None:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    report = [
        (rule["alert"], rule["expr"], rule["labels"]["severity"], rule["annotations"]["summary"])
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert report == [(one.name, one.expr, one.severity, one.summary) for one in alerts()]
    recorded = {rule["record"]: rule["expr"] for rule in group["rules"] if "record" in rule}
    assert recorded == {used.name: used.expr for one in alerts() for used in one.uses}


def test_every_metric_has_an_example_that_is_promql() -> None:
    examples = examples_on(METRICS_PAGE)
    for example in examples:
        promql_parser.parse(example)
    missing = [
        metric.name
        for metric in metrics.ALL
        if not any(name in example for name in series_names(metric) for example in examples)
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


def test_the_commands_of_alerts_are_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for alert in alerts():
        program, command, *words = shlex.split(re.sub(r"\{\{.*?\}\}", "claims", alert.command))
        assert program == "autogen-otel"
        # Options come before what is not there.
        assert main([command, *words, "--journal", "/nowhere"] if words else [command, "--help"]) in {0, 2}
        assert "unrecognized" not in capsys.readouterr().err


def test_the_size_that_an_alert_compares_with_is_one_that_the_histogram_knows() -> None:
    assert LARGE_PROMPT_CHARACTERS in metrics.PROMPT_SIZE.buckets
