"""What a function takes, read once from its signature.

Nothing here refers to a default or an annotation: they may refer to the agent that has the function, and
what we remember of a function would then keep both alive.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autogen_otel.operations.tools.json_schema import FlatSchema

_MAX_DEPTH = 10
_NO_CLAIM: Mapping[str, Any] = {}


class Comparison(NamedTuple):
    """A tool's schema compared with its signature.

    Args:
        schema: the schema.
        flat_schema: the same as a flat schema, if it is one.
        claims_the_same: whether it was made from the signature, as AutoGen does it: then it is enough.
    """

    schema: Mapping[str, Any]
    flat_schema: FlatSchema | None
    claims_the_same: bool


class PositionalParameter(NamedTuple):
    """A parameter that cannot be given by name."""

    name: str
    is_required: bool


@dataclass(slots=True)
class Parameters:
    """What a signature takes.

    Args:
        schema: JSON schema of the arguments that can be given by name.
        by_position: the parameters that cannot.
        names: the names of all but ``**kwargs``: AutoGen fails to validate that if it is annotated, whatever
            the model gives.
        comparison: the last one with a schema of the tool.
    """

    schema: dict[str, Any]
    by_position: tuple[PositionalParameter, ...]
    names: frozenset[str]
    comparison: Comparison | None = None


def read_parameters(parameters: Sequence[inspect.Parameter]) -> Parameters:
    """What a function with these parameters takes."""
    by_name = [one for one in parameters if one.kind in {one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY}]
    schema = {
        "properties": {one.name: _parameter_schema(one) for one in by_name},
        "required": [one.name for one in by_name if one.default is one.empty],
        "additionalProperties": any(one.kind is one.VAR_KEYWORD for one in parameters),
    }
    by_position = tuple(
        PositionalParameter(one.name, one.default is one.empty)
        for one in parameters
        if one.kind is one.POSITIONAL_ONLY
    )
    names = frozenset(one.name for one in parameters if one.kind is not one.VAR_KEYWORD)
    return Parameters(schema, by_position, names)


def _parameter_schema(parameter: inspect.Parameter) -> Mapping[str, Any]:
    schema = _annotation_schema(parameter.annotation)
    # "x: int = None" is common, and says that null will do.
    return {**schema, "nullable": True} if parameter.default is None else schema


_SIMPLE: Mapping[Any, str] = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "boolean",
    list: "array",
    tuple: "array",
    set: "array",
    frozenset: "array",
    dict: "object",
    Mapping: "object",
    MutableMapping: "object",
    types.NoneType: "null",
}


def _annotation_schema(annotation: Any, depth: int = 0) -> Mapping[str, Any]:
    """The JSON schema of an annotation; an empty one, which claims nothing, if that is not certain."""
    generic, args = typing.get_origin(annotation), typing.get_args(annotation)
    if depth > _MAX_DEPTH:
        return _NO_CLAIM
    if generic is typing.Annotated:
        return _annotation_schema(args[0], depth + 1)
    if generic in {typing.Union, types.UnionType}:
        return {"anyOf": [_annotation_schema(member, depth + 1) for member in args]}
    if generic is typing.Literal:
        return _choice(list(args))
    if generic in _SIMPLE:
        return {"type": _SIMPLE[generic], **_contents(generic, args, depth)}
    kind = types.NoneType if annotation is None else annotation
    return _class_schema(kind) if isinstance(kind, type) else _NO_CLAIM


def _contents(generic: Any, args: tuple[Any, ...], depth: int) -> dict[str, Any]:
    """What the generic containers say of what is in them."""
    inner = [_annotation_schema(arg, depth + 1) for arg in args if arg is not Ellipsis]
    if generic is tuple and Ellipsis not in args:
        return {"prefixItems": inner}
    if _SIMPLE[generic] == "array":
        return {"items": inner[0]} if inner else {}
    return {"additionalProperties": inner[-1]} if inner else {}


def _class_schema(annotation: type) -> Mapping[str, Any]:
    if annotation in _SIMPLE:
        return {"type": _SIMPLE[annotation]}
    if issubclass(annotation, enum.Enum) and not issubclass(annotation, enum.Flag):
        return _choice([member.value for member in annotation])
    models = {base.__name__ for base in annotation.__mro__ if base.__module__.startswith("pydantic.")}
    is_model = "BaseModel" in models and "RootModel" not in models
    if is_model or dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation):
        return {"type": "object"}
    return _NO_CLAIM


def _choice(values: list[Any]) -> Mapping[str, Any]:
    are_plain = all(value is None or type(value) in {bool, int, float, str} for value in values)
    return {"enum": values} if are_plain and values else _NO_CLAIM
