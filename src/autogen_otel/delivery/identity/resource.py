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
    OTELResourceDetector,
    Resource,
)

from autogen_otel import distribution
from autogen_otel.delivery.fork import in_child
from autogen_otel.delivery.identity.launchers import launched

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
    return _forking(Resource(process).merge(described))


@cache
def resource_of(provider: Any) -> Resource:
    """Return the resource of a tracer provider, for the metrics and log records beside its spans.

    It has an instance id: without one, the counters of two processes would be one time series.

    Args:
        provider: any tracer provider; one without a resource gets that of the process.
    """
    resource = getattr(provider, "resource", None)
    if not isinstance(resource, Resource):
        return process_resource()
    return resource if resource is process_resource() else _forking(resource, provider)


_instance_id = str(uuid.uuid4())
_pid = os.getpid()
_ours: Final[list[tuple[Resource, Any]]] = []
"""The resources that follow this process through forks, and the provider that each has its id from."""


def _forking(resource: Resource, provider: Any = None) -> Resource:
    """A copy that has an instance id, and in each forked process one of its own."""
    has_id = bool(resource.attributes.get(SERVICE_INSTANCE_ID))
    own: dict[str, str] = {} if has_id else {SERVICE_INSTANCE_ID: _instance_id}
    copy = resource.merge(Resource(own))
    _ours.append((copy, provider if has_id else None))
    return copy


def _after_fork() -> None:
    """Make this process an instance of its own, in place: providers and tracers keep the object."""
    global _instance_id, _pid
    _instance_id, parent, _pid = str(uuid.uuid4()), _pid, os.getpid()
    named = OTELResourceDetector().detect().attributes.get(SERVICE_INSTANCE_ID)
    for resource, provider in _ours:
        # Newer SDKs give the application's provider another id, older ones leave it its parent's.
        theirs = None if provider is None else provider.resource.attributes.get(SERVICE_INSTANCE_ID)
        own: dict[str, Any] = {SERVICE_INSTANCE_ID: theirs or named or _instance_id}
        if resource.attributes.get(PROCESS_PID) == parent:
            own[PROCESS_PID] = _pid
        resource._attributes = resource.merge(Resource(own))._attributes  # noqa: SLF001 - in place


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
