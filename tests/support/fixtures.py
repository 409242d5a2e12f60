"""Fixtures for all tests: telemetry in memory, a scripted server, and our own errors made fatal.

They import AutoGen, so they are a plugin that ``conftest.py`` loads in the processes that run tests.
"""

from __future__ import annotations

import functools
import importlib.metadata
import ssl
import sys
import typing
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import autogen
import autogen.oai.client
import certifi
import openai._base_client
import opentelemetry.sdk.resources
import pytest
from hypothesis import HealthCheck, settings

from autogen_otel.hooks import guard
from autogen_otel.testing import ScriptedServer
from tests.support.lineage import IS_09
from tests.support.telemetry import Telemetry, instrumented

# No test asserts how long something takes, whatever else this machine does.
settings.register_profile("untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


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
        for owner, name in _asked_again_and_again():
            patch.setattr(owner, name, functools.cache(getattr(owner, name)))
        yield


def _asked_again_and_again() -> Iterator[tuple[Any, str]]:
    """What thousands of tests would find out anew, and what always comes to the same.

    Each test instruments, which reads the versions of what is installed: 3 ms, more than half of it. For each
    provider OpenTelemetry 1.28 looks through the entry points of all that is installed, which takes 10 ms.
    Python before 3.12 works out what a protocol asks for at each check, and AutoGen 0.2 checks for agents.
    """
    yield importlib.metadata, "version"
    if hasattr(opentelemetry.sdk.resources, "entry_points"):
        yield opentelemetry.sdk.resources, "entry_points"
    if sys.version_info < (3, 12):
        yield typing, "_get_protocol_attrs"


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
    with ExitStack() as started:
        yield lambda script: started.enter_context(ScriptedServer(script))
