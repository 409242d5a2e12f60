"""docker-compose.yml: what must hold of it without any of its programs at hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_COMPOSE: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text("utf-8"))
_VARIABLE = re.compile(r"\$\{(\w+)(:-)?")
_SERVICES = pytest.mark.parametrize("service", _COMPOSE["services"].values(), ids=_COMPOSE["services"])


def _read(path: str) -> str:
    return (_ROOT / path).read_text("utf-8")


@_SERVICES
def test_each_image_is_pinned_to_an_exact_version(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+", service["image"])


@_SERVICES
def test_each_port_is_published_on_loopback_only(service: dict[str, Any]) -> None:
    assert all(re.match(r"127\.0\.0\.1:\$\{\w+:-\d+\}:\d+$", port) for port in service.get("ports", ()))


@_SERVICES
def test_each_service_is_limited_restarted_and_rotates_its_log(service: dict[str, Any]) -> None:
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["restart"] == "unless-stopped"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["cap_drop"] == ["ALL"]


def test_each_service_says_whether_it_is_healthy_unless_its_image_cannot_ask() -> None:
    silent = {name for name, service in _COMPOSE["services"].items() if "healthcheck" not in service}
    assert silent == {"collector"}
    for service in _COMPOSE["services"].values():
        # Neither Tempo's image nor the Collector's has a shell.
        assert service.get("healthcheck", {"test": ["CMD"]})["test"][0] == "CMD"
        for awaited, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            # What a profile brings is waited for only where it is there.
            assert how.get("required", True) is ("profiles" not in _COMPOSE["services"][awaited])
            assert awaited not in silent


def test_each_mounted_file_exists_and_each_store_has_a_volume() -> None:
    mounted = [
        volume.split(":")
        for service in _COMPOSE["services"].values()
        for volume in service.get("volumes", ())
    ]
    files = [mount for mount in mounted if mount[0].startswith("./")]
    assert [mount[0] for mount in files if not (_ROOT / mount[0]).exists()] == []
    assert {mount[-1] for mount in files} == {"ro,z"}
    named = {mount[0] for mount in mounted if not mount[0].startswith(".")}
    assert named == set(_COMPOSE["volumes"])
    assert len(named) == 5


def test_the_documented_command_gives_the_collector_the_file_of_the_profile() -> None:
    profiles = {name for service in _COMPOSE["services"].values() for name in service.get("profiles", ())}
    collector = _COMPOSE["services"]["collector"]
    assert profiles
    assert "--config=/etc/otelcol/${COMPOSE_PROFILES:-collector}.yaml" in collector["command"]
    for profile in profiles:
        assert f"./deploy/{profile}.yaml:/etc/otelcol/{profile}.yaml:ro,z" in collector["volumes"]
        assert f"\nCOMPOSE_PROFILES={profile} docker compose up -d\n" in _read("docs/scale.md")
    # Compose tells the Collector nothing of the option.
    pages = [path.read_text("utf-8") for path in (*_ROOT.glob("docs/*.md"), _ROOT / "README.md")]
    assert not any(re.search(r"docker compose[^\n`]* --profile ", page) for page in pages)


def test_each_variable_has_a_default_and_is_documented() -> None:
    variables = _VARIABLE.findall(_read("docker-compose.yml").partition("\nservices:")[2])
    assert {name for name, default in variables if not default} == set()
    documented = set(re.findall(r"^\| `([A-Z_]+)`", _read("docs/production.md"), re.MULTILINE))
    assert {name for name, _ in variables} == documented


@pytest.mark.parametrize(
    ("service", "config"),
    [
        ("collector", ("collector.yaml", "clickhouse.yaml")),
        ("jaeger", ("jaeger.yaml",)),
        ("tempo", ("tempo.yaml",)),
    ],
)
def test_each_variable_given_to_a_container_is_read_by_its_configuration(
    service: str, config: tuple[str, ...]
) -> None:
    read = "".join(_read(f"deploy/{one}") for one in config)
    given = set(_COMPOSE["services"][service]["environment"]) - {"GOMEMLIMIT"}
    assert {name for name in given if f"{name}:-" not in read} == set()


def test_the_collector_that_is_shipped_is_the_one_that_is_tested() -> None:
    built: dict[str, Any] = yaml.safe_load(_read("tests/servers/otelcol.yaml"))
    assert _COMPOSE["services"]["collector"]["image"].endswith(f":{built['dist']['version']}")


def test_grafana_knows_its_data_sources_by_the_names_that_links_rely_on() -> None:
    provisioned: dict[str, Any] = yaml.safe_load(
        _read("deploy/grafana/provisioning/datasources/autogen-otel.yaml")
    )
    sources = {source["type"]: source for source in provisioned["datasources"]}
    assert {kind: source["uid"] for kind, source in sources.items()} == {
        "prometheus": "autogen-otel-prometheus",
        "tempo": "autogen-otel-tempo",
        "jaeger": "autogen-otel-jaeger",
    }
    for source in sources.values():
        host = re.match(r"http://(\w+):\d+$", source["url"])
        assert host
        assert host[1] in _COMPOSE["services"]
    links = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert {link["name"] for link in links} == {"trace_id"}
    assert links[0]["datasourceUid"] == sources["tempo"]["uid"]
    # One dollar is Grafana's own at run time, so the file needs two; the other is an environment variable.
    assert links[1]["url"] == "$JAEGER_UI_URL/trace/$${__value.raw}"
    assert "JAEGER_UI_URL" in _COMPOSE["services"]["grafana"]["environment"]


def test_grafana_looks_for_the_dashboards_where_they_are_mounted() -> None:
    providers: dict[str, Any] = yaml.safe_load(
        _read("deploy/grafana/provisioning/dashboards/autogen-otel.yaml")
    )
    folder = providers["providers"][0]["options"]["path"]
    grafana = _COMPOSE["services"]["grafana"]
    assert f"./dashboards:{folder}:ro,z" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == folder
    assert (_ROOT / "dashboards" / home.name).exists()
