"""Code run for a conversation: by a code executor, or by an agent's own ``run_code``.

AutoGen tells the model of a failure only in words (``exitcode: 1 (execution failed)``) and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autogen_otel.observations import CodeRun, Content, ContentKind, Failure
from autogen_otel.operations.conversations.agent_turn import TurnState
from autogen_otel.operations.operation import Call, Operation, name_of, text_or_none
from autogen_otel.operations.tools.printed_error import printed_error
from autogen_otel.vocabulary import failures

_TIMEOUT_EXIT_CODE = 124
_TIMED_OUT = re.compile(r"(?:^|\n)(?:Timeout\s*$|ERROR: Timeout waiting for output)")
_UNKNOWN_LANGUAGE = re.compile(r"(?:^|\n)(?:unknown|unsupported) language\b[^\n]*\s*$", re.IGNORECASE)


@dataclass(slots=True)
class RunState:
    """Marks that what runs inside is the execution already seen: a parent class's method, or a delegate."""


@dataclass(slots=True)
class BlocksState:
    """What came of the single blocks that an agent runs one by one.

    Args:
        ran: how many were run.
        failed: whether the last of them failed.
        printed: characters of what they printed, each with the line break that AutoGen puts before it.
    """

    ran: int = 0
    failed: bool = False
    printed: int = 0


class ExecuteBlocks(Operation[CodeRun]):
    """Reads ``execute_code_blocks`` of any code executor, AutoGen's own and custom ones."""

    def begin(self, call: Call) -> CodeRun | None:
        """Note what is run for whom; an executor that the application uses itself is not ours."""
        if call.scope.parent is None or isinstance(call.scope.parent.state, RunState):
            return None
        call.scope.state = RunState()
        blocks = call.arguments.get("code_blocks")
        blocks = blocks if isinstance(blocks, Sequence) else ()
        turn = call.scope.find(TurnState)
        return CodeRun(
            language=_language(getattr(blocks[0], "language", None)) if blocks else "",
            agent=turn.agent if turn is not None else None,
            blocks=len(blocks),
        )

    def returned(self, _call: Call, started: CodeRun, value: Any) -> CodeRun:
        """The exit code says whether it worked."""
        return _ended(started, getattr(value, "exit_code", None), getattr(value, "output", None))

    def failed(self, _call: Call, started: CodeRun, error: BaseException) -> CodeRun:
        """The executor itself could not do it: no Docker, a command it holds dangerous."""
        return replace(started, failure=Failure(origin=failures.CODE_EXECUTION, error=error))


class RunCode(Operation[CodeRun]):
    """Reads ``ConversableAgent.run_code`` and what overrides it: one block."""

    def begin(self, call: Call) -> CodeRun | None:
        """Note the language; the parent class's method called by an override is the same run."""
        if call.scope.parent is not None and isinstance(call.scope.parent.state, RunState):
            return None
        call.scope.state = RunState()
        blocks = _blocks_around(call)
        if blocks is not None:
            blocks.ran += 1
        return CodeRun(language=_language(call.arguments.get("lang", "python")), agent=name_of(call.instance))

    def returned(self, call: Call, started: CodeRun, value: Any) -> CodeRun:
        """The exit code says whether it worked."""
        exit_code, output, *_ = value
        return self._noted(call, _ended(started, exit_code, output))

    def failed(self, call: Call, started: CodeRun, error: BaseException) -> CodeRun:
        """It could not be run at all: no Docker, say."""
        return self._noted(
            call, replace(started, failure=Failure(origin=failures.CODE_EXECUTION, error=error))
        )

    def _noted(self, call: Call, ended: CodeRun) -> CodeRun:
        blocks = _blocks_around(call)
        if blocks is not None:
            blocks.failed = ended.failure is not None
            printed = ended.output.value if ended.output is not None else None
            blocks.printed += len(printed) + 1 if isinstance(printed, str) else 0
        return ended


class RunBlocks(Operation[CodeRun]):
    """Reads ``ConversableAgent.execute_code_blocks``, which hands each block to ``run_code``.

    It has a span only where a block never got there: a language that AutoGen cannot run, or an override
    that runs code in a way of its own.
    """

    def begin(self, call: Call) -> CodeRun:
        """Wait for what its blocks tell."""
        call.scope.state = BlocksState()
        return CodeRun(language="", agent=name_of(call.instance), told_below=True)

    def returned(self, call: Call, started: CodeRun, value: Any) -> CodeRun:
        """Tell of the block that no run tells of."""
        exit_code, output, *_ = value
        state, blocks = call.scope.state, call.arguments.get("code_blocks") or ()
        assert isinstance(state, BlocksState)
        if state.failed or (exit_code == 0 and state.ran) or state.ran >= len(blocks):
            return started
        left = len(blocks) if not state.ran else 1
        told = replace(started, language=_language(blocks[state.ran][0]), blocks=left, told_below=False)
        return _ended(told, exit_code, str(output)[state.printed :].lstrip("\n"))

    def failed(self, _call: Call, started: CodeRun, _error: BaseException) -> CodeRun:
        """The run that raised has told."""
        return started


def _blocks_around(call: Call) -> BlocksState | None:
    around = call.scope.parent.state if call.scope.parent is not None else None
    return around if isinstance(around, BlocksState) else None


def _ended(started: CodeRun, exit_code: object, output: object) -> CodeRun:
    code = exit_code if isinstance(exit_code, int) else None
    shown = output if isinstance(output, str) else str(output or "")
    ended = replace(started, exit_code=code, output=Content(ContentKind.CODE_OUTPUT, shown))
    return ended if code in {0, None} else replace(ended, failure=_failure(code, shown))


def _failure(exit_code: int | None, output: str) -> Failure:
    end = output[-512:].rstrip()
    if _UNKNOWN_LANGUAGE.search(end):
        kind, message = "unknown_language", end.rpartition("\n")[2]
    elif exit_code == _TIMEOUT_EXIT_CODE or _TIMED_OUT.search(end):
        kind, message = "timeout", "the code ran into the executor's time limit"
    else:
        kind, message = f"exit_code_{exit_code}", f"exit code {exit_code}"
    printed = printed_error(output)
    if printed.type is not None:
        message = f"{message}: {printed.type}: {printed.message}"
    return Failure(origin=failures.CODE_EXECUTION, type=kind, message=message, printed=printed)


def _language(named: object) -> str:
    return (text_or_none(named) or "").strip().lower()
