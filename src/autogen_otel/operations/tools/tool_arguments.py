"""Whether a model's arguments fit a tool: decoded as AutoGen does it, compared to schema and signature.

The schema is what the model saw, the signature what the function takes. AutoGen 0.9 and newer drop unknown
arguments and coerce wrong types in silence, so we have to look for mismatches ourselves.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autogen_otel.operations.tools import user_function
from autogen_otel.operations.tools.json_schema import (
    MAX_PROBLEMS,
    flat_schema,
    json_type,
    mismatches,
)
from autogen_otel.operations.tools.parameters import Comparison, Parameters, PositionalParameter
from autogen_otel.operations.tools.user_function import Description
from autogen_otel.recording import ArgumentProblem
from autogen_otel.vocabulary import attributes as names
from autogen_otel.vocabulary import causes

__all__ = ["DecodedArguments", "cause", "decode", "json_type", "problems", "unknown_tool"]

_parse: Final = json.JSONDecoder().raw_decode


@dataclass(slots=True, eq=False)
class DecodedArguments:
    """The arguments as AutoGen parses them.

    Args:
        value: the parsed JSON; ``None`` also where it could not be parsed.
        error: the exception of the parser.
        problem: that exception as a problem of the arguments.
    """

    value: object = None
    error: Exception | None = None
    problem: ArgumentProblem | None = None


def decode(text: object, format_json: Callable[[Any], str]) -> DecodedArguments:
    """Parse a call's ``arguments`` once more, the way AutoGen does.

    Args:
        text: what the model sent; not always text.
        format_json: AutoGen's ``_format_json_str``, which mends line breaks.
    """
    try:
        if type(text) is str:
            # The formatter does not change what is JSON already, and it reads each character.
            return DecodedArguments(_parse_exactly(text))
    except (ValueError, RecursionError):
        pass
    try:
        return DecodedArguments(json.loads(format_json(text)))
    except Exception as error:  # noqa: BLE001 - the formatter is the host's and may be overridden
        reason = (
            str(error) if isinstance(error, json.JSONDecodeError) else f"JSON text ({type(error).__name__})"
        )
        return DecodedArguments(
            None, error, ArgumentProblem("arguments", "not_json", reason, json_type(text), text)
        )


def _parse_exactly(text: str) -> object:
    """As ``json.loads``, which looks twice for white space around; that costs more than a small object."""
    if text[:1] == "{":
        value, end = _parse(text)
        if end == len(text):
            return value
    return json.loads(text)


def unknown_tool(name: str) -> ArgumentProblem:
    """The problem of a call to a tool that the agent does not have."""
    return ArgumentProblem(name, "unknown_tool")


def problems(
    arguments: object, *, schema: Mapping[str, Any] | None, description: Description | None
) -> tuple[ArgumentProblem, ...]:
    """Every problem of the arguments; where schema and signature have the same one, the schema's.

    Args:
        arguments: the parsed JSON.
        schema: the ``parameters`` that the model saw.
        description: what is known of the function.
    """
    if not isinstance(arguments, dict):
        return (ArgumentProblem("arguments", "not_object", "object", json_type(arguments), arguments),)
    problems_by_key: dict[tuple[str, str], ArgumentProblem] = {}
    parameters = None if description is None else description.parameters
    comparison = None
    if type(schema) is dict or isinstance(schema, Mapping):
        comparison = None if parameters is None else _comparison(schema, parameters)
        if comparison is None or comparison.flat_schema is None or not comparison.flat_schema.fits(arguments):
            for problem in mismatches(arguments, schema):
                problems_by_key.setdefault((problem.argument, problem.kind), problem)
    if parameters is not None and (comparison is None or problems_by_key or not comparison.claims_the_same):
        schema_keys = {
            (_root(problem.argument, arguments), problem.kind) for problem in problems_by_key.values()
        }
        for problem in _against_signature(arguments, parameters):
            if (_root(problem.argument, arguments), problem.kind) not in schema_keys:
                problems_by_key.setdefault((problem.argument, problem.kind), problem)
    return tuple(problems_by_key.values())[:MAX_PROBLEMS]


def _comparison(schema: Mapping[str, Any], parameters: Parameters) -> Comparison:
    """The comparison of the tool's schema with its signature; the schema is our copy, so it never changes."""
    comparison = parameters.comparison
    if comparison is None or comparison.schema is not schema:
        comparison = parameters.comparison = Comparison(
            schema, flat_schema(schema), _claims_the_same(schema, parameters)
        )
    return comparison


def _claims_the_same(schema: Mapping[str, Any], parameters: Parameters) -> bool:
    if parameters.by_position or parameters.schema["additionalProperties"] or "$ref" in schema:
        return False
    properties, required = schema.get("properties"), schema.get("required") or []
    if type(required) is not list or not all(isinstance(one, str) for one in required):
        # The model gets whatever schema the application wrote.
        return False
    return isinstance(properties, Mapping) and (
        properties.keys() == parameters.schema["properties"].keys()
        and set(required) == set(parameters.schema["required"])
        and all(isinstance(one, Mapping) and one.get("type") for one in properties.values())
    )


