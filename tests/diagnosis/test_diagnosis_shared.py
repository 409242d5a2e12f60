"""Tools that fail in one function that they share are one finding, and no others are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autogen_otel.cli.wording import title
from autogen_otel.diagnosis.changes import Change, Side, changes_of
from autogen_otel.diagnosis.findings import diagnose
from autogen_otel.diagnosis.words import tools_of
from autogen_otel.traces.selection import EVERYTHING
from tests.support.recorded import ORIGIN, Recorded, exception, spans_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.diagnosis.findings import Diagnosis

_HOST = '  File "/venv/lib/python3.12/site-packages/autogen/agent.py", line 9, in execute_function'


def block(kind: str, *frames: str) -> str:
    """The stack trace of an exception that passed through ``file:line function``, the innermost last."""
    lines = [_HOST]
    for frame in frames:
        where, _, function = frame.partition(" ")
        file, _, line = where.partition(":")
        lines.append(f'  File "/home/eve/claims/{file}.py", line {line}, in {function}')
    return "\n".join(("Traceback (most recent call last):", *lines, f"{kind}: no"))


def diagnosed(stacks: Mapping[str, str], kind: str = "KeyError") -> Diagnosis:
    """Conversations in each of which every one of these tools worked, and failed with its stack trace."""
    conversations = []
    for number in range(1, 9):
        it = Recorded(number, at=number)
        with it.span("invoke_workflow user -> assistant", 1):
            for tool, stack in stacks.items():
                for error in (None, exception(kind, "no", stack)):
                    it.leaf(
                        f"execute_tool {tool}",
                        0.1,
                        error,
                        gen_ai__tool__name=tool,
                        gen_ai__tool__call__arguments=f'{{"policy_id": "{"A" if error is None else "X"}-1"}}',
                        **({} if error is None else {ORIGIN: "tool_exception"}),
                    )
        conversations.append(it)
    return diagnose(spans_of(*conversations))


def subjects(stacks: Mapping[str, str]) -> list[str]:
    return sorted(tools_of(one.subject) for one in diagnosed(stacks).findings)


HELPED = {
    tool: block("KeyError", f"tools:{line} {tool}", "ids:4 parse") for tool, line in (("pay", 7), ("ask", 9))
}


def test_tools_that_fail_in_one_helper_are_one_finding_that_names_them() -> None:
    diagnosis = diagnosed(HELPED)
    (finding,) = diagnosis.findings
    assert finding.subject == {
        "tool": "ask",
        "other_tools": ["pay"],
        "exception": "KeyError",
        "location": "ids.py:4 parse",
    }
    assert (finding.occurrences, finding.conversations, diagnosis.failing) == (16, 8, 8)
    assert title(finding.cause, finding.subject) == "ask, pay raise KeyError at ids.py:4 parse"
    assert finding.advice.startswith("Fix what ask, pay call at ids.py:4 parse.")
    assert finding.discriminators[0].property.text == "X-1"
    # With the calls of one of them: the arguments of another are others.
    assert finding.compared == (8, 8)


@pytest.mark.parametrize(
    "stacks",
    [
        # A decorator, and one below another, that raise in the place of what they caught.
        {tool: block("KeyError", "safe:4 wrapper") for tool in ("pay", "ask")},
        {tool: block("KeyError", "timed:8 wrapper", "safe:4 wrapper") for tool in ("pay", "ask")},
        {
            "pay": block("KeyError", "safe:4 wrapper"),
            "ask": block("KeyError", "timed:8 wrapper", "safe:4 wrapper"),
        },
        # Another line, another function, another exception.
        {**HELPED, "ask": block("KeyError", "tools:9 ask", "ids:5 parse")},
        {**HELPED, "ask": block("KeyError", "tools:9 ask", "ids:4 read")},
        # Nothing of the program's own is in the stack trace.
        {tool: block("KeyError") for tool in ("pay", "ask")},
    ],
)
def test_what_else_tools_have_in_common_leaves_their_findings_apart(stacks: Mapping[str, str]) -> None:
    assert subjects(stacks) == ["ask", "pay"]


def test_a_helper_is_seen_through_decorators_and_what_it_says_instead() -> None:
    decorated = {
        tool: block("KeyError", "safe:3 wrapper", f"tools:{line} {tool}", "ids:4 parse")
        for tool, line in (("pay", 7), ("ask", 9))
    }
    assert subjects(decorated) == ["ask, pay"]
    again = "\n\nDuring handling of the above exception, another exception occurred:\n\n"
    first = (
        'Traceback (most recent call last):\n  File "/home/eve/claims/ids.py", line 4, in parse\nKeyError: no'
    )
    said_otherwise = {
        tool: first + again + block("PolicyError", f"tools:{line} {tool}", "ids:6 parse")
        for tool, line in (("pay", 7), ("ask", 9))
    }
    assert subjects(said_otherwise) == ["ask, pay"]


def test_a_tool_without_a_function_of_its_own_stays_apart() -> None:
    assert subjects({**HELPED, "list": block("KeyError", "ids:4 parse")}) == ["ask, pay", "list"]


def test_a_helper_that_fails_in_one_more_tool_is_the_same_finding() -> None:
    alone = {"pay": HELPED["pay"].replace("line 4", "line 5")}
    sides = Side("before", EVERYTHING), Side("after", EVERYTHING)
    (changed,) = changes_of(sides, diagnosed(alone), diagnosed(HELPED)).changed
    assert changed.change is Change.SAME
