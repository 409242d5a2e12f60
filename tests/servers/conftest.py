"""Real servers for tests: ``make test-servers`` builds them once and runs the tests of this folder.

``jaeger`` and ``prometheus`` are shared by all tests, so a test finds its own data by ``service_name``. What
needs other settings starts a server of its own with ``start``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.servers.build import binary
from tests.servers.clickhouse import ClickHouse
from tests.servers.jaeger import Jaeger
from tests.servers.process import Server
from tests.servers.prometheus import Prometheus

S = TypeVar("S", bound=Server)


class Start(Protocol):
    """Starts a server and returns it once it is ready."""

    def __call__(self, server: S) -> S: ...


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A Jaeger, for the whole run."""
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as server:
        yield server


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A ClickHouse, for the whole run."""
    with ClickHouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus without rules, for the whole run."""
    with Prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.fixture
def start() -> Iterator[Start]:
    """Start servers that stop with the test, such as ``start(Collector(tmp_path / "c", config))``."""
    with ExitStack() as running:

        def enter(server: S) -> S:
            running.enter_context(server)
            return server

        yield enter


@pytest.fixture
def service_name() -> str:
    """A ``service.name`` of this test's own."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus's checker of rules and configurations."""
    return binary("promtool")


@pytest.fixture(scope="session")
def docker_compose() -> Path:
    """Compose without an engine; ``docker-compose -f FILE config --format json`` works."""
    return binary("docker-compose")
