"""The fixtures as users have them: a test file of theirs, run by pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import autogen_otel
from autogen_otel.testing import AutoGenSpans, NoHiddenFailures, ScriptedModel, error, html, text, tool_call
from autogen_otel.testing.plugin import assert_no_hidden_failures, autogen_spans, scripted_model
from tests.support import forking
from tests.support.agents import assistant, chat, pair, user
from tests.support.telemetry import Telemetry
from tests.support.tools import lookup

__all__ = ["assert_no_hidden_failures", "autogen_spans", "scripted_model"]

_ROOT = Path(__file__).parent.parent.parent
DOCS = _ROOT / "docs" / "testing.md"


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(_ROOT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    words = ["-m", "pytest", "-p", "no:cacheprovider", "-p", "autogen_otel.testing.plugin", *options]
    return forking.run(words, folder=folder, environment=environment)


@pytest.mark.slow
def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 4
    for number, block in enumerate(blocks):
        (tmp_path / f"test_example_{number}.py").write_text(block, encoding="utf-8")
    done = run_pytest(tmp_path, "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def test_without_pytest_the_package_is_as_before() -> None:
    program = (
        "import sys\n"
        "sys.modules['pytest'] = None\n"
        "import autogen_otel.testing\n"
        "with autogen_otel.testing.ScriptedServer([]) as server: print(server.base_url)\n"
        "print([one for one in ('autogen', 'opentelemetry', 'rich') if one in sys.modules])\n"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    assert done.stdout.splitlines()[1] == "[]"


def test_a_swallowed_failure_fails_the_test(
    scripted_model: ScriptedModel,
    autogen_spans: AutoGenSpans,
    assert_no_hidden_failures: NoHiddenFailures,
) -> None:
    model = scripted_model(
        error(500, "The server had an error"), tool_call("lookup", {"policy_id": "P-9"}), text("TERMINATE")
    )
    chat(*pair(model, lookup))
    assert [span.failed for span in autogen_spans.named("POST")] == [True, False, False]
    assert autogen_spans[0].operation == "invoke_workflow"
    with pytest.raises(AssertionError) as failure:
        assert_no_hidden_failures()
    said = str(failure.value)
    assert "hidden failures: 2" in said
    assert "backend in POST: 500 Internal Server Error: The server had an error; retried" in said
    assert "tool_exception in execute_tool lookup: ValueError: bad policy id 'P-9' (" in said
    assert "; swallowed" in said
    assert_no_hidden_failures(allow={"backend", "tool_exception"})


def test_what_the_test_gets_to_see_is_not_hidden(
    scripted_model: ScriptedModel,
    assert_no_hidden_failures: NoHiddenFailures,
) -> None:
    model = scripted_model(lambda _: html())
    with pytest.raises(Exception, match=r"choices|completion|str"):
        chat(user(), assistant(model.llm_config["config_list"]))
    assert_no_hidden_failures()


def test_what_was_switched_on_before_is_so_again(
    telemetry: Telemetry,
    scripted_model: ScriptedModel,
) -> None:
    spans = AutoGenSpans()
    model = scripted_model(text("TERMINATE"), text("TERMINATE"))
    with spans.recording():
        autogen_otel.instrument()
        chat(*pair(model))
    assert len(spans.named("chat")) == 1
    assert telemetry.named("chat") == []
    chat(*pair(model))
    assert len(spans.named("chat")) == len(telemetry.named("chat")) == 1


def test_an_unchecked_fixture_checks_in_the_end_and_the_script_must_do(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import urllib.request\n"
        "def test_asked_too_often(scripted_model):\n"
        "    model = scripted_model()\n"
        "    request = urllib.request.Request(model.base_url + '/chat/completions', b'{}')\n"
        "    try:\n"
        "        urllib.request.urlopen(request)\n"
        "    except OSError:\n"
        "        pass\n"
        "def test_nothing_at_all(assert_no_hidden_failures):\n"
        "    pass\n",
        encoding="utf-8",
    )
    done = run_pytest(tmp_path, "-q")
    assert "ScriptError: no reply for request 1" in done.stdout
    assert "2 passed, 1 error" in done.stdout


def test_a_misspelt_cause_allows_nothing(autogen_spans: AutoGenSpans) -> None:
    with pytest.raises(ValueError, match="no cause is called rate_limits; there are tool_exception"):
        autogen_spans.hidden_failures({"rate_limits", "timeout"})
    assert autogen_spans.hidden_failures("rate_limit") == []


def test_what_cannot_be_encoded_is_shown_as_the_journal_has_it() -> None:
    spans = AutoGenSpans()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans._exporter))
    with provider.get_tracer("test").start_as_current_span("chat \ud800") as span:
        span.set_attributes({"text": "\ud800", "number": 2**70})
    (shown,) = spans.named("chat")
    assert shown.attributes == {"text": "?", "number": str(2**70)}
