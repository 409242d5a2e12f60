"""Class names, and the fields of objects that are data: dataclasses, pydantic models, named tuples.

They are read without running code of the object's own: no properties, no validators, no ``__getattr__``.
"""

from __future__ import annotations

from types import MemberDescriptorType, SimpleNamespace
from typing import Any, Final

_MISSING: Final = object()


def fields_of(value: Any) -> list[tuple[str, object, bool]] | None:
    """List the fields of a data object, or return ``None`` if it is not one.

    Returns:
        Name, value, and whether the class lets the field be seen (``repr=False`` says no).
    """
    cls = type(value)
    if issubclass(type(value), tuple):
        names = getattr(cls, "_fields", None)
        if not isinstance(names, tuple):
            return None
        return [(str(name), item, True) for name, item in zip(names, tuple.__iter__(value), strict=False)]
    if issubclass(type(value), SimpleNamespace):
        return [(str(name), item, True) for name, item in instance_dict(value).items()]
    declared_fields = getattr(cls, "__dataclass_fields__", None)
    if not isinstance(declared_fields, dict):
        # __fields__ is pydantic 1; asking pydantic 2 for it would warn.
        declared_fields = getattr(cls, "model_fields", None) or cls.__dict__.get("__fields__")
    if not isinstance(declared_fields, dict):
        return None
    attributes = instance_dict(value)
    rows = [
        (name, _read(value, cls, attributes, name), _is_in_repr(field))
        for name, field in declared_fields.items()
    ]
    extra = _read(value, cls, attributes, "__pydantic_extra__")
    if isinstance(extra, dict):
        rows += [(str(name), item, True) for name, item in extra.items()]
    return [row for row in rows if row[1] is not _MISSING]


def instance_dict(value: object) -> dict[str, Any]:
    """Return an object's own attributes; none for objects without a ``__dict__``."""
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _read(value: object, cls: type, attributes: dict[str, Any], name: str) -> object:
    if name in attributes:
        return attributes[name]
    for base in cls.__mro__:
        slot = base.__dict__.get(name)
        if isinstance(slot, MemberDescriptorType):
            try:
                return slot.__get__(value, cls)
            except AttributeError:
                return _MISSING
    return _MISSING


def _is_in_repr(field: object) -> bool:
    return getattr(field, "repr", True) is not False


def type_name(cls: type) -> str:
    """Return a class's bare name without running code of its metaclass."""
    return str(type.__dict__["__name__"].__get__(cls))


def qualified_name(cls: type) -> str:
    """Return ``module.QualName`` without ``builtins``."""
    name = str(type.__dict__["__qualname__"].__get__(cls))
    try:
        module = type.__dict__["__module__"].__get__(cls)
    except AttributeError:
        return name
    return name if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"


def unprintable(value: object, error: BaseException, operation: str = "repr") -> str:
    """Say that an object could not be rendered, and why."""
    return f"<unprintable {type_name(type(value))}: {operation} raised {type_name(type(error))}>"
