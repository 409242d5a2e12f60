"""Where lists come from, and how they are printed without dead entries: no host has a part in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.checks.source import SourceError, drop_entries, find, of_text, of_value
from tests.support.config_lists import KEY, gpt, llm_config
from tests.support.lineage import IS_02

LIST = f"""[
    {{"model": "a",  "price": [1.0, 2.50], "api_key": "{KEY}"}},
    {{"model": "b\\u00e9"}}  ,
    {{"model": "c"}}
]
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("OAI_CONFIG_LIST", raising=False)


def _models(config: str | None) -> list[Any]:
    return [one["model"] for one in find(config).entries]


def test_a_list_is_found_where_autogen_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "OAI_CONFIG_LIST").write_text('[{"model": "in the file"}]')
    (tmp_path / "other.json").write_text('[{"model": "in the other"}]')
    assert _models(None) == ["in the file"]
    assert _models("other.json") == ["in the other"]
    monkeypatch.setenv("OAI_CONFIG_LIST", '[{"model": "in the variable"}]')
    assert _models(None) == ["in the variable"]
    monkeypatch.setenv("OAI_CONFIG_LIST", str(tmp_path / "other.json"))
    assert _models(None) == ["in the other"]
    monkeypatch.setenv("MY_LIST", '[{"model": "mine"}]')
    assert _models("MY_LIST") == ["mine"]


def test_a_list_is_found_in_a_module_of_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "agents_of_ours.py").write_text(
        "print('imported')\nclass Settings:\n    LIST = [{'model': 'a'}]\n"
        "CONFIG = {'config_list': Settings.LIST, 'timeout': 9}\n"
    )
    assert _models("agents_of_ours:Settings.LIST") == ["a"]
    source = find("agents_of_ours:CONFIG")
    assert (source.entries, source.options) == ([{"model": "a"}], {"timeout": 9})


@pytest.mark.needs(not IS_02, "an object for configurations")
def test_the_hosts_own_objects_are_lists() -> None:
    source = of_value(llm_config(gpt(), gpt(model="other")))
    assert [one["model"] for one in source.entries] == ["gpt-4o", "other"]
    assert [one["api_key"] for one in source.entries] == [KEY, KEY]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON: Expecting value in line 1, column 1"),
        ('[{"model": "a",}]', "no JSON"),
        ('"gpt-4o"', "is text"),
        ("7", "is a number"),
        ("null", "is null"),
        ("{}", "an object without a config_list"),
        ('{"config_list": "gpt-4o"}', "is text"),
        ("\ufeff[]", "byte order mark"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_list_is_said_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as raised:
        of_text(text, "list.json")
    assert str(raised.value).startswith("list.json ")


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (f"raise ValueError('bad key {KEY}')", "ValueError: bad key \\[redacted\\]"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("def LIST(): return []", "a function"),
        ("LIST = 7", "is a number"),
        ("OTHER = []", "AttributeError"),
    ],
)
def test_a_module_that_has_no_list_is_said_in_a_sentence(tmp_path: Path, module: str, words: str) -> None:
    name = f"module_{abs(hash(module))}"
    (tmp_path / f"{name}.py").write_text(module)
    with pytest.raises(SourceError, match=words):
        find(f"{name}:LIST")


def test_a_module_that_is_named_as_a_file_is_told_how_to_be_named(tmp_path: Path) -> None:
    (tmp_path / "settings_of_ours.py").write_text("config_list = []")
    with pytest.raises(SourceError, match=r"is Python and no JSON; .* such as settings_of_ours:config_list$"):
        find("settings_of_ours.py")


@pytest.mark.parametrize("config", ["nothing.json", "nothing", "a b:c", "x\0y", "n" * 5000])
def test_what_is_nowhere_is_said_in_a_sentence(config: str) -> None:
    with pytest.raises(SourceError, match="is no file, no variable"):
        find(config)


@pytest.mark.parametrize("dead", [set(), {0}, {1}, {2}, {0, 1, 2}])
def test_a_list_is_printed_without_its_dead_entries(dead: set[int]) -> None:
    written = drop_entries(of_text(LIST, "list.json"), dead)
    assert json.loads(written) == [one for index, one in enumerate(json.loads(LIST)) if index not in dead]
    assert written.endswith("]\n")


def test_what_stands_around_a_list_stays() -> None:
    text = '{"timeout": 60, "config_list" : [{"a": "]}"}, {"b": 1e3}], "seed": 1}'
    written = json.loads(drop_entries(of_text(text, "list.json"), {0}))
    assert list(written.items()) == [("timeout", 60), ("config_list", [{"b": 1000.0}]), ("seed", 1)]
    assert json.loads(drop_entries(of_text('{"model": "a"}', "list.json"), {0})) == []


def test_a_list_of_a_program_is_printed_as_json() -> None:
    assert json.loads(drop_entries(of_value([gpt(), gpt(price=(1, 2))]), {0})) == [gpt(price=[1, 2])]
    with pytest.raises(SourceError, match="entry 0 holds a function"):
        drop_entries(of_value([gpt(filter_func=print)]), set())


def test_an_option_that_stands_twice_is_noticed() -> None:
    source = of_text('[{"model": "a", "model": "b"}, {"model": "c"}]', "list.json")
    assert source.repeated_options == (("model",), ())


@pytest.mark.parametrize("text", ["[" * 9000, '{"a":' * 60 + "1" + "}" * 60, f'[{{"n": {"9" * 5000}}}]'])
def test_json_that_nothing_should_walk_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SourceError, match=r"^list\.json is no "):
        of_text(text, "list.json")


def test_a_file_is_read_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "long.json").write_text("[" + " " * 9_000_000 + "]")
    with pytest.raises(SourceError, match=r"^long\.json is longer than 8,000,000 characters"):
        find("long.json")
