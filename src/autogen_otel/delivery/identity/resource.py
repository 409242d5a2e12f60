"""The resource that telemetry is from: the service, named after the program, and the process."""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.resources import (
    HOST_NAME,
    PROCESS_PID,
    PROCESS_RUNTIME_NAME,
    PROCESS_RUNTIME_VERSION,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    TELEMETRY_SDK_LANGUAGE,
    TELEMETRY_SDK_NAME,
    TELEMETRY_SDK_VERSION,
    OTELResourceDetector,
    Resource,
)

from autogen_otel import distribution
from autogen_otel.delivery.environment import warn_once
from autogen_otel.delivery.fork import in_child

_DISTRO_NAME: Final = "telemetry.distro.name"
_DISTRO_VERSION: Final = "telemetry.distro.version"
_INTERACTIVE: Final = "python"
_NAMELESS: Final = frozenset(
    {"", "-", "-c", "-m", "ipython", "ipython3", "ipykernel_launcher", "colab_kernel_launcher"}
)


@cache
def process_resource() -> Resource:
    """Return the resource that the environment describes, with a service name that says which program it is.

    All signals share it, so that they are seen to be from the same instance.
    """
    environment_resource = _environment_resource()
    # Without a name the SDK says "unknown_service", which lumps all programs together.
    name = str(environment_resource.attributes.get(SERVICE_NAME, "unknown_service"))
    if name.startswith("unknown_service"):
        environment_resource = environment_resource.merge(Resource({SERVICE_NAME: program_name()}))
    process: dict[str, str | int] = {
        HOST_NAME: socket.gethostname(),
        PROCESS_PID: os.getpid(),
        PROCESS_RUNTIME_NAME: sys.implementation.name,
        PROCESS_RUNTIME_VERSION: platform.python_version(),
        _DISTRO_NAME: distribution.NAME,
        _DISTRO_VERSION: distribution.version(),
    }
    # What the environment says of the process takes precedence.
    return _follow_forks(Resource(process).merge(environment_resource))


def _environment_resource() -> Resource:
    """The resource of the SDK and the environment, also where the main thread has ended and others go on.

    The SDK asks its detectors in an executor, which takes nothing any more by then. Older SDKs raise for a
    detector that is not installed.
    """
    try:
        return Resource.create({})
    except Exception as error:  # noqa: BLE001 - detectors of other packages can raise anything
        if not isinstance(error, RuntimeError):
            warn_once(
                "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS cannot be used: the resource lacks what they know."
            )
        own = {
            TELEMETRY_SDK_LANGUAGE: "python",
            TELEMETRY_SDK_NAME: "opentelemetry",
            TELEMETRY_SDK_VERSION: version("opentelemetry-sdk"),
        }
        return Resource(own).merge(OTELResourceDetector().detect())


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
    return resource if resource is process_resource() else _follow_forks(resource, provider)


_instance_id = str(uuid.uuid4())
_pid = os.getpid()
_following_resources: Final[list[tuple[Resource, Any]]] = []
"""The resources that follow this process through forks, each with the provider that it has its id from."""


def _follow_forks(resource: Resource, provider: Any = None) -> Resource:
    """A copy that has an instance id, and in each forked process one of its own."""
    has_id = bool(resource.attributes.get(SERVICE_INSTANCE_ID))
    own: dict[str, str] = {} if has_id else {SERVICE_INSTANCE_ID: _instance_id}
    copy = resource.merge(Resource(own))
    _following_resources.append((copy, provider if has_id else None))
    return copy


