"""Whose code raised: the frames of an exception, from the observed call down to where it was raised."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from autogen_otel.causes.failure import Callback
from autogen_otel.causes.tracebacks import Step, steps
from autogen_otel.whose_code import HOST, LIBRARIES, SDK, is_installed, is_pythons

_CACHES: Final = "autogen.cache"
_CLIENT_METHODS: Final = ("create", "message_retrieval", "cost", "get_usage")


def callback_of(error: BaseException, *, is_strict: bool = False) -> Callback | None:
    """The application's function that an exception left, if AutoGen called one.

    A method of the application's that only calls the host's method which it overrides is skipped.

    Args:
        error: the exception.
        is_strict: whether code that is installed as a package never counts as the application's.
    """
    all_steps = [*steps(error)]
    own_steps = [
        step
        for step, next_step in pairwise([*all_steps, None])
        if step is not None and step.is_applications and not _passes_on(step, next_step)
    ]
    certain_steps = [step for step in own_steps if _is_certainly_applications(step)]
    if not certain_steps:
        # An application may be installed as a package itself; then the first code that the host calls is its.
        if is_strict or not own_steps or own_steps[0].package in LIBRARIES:
            return None
        certain_steps = own_steps
    innermost = certain_steps[-1]
    code = innermost.frame.f_code
    return Callback(
        _name(certain_steps[0]), _name(innermost), code.co_filename, innermost.line or code.co_firstlineno
    )


def in_model_client(error: BaseException, *, has_client: bool) -> bool:
    """Whether the exception left a model client of the application's.

    Args:
        error: the exception.
        has_client: whether such a client was called, so that a static method of such a name is its own.
    """
    step = next((step for step in steps(error) if step.is_applications), None)
    if step is None or step.function not in _CLIENT_METHODS:
        return False
    first = step.frame.f_code.co_varnames[:1]
    kind = type(step.frame.f_locals.get(first[0])) if first else None
    return has_client or all(hasattr(kind, method) for method in _CLIENT_METHODS)


def in_cache(error: BaseException) -> bool:
    """Whether the exception left a cache, the host's own ones included."""
    return any(step.module.startswith(_CACHES) for step in steps(error))


def in_function(error: BaseException, module: str, name: str = "") -> bool:
    """Whether the exception went through a module, and a function whose name contains ``name``."""
    return any(step.module == module and name in step.function for step in steps(error))


def raised_in(error: BaseException, *modules: str) -> bool:
    """Whether one of these modules of the host is the last that the exception left."""
    host_modules = [step.module for step in steps(error) if step.package in HOST]
    return bool(host_modules) and host_modules[-1] in modules


def raised_by(error: BaseException, *packages: str) -> bool:
    """Whether one of these packages raised, or called the function of the standard library that raised."""
    callers = [step.package for step in steps(error) if not is_pythons(step.module)]
    return bool(callers) and callers[-1] in packages


def _passes_on(step: Step, next_step: Step | None) -> bool:
    """Whether a frame only calls the host's function of the same name."""
    if next_step is None or step.function != next_step.function:
        return False
    return next_step.package in HOST | SDK | {"autogen_otel"}


def _is_certainly_applications(step: Step) -> bool:
    """Whether code is certainly the application's: neither installed as a package nor a library."""
    return step.package not in LIBRARIES and not is_installed(step.frame.f_code.co_filename)


def _name(step: Step) -> str:
    code: Any = step.frame.f_code
    # Python 3.10 has no qualified names in code objects.
    return f"{step.module}.{getattr(code, 'co_qualname', code.co_name)}"
