"""How the dashboards count, in Prometheus's own evaluation: an export a minute, a bar every two."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from autogen_otel.vocabulary import metrics
from tools.dashboards import promql

ATTEMPTS = promql.grew(metrics.MODEL_ATTEMPTS, "2m", filters=promql.UNFILTERED)


@pytest.mark.parametrize(
    ("samples", "bars"),
    [
        # Each failure is in one bar, whichever way the bars cut the exports.
        ("100x4 101x2 102x7", [0, 0, 1, 1, 0, 0]),
        ("100x3 101x2 102x8", [0, 1, 0, 1, 0, 0]),
        # A program that starts late, and one that ends before its second export.
        ("_x4 3x3 4x6", [None, 3, 0, 1, 0, 0]),
        ("_x4 3", [None, 3, None, None, None, None]),
        # One that starts again with the same identity.
        ("100x4 0x1 2x8", [0, 0, 0, 2, 0, 0]),
    ],
)
def test_bars_count_every_event_once(
    samples: str, bars: list[float | None], promtool: Path, tmp_path: Path
) -> None:
    case = {
        "interval": "1m",
        "input_series": [{"series": 'autogen_model_attempts_total{error_type="500"}', "values": samples}],
        "promql_expr_test": [
            {
                "expr": f"round({ATTEMPTS}, 0.01)",
                # Bars begin and end half-way between exports.
                "eval_time": f"{2 * at}m30s",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
            for at, value in enumerate(bars, 1)
        ],
    }
    file = tmp_path / "bars.yml"
    file.write_text(json.dumps({"evaluation_interval": "30s", "tests": [case]}))

    done = subprocess.run(  # noqa: S603 - the tool that we built
        [str(promtool), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
