"""The test of a tool that failed: it calls the user's function with the arguments that the model gave it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from autogen_otel.diagnosis.evidence.occurrence import Occurrence
from autogen_otel.repro.failure import Everything, NotReproducibleError
from autogen_otel.repro.source import Placeholder, call, has_placeholders, identifier, literal
from autogen_otel.repro.whole import Values, is_cut
from autogen_otel.traces.stacktrace import is_library
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, functions

_DOTTED: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_UNKNOWN_TOOL: Final = ": unknown tool"
_MAIN: Final = "__main__"
_HOST: Final = frozenset({"autogen", "ag2"})
_IN_THE_WAY: Final[Mapping[str, str]] = {
    functions.CLOSURE: "is made inside another function, and no import leads to it",
    functions.LAMBDA: "is a lambda, which has no name to import it by",
    functions.BOUND_METHOD: "is a method of an object whose state was not recorded",
    functions.CALLABLE_OBJECT: "is an object whose state was not recorded",
    functions.PARTIAL: "is a functools.partial whose own arguments were not recorded",
    functions.BUILTIN: "is no Python code that could be fixed",
    functions.CONVERSATION_STATE: "takes the state of the conversation, which was not recorded",
    functions.INTERACTIVE: "was typed into a notebook or at a prompt, and is in no file",
    functions.UNREACHABLE: "is not what its module has under its name",
}
_TEST: Final = """\
from autogen_otel.testing import {imports}

TOOL = {tool}
ARGUMENTS = {arguments}
{fitting}

def test_{name}_takes_the_arguments() -> None:
    TOOL.call(ARGUMENTS)"""
_FITTING: Final = """

def test_the_arguments_fit_{name}() -> None:
    assert TOOL.problems(ARGUMENTS) == []
"""
_REMEDY: Final = "move it to the top level of a module to have it reproduced"
_MENDED: Final = frozenset({functions.CLOSURE, functions.LAMBDA, functions.INTERACTIVE})


def tool_test(
    span: Span, occurrence: Occurrence, everything: Everything, values: Values
) -> tuple[str, list[str]]:
    """The body of the test, and what its docstring has to say of it.

    Raises:
        NotReproducibleError: no honest test can be written.
    """
    tool = str(span.attributes.get(names.GEN_AI_TOOL_NAME) or span.subject)
    shown = values.words(tool)
    function = _function(span, shown)
    _demand_users(span, function["module"], shown, everything)
    arguments = _arguments(span, shown, values)
    name = identifier(tool) or "the_tool"
    line = span.attributes.get(names.CODE_LINE_NUMBER)
    recorded = {
        "name": tool,
        **function,
        "file": str(span.attributes[names.CODE_FILE_PATH]),
        "line": line if isinstance(line, int) else 0,
        "converted": bool(span.attributes.get(names.TOOL_FUNCTION_CONVERTED)),
        "installed": True if everything.installed else None,
    }
    imports = ["RecordedTool", *(["placeholder"] if has_placeholders(arguments) else [])]
    test = _TEST.format(
        imports=", ".join(imports),
        tool=call("RecordedTool", recorded),
        arguments=literal(arguments, before=len("ARGUMENTS = ")),
        fitting=_FITTING.format(name=name) if occurrence.cause == causes.TOOL_ARGUMENTS else "",
        name=name,
    )
    return test, _remarks(span, arguments, values)


def _remarks(span: Span, arguments: Any, values: Values) -> list[str]:
    # A tool that keeps something between its calls is not all in its arguments.
    remarks = ["If it passes at once, more than the arguments made it fail: what ran before, or beside it."]
    if span.attributes.get(names.TOOL_FUNCTION_MODULE) == _MAIN:
        remarks.append(
            "The program is loaded from its file, which runs all that its __main__ guard does not hold back."
        )
    problems = span.attributes.get(names.TOOL_ARGUMENTS_PROBLEMS)
    if isinstance(problems, list):
        remarks += [f"The arguments did not fit: {values.words(problem)}" for problem in problems]
    if has_placeholders(arguments):
        remarks.append("Each placeholder(...) stands for a value that was redacted or cut; replace it.")
    return remarks


def _function(span: Span, tool: str) -> dict[str, str]:
    """Module and qualified name of the user's function."""
    attributes = span.attributes
    named = attributes.get(names.CODE_FUNCTION_NAME)
    problems = attributes.get(names.TOOL_ARGUMENTS_PROBLEMS)
    if named is None and isinstance(problems, list) and any(_UNKNOWN_TOOL in str(one) for one in problems):
        raise NotReproducibleError(f"The model called {tool}, and the agent has no tool of that name.")
    kind, module = attributes.get(names.TOOL_FUNCTION_KIND), attributes.get(names.TOOL_FUNCTION_MODULE)
    if named is None or kind is None or module is None:
        raise NotReproducibleError(
            f"The trace does not say how the function of {tool} is imported; "
            "an older version of autogen-otel has recorded it."
        )
    if kind != functions.FUNCTION:
        why = _IN_THE_WAY.get(str(kind), "cannot be imported")
        remedy = f"; {_REMEDY}" if str(kind) in _MENDED else ""
        raise NotReproducibleError(f"The function of {tool} {why}{remedy}.")
    # What was run with -m is recorded by its real name, and its functions still say __main__.
    known = next((one for one in (module, _MAIN) if str(named).startswith(f"{one}.")), None)
    function = str(named)[len(str(known)) + 1 :]
    if known is None or not (_DOTTED.fullmatch(str(module)) and _DOTTED.fullmatch(function)):
        raise NotReproducibleError(f"The function of {tool} has no name that can be imported.")
    return {"module": str(module), "function": function}


def _demand_users(span: Span, module: str, tool: str, everything: Everything) -> None:
    """Refuse what is not of the user's program: who wrote the trace may have named any function."""
    root, file = module.partition(".")[0], span.attributes.get(names.CODE_FILE_PATH)
    if root in _HOST or root in sys.stdlib_module_names - {_MAIN} or not file:
        raise NotReproducibleError(f"The function of {tool} is not of your program, but of {root}.")
    if is_library(str(file)) and not (everything.installed or _is_here(root)):
        raise NotReproducibleError(
            f"The function of {tool} is of the installed package {root}, and a trace that others wrote "
            "could have a test call any function; if the package is yours, give --installed."
        )


def _is_here(root: str) -> bool:
    """Whether a package that was installed where it was recorded is a source of the working folder's."""
    return root != _MAIN and any(
        (Path(folder) / name).exists() for folder in (".", "src") for name in (root, f"{root}.py")
    )


def _arguments(span: Span, tool: str, values: Values) -> Any:
    recorded = span.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
    if recorded is None:
        raise NotReproducibleError(
            f"The arguments of {tool} were not recorded: its content is switched off in that program."
        )
    try:
        arguments = json.loads(str(recorded))
    except (ValueError, RecursionError):
        if is_cut(str(recorded)):
            return Placeholder("arguments", "cut")
        raise NotReproducibleError(
            f"The arguments of {tool} are no JSON, so AutoGen never called the function."
        ) from None
    if not isinstance(arguments, dict):
        raise NotReproducibleError(
            f"The arguments of {tool} are no JSON object, so no function can take them."
        )
    return values.whole(arguments, "arguments")
