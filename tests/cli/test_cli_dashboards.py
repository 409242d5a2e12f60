"""``autogen-otel dashboards``: files, and a Grafana."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run
from tests.dashboards.fake_grafana import LOGIN, TOKEN, FakeGrafana
from tests.dashboards.queries import models

FILES = [f"{dashboard['uid']}.json" for dashboard in models()] + ["alerts.yml"]
UIDS = [dashboard["uid"] for dashboard in models()]


@pytest.fixture(autouse=True)
def no_credentials_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRAFANA_TOKEN", "GRAFANA_AUTH", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with FakeGrafana() as running:
        yield running


def test_the_files_are_written_and_found_to_be_what_this_version_writes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"

    written = run("dashboards", "--out", str(folder))

    assert (written.code, written.err) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert all(name in written.out for name in FILES)
    assert run("dashboards", "--out", str(folder), "--check").code == 0

    (folder / "alerts.yml").write_text("groups: []\n")
    (folder / FILES[0]).unlink()
    differing = run("dashboards", "--out", str(folder), "--check", "--format", "json")
    assert differing.code == 1
    assert json.loads(differing.out)["differing"] == [str(folder / FILES[0]), str(folder / "alerts.yml")]


def test_the_links_lead_to_the_jaeger_that_is_named(run: Run, tmp_path: Path) -> None:
    run("dashboards", "--out", str(tmp_path), "--jaeger", "https://jaeger.example.org/ui/")

    assert "https://jaeger.example.org/ui/search?service=" in (tmp_path / "alerts.yml").read_text()
    for path in tmp_path.iterdir():
        assert "localhost" not in path.read_text()
    for uid in UIDS:
        dashboard = json.loads((tmp_path / f"{uid}.json").read_text())
        (variable,) = (one for one in dashboard["templating"]["list"] if one["name"] == "jaeger")
        assert variable["query"] == "https://jaeger.example.org/ui"
        assert variable["current"]["value"] == "https://jaeger.example.org/ui"


def test_an_address_with_quotes_leaves_the_files_readable(run: Run, tmp_path: Path) -> None:
    jaeger = 'https://jaeger.example.org/"a\\b"'
    assert run("dashboards", "--out", str(tmp_path), "--jaeger", jaeger).code == 0

    (group,) = yaml.safe_load((tmp_path / "alerts.yml").read_text())["groups"]
    links = [rule["annotations"]["traces"] for rule in group["rules"] if "alert" in rule]
    assert all(link.startswith(f"{jaeger}/search?") for link in links)
    overview = json.loads((tmp_path / "autogen-otel-overview.json").read_text())
    (variable,) = (one for one in overview["templating"]["list"] if one["name"] == "jaeger")
    assert variable["current"]["value"] == jaeger


def test_the_dashboards_are_listed(run: Run) -> None:
    listed = json.loads(run("dashboards", "--list", "--format", "json").out)["dashboards"]

    assert [one["uid"] for one in listed] == UIDS
    assert all(uid in run("dashboards", "--list").out for uid in UIDS)


@pytest.mark.parametrize(
    ("variable", "value"), [("GRAFANA_TOKEN", TOKEN), ("GRAFANA_AUTH", LOGIN)], ids=["token", "login"]
)
def test_the_dashboards_are_installed_again_and_again(
    run: Run, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    for _ in range(2):
        done = run("dashboards", "--grafana", grafana.url + "/")
        assert (done.code, done.err) == (0, "")
    assert done.out.count(grafana.url + "/d/autogen-otel-") == len(UIDS)
    assert list(grafana.saved) == UIDS
    assert list(grafana.folders) == ["autogen-otel"]
    assert grafana.saved["autogen-otel-overview"] == {**models()[0], "id": None}


def test_a_grafana_below_a_path_gives_addresses_below_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    with FakeGrafana(prefix="/grafana") as grafana:
        done = run("dashboards", "--grafana", grafana.url, "--format", "json")
        installed = json.loads(done.out)["installed"]
        assert [one["url"] for one in installed] == [f"{grafana.url}/d/{uid}/slug" for uid in UIDS]


REFUSALS = {
    "not Grafana": ("/api/health", 200, b"<html>Welcome</html>", {}, "not as Grafana does"),
    "nothing there": ("/api/health", 404, b"", {}, "HTTP 404"),
    "elsewhere": (
        "/api/health",
        302,
        b"",
        {"Location": "https://sso.example.org/"},
        "sends you elsewhere (HTTP 302), to https://sso",
    ),
    "may not write": ("/api/folders/autogen-otel", 403, b'{"message": "Access denied"}', {}, "role Editor"),
    "provisioned": (
        "/api/dashboards/db",
        400,
        b'{"message": "Cannot save provisioned dashboard"}',
        {},
        "Cannot save provisioned dashboard",
    ),
    "changed": ("/api/dashboards/db", 412, b'{"message": "version-mismatch"}', {}, "did not replace"),
    "not JSON": ("/api/dashboards/db", 200, b"fine", {}, "HTTP 200"),
    "broken": ("/api/dashboards/db", 500, b"\xff", {}, "HTTP 500"),
    "tells the secret": (
        "/api/dashboards/db",
        400,
        json.dumps({"message": f"bad\x1b[2J token {TOKEN}"}).encode(),
        {},
        "bad\\x1b[2J token ***",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_sentence_without_the_secret(
    run: Run, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    path, status, body, headers, said = REFUSALS[case]
    grafana.answers[path] = (status, body, headers)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)

    done = run("dashboards", "--grafana", grafana.url)

    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GRAFANA_TOKEN", "wrong", "does not accept the credentials"),
        ("GRAFANA_TOKEN", "two\nlines", "holds something that is not a token"),
        ("GRAFANA_AUTH", "hunter2", "has to be user:password"),
    ],
)
def test_credentials_that_cannot_be_right_are_named_and_not_shown(
    run: Run,
    grafana: FakeGrafana,
    monkeypatch: pytest.MonkeyPatch,
    *,
    variable: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    done = run("dashboards", "--grafana", grafana.url)

    assert done.code == 2
    assert said in done.err
    assert value not in done.err
    assert grafana.saved == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grafana", "http://127.0.0.1:1"], "cannot be reached: nothing listens there"),
        (["--grafana", "http://admin:hunter2@localhost:3000"], "Credentials in an address"),
        (["--grafana", "http://admin:hunter2[@localhost:3000"], "not an address"),
        (["--grafana", "ftp://localhost"], "not the address of a Grafana"),
        (["--out", "/dev/null/x"], "cannot be written"),
        (["--list", "--check"], "give --out DIR too"),
        (["--out", ""], "needs the name of a folder"),
        (["--grafana", ""], "not the address of a Grafana"),
        (["--list", "--jaeger", "localhost"], "not the address of Jaeger"),
        (["--list", "--jaeger", "http://"], "not the address of Jaeger"),
        (["--list", "--jaeger", "http://localhost/{{ $value }}"], "not the address of Jaeger"),
        (["--list", "--out", "x"], "not allowed with"),
        ([], "one of the arguments"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(run: Run, words: list[str], said: str) -> None:
    done = run("dashboards", *words)

    assert done.code == 2
    assert said in done.err
    assert "hunter2" not in done.err
    assert done.err.count("\n") == 1
