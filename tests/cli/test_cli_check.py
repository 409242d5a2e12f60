"""``autogen-otel check``: its report, its list without dead entries, its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autogen_otel.testing import ChatRequest, Reply, error, text, tool_call
from tests.cli.conftest import Run
from tests.support.agents import Serve
from tests.support.asking import ask_in_a_fork
from tests.support.config_lists import KEY, gpt, local


@pytest.fixture(autouse=True)
def _asked_in_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_in_a_fork(monkeypatch)


def _script(request: ChatRequest) -> Reply:
    if request.model == "gone":
        return error(404, f"no model for {KEY}", code="model_not_found")
    return tool_call("ping", {}) if request.body.get("tools") else text("OK")


def _write(path: Path, *entries: object) -> str:
    path.write_text(json.dumps(entries, indent=1))
    return str(path)


@pytest.mark.slow
def test_the_report_says_what_is_wrong_and_what_to_do(run: Run, tmp_path: Path) -> None:
    path = _write(tmp_path / "list.json", gpt(), gpt(temperatur=0), gpt())
    printed = run("check", path)
    assert printed.code == 1
    assert "did you mean" in printed.out
    assert "temperatur is not known to this host" in printed.out
    assert "entry 2: is the same as entry 0" in printed.out
    assert [line.split()[0] for line in printed.out.splitlines()[3:6]] == ["0", "1", "2"]
    assert printed.err == ""
    assert KEY not in printed.out


def test_a_right_list_is_well(run: Run, tmp_path: Path) -> None:
    printed = run("check", _write(tmp_path / "list.json", gpt(), local()))
    assert printed.code == 0
    assert printed.out.endswith("All is well.\n")


def test_a_list_without_entries_has_no_table(run: Run, tmp_path: Path) -> None:
    path = _write(tmp_path / "list.json")
    assert run("check", path) == (1, f"{path}: the list has no entries; add one\n", "")


@pytest.mark.slow
def test_endpoints_are_asked_and_the_dead_dropped(run: Run, tmp_path: Path, serve: Serve) -> None:
    server = serve(_script)
    works = {"model": "gpt-4o", "api_key": KEY, "base_url": server.base_url, "price": [0.10, 2.0]}
    gone = {**works, "model": "gone"}
    path = _write(tmp_path / "list.json", gone, works)
    printed = run("check", "--probe", "--format", "json", path)
    document = json.loads(printed.out)
    assert printed.code == 1
    assert document["schema"] == 1
    assert document["probed"] is True
    assert [one["probe"]["verdict"] for one in document["entries"]] == ["unknown_model", "works"]
    assert [one["dead"] for one in document["entries"]] == [True, False]
    assert KEY not in printed.out

    text_of = run("check", "--probe", path)
    assert "entry 0: unknown model (404: no model for [redacted])" in text_of.out
    assert KEY not in text_of.out

    dropped = run("check", "--probe", "--drop-dead", path)
    assert dropped.code == 1
    assert json.loads(dropped.out) == [works]
    assert dropped.err == (
        "autogen-otel: dropped entry 0 (gone): unknown model (404: no model for [redacted]).\n"
    )


def _check_without_autogen(path: str) -> subprocess.CompletedProcess[str]:
    """Run the command where the process that asks AutoGen cannot be started, nor rich be imported."""
    program = (
        "import sys; sys.modules['rich'] = None; sys.executable = '/nowhere/python'; "
        "from autogen_otel.cli import main; sys.exit(main())"
    )
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, "check", path], capture_output=True, text=True, check=False
    )


def test_a_plain_report_needs_no_rich(tmp_path: Path) -> None:
    printed = _check_without_autogen(_write(tmp_path / "list.json", gpt(api_key="sk-...")))
    assert printed.returncode == 1
    assert "AutoGen could not be asked (no process could be started for it" in printed.stdout
    assert "entry 0: api_key is a placeholder" in printed.stdout


def test_not_all_is_called_well_where_autogen_could_not_be_asked(tmp_path: Path) -> None:
    printed = _check_without_autogen(_write(tmp_path / "list.json", gpt(temperatur=0)))
    assert printed.returncode == 0
    assert printed.stdout.endswith("Nothing is wrong that can be found without AutoGen.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.json"], "nothing.json is no file"),
        ([], "nothing to check: the variable OAI_CONFIG_LIST is not set"),
        (["no_such_module:LIST"], "no_such_module:LIST cannot be imported: ModuleNotFoundError"),
        (["--drop-dead", "--format", "json", "x"], "--drop-dead prints the list"),
        (["--timeout", "0", "x"], "no number of seconds"),
        (["--timeout", "soon", "x"], "no number of seconds"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    run: Run, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OAI_CONFIG_LIST", raising=False)
    printed = run("check", *words)
    assert printed.code == 2
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--ca", "ca.pem"), "--ca names whom endpoints are trusted by, so it goes with --probe."),
        (("--probe", "--ca", "nowhere.pem"), "nowhere.pem cannot be read: No such file or directory."),
        (("--probe", "--ca", "list.json"), "list.json holds no certificates in PEM format."),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    _write(tmp_path / "list.json", gpt())
    # In this process, clients read no certificates.
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "autogen_otel.cli", "check", *words, "list.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"autogen-otel: {sentence}\n")
