"""The test of a tool that failed: it calls the user's function with the arguments that the model gave it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from autogen_otel.diagnosis.evidence.occurrence import Occurrence
from autogen_otel.repro.failure import Context, NotReproducibleError
from autogen_otel.repro.source import Placeholder, call, has_placeholders, identifier, literal
from autogen_otel.repro.values import Values, is_cut
from autogen_otel.traces.trace import Span
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes, functions
from autogen_otel.whose_code import HOST, is_library, is_pythons

_DOTTED_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_UNKNOWN_TOOL: Final = ": unknown tool"
_MAIN: Final = "__main__"
_OBSTACLES: Final[Mapping[str, str]] = {
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
_FITTING_TEST: Final = """

def test_the_arguments_fit_{name}() -> None:
    assert TOOL.problems(ARGUMENTS) == []
"""
_REMEDY: Final = "move it to the top level of a module to have it reproduced"
_WITH_REMEDY: Final = frozenset({functions.CLOSURE, functions.LAMBDA, functions.INTERACTIVE})


def tool_test(span: Span, occurrence: Occurrence, context: Context, values: Values) -> tuple[str, list[str]]:
    """The body of the test, and the remarks for its docstring.

    Raises:
        NotReproducibleError: no honest test can be written.
    """
    tool = str(span.attributes.get(names.GEN_AI_TOOL_NAME) or span.subject)
    label = values.words(tool)
    function = _function(span, label)
    _demand_user_code(span, function["module"], label, context)
    arguments = _arguments(span, label, values)
    name = identifier(tool) or "the_tool"
    line = span.attributes.get(names.CODE_LINE_NUMBER)
    recorded_tool = {
        "name": tool,
        **function,
        "file": str(span.attributes[names.CODE_FILE_PATH]),
        "line": line if isinstance(line, int) else 0,
        "converted": bool(span.attributes.get(names.TOOL_FUNCTION_CONVERTED)),
        "installed": True if context.allows_installed else None,
    }
    imports = ["RecordedTool", *(["placeholder"] if has_placeholders(arguments) else [])]
    test = _TEST.format(
        imports=", ".join(imports),
        tool=call("RecordedTool", recorded_tool),
        arguments=literal(arguments, used_columns=len("ARGUMENTS = ")),
        fitting=_FITTING_TEST.format(name=name) if occurrence.cause == causes.TOOL_ARGUMENTS else "",
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
    function_name = attributes.get(names.CODE_FUNCTION_NAME)
    problems = attributes.get(names.TOOL_ARGUMENTS_PROBLEMS)
    if (
        function_name is None
        and isinstance(problems, list)
        and any(_UNKNOWN_TOOL in str(problem) for problem in problems)
    ):
        raise NotReproducibleError(f"The model called {tool}, and the agent has no tool of that name.")
    kind, module = attributes.get(names.TOOL_FUNCTION_KIND), attributes.get(names.TOOL_FUNCTION_MODULE)
    if function_name is None or kind is None or module is None:
        raise NotReproducibleError(
            f"The trace does not say how the function of {tool} is imported; "
            "an older version of autogen-otel has recorded it."
        )
    if kind != functions.FUNCTION:
        why = _OBSTACLES.get(str(kind), "cannot be imported")
        remedy = f"; {_REMEDY}" if str(kind) in _WITH_REMEDY else ""
        raise NotReproducibleError(f"The function of {tool} {why}{remedy}.")
    # A module that was run with -m is recorded by its real name, and its functions still say __main__.
    prefix = next(
        (candidate for candidate in (module, _MAIN) if str(function_name).startswith(f"{candidate}.")), None
    )
    function = str(function_name)[len(str(prefix)) + 1 :]
    if prefix is None or not (_DOTTED_NAME.fullmatch(str(module)) and _DOTTED_NAME.fullmatch(function)):
        raise NotReproducibleError(f"The function of {tool} has no name that can be imported.")
    return {"module": str(module), "function": function}


def _demand_user_code(span: Span, module: str, tool: str, context: Context) -> None:
    """Refuse code that is not of the user's program: who wrote the trace may have named any function."""
    root, file = module.partition(".")[0], span.attributes.get(names.CODE_FILE_PATH)
    if root in HOST or is_pythons(module) or not file:
        raise NotReproducibleError(f"The function of {tool} is not of your program, but of {root}.")
    if is_library(str(file)) and not (context.allows_installed or _is_here(root)):
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
    arguments_text = span.attributes.get(names.GEN_AI_TOOL_CALL_ARGUMENTS)
    if arguments_text is None:
        raise NotReproducibleError(
            f"The arguments of {tool} were not recorded: its content is switched off in that program."
        )
    try:
        arguments = json.loads(str(arguments_text))
    except (ValueError, RecursionError):
        if is_cut(str(arguments_text)):
            return Placeholder("arguments", "cut")
        raise NotReproducibleError(
            f"The arguments of {tool} are no JSON, so AutoGen never called the function."
        ) from None
    if not isinstance(arguments, dict):
        raise NotReproducibleError(
            f"The arguments of {tool} are no JSON object, so no function can take them."
        )
    return values.with_placeholders(arguments, "arguments")