def cause(
    error: BaseException | None,
    argument_problems: Sequence[ArgumentProblem],
    entry: object,
    arguments: object,
) -> str:
    """Whether a tool call failed because of its arguments or of the tool.

    Args:
        error: what the call of the entry raised, with its traceback.
        argument_problems: the problems of the arguments.
        entry: the called value of ``_function_map``.
        arguments: the parsed JSON.

    Returns:
        ``causes.TOOL_ARGUMENTS`` or ``causes.TOOL_EXCEPTION``.
    """
    if error is None:
        blames_arguments = bool(argument_problems)
    elif not isinstance(error, Exception):
        blames_arguments = False  # an exit or a cancellation comes from outside
    else:
        frame = user_function.entered_frame(error, entry)
        if frame is None:
            blames_arguments = _were_refused(error, argument_problems, entry, arguments)
        else:
            blames_arguments = any(
                _may_explain(error, problem, frame, arguments) for problem in argument_problems
            )
    return causes.TOOL_ARGUMENTS if blames_arguments else causes.TOOL_EXCEPTION


# ---------------------------------------------------------------- whose fault
def _were_refused(
    error: Exception, argument_problems: Sequence[ArgumentProblem], entry: object, arguments: object
) -> bool:
    """Whether the arguments were refused before the user's function was entered."""
    if user_function.was_refused_by_python(error, entry):
        return True
    if user_function.passed_user_code(error, entry) or user_function.failed_after_return(error):
        return False
    if _is_validation(error):
        return not _concerns_dependencies(error, entry, arguments)
    if argument_problems or isinstance(error, TypeError):
        return True
    # AutoGen looks up the models it has to load by name, whether or not they have a default.
    location = user_function.describe(entry).location
    return isinstance(error, KeyError) and location.get(names.CODE_FILE_PATH) is not None


def _is_validation(error: Exception) -> bool:
    kind = type(error)
    return kind.__name__ == "ValidationError" and kind.__module__.startswith("pydantic")


def _concerns_dependencies(error: Any, entry: object, arguments: object) -> bool:
    """Whether a value that AutoGen injects did not validate: the model may not give its name."""
    if not user_function.failed_in_injection(error):
        return False
    parameters = user_function.describe(entry).parameters
    argument_names = set() if parameters is None else set(parameters.names)
    argument_names |= set(arguments) if isinstance(arguments, dict) else set()
    refused_names = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
    return bool(refused_names) and not refused_names & argument_names


def _may_explain(
    error: Exception, problem: ArgumentProblem, frame: types.FrameType, arguments: object
) -> bool:
    """Whether a problem can be why the function failed after it was entered."""
    values = arguments if isinstance(arguments, dict) else {}
    root = _root(problem.argument, values)
    if problem.kind == "unknown":
        return isinstance(error, TypeError) and _names(error, problem.argument)
    if problem.kind == "missing" and root not in values:
        # Its default was used, or the function noticed by itself.
        return user_function.takes(frame, problem.argument) or _names(error, problem.argument)
    return root in values and user_function.was_received_unchanged(frame, root, values[root])


def _names(error: Exception, argument: str) -> bool:
    # As Python quotes names: KeyError('a'), "missing … argument: 'a'".
    return any(isinstance(part, str) and (part == argument or f"'{argument}'" in part) for part in error.args)


def _root(argument: str, arguments: Mapping[str, Any]) -> str:
    """Name of the argument that a nested name belongs to; the name itself if the model did not give it."""
    if argument in arguments:
        return argument
    outer_names = (name for name in arguments if argument.startswith((f"{name}.", f"{name}[")))
    return max(outer_names, key=len, default=argument)


# ---------------------------------------------------------------- against the signature
def _against_signature(arguments: dict[str, Any], parameters: Parameters) -> Iterator[ArgumentProblem]:
    is_open_ended = parameters.schema["additionalProperties"]
    positional_names = {parameter.name for parameter in parameters.by_position}
    others = {name: value for name, value in arguments.items() if name not in positional_names}
    yield from _never_by_name(arguments, parameters.by_position, is_open_ended=is_open_ended)
    yield from mismatches(others, parameters.schema)


def _never_by_name(
    arguments: dict[str, Any], by_position: tuple[PositionalParameter, ...], *, is_open_ended: bool
) -> Iterator[ArgumentProblem]:
    """Positional-only parameters: AutoGen passes names, so they cannot be given at all."""
    for parameter in by_position:
        name = parameter.name
        if name in arguments and not is_open_ended:
            value = arguments[name]
            yield ArgumentProblem(name, "unknown", "positional only", json_type(value), value)
        elif parameter.is_required:
            yield ArgumentProblem(name, "missing", "positional only")
