"""Whose code raised: the frames of an exception, from the observed call down to where it was raised."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from autogen_otel.causes.failure import Callback
from autogen_otel.reading import read_traceback

HOST = frozenset({"autogen", "ag2"})
_SDK = frozenset({"openai", "httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "anyio", "sniffio"})
_PASS_THROUGH = frozenset(
    {
        "autogen_otel",
        "opentelemetry",
        "openinference",
        "traceloop",
        "wrapt",
        "pydantic",
        "pydantic_core",
        "fast_depends",
        "asyncer",
        "nest_asyncio",
        "exceptiongroup",
        "typing_extensions",
        "tiktoken",
    }
)
"""Libraries that the host and instrumentations run the calls of others through."""
_LIBRARIES = frozenset(
    {
        *("requests", "urllib3", "docker", "diskcache", "redis", "azure", "flaml", "PIL", "numpy", "yaml"),
        *("jupyter_client", "nbclient", "websockets", "chromadb", "jsonschema", "regex", "termcolor", "mcp"),
        *("anthropic", "google", "grpc", "groq", "mistralai", "cohere", "together", "ollama", "cerebras"),
        *("boto3", "botocore", "tenacity", "mlflow", "agentops", "sentry_sdk", "ddtrace", "newrelic"),
        *("langfuse", "logfire", "openlit", "phoenix", "weave", "langsmith"),
    }
)
"""Libraries that the host calls itself, or that wrap it: their errors are those of no callback."""
_NOT_THE_APPLICATIONS = HOST | _SDK | _PASS_THROUGH | (sys.stdlib_module_names - {"__main__"})
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_CACHES = "autogen.cache"
_CLIENT_METHODS = ("create", "message_retrieval", "cost", "get_usage")


def callback_of(error: BaseException, *, is_strict: bool = False) -> Callback | None:
    """The application's function that an exception left, if AutoGen called one.

    A method of the application's that only calls the host's method which it overrides is skipped.

    Args:
        error: the exception.
        is_strict: whether code that is installed as a package never counts as the application's.
    """
    own_links = [link for link in _links(error) if is_applications(link.tb_frame) and not _passes_on(link)]
    certain_links = [link for link in own_links if _is_certainly_applications(link.tb_frame)]
    if not certain_links:
        # An application may be installed as a package itself; then the first code that the host calls is its.
        if is_strict or not own_links or package_of(own_links[0].tb_frame) in _LIBRARIES:
            return None
        certain_links = own_links
    outermost, innermost = certain_links[0], certain_links[-1]
    code = innermost.tb_frame.f_code
    return Callback(
        _name(outermost.tb_frame),
        _name(innermost.tb_frame),
        code.co_filename,
        innermost.tb_lineno or code.co_firstlineno,
    )


def in_model_client(error: BaseException, *, has_client: bool) -> bool:
    """Whether the exception left a model client of the application's.

    Args:
        error: the exception.
        has_client: whether such a client was called, so that a static method of such a name is its own.
    """
    frame = next((link.tb_frame for link in _links(error) if is_applications(link.tb_frame)), None)
    if frame is None or frame.f_code.co_name not in _CLIENT_METHODS:
        return False
    first = frame.f_code.co_varnames[:1]
    kind = type(frame.f_locals.get(first[0])) if first else None
    return has_client or all(hasattr(kind, method) for method in _CLIENT_METHODS)


def in_cache(error: BaseException) -> bool:
    """Whether the exception left a cache, the host's own ones included."""
    return any(_module(link.tb_frame).startswith(_CACHES) for link in _links(error))


def in_function(error: BaseException, module: str, name: str = "") -> bool:
    """Whether the exception went through a module, and a function whose name contains ``name``."""
    return any(
        _module(link.tb_frame) == module and name in link.tb_frame.f_code.co_name for link in _links(error)
    )


def raised_in(error: BaseException, *modules: str) -> bool:
    """Whether one of these modules of the host is the last that the exception left."""
    names = [_module(link.tb_frame) for link in _links(error) if package_of(link.tb_frame) in HOST]
    return bool(names) and names[-1] in modules


def raised_by(error: BaseException, *packages: str) -> bool:
    """Whether one of these packages raised, or called the function of the standard library that raised."""
    last = None
    for link in _links(error):
        if package_of(link.tb_frame) not in sys.stdlib_module_names:
            last = link.tb_frame
    return last is not None and package_of(last) in packages


def is_applications(frame: FrameType) -> bool:
    """Whether a frame runs code of the application, or of a library that it brings along."""
    name = package_of(frame)
    return name not in _NOT_THE_APPLICATIONS and name != "" and not name.startswith("_frozen")


def package_of(frame: FrameType) -> str:
    """The package that a frame's code belongs to."""
    return _module(frame).partition(".")[0]


def _links(error: BaseException) -> Iterator[TracebackType]:
    link = read_traceback(error)
    while link is not None:
        yield link
        link = link.tb_next


def _passes_on(link: TracebackType) -> bool:
    """Whether a frame only calls the host's function of the same name."""
    next_link = link.tb_next
    if next_link is None:
        return False
    has_same_name = link.tb_frame.f_code.co_name == next_link.tb_frame.f_code.co_name
    return has_same_name and package_of(next_link.tb_frame) in HOST | _SDK | {"autogen_otel"}


def _is_certainly_applications(frame: FrameType) -> bool:
    """Whether code is certainly the application's: neither installed as a package nor a library."""
    is_installed = any(part in frame.f_code.co_filename for part in _PACKAGE_FOLDERS)
    return not is_installed and package_of(frame) not in _LIBRARIES


def _module(frame: FrameType) -> str:
    name: Any = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""


def _name(frame: FrameType) -> str:
    code: Any = frame.f_code
    # Python 3.10 has no qualified names in code objects.
    return f"{_module(frame)}.{getattr(code, 'co_qualname', code.co_name)}"
