"""Code run for a conversation: by a code executor, or by an agent's own ``run_code``.

AutoGen tells the model of a failure only in words (``exitcode: 1 (execution failed)``) and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from autogen_otel.causes import Circumstances, Failure, Scene
from autogen_otel.hosts.classic.hidden_agents import name_of
from autogen_otel.hosts.classic.tools.printed_error import printed_error
from autogen_otel.operations.operation import Operation
from autogen_otel.reading import text_or_none
from autogen_otel.recording import Facts
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, code_failures, spans

_TIMEOUT_EXIT_CODE = 124
_TIMED_OUT = re.compile(r"(?:^|\n)(?:Timeout\s*$|ERROR: Timeout waiting for output)")
_UNKNOWN_LANGUAGE = re.compile(r"(?:^|\n)(?:unknown|unsupported) language\b[^\n]*\Z", re.IGNORECASE)


class CodeRun(Operation):
    """Code run by an executor or an agent, one block or several at once."""

    operation_name = spans.EXECUTE_CODE

    __slots__ = ()

    def circumstances(self) -> Circumstances:
        """The code could not be run at all: no Docker, a command that AutoGen refuses as dangerous."""
        return Circumstances(Scene.CODE)

    def _begin_facts(self, language: str, agent: str | None, blocks: int, source: str) -> Facts:
        self.name = spans.code(language)
        return {
            names.GEN_AI_AGENT_NAME: agent,
            names.CODE_LANGUAGE: language or None,
            names.CODE_BLOCKS: blocks if blocks > 1 else None,
            names.CODE_SOURCE: source or None,
        }

    def _outcome(self, exit_code: object, output: object) -> Facts:
        """The exit code says whether it worked."""
        code = exit_code if isinstance(exit_code, int) else None
        text = output if isinstance(output, str) else str(output or "")
        if code not in {0, None}:
            self.failure = _failure(code, text)
        return {names.CODE_EXIT_CODE: code, names.CODE_OUTPUT: text}


class ExecuteBlocks(CodeRun):
    """Reads ``execute_code_blocks`` of any code executor, AutoGen's own and custom ones."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Note what is run for whom; an executor that the application calls itself is not recorded.

        What runs inside such a run is the same run: a parent class's method, or a delegate.
        """
        if self.parent is None or isinstance(self.parent, (ExecuteBlocks, RunCode)):
            return None
        blocks = self.arguments.get("code_blocks")
        blocks = blocks if isinstance(blocks, Sequence) else ()
        language = _language(getattr(blocks[0], "language", None)) if blocks else ""
        source = _join(getattr(block, "code", None) for block in blocks)
        return self._begin_facts(
            language, None if self.place.turn is None else self.place.turn.agent, len(blocks), source
        )

    def returned(self, value: Any) -> Facts:
        """The exit code and the output, by the executor."""
        return self._outcome(getattr(value, "exit_code", None), getattr(value, "output", None))


class RunCode(CodeRun):
    """Reads ``ConversableAgent.run_code`` and what overrides it: one block."""

    __slots__ = ()

    def begin(self) -> Facts | None:
        """Note the language; the parent class's method called by an override is the same run."""
        parent = self.parent
        if isinstance(parent, (ExecuteBlocks, RunCode)):
            return None
        if isinstance(parent, RunBlocks):
            parent.run_count += 1
        language = _language(self.arguments.get("lang", "python"))
        return self._begin_facts(
            language, name_of(self.instance), 1, text_or_none(self.arguments.get("code")) or ""
        )

    def returned(self, value: Any) -> Facts:
        """The exit code and the output."""
        exit_code, output, *_ = value
        facts = self._outcome(exit_code, output)
        self._inform_blocks(facts[names.CODE_OUTPUT])
        return facts

    def failed(self, error: BaseException) -> Facts | None:
        """The code could not be run at all: no Docker, say."""
        super().failed(error)
        self._inform_blocks(None)
        return None

    def _inform_blocks(self, output: str | None) -> None:
        blocks = self.parent
        if isinstance(blocks, RunBlocks):
            blocks.last_failed = self.failure is not None
            blocks.printed_chars += 0 if output is None else len(output) + 1


class RunBlocks(CodeRun):
    """Reads ``ConversableAgent.execute_code_blocks``, which hands each block to ``run_code``.

    It has a span only where a block did not get to ``run_code``: AutoGen cannot run its language, or an
    override runs code in a way of its own.

    Attributes:
        run_count: how many blocks were run.
        last_failed: whether the last of them failed.
        printed_chars: characters of their outputs, each with the line break that AutoGen puts before it.
    """

    __slots__ = ("last_failed", "printed_chars", "run_count")

    def begin(self) -> Facts:
        """Wait for its blocks."""
        self.run_count, self.last_failed, self.printed_chars = 0, False, 0
        return {}

    def returned(self, value: Any) -> Facts | None:
        """Record the block that no run records."""
        exit_code, output, *_ = value
        blocks = self.arguments.get("code_blocks") or ()
        if self.last_failed or (exit_code == 0 and self.run_count) or self.run_count >= len(blocks):
            return None
        block_count = len(blocks) if not self.run_count else 1
        source = _join(block[1] for block in blocks[self.run_count : self.run_count + block_count])
        facts = self._begin_facts(
            _language(blocks[self.run_count][0]), name_of(self.instance), block_count, source
        )
        return facts | self._outcome(exit_code, str(output)[self.printed_chars :].lstrip("\n"))

    def failed(self, _error: BaseException) -> None:
        """The run that raised has recorded it."""


def _failure(exit_code: int | None, output: str) -> Failure:
    output_end = output[-512:].rstrip()
    if _UNKNOWN_LANGUAGE.search(output_end):
        kind, message = code_failures.UNKNOWN_LANGUAGE, output_end.rpartition("\n")[2]
    elif exit_code == _TIMEOUT_EXIT_CODE or _TIMED_OUT.search(output_end):
        kind, message = code_failures.TIMEOUT, "the code ran into the executor's time limit"
    else:
        kind, message = f"{code_failures.EXIT_CODE}{exit_code}", f"exit code {exit_code}"
    exception = printed_error(output)
    if exception.type is not None:
        message = f"{message}: {exception.type}: {exception.message}"
    return Failure(causes.CODE_EXECUTION, type=kind, message=message, printed_error=exception)


def _join(sources: Iterable[object]) -> str:
    return "\n".join(source for source in sources if isinstance(source, str))


def _language(name: object) -> str:
    return (text_or_none(name) or "").strip().lower()
