"""Streamlit's own test runner and a real IPython kernel: what runs again is observed once, and not kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autogen_otel.traces.conversations import summaries
from autogen_otel.traces.formats.journal import journal_files, read_spans
from tests.delivery.receivers import closed_port
from tests.servers.notebook import Kernel
from tests.servers.process import program_environ

_ONE_LINE = """
import autogen_otel

report = autogen_otel.instrument(settings=autogen_otel.Settings(redact=lambda text: text))
print(report.missing)
"""
_AGENTS = """
import time
from autogen import Agent, ConversableAgent

options = {"llm_config": False, "human_input_mode": "NEVER", "code_execution_config": False}
user = ConversableAgent("user", **options)

def agent(name, answer=lambda: "done"):
    made = ConversableAgent(name, **options)
    made.register_reply([Agent, None], lambda *_args, **_kwargs: (True, answer()))
    return made

def slow():
    print("under way", flush=True)
    time.sleep(60)
    return "done"

def ask(name, answer=lambda: "done"):
    print(user.initiate_chat(agent(name, answer), message="hello", max_turns=1, silent=True).summary)
"""
_AWAITED = """
result = await user.a_initiate_chat(agent("awaited"), message="hello", max_turns=1, silent=True)
print(result.summary)
"""


def _environ(folder: Path) -> dict[str, str]:
    environ = program_environ(folder / "journal", f"http://127.0.0.1:{closed_port()}")
    return {**environ, "JPY_SESSION_NAME": str(folder / "claims.ipynb")}


def _outcomes(folder: Path) -> list[tuple[str, str, str | None]]:
    """The conversations of the journal in the order in which they began."""
    found = summaries(read_spans(journal_files(folder / "journal")))
    return [(one.name, one.outcome, one.service) for one in sorted(found, key=lambda one: one.start_ns)]


def test_cells_run_again_and_are_awaited_interrupted_and_restarted(tmp_path: Path) -> None:
    with Kernel(tmp_path, _environ(tmp_path)) as kernel:
        assert [kernel.run(_ONE_LINE), kernel.run(_ONE_LINE)] == [("ok", "", "()\n", "")] * 2
        assert kernel.run(_AGENTS).status == "ok"
        assert kernel.run("ask('first')").stdout == "done\n"
        assert kernel.run(_AWAITED).stdout == "done\n"
        stopped = kernel.interrupted("ask('stopped', slow)", "under way")
        assert (stopped.status, stopped.exception) == ("error", "KeyboardInterrupt")
        assert kernel.run("ask('after')").stdout == "done\n"
        kernel.restart()
        assert kernel.run(_ONE_LINE + _AGENTS).status == "ok"
        assert kernel.run("ask('restarted')").stdout == "done\n"
    assert _outcomes(tmp_path) == [
        ("user -> first", "ok", "claims"),
        ("user -> awaited", "ok", "claims"),
        ("user -> stopped", "cancelled", "claims"),
        ("user -> after", "ok", "claims"),
        ("user -> restarted", "ok", "claims"),
    ]


@pytest.fixture
def reruns(tmp_path: Path) -> dict[str, str]:
    """What is printed where a page is run again and again, by whether it is observed."""
    printed = {}
    for observed in ("no", "yes"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.servers.programs.reruns"],
            env={**_environ(tmp_path), "OBSERVED": observed, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed[observed] = done.stdout
        assert "switched on already" not in done.stderr
    return printed


def test_streamlit_runs_a_page_again_without_keeping_what_the_run_before_has_made(
    reruns: dict[str, str], tmp_path: Path
) -> None:
    # Streamlit and the host keep the last of them.
    assert reruns["yes"] == reruns["no"]
    assert _outcomes(tmp_path) == [("user -> clerk", "ok", "reruns")] * 11
