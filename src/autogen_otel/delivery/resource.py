"""The resource that telemetry is from: the service, named after the program, and the process."""

from __future__ import annotations

import os
import platform
import socket
import sys
import uuid
from functools import cache
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.resources import (
    HOST_NAME,
    PROCESS_PID,
    PROCESS_RUNTIME_NAME,
    PROCESS_RUNTIME_VERSION,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    Resource,
)

from autogen_otel import distribution
from autogen_otel.delivery.fork import in_child
from autogen_otel.delivery.launchers import launched

_DISTRO_NAME: Final = "telemetry.distro.name"
_DISTRO_VERSION: Final = "telemetry.distro.version"
_INTERACTIVE: Final = "python"
_LAUNCHERS: Final = frozenset(
    {"", "-", "-c", "-m", "ipython", "ipython3", "ipykernel_launcher", "colab_kernel_launcher"}
)


@cache
def process_resource() -> Resource:
    """Return the resource that the environment describes, with a service name that says which program it is.

    All signals share it, so that they are seen to be from the same instance.
    """
    described = Resource.create({})
    # Without a name the SDK says "unknown_service", which lumps all programs together.
    if str(described.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        described = described.merge(Resource({SERVICE_NAME: program_name()}))
    process: dict[str, str | int] = {
        HOST_NAME: socket.gethostname(),
        PROCESS_PID: os.getpid(),
        PROCESS_RUNTIME_NAME: sys.implementation.name,
        PROCESS_RUNTIME_VERSION: platform.python_version(),
        _DISTRO_NAME: distribution.NAME,
        _DISTRO_VERSION: distribution.version(),
    }
    # What the environment says of the process takes precedence.
    return _with_instance(Resource(process).merge(described))


@cache
def resource_of(provider: Any) -> Resource:
    """Return the resource of a tracer provider, for the metrics and log records beside its spans.

    It has an instance id: without one, the counters of two processes would be one time series.

    Args:
        provider: any tracer provider; one without a resource gets that of the process.
    """
    resource = getattr(provider, "resource", None)
    return _with_instance(resource) if isinstance(resource, Resource) else process_resource()


_instance_id = str(uuid.uuid4())
_numbered: Final[list[Resource]] = []
"""The resources whose instance id is ours."""


def _with_instance(resource: Resource) -> Resource:
    if resource.attributes.get(SERVICE_INSTANCE_ID):
        return resource
    numbered = resource.merge(Resource({SERVICE_INSTANCE_ID: _instance_id}))
    _numbered.append(numbered)
    return numbered


def _after_fork() -> None:
    """Make this process an instance of its own; older SDKs leave it the parent's id."""
    global _instance_id  # noqa: PLW0603 - the process is one instance
    _instance_id = str(uuid.uuid4())
    for numbered in _numbered:
        own: dict[str, str | int] = {SERVICE_INSTANCE_ID: _instance_id}
        if PROCESS_PID in numbered.attributes:
            own[PROCESS_PID] = os.getpid()
        renewed = numbered.merge(Resource(own))
        numbered._attributes = renewed._attributes  # noqa: SLF001 - providers and tracers keep the object


in_child(_after_fork)


def program_name() -> str:
    """Return the script's stem, or the package after ``-m``; ``python`` in a prompt.

    Under a launcher such as ``gunicorn``, it is the module of the application, or the name of the notebook.
    """
    name = _module_name() or _script_name(sys.argv[0] if sys.argv else "")
    name = launched(name, sys.argv[1:]) or name
    name = name.encode("utf-8", "replace").decode("utf-8").strip()
    return _INTERACTIVE if name.lower() in _LAUNCHERS else name


def _module_name() -> str | None:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    # `opentelemetry-instrument` starts us before the module runs; until then argv[0] is a bare "-m".
    if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv[:-1]:
        return sys.orig_argv[sys.orig_argv.index("-m") + 1]
    return None


def _script_name(script: str) -> str:
    path = Path(script)
    # A folder or an archive that is run as a program has its code in a `__main__.py`.
    return path.resolve().parent.name if path.stem == "__main__" else path.stem