def _after_fork() -> None:
    """Make this process an instance of its own, in place: providers and tracers keep the object."""
    global _instance_id, _pid
    _instance_id, parent, _pid = str(uuid.uuid4()), _pid, os.getpid()
    environment_id = OTELResourceDetector().detect().attributes.get(SERVICE_INSTANCE_ID)
    for resource, provider in _following_resources:
        # Newer SDKs give the application's provider another id, older ones leave it its parent's.
        provider_id = None if provider is None else provider.resource.attributes.get(SERVICE_INSTANCE_ID)
        own: dict[str, Any] = {SERVICE_INSTANCE_ID: provider_id or environment_id or _instance_id}
        if resource.attributes.get(PROCESS_PID) == parent:
            own[PROCESS_PID] = _pid
        resource._attributes = resource.merge(Resource(own))._attributes  # noqa: SLF001 - in place


in_child(_after_fork)


# ---------------------------------------------------------------- the name of the service
def program_name() -> str:
    """Return the script's stem, or the package after ``-m``; ``python`` in a prompt.

    Under a launcher such as ``gunicorn``, it is the module of the application, or the name of the notebook.
    """
    name = _module_name() or _script_name(sys.argv[0] if sys.argv else "")
    find = _LAUNCHERS.get(name.lower())
    name = (find is not None and find(sys.argv[1:])) or name
    name = name.encode("utf-8", "replace").decode("utf-8").strip()
    return _INTERACTIVE if name.lower() in _NAMELESS else name


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


_APPLICATION = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(\(.*\))?$")
_MODULE = re.compile(r"[A-Za-z_][\w.]*$")
_NO_MODULES: Final = frozenset({"python", "file", "unix", "fd", "egg"})
"""Words that gunicorn's options take before a colon."""


def _served_module(words: Sequence[str]) -> str | None:
    """The module in ``[options] module:attribute``, or the last word where the attribute may be left out."""
    matches = [(before, _APPLICATION.match(word)) for before, word in zip(["", *words], words, strict=False)]
    candidates = [(before, match[1]) for before, match in matches if match and match[1] not in _NO_MODULES]
    # The word after an option may be its value.
    free_modules = [module for before, module in candidates if not before.startswith("-")]
    if free_modules or candidates:
        return free_modules[0] if free_modules else candidates[-1][1]
    *before, last_word = ["", *words]
    is_module = _MODULE.match(last_word) and not last_word.endswith(".py")
    return last_word if is_module and not before[-1].startswith("-") else None


def _option_module(*names: str, variable: str) -> Callable[[Sequence[str]], str | None]:
    """The module that an option names, or an environment variable."""

    def find(words: Sequence[str]) -> str | None:
        for number, word in enumerate(words):
            option, equals, value = word.partition("=")
            if option in names:
                value = value if equals else "".join(words[number + 1 : number + 2])
                return _stem(value.partition(":")[0])
        return _stem(os.environ.get(variable, "").partition(":")[0]) or None

    return find


def _script_stem(words: Sequence[str]) -> str | None:
    """The stem of the script in ``run [options] app.py``."""
    return next((Path(word).stem for word in words if word.endswith(".py")), None)


def _notebook_stem(_words: Sequence[str]) -> str | None:
    """The stem of the notebook that a Jupyter server started the kernel for."""
    name = os.environ.get("JPY_SESSION_NAME", "")
    return Path(name).stem if name.endswith(".ipynb") else None


def _stem(module: str) -> str:
    return Path(module).stem if module.endswith(".py") else module


_LAUNCHERS: Final[Mapping[str, Callable[[Sequence[str]], str | None]]] = {
    **dict.fromkeys(
        ("gunicorn", "uvicorn", "hypercorn", "daphne", "granian", "waitress-serve"), _served_module
    ),
    "celery": _option_module("-A", "--app", variable="CELERY_APP"),
    "flask": _option_module("-A", "--app", variable="FLASK_APP"),
    **dict.fromkeys(("streamlit", "chainlit", "fastapi"), _script_stem),
    **dict.fromkeys(("ipykernel_launcher", "ipykernel", "colab_kernel_launcher"), _notebook_stem),
}
"""By launcher, the function that finds the application in the arguments or in the environment: a service is
named after the application, not after ``gunicorn``. It returns ``None`` where they do not say."""
