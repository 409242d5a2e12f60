"""Runs of code by hand: which call is the run, and what its exit code and output come to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.hosts.classic.tools.code_run import ExecuteBlocks, RunBlocks, RunCode
from autogen_otel.operations.operation import Operation
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes
from tests.support.calls import known, operation

AGENT = SimpleNamespace(name="coder")


def test_a_run_inside_a_run_is_the_same() -> None:
    assert operation(ExecuteBlocks).begin() is None
    for outer in (operation(ExecuteBlocks), operation(RunCode, AGENT)):
        assert operation(ExecuteBlocks, parent=outer).begin() is None
        assert operation(RunCode, AGENT, outer).begin() is None


@pytest.mark.parametrize(
    ("blocks", "facts"),
    [
        ([SimpleNamespace(language=" Python ")], {names.CODE_LANGUAGE: "python"}),
        ([SimpleNamespace(language="sh")] * 2, {names.CODE_LANGUAGE: "sh", names.CODE_BLOCKS: 2}),
        ([object()], {}),
        ([], {}),
        (7, {}),
    ],
)
def test_an_executor_runs_several_blocks_at_once(blocks: Any, facts: dict[str, Any]) -> None:
    assert known(operation(ExecuteBlocks, parent=operation(Operation), code_blocks=blocks).begin()) == facts


@pytest.mark.parametrize(
    ("result", "facts", "failed"),
    [
        (
            SimpleNamespace(exit_code=0, output="fine"),
            {names.CODE_EXIT_CODE: 0, names.CODE_OUTPUT: "fine"},
            False,
        ),
        (SimpleNamespace(exit_code=3, output=None), {names.CODE_EXIT_CODE: 3, names.CODE_OUTPUT: ""}, True),
        (SimpleNamespace(exit_code="bad", output=7), {names.CODE_OUTPUT: "7"}, False),
        (None, {names.CODE_OUTPUT: ""}, False),
    ],
)
def test_the_exit_code_says_whether_it_worked(result: Any, facts: dict[str, Any], failed: bool) -> None:
    run = operation(ExecuteBlocks, parent=operation(Operation))
    assert known(run.returned(result)) == facts
    assert (run.failure is not None) is failed


@pytest.mark.parametrize(
    ("exit_code", "output", "kind", "message"),
    [
        (3, "no", "exit_code_3", "exit code 3"),
        (124, "", "timeout", "the code ran into the executor's time limit"),
        (1, "half\nTimeout\n", "timeout", "the code ran into the executor's time limit"),
        (
            1,
            "ERROR: Timeout waiting for output from it",
            "timeout",
            "the code ran into the executor's time limit",
        ),
        (1, "Timeout is a word\nthat goes on", "exit_code_1", "exit code 1"),
        (1, "unknown language ruby", "unknown_language", "unknown language ruby"),
        (1, "one\nUnsupported language ruby \n", "unknown_language", "Unsupported language ruby"),
        (
            1,
            "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\nKeyError: 'policy'\n",
            "exit_code_1",
            "exit code 1: KeyError: 'policy'",
        ),
    ],
)
def test_what_went_wrong_is_read_from_the_end_of_the_output(
    exit_code: int, output: str, kind: str, message: str
) -> None:
    run = operation(RunCode, AGENT)
    run.returned((exit_code, output, None))
    assert run.failure is not None
    assert (run.failure.cause, run.failure.type, run.failure.message) == (
        causes.CODE_EXECUTION,
        kind,
        message,
    )


def test_code_that_could_not_be_run_at_all_is_a_failure_of_its_own_kind() -> None:
    run = operation(RunCode, AGENT)
    assert known(run.begin()) == {names.GEN_AI_AGENT_NAME: "coder", names.CODE_LANGUAGE: "python"}
    assert run.failed(OSError("no Docker")) is None
    assert run.failure is not None
    assert run.failure.cause == causes.CODE_EXECUTION


def run_blocks(results: list[tuple[int, str]], blocks: int, value: tuple[int, str]) -> tuple[RunBlocks, Any]:
    """Blocks of which ``run_code`` runs as many as there are results."""
    around = operation(RunBlocks, AGENT, code_blocks=[("Ruby", "puts 1")] * blocks)
    assert around.begin() == {}
    for result in results:
        inner = operation(RunCode, AGENT, around)
        inner.begin()
        inner.returned((*result, None))
    return around, around.returned(value)


@pytest.mark.parametrize(
    ("results", "blocks", "value"),
    [
        ([(0, "one"), (0, "two")], 2, (0, "\none\ntwo")),
        ([(0, "one"), (3, "two")], 3, (3, "\none\ntwo")),
        ([], 0, (0, "")),
    ],
)
def test_blocks_that_were_all_run_have_no_span_besides(results: Any, blocks: int, value: Any) -> None:
    around, facts = run_blocks(results, blocks, value)
    assert (facts, around.name, around.failure) == (None, None, None)


@pytest.mark.parametrize(
    ("results", "blocks", "value", "left", "output"),
    [
        ([(0, "one")], 2, (1, "\none\nunknown language ruby"), None, "unknown language ruby"),
        ([], 2, (1, "unknown language ruby"), 2, "unknown language ruby"),
        ([], 1, (0, "done my way"), None, "done my way"),
    ],
)
def test_a_block_that_never_got_there_is_recorded(
    results: Any, blocks: int, value: Any, left: int | None, output: str
) -> None:
    around, facts = run_blocks(results, blocks, value)
    assert around.name is not None
    assert known(facts) == known(
        {
            names.GEN_AI_AGENT_NAME: "coder",
            names.CODE_LANGUAGE: "ruby",
            names.CODE_BLOCKS: left,
            names.CODE_SOURCE: "\n".join(["puts 1"] * (left or 1)),
            names.CODE_EXIT_CODE: value[0],
            names.CODE_OUTPUT: output,
        }
    )
