"""A real OpenTelemetry Collector with a configuration of the test's choice."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.servers.build import binary
from tests.servers.process import Server, free_port
from tests.servers.web import get


class Collector(Server):
    """A Collector that runs a configuration file with its own addresses moved to free ports.

    The file has to have the receiver ``otlp`` and, among the service's extensions, ``health_check``.

    Args:
        folder: for what is replaced, and its log.
        config: the configuration.
        replaced: merged over the file, the later over the earlier; lists in it replace whole lists.
        environ: variables that the file reads, beside our own.
    """

    def __init__(
        self,
        folder: Path,
        config: Path,
        *replaced: Mapping[str, Any],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self._http, self._grpc, self._health, self._metrics = (free_port() for _ in range(4))
        self._config = config.resolve()
        self._replaced = (self._own_addresses(), *replaced)
        self._environ = {**os.environ, **(environ or {})}

    @property
    def otlp_url(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_ENDPOINT`` takes."""
        return f"http://127.0.0.1:{self._http}"

    @property
    def otlp_grpc_address(self) -> str:
        """Host and port of OTLP over gRPC, without TLS."""
        return f"127.0.0.1:{self._grpc}"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self._health}/"

    @property
    def environ(self) -> Mapping[str, str]:
        return self._environ

    def command(self) -> Sequence[str]:
        return [str(binary("otelcol")), *self._config_options()]

    def own_metrics(self) -> str:
        """What the Collector measures about itself, in Prometheus's text format."""
        return get(f"http://127.0.0.1:{self._metrics}/metrics").decode()

    def _config_options(self) -> list[str]:
        options = [f"--config=file:{self._config}"]
        for number, section in enumerate(self._replaced):
            path = self.folder / f"replaced-{number}.json"
            path.write_text(json.dumps(section))
            options.append(f"--config=file:{path}")
        return options

    def _own_addresses(self) -> dict[str, Any]:
        scraped = {"exporter": {"prometheus": {"host": "127.0.0.1", "port": self._metrics}}}
        return {
            "extensions": {"health_check": {"endpoint": f"127.0.0.1:{self._health}"}},
            "receivers": {
                "otlp": {
                    "protocols": {
                        "http": {"endpoint": f"127.0.0.1:{self._http}"},
                        "grpc": {"endpoint": self.otlp_grpc_address},
                    }
                }
            },
            "service": {"telemetry": {"metrics": {"readers": [{"pull": scraped}]}}},
        }


def validate(*configs: Path, environ: Mapping[str, str] | None = None) -> None:
    """Let the Collector validate a configuration; it overlooks much that starting it would find.

    Args:
        configs: files that are merged, the later over the earlier.
        environ: variables that they read, beside our own.

    Raises:
        AssertionError: it is not valid, with what the Collector says.
    """
    done = subprocess.run(  # noqa: S603 - a server we built
        [str(binary("otelcol")), "validate", *(f"--config=file:{config}" for config in configs)],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
