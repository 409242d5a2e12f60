"""Programs of their own without the two seconds that each would take to import AutoGen.

One process imports AutoGen, the SDK and OpenTelemetry, and nothing of ours; each program is a fork of it.
Those about exporting alone are forks of another, which has not imported AutoGen.
That is a program as any other, with its own environment, folder, standard streams and end, which finds these
modules imported. What is about how they are imported starts Python anew.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SDK = (
    "opentelemetry.sdk._logs.export",
    "opentelemetry.sdk.metrics.export",
    "opentelemetry.sdk.trace.export.in_memory_span_exporter",
)
_MODULES = {
    "host": ("autogen.coding", "openai.resources.chat.completions", *_SDK, "pytest"),
    "exporters": (
        *_SDK,
        "opentelemetry.exporter.otlp.proto.http.metric_exporter",
        "opentelemetry.exporter.otlp.proto.http.trace_exporter",
        "opentelemetry.instrumentation.instrumentor",
    ),
}
"""What programs find imported, by what they are about."""


def run(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    seconds: int = 120,
    stdin: str = "",
    modules: str = "host",
    warnings: str = "ignore",
) -> subprocess.CompletedProcess[str]:
    """Run a program.

    Args:
        words: what stands behind ``python``: ``-c`` and code, ``-m`` and a module, or a file; then arguments.
        folder: where it runs.
        environment: its variables; of those that Python itself reads, ``PYTHONPATH`` alone is heeded.
        seconds: after which it is ended.
        stdin: what it reads.
        modules: what it finds imported: ``host``, or ``exporters`` without a host, which ends in less time.
        warnings: what becomes of them, as Python's option ``-W`` says it.

    Returns:
        As ``subprocess.run`` does.
    """
    with tempfile.TemporaryDirectory() as streams:
        stdin_path, out, err = (Path(streams, name) for name in ("in", "out", "err"))
        stdin_path.write_text(stdin, "utf-8")
        request = {
            "words": list(words),
            "folder": str(folder),
            "environment": dict(environment),
            "seconds": seconds,
            "streams": [str(stdin_path), str(out), str(err)],
        }
        forker = _forker(modules, warnings)
        assert forker.stdin is not None
        assert forker.stdout is not None
        forker.stdin.write(json.dumps(request) + "\n")
        forker.stdin.flush()
        code = os.waitstatus_to_exitcode(int(forker.stdout.readline()))
        return subprocess.CompletedProcess(list(words), code, out.read_text("utf-8"), err.read_text("utf-8"))


@functools.cache
def _forker(modules: str, warnings: str) -> subprocess.Popen[str]:
    """The process that is forked, until this one ends."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter on this module
        [sys.executable, "-W", warnings, "-m", __name__, modules],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _serve() -> dict[str, Any] | None:
    """Fork for each line of standard input; returns in the child, what it shall run, and at the end."""
    for name in _MODULES[sys.argv[1]]:
        importlib.import_module(name)
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            return dict(json.loads(line))
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()
    return None


def _become(request: dict[str, Any]) -> None:
    """Be the program that is asked for, as Python's own command line would."""
    signal.alarm(request["seconds"])
    for number, path in enumerate(request["streams"]):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    first, *rest = request["words"]
    first_entry = {"-c": "", "-m": request["folder"]}.get(first, os.path.dirname(first))  # noqa: PTH120 - as Python does
    python_path = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [first_entry, *filter(None, python_path), *sys.path[1:]]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        return
    source = rest.pop(0) if first == "-c" else Path(first).read_text("utf-8")
    sys.argv = [first, *rest]
    program = sys.modules["__main__"] = types.ModuleType("__main__")
    if first != "-c":
        program.__file__ = first
    exec(compile(source, "<string>" if first == "-c" else first, "exec"), program.__dict__)  # noqa: S102 - as Python does


if __name__ == "__main__" and (program_request := _serve()) is not None:
    _become(program_request)
