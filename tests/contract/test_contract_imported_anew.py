"""Modules that are purged or reloaded and imported anew, as tests, notebooks and reloading servers do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support import forking

_PROGRAM = """
import importlib, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exported, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exported))

def ours():
    return importlib.import_module("autogen_otel")

def switch_on():
    ours().instrument(tracer_provider=provider)

def purge(*names):
    for module in list(sys.modules):
        if module.split(".")[0] in names:
            del sys.modules[module]

def spans():
    exported.clear()
    sys.modules.pop("tests.support.short_chats", None)
    importlib.import_module("tests.support.short_chats").hold("clerk")
    return len(exported.get_finished_spans())

told = []
switch_on()
told.append(spans())
"""
_TIMES = {
    "ours are imported anew": """
for _ in range(2):
    purge("autogen_otel")
    switch_on()
    told.append(spans())
""",
    "the host is imported anew": """
purge("autogen")
switch_on()
told.append(spans())
""",
    "both are": """
purge("autogen", "autogen_otel")
switch_on()
told.append(spans())
""",
    "they are reloaded": """
importlib.reload(ours())
switch_on()
told.append(spans())
importlib.reload(sys.modules["autogen.agentchat.conversable_agent"])
importlib.reload(sys.modules["autogen.agentchat"])
importlib.reload(sys.modules["autogen"])
switch_on()
told.append(spans())
""",
}
_OFF = """
ours().uninstrument()
print("spans", told, spans())
"""


@pytest.mark.slow
@pytest.mark.parametrize("times", _TIMES)
def test_what_is_imported_anew_is_observed_once(times: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = _PROGRAM + _TIMES[times] + _OFF
    done = forking.run(["-c", code], folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()[-1]
    assert told in {"spans [2, 2] 0", "spans [2, 2, 2] 0"}, told
