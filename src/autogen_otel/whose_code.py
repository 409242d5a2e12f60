"""Whose code a module or a file is: the application's, the host's, a library's or Python's."""

from __future__ import annotations

import re
import sys
from typing import Final

HOST: Final = frozenset({"autogen", "ag2"})
SDK: Final = frozenset(
    {"openai", "httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "anyio", "sniffio"}
)
PASS_THROUGH: Final = frozenset(
    {
        *(
            "autogen_otel",
            "opentelemetry",
            "openinference",
            "traceloop",
            "wrapt",
            "pydantic",
            "pydantic_core",
        ),
        *("fast_depends", "asyncer", "nest_asyncio", "exceptiongroup", "typing_extensions", "tiktoken"),
    }
)
"""Libraries that the host and instrumentations run the calls of others through."""
LIBRARIES: Final = frozenset(
    {
        *("requests", "urllib3", "docker", "diskcache", "redis", "azure", "flaml", "PIL", "numpy", "yaml"),
        *("jupyter_client", "nbclient", "websockets", "chromadb", "jsonschema", "regex", "termcolor", "mcp"),
        *("anthropic", "google", "grpc", "groq", "mistralai", "cohere", "together", "ollama", "cerebras"),
        *("boto3", "botocore", "tenacity", "mlflow", "agentops", "sentry_sdk", "ddtrace", "newrelic"),
        *("langfuse", "logfire", "openlit", "phoenix", "weave", "langsmith"),
    }
)
"""Libraries that the host calls itself, or that wrap it: their errors are those of no callback."""
_OTHERS: Final = HOST | SDK | PASS_THROUGH

_INSTALLED: Final = r"[/\\](?:site|dist)-packages[/\\]"
_LIBRARY: Final = re.compile(
    rf"{_INSTALLED}"
    r"|[/\\]lib(?:64)?[/\\](?:python|pypy)\d[\d.]*[/\\]"
    r"|[/\\]Python\d[^/\\]*[/\\]Lib[/\\]"
    r"|[/\\]src[/\\]autogen_otel[/\\]"
    r"|^<frozen "
)
_HOST_FILE: Final = re.compile(rf"{_INSTALLED}(?:{'|'.join(sorted(HOST))})[/\\]")


def package_of(module: str) -> str:
    """The package that a module belongs to."""
    return module.partition(".")[0]


def is_pythons(module: str) -> bool:
    """Whether a module is of Python's own library."""
    package = package_of(module)
    return package in sys.stdlib_module_names or package.startswith("_frozen")


def is_applications(module: str) -> bool:
    """Whether a module is the application's, or a library's that the application brings along."""
    return module != "" and package_of(module) not in _OTHERS and not is_pythons(module)


def is_installed(file: str) -> bool:
    """Whether a file is an installed package's, by its path."""
    return re.search(_INSTALLED, file) is not None


def is_library(file: str) -> bool:
    """Whether a file is an installed package's, Python's or this package's, by its path on any machine."""
    return _LIBRARY.search(file) is not None


def is_hosts(file: str) -> bool:
    """Whether a file is of the installed host, by its path on any machine."""
    return _HOST_FILE.search(file) is not None
