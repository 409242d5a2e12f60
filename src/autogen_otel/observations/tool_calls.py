"""Tools and code that agents run."""

from __future__ import annotations

from dataclasses import dataclass

from autogen_otel.observations.seam import Content, Observation


@dataclass(frozen=True, slots=True)
class ArgumentProblem:
    """One way in which a model's arguments do not fit a tool.

    Args:
        argument: name of the argument; dotted and indexed for nested values (``claim.items[2].price``).
        kind: ``missing``, ``unknown``, ``mistyped``, ``not_json``, ``not_object`` or ``unknown_tool``.
        expected: what the schema or signature wants, in JSON's words (``number``, ``one of 'a', 'b'``).
        got: the JSON type that came (``string``); ``None`` if nothing came.
        value: the value that came, shown shortened and redacted; ``None`` with ``got=None`` for none.
    """

    argument: str
    kind: str
    expected: str | None = None
    got: str | None = None
    value: object = None


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Where the user's function stands."""

    function: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(Observation):
    """One tool or function call."""

    name: str
    call_id: str | None = None
    agent: str | None = None
    arguments: Content | None = None
    result: Content | None = None
    problems: tuple[ArgumentProblem, ...] = ()
    location: CodeLocation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRun(Observation):
    """Code run by an executor, one block or several at once.

    Args:
        language: of the (first) block.
        agent: who runs it.
        blocks: how many blocks are run at once.
        exit_code: 0 if it worked.
        output: what it printed.
        told_below: whether each block is a run of its own, so that this one has nothing to add.
    """

    language: str
    agent: str | None = None
    blocks: int = 1
    exit_code: int | None = None
    output: Content | None = None
    told_below: bool = False
