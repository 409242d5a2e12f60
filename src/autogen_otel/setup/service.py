"""Who the spans are from: the resource, and the name of the running program."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Final

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource

_INTERACTIVE: Final = "python"
_LAUNCHERS: Final = frozenset(
    {"", "-", "-c", "-m", "ipython", "ipython3", "ipykernel_launcher", "colab_kernel_launcher"}
)


def resource() -> Resource:
    """Return the resource the environment describes, with a service name that says which program it is."""
    described = Resource.create({})
    ours = {}
    # The SDK's answer to a missing name is "unknown_service", which lumps all programs together.
    if str(described.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        ours[SERVICE_NAME] = program_name()
    if not described.attributes.get(SERVICE_INSTANCE_ID):
        ours[SERVICE_INSTANCE_ID] = str(uuid.uuid4())
    return described.merge(Resource(ours))


def program_name() -> str:
    """Return the script's stem, or the package after ``-m``; ``python`` in a prompt or a notebook."""
    name = _module_name() or _script_name(sys.argv[0] if sys.argv else "")
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
