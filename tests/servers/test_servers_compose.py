"""docker-compose.yml and the files it mounts, as the programs that read them see them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.servers.build import binary
from tests.servers.conftest import Start
from tests.servers.jaeger import Jaeger
from tests.servers.process import free_port
from tests.servers.programs import run
from tests.servers.prometheus import Prometheus
from tests.servers.web import eventually

_ROOT = Path(__file__).parents[2]


def _composed(docker_compose: Path, **environ: str) -> Any:
    done = subprocess.run(  # noqa: S603 - a program we built
        [str(docker_compose), "-f", str(_ROOT / "docker-compose.yml"), "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


class _ShippedJaeger(Jaeger):
    """Jaeger as ``docker-compose.yml`` runs it, with only its addresses and its folder replaced."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._own = free_port()

    def command(self) -> Sequence[str]:
        addresses = self._config()
        replaced = {
            "extensions": {
                "healthcheckv2": addresses["extensions"]["healthcheckv2"],
                "jaeger_query": {
                    protocol: addresses["extensions"]["jaeger_query"][protocol]
                    for protocol in ("http", "grpc")
                },
            },
            "receivers": addresses["receivers"],
            "service": {
                "telemetry": {
                    "metrics": {
                        "readers": [
                            {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": self._own}}}}
                        ]
                    }
                }
            },
        }
        path = self.folder / "replaced.json"
        path.write_text(json.dumps(replaced))
        shipped = _ROOT / "deploy" / "jaeger.yaml"
        return [str(binary("jaeger")), "--config", f"file:{shipped}", "--config", f"file:{path}"]

    @property
    def environ(self) -> Mapping[str, str]:
        return {**os.environ, "JAEGER_STORAGE": str(self.folder)}


def test_every_published_port_is_on_loopback_whatever_the_environment_says(docker_compose: Path) -> None:
    for environ in ({}, {"OTLP_HTTP_PORT": "14318", "GRAFANA_PORT": "13000", "JAEGER_PORT": "26686"}):
        services = _composed(docker_compose, **environ)["services"]
        ports = [port for service in services.values() for port in service.get("ports", ())]
        assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
        assert set(environ.values()) <= {port["published"] for port in ports}
        jaeger = services["jaeger"]["ports"][0]["published"]
        assert services["grafana"]["environment"]["JAEGER_UI_URL"] == f"http://localhost:{jaeger}"


def test_clickhouse_is_there_only_if_asked_for_and_the_collector_knows(docker_compose: Path) -> None:
    for environ, file in (({}, "collector"), ({"COMPOSE_PROFILES": "clickhouse"}, "clickhouse")):
        services = _composed(docker_compose, **environ)["services"]
        assert ("clickhouse" in services) is bool(environ)
        collector = services["collector"]
        config = collector["command"][-1].removeprefix("--config=")
        assert config == f"/etc/otelcol/{file}.yaml"
        assert config in {volume["target"] for volume in collector["volumes"]}


def test_a_conversation_with_failures_survives_a_restart_of_jaeger_and_is_found_by_its_error(
    service_name: str, tmp_path: Path
) -> None:
    with _ShippedJaeger(tmp_path) as jaeger:
        run(
            "claims",
            "all is well",
            "the one that dies",
            folder=tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_url,
            OTEL_SERVICE_NAME=service_name,
        )
        eventually(lambda: jaeger.search(service_name), lambda result: len(result) == 2)
        failing = jaeger.search(service_name, error="true")
    with _ShippedJaeger(tmp_path) as jaeger:
        assert len(failing) == 1
        assert jaeger.search(service_name, error="true") == failing
        assert len(jaeger.search(service_name)) == 2


def test_prometheus_accepts_its_configuration_and_the_rules(promtool: Path, tmp_path: Path) -> None:
    for file in ("deploy/prometheus.yml", "dashboards/alerts.yml"):
        shutil.copy(_ROOT / file, tmp_path)
    done = subprocess.run(  # noqa: S603 - a program we built
        [str(promtool), "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 rules found" not in done.stdout + done.stderr


def test_prometheus_runs_with_its_configuration_and_its_healthcheck_passes(
    docker_compose: Path, promtool: Path, start: Start, tmp_path: Path
) -> None:
    shipped: dict[str, Any] = yaml.safe_load((_ROOT / "deploy" / "prometheus.yml").read_text())
    del shipped["rule_files"]
    prometheus = start(Prometheus(tmp_path, rules=[_ROOT / "dashboards" / "alerts.yml"], config=shipped))

    test = _composed(docker_compose)["services"]["prometheus"]["healthcheck"]["test"]
    assert test[:2] == ["CMD", "/bin/promtool"]
    assert test[-1] == "--url=http://127.0.0.1:9090"
    asked = [str(promtool), *test[2:-1], f"--url={prometheus.url}"]
    assert subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603 - a program we built
    prometheus.stop()
    assert subprocess.run(asked, capture_output=True, check=False).returncode != 0  # noqa: S603 - same
