"""Fixtures for all tests: telemetry in memory, a scripted server, and our own errors made fatal."""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import ssl
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import autogen
import autogen.oai.client
import certifi
import openai._base_client
import pytest
from hypothesis import HealthCheck, settings

from autogen_otel.hooks import guard
from autogen_otel.testing import ScriptedServer
from tests.support.lineage import IS_09
from tests.support.telemetry import Telemetry, instrumented

# No test asserts how long something takes, whatever else this machine does.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

collect_ignore = ["servers"]
"""It needs programs that take long to build, so its tests run only if it is named: ``make test-servers``."""

_SLOW = (
    "checks/",
    "cli/test_cli_packages.py",
    "contract/",
    "delivery/test_delivery_chaos.py",
    "diagnosis/test_diagnosis_samples.py",
    "recording/test_recording_growth.py",
    "redaction/test_redaction_prefilter.py",
    "repro/test_repro_models.py",
    "repro/test_repro_tools.py",
    "scenarios/test_scenarios_demo.py",
)
"""What is marked ``slow``: ``make test-quick`` leaves it out."""

_PROGRAMS = tuple(f"delivery/test_delivery_{what}.py" for what in ("logs", "metrics", "providers"))
"""Where a test that starts a program of its own is ``slow`` too; there are quick ones in ``processes``."""


@pytest.fixture(scope="session", autouse=True)
def _hasty_clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clients skip what takes them longer than a whole conversation: certificates, and waiting to try again.

    Each of the thousands of clients would read the certificates of all public authorities (20 ms and more),
    although nothing is encrypted on loopback, and the SDK waits half a second and more before a retry.
    Programs that tests start read one certificate: OpenSSL and the clients look where this variable says.
    """
    authority = tmp_path_factory.mktemp("certificates") / "one.pem"
    first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----\n")
    authority.write_text(first[first.index("-----BEGIN CERTIFICATE-----") :] + end, encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority))
        patch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **__: None)
        patch.setattr(openai._base_client, "MAX_RETRY_DELAY", 0.001)
        for owner, name, value in _worked_out_for_each_agent():
            patch.setattr(owner, name, value)
        # Each test instruments, which reads the versions of what is installed: 3 ms, more than half of it.
        patch.setattr(importlib.metadata, "version", functools.cache(importlib.metadata.version))
        yield


def _worked_out_for_each_agent() -> Iterator[tuple[Any, str, Any]]:
    """What newer hosts work out anew for each agent, and what it always comes to: more than half of a chat.

    0.9 and later ask the signature of the SDK's clients for each key of each entry, which 0.2 does once, and
    0.9 makes the schema of its configuration, with all providers in it, only to see the names in it.
    """
    keys = vars(autogen.OpenAIWrapper)["openai_kwargs"]
    if isinstance(keys, property) and keys.fget:
        yield autogen.OpenAIWrapper, "openai_kwargs", keys.fget(None)
    if IS_09:
        model = autogen.LLMConfig._get_base_model_class()
        schema = model.model_json_schema()
        yield model, "model_json_schema", lambda: schema


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What AutoGen keeps on the disk unasked is no other test's, and no earlier run's."""
    folder = tmp_path_factory.getbasetemp() / uuid.uuid4().hex
    monkeypatch.setattr(autogen.oai.client, "LEGACY_CACHE_DIR", str(folder))


@pytest.fixture
def our_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """Errors of our own; a test that leaves any there fails, since users would have lost telemetry."""
    errors: list[BaseException] = []
    monkeypatch.setattr(guard, "on_error", errors.append)
    yield errors
    if errors:
        raise errors[0]


@pytest.fixture
def telemetry(our_errors: list[BaseException]) -> Iterator[Telemetry]:
    """AutoGen instrumented for one test."""
    with instrumented() as kept:
        yield kept


@pytest.fixture
def serve() -> Iterator[Callable[[Any], ScriptedServer]]:
    """Starts scripted servers and stops them at the end."""
    started: list[ScriptedServer] = []

    def start(script: Any) -> ScriptedServer:
        server = ScriptedServer(script)
        server.__enter__()
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is slow as a whole is not even imported where all that is slow is left out."""
    if config.option.markexpr != "not slow":
        return None
    file = collection_path.relative_to(Path(__file__).parent).as_posix()
    return True if f"{file}/".startswith(_SLOW) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and collect nothing that cannot exist here. Skips are refused: they prove nothing.

    ``@pytest.mark.needs(condition, reason)`` is for what a lineage, a Python or an operating system lacks.
    """
    for item in items:
        file = item.path.relative_to(Path(__file__).parent).as_posix()
        is_program = "program" in getattr(item, "fixturenames", ())
        if file.startswith(_SLOW) or (is_program and file in _PROGRAMS):
            item.add_marker(pytest.mark.slow)
        for name in ("skip", "skipif", "xfail"):
            assert not list(item.iter_markers(name)), f"{item.nodeid} is marked {name}"
        for mark in item.iter_markers("needs"):
            assert [type(one) for one in mark.args] == [bool, str], f"{item.nodeid}: needs(condition, reason)"
    items[:] = [item for item in items if all(mark.args[0] for mark in item.iter_markers("needs"))]
    # What is slow begins first, so that at the end no process waits for a long test of another's.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have counted: what they record as their ``summary``."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for key, said in report.user_properties:
                    if key == "summary":
                        terminalreporter.write_line(said)
