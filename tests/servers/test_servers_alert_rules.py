"""The alert rules under Prometheus's own tool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.dashboards.alerts import alerts

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "dashboards" / "alerts.test.yml"


@pytest.mark.parametrize(
    "words",
    [
        ["check", "rules", "--lint=all", "--lint-fatal", "dashboards/alerts.yml"],
        ["test", "rules", "tests/dashboards/alerts.test.yml"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_promtool_accepts_the_rules_and_each_fires_when_it_should_and_only_then(
    words: list[str], promtool: Path
) -> None:
    done = subprocess.run(  # noqa: S603 - the tool that we built
        [str(promtool), *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    cases = CASES.read_text()
    assert [alert.name for alert in alerts() if f'"{alert.name}"' not in cases] == []
