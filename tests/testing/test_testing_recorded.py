"""What a written test may reach by the word of a trace, which anybody may have written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autogen_otel.testing import RecordedEntry, RecordedTool

PLANTED = "sk-proj-" + "PLANTED0" * 6
RECORDED = "https://models.acme.io/v1"
MODULE = """
import os
import subprocess
from os.path import join


def office(policy_id):
    return policy_id
"""


@pytest.mark.parametrize(
    ("function", "file"),
    [
        ("os.system", "/app/"),
        ("os.system", "/app/policies_of_acme.py"),
        ("os.path.join", "/lib/posixpath.py"),
        ("join", "/lib/posixpath.py"),
        ("subprocess.getoutput", "/lib/subprocess.py"),
        ("subprocess.Popen", "/lib/subprocess.py"),
        ("office", "/app/other.py"),
    ],
)
def test_a_name_leads_only_to_what_its_module_has_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, file: str
) -> None:
    (tmp_path / "policies_of_acme.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    tool = RecordedTool(name="office", module="policies_of_acme", function=function, file=file, line=1)
    with pytest.raises(pytest.fail.Exception, match=r"cannot be reproduced here: policies_of_acme\."):
        tool.call({"a": "true"})


@pytest.mark.parametrize(
    ("module", "file", "says"),
    [
        ("shutil", "/app/shutil.py", "shutil is Python's own"),
        ("os", "/usr/lib/python3.12/os.py", "os is Python's own"),
        ("__main__", shutil.__file__, "__main__ is Python's own"),
        ("__main__", pytest.__file__, "__main__ is an installed package here"),
        ("pytest", pytest.__file__, "pytest is an installed package here"),
        ("package_of_others.inner", "/app/package_of_others/inner.py", "is an installed package here"),
    ],
)
def test_nothing_is_imported_but_what_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, file: str, says: str
) -> None:
    package = tmp_path / "lib" / "site-packages" / "package_of_others"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it was imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    tool = RecordedTool(name="remove", module=module, function="rmtree", file=file, line=1)
    with pytest.raises(pytest.fail.Exception) as failed:
        tool.call({"path": str(tmp_path)})
    assert says in str(failed.value)
    assert tmp_path.is_dir()


def test_an_installed_package_is_called_where_the_user_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "desk_of_acme.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    file = "/srv/site-packages/desk_of_acme.py"
    tool = RecordedTool(
        name="office", module="desk_of_acme", function="office", file=file, line=7, installed=True
    )
    assert tool.call({"policy_id": "P-1"}) == "P-1"


def recorded(api_type: str = "openai", base_url: str | None = RECORDED) -> RecordedEntry:
    version = "2024-06-01" if api_type == "azure" else None
    return RecordedEntry(index=0, model="gpt-4o", api_type=api_type, base_url=base_url, api_version=version)


@pytest.fixture
def no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No list and no URLs in the environment, but keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("OAI_CONFIG_LIST", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, PLANTED)
    return monkeypatch


@pytest.mark.parametrize(
    ("entry", "variables", "says"),
    [
        (recorded(), {}, "or https://models.acme.io/v1 into OPENAI_BASE_URL"),
        (recorded(), {"OPENAI_BASE_URL": "https://other.acme.io/v1"}, "into OPENAI_BASE_URL"),
        (recorded(), {"OPENAI_BASE_URL": "http://models.acme.io/v1"}, "into OPENAI_BASE_URL"),
        (recorded(), {"OPENAI_BASE_URL": "https://models.acme.io:8443/v1"}, "into OPENAI_BASE_URL"),
        (recorded(base_url="http://[::1"), {"OPENAI_BASE_URL": "http://[::1"}, "into OPENAI_BASE_URL"),
        (recorded(base_url="x"), {"OPENAI_BASE_URL": "x"}, "into OPENAI_BASE_URL"),
        (recorded(base_url="https://api.openai.com@acme.io/v1"), {}, "into OPENAI_BASE_URL"),
        (recorded("azure"), {}, "into AZURE_OPENAI_ENDPOINT"),
        (recorded(base_url=None), {}, "put your config_list into OAI_CONFIG_LIST"),
        (recorded("google"), {}, "put your config_list into OAI_CONFIG_LIST"),
    ],
)
def test_no_key_goes_where_only_the_trace_says(
    no_list: pytest.MonkeyPatch, entry: RecordedEntry, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        no_list.setenv(name, value)
    with pytest.raises(pytest.skip.Exception) as skipped:
        entry.found()
    assert says in str(skipped.value)
    assert PLANTED not in str(skipped.value)


@pytest.mark.parametrize(
    ("entry", "variables"),
    [
        (recorded(base_url="https://api.openai.com/v1"), {}),
        (recorded(), {"OPENAI_BASE_URL": "https://MODELS.acme.io:443"}),
        (recorded("azure"), {"AZURE_OPENAI_ENDPOINT": "https://models.acme.io/"}),
    ],
)
def test_a_key_goes_where_the_user_says(
    no_list: pytest.MonkeyPatch, entry: RecordedEntry, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        no_list.setenv(name, value)
    assert entry.found()["api_key"] == PLANTED
    no_list.delenv("OPENAI_API_KEY")
    no_list.delenv("AZURE_OPENAI_API_KEY")
    with pytest.raises(pytest.skip.Exception, match=r"or a key in (AZURE_)?OPENAI_API_KEY"):
        entry.found()


def test_the_entry_is_found_where_the_list_is(tmp_path: Path, no_list: pytest.MonkeyPatch) -> None:
    mine = {"model": "mine", "api_key": PLANTED, "base_url": "https://mine.acme.io/v1"}
    Path("lists_of_acme.py").write_text(f"LLM = {{'config_list': [{mine!r}]}}\nNONE = None", encoding="utf-8")
    Path("list.json").write_text(json.dumps([mine]), encoding="utf-8")
    no_list.setenv("MINE", json.dumps([mine]))
    no_list.setenv("BROKEN", f'["{PLANTED}"')
    for config in ("lists_of_acme:LLM", "list.json", "MINE"):
        assert RecordedEntry(index=0, model="gpt-4o", config=config).found() == mine
        with pytest.raises(pytest.fail.Exception, match="has 1 entries, and entry 1 was recorded"):
            RecordedEntry(index=1, model="gpt-4o", config=config).found()
    no_list.setenv("OAI_CONFIG_LIST", "list.json")
    assert RecordedEntry(index=0, model="gpt-4o").found() == mine
    for config in ("lists_of_acme:NONE", "lists_of_acme:MISSING", "BROKEN", "none.json"):
        with pytest.raises(pytest.fail.Exception) as failed:
            RecordedEntry(index=0, model="gpt-4o", config=config).found()
        assert config in str(failed.value)
        assert PLANTED not in str(failed.value)
