"""Code that agents run: AutoGen puts a failure in words and goes on; the trace says what failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from autogen.coding import LocalCommandLineCodeExecutor

import autogen_otel
from autogen_otel.testing import entry, text
from tests.support.agents import (
    SHAPES,
    Serve,
    assistant,
    converse,
    with_executor,
    with_local_executor,
    with_own_code,
)
from tests.support.telemetry import Telemetry, attributes_of, exception_of, instrumented

RAISES = """\
Here you are:
```python
print("before")
def parse(text):
    raise ValueError(f"bad policy id {text!r}")
try:
    {}["x"]
except KeyError as error:
    parse("null")
```
"""
WORKS = "```python\nprint('fine')\n```"
DONE = text("Done. TERMINATE")
WAYS = pytest.mark.parametrize("way", [with_local_executor, with_own_code], ids=["executor", "own"])

FAILED = """\
invoke_workflow user -> assistant errors.handled=1
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200
  invoke_agent user
    execute_code python ERROR[code_execution: exit_code_1]
  invoke_agent assistant
    chat gpt-4o config.index=0 cache.hit=False
      POST http.response.status_code=200"""


def run(serve: Serve, code: str, runner: Any, shape: str = "sync") -> Any:
    """A conversation in which the assistant writes code and the user runs it."""
    return converse(shape, runner, assistant([entry(serve([text(code), DONE]))]))


@SHAPES
@WAYS
def test_code_that_raises_shows_its_own_stack_trace(
    telemetry: Telemetry, serve: Serve, shape: str, way: Any, tmp_path: Path
) -> None:
    result = run(serve, RAISES, way(tmp_path), shape)
    assert "exitcode: 1 (execution failed)" in str(result.chat_history)
    assert telemetry.tree().startswith(FAILED)

    span = telemetry.one("execute_code")
    attributes, exception = attributes_of(span), exception_of(span)
    assert attributes["gen_ai.agent.name"] == "user"
    assert attributes["autogen.code.language"] == "python"
    assert attributes["autogen.code.exit_code"] == 1
    assert "ValueError: bad policy id 'null'" in attributes["autogen.code.output"]
    assert span.status.description == "exit code 1: ValueError: bad policy id 'null'"
    assert exception["exception.type"] == "ValueError"
    assert exception["exception.message"] == "bad policy id 'null'"
    trace = exception["exception.stacktrace"]
    assert trace.startswith("Traceback (most recent call last):\n")
    assert "KeyError: 'x'\n\nDuring handling of the above exception" in trace
    assert trace.endswith("ValueError: bad policy id 'null'")
    assert telemetry.one("invoke_workflow").status.is_unset


@SHAPES
@WAYS
def test_code_that_works_shows_what_it_printed(
    telemetry: Telemetry, serve: Serve, shape: str, way: Any, tmp_path: Path
) -> None:
    run(serve, WORKS, way(tmp_path), shape)
    span = telemetry.one("execute_code python")
    assert span.status.is_unset
    assert attributes_of(span)["autogen.code.exit_code"] == 0
    assert attributes_of(span)["autogen.code.output"] == "fine\n"
    assert "autogen.code.blocks" not in attributes_of(span)


@WAYS
def test_a_command_that_fails_shows_the_end_of_its_output(
    telemetry: Telemetry, serve: Serve, way: Any, tmp_path: Path
) -> None:
    run(serve, "```sh\necho no such policy >&2; exit 3\n```", way(tmp_path))
    span = telemetry.one("execute_code sh")
    assert attributes_of(span)["error.type"] == "exit_code_3"
    assert span.status.description == "exit code 3"
    assert exception_of(span)["exception.stacktrace"] == "no such policy\n"


@WAYS
def test_a_syntax_error_is_told_although_it_prints_no_heading(
    telemetry: Telemetry, serve: Serve, way: Any, tmp_path: Path
) -> None:
    run(serve, "```python\nx = = 1\n```", way(tmp_path))
    exception = exception_of(telemetry.one("execute_code python"))
    assert exception["exception.type"] == "SyntaxError"
    assert exception["exception.message"] == "invalid syntax"


@WAYS
def test_code_that_runs_too_long_is_a_timeout(
    telemetry: Telemetry, serve: Serve, way: Any, tmp_path: Path
) -> None:
    run(serve, "```sh\nexec sleep 1.5\n```", way(tmp_path, timeout=1))
    attributes = attributes_of(telemetry.one("execute_code sh"))
    assert attributes["error.type"] == "timeout"
    assert attributes["autogen.error.origin"] == "code_execution"


def test_several_blocks_that_an_executor_takes_at_once_are_one_run(
    telemetry: Telemetry, serve: Serve, tmp_path: Path
) -> None:
    run(serve, "```sh\necho one\n```\n```python\nprint(2)\n```", with_local_executor(tmp_path))
    attributes = attributes_of(telemetry.one("execute_code"))
    assert attributes["autogen.code.language"] == "sh"
    assert attributes["autogen.code.blocks"] == 2
    assert attributes["autogen.code.output"] == "one\n2\n"


def test_several_blocks_that_an_agent_runs_itself_are_told_one_by_one(
    telemetry: Telemetry, serve: Serve, tmp_path: Path
) -> None:
    run(serve, "```sh\necho one\n```\n```sh\nexit 4\n```\n```sh\necho no\n```", with_own_code(tmp_path))
    runs = [attributes_of(span) for span in telemetry.named("execute_code")]
    assert [one["autogen.code.exit_code"] for one in runs] == [0, 4]


@WAYS
def test_a_language_that_cannot_be_run_is_named(
    telemetry: Telemetry, serve: Serve, way: Any, tmp_path: Path
) -> None:
    run(serve, "```ruby\nputs 1\n```", way(tmp_path))
    span = telemetry.one("execute_code ruby")
    assert attributes_of(span)["error.type"] == "unknown_language"
    assert span.status.description == "unknown language ruby"


def test_a_block_that_an_agent_never_gets_to_run_comes_after_those_it_ran(
    telemetry: Telemetry, serve: Serve, tmp_path: Path
) -> None:
    run(serve, "```sh\necho one\n```\n```ruby\nputs 1\n```", with_own_code(tmp_path))
    ran, refused = telemetry.named("execute_code")
    assert (ran.name, refused.name) == ("execute_code sh", "execute_code ruby")
    assert attributes_of(refused)["autogen.code.output"] == "unknown language ruby"
    assert attributes_of(telemetry.one("invoke_workflow"))["autogen.errors.handled"] == 1


def test_an_executor_of_the_users_that_passes_the_work_on_is_one_run(
    telemetry: Telemetry, serve: Serve, tmp_path: Path
) -> None:
    class Careful(LocalCommandLineCodeExecutor):  # type: ignore[misc, unused-ignore]
        def execute_code_blocks(self, code_blocks: Any) -> Any:
            return super().execute_code_blocks(code_blocks)

    # The parent class is met first, so that its own method is observed as well.
    run(serve, WORKS, with_local_executor(tmp_path))
    telemetry.clear()
    run(serve, WORKS, with_executor(Careful(work_dir=tmp_path)))
    assert attributes_of(telemetry.one("execute_code"))["autogen.code.output"] == "fine\n"


def test_an_agent_that_overrides_run_code_is_one_run(
    telemetry: Telemetry, serve: Serve, tmp_path: Path
) -> None:
    runner = with_own_code(tmp_path)

    class Shouting(type(runner)):  # type: ignore[misc]
        def run_code(self, code: str, **options: Any) -> Any:
            exit_code, output, image = super().run_code(code, **options)
            return exit_code, output.upper(), image

    runner.__class__ = Shouting
    run(serve, WORKS, runner)
    assert attributes_of(telemetry.one("execute_code python"))["autogen.code.output"] == "FINE\n"


def test_an_agent_that_runs_blocks_its_own_way_is_one_run(
    telemetry: Telemetry, serve: Serve, tmp_path: Path
) -> None:
    runner = with_own_code(tmp_path)

    class Remote(type(runner)):  # type: ignore[misc]
        def execute_code_blocks(self, code_blocks: Any) -> Any:
            return 0, "ran elsewhere"

    runner.__class__ = Remote
    run(serve, WORKS, runner)
    attributes = attributes_of(telemetry.one("execute_code python"))
    assert attributes["autogen.code.output"] == "ran elsewhere"
    assert attributes["autogen.code.exit_code"] == 0


@SHAPES
def test_an_executor_that_raises_is_the_cause_of_the_chats_end(
    telemetry: Telemetry, serve: Serve, shape: str, tmp_path: Path
) -> None:
    class NoDocker(LocalCommandLineCodeExecutor):  # type: ignore[misc, unused-ignore]
        def execute_code_blocks(self, code_blocks: Any) -> Any:
            raise RuntimeError("Docker is not running")

    with pytest.raises(RuntimeError, match="Docker is not running"):
        run(serve, WORKS, with_executor(NoDocker(work_dir=tmp_path)), shape)
    for name in ("execute_code python", "invoke_agent user", "invoke_workflow"):
        span = telemetry.one(name)
        assert attributes_of(span)["autogen.error.origin"] == "code_execution"
        assert exception_of(span)["exception.type"] == "RuntimeError"


def test_without_tool_content_the_stack_trace_stays_and_the_output_does_not(
    our_errors: list[BaseException], serve: Serve, tmp_path: Path
) -> None:
    with instrumented(autogen_otel.Settings(capture_tool_content=False)) as telemetry:
        run(serve, RAISES, with_local_executor(tmp_path))
        raised = telemetry.one("execute_code")
        telemetry.clear()
        run(serve, "```sh\necho pri''vate; exit 3\n```", with_local_executor(tmp_path))
    assert "autogen.code.output" not in attributes_of(raised)
    assert exception_of(raised)["exception.stacktrace"].startswith("Traceback")
    assert "before" not in raised.to_json()
    assert "private" not in telemetry.one("execute_code").to_json()


def test_of_long_output_the_end_is_kept(telemetry: Telemetry, serve: Serve, tmp_path: Path) -> None:
    run(serve, "```python\nprint('x' * 30000); print('the end')\n```", with_local_executor(tmp_path))
    output = attributes_of(telemetry.one("execute_code"))["autogen.code.output"]
    assert len(output) == 8192
    assert output.startswith("[cut, 30009 characters in all]…")
    assert output.endswith("xxx\nthe end\n")
