"""The store of exact secrets."""

from __future__ import annotations

import json
from collections import UserDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from autogen_otel.redaction import KnownSecrets

if TYPE_CHECKING:
    from pathlib import Path

SECRET = 'planted/se"cret+0001'


class Hidden:
    """Looks like pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        return SECRET


class Url:
    """Looks like pydantic's HttpUrl."""

    def unicode_string(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"https://user:{quote(SECRET, safe='')}@host/v1"


class Broken:
    def get_secret_value(self) -> str:
        raise RuntimeError


@dataclass
class Entry:
    model: str
    api_key: object


def masked(tree: object) -> str:
    secrets = KnownSecrets()
    secrets.add_tree(tree)
    return secrets.mask(f"before {SECRET} after")


@pytest.mark.parametrize(
    "tree",
    [
        {"api_key": SECRET},
        {"config_list": [{"model": "m"}, {"api_key": SECRET}]},
        [{"api_key": Hidden()}],
        {"anything": Hidden()},
        {"default_headers": {"X-Api-Key": SECRET}},
        {"default_headers": {"Authorization": f"Bearer {SECRET}"}},
        {"default_headers": {"X-Custom": f"Bearer {SECRET}"}},
        {"default_headers": {b"authorization": f"Bearer {SECRET}".encode()}},
        {"api_keys": [SECRET]},
        {"api_keys": {"first": SECRET}},
        {"auth": ("user", SECRET)},
        {"credentials": {"type": "service_account", "private_key": SECRET}},
        {"base_url": f"https://user:{quote(SECRET, safe='')}@host/v1"},
        {"base_url": f"https://host/v1?api-key={quote(SECRET, safe='')}"},
        {"base_url": Url()},
        Entry("m", SECRET),
        [Entry("m", Hidden())],
        {"broken": Broken(), "api_key": SECRET},
    ],
)
def test_a_secret_is_found_wherever_configuration_keeps_it(tree: object) -> None:
    assert SECRET not in masked(tree)


def test_what_is_no_secret_in_configuration_is_not_masked() -> None:
    secrets = KnownSecrets()
    secrets.add_tree(
        {
            "model": "gpt-4o-mini",
            "max_tokens": "plenty-of-them",
            "note": "Basic knowledge",
            "credentials": {"project_id": "my-project"},
            "base_url": "https://example.com/v1?page=12345678",
        }
    )
    assert secrets.version == 0


def test_a_tree_that_contains_itself_is_walked_once_and_left_as_it_was() -> None:
    tree: dict[str, Any] = {"api_key": SECRET}
    tree["self"] = tree
    assert SECRET not in masked(tree)
    assert list(tree) == ["api_key", "self"]


@pytest.mark.parametrize(
    "value",
    [
        "ollama",
        "EMPTY",
        "NULL",
        "none",
        "dummy",
        "not-needed",
        "lm-studio",
        "short",
        "",
        "xxxxxxxx",
        None,
        12,
        1.5,
    ],
)
def test_placeholders_and_short_values_are_ignored(value: object) -> None:
    secrets = KnownSecrets()
    secrets.add(value)
    assert secrets.version == 0


def test_the_version_rises_with_new_secrets_only() -> None:
    secrets = KnownSecrets()
    secrets.add("first-secret-1")
    secrets.add("first-secret-1")
    assert secrets.version == 1
    secrets.add(b"second-secret-2")
    assert secrets.version == 2


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
        json.dumps(SECRET)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        repr(SECRET + "'")[1:-3],
    ],
)
def test_a_secret_is_masked_also_where_it_is_quoted_or_escaped(written: str) -> None:
    secrets = KnownSecrets()
    secrets.add(SECRET)
    assert secrets.mask(f"<{written}>") == "<[redacted]>"


def test_the_longer_of_two_overlapping_secrets_is_masked_whole() -> None:
    secrets = KnownSecrets()
    secrets.add("abcdef1")
    secrets.add("abcdef1-and-more")
    assert secrets.mask("abcdef1-and-more") == "[redacted]"


def test_the_environment_gives_values_of_secret_names_and_passwords_in_urls(tmp_path: Path) -> None:
    secrets = KnownSecrets()
    secrets.add_environment(
        {
            "OPENAI_API_KEY": "planted-key-1",
            "DATABASE_URL": "postgres://user:planted-pw-2@db/x",
            "SSH_KEY": str(tmp_path),
            "PWD": "/no/such/folder",
            "PATH": "/usr/bin/planted",
            "MAX_TOKENS": "planted-count",
        }
    )
    assert secrets.mask("planted-key-1 planted-pw-2") == "[redacted] [redacted]"
    unharmed = f"{tmp_path} /no/such/folder /usr/bin/planted planted-count"
    assert secrets.mask(unharmed) == unharmed


class Lazy:
    """Loads itself when any attribute is read, as proxies of databases do."""

    read: list[str]

    def __init__(self) -> None:
        object.__setattr__(self, "read", [])

    def __getattribute__(self, name: str) -> Any:
        if name != "read":
            object.__getattribute__(self, "read").append(name)
        return object.__getattribute__(self, name)


def test_objects_in_configuration_are_not_read() -> None:
    lazy = Lazy()
    secrets = KnownSecrets()
    secrets.add_tree({"model": "m", "client": lazy, "api_key": lazy, "list": [lazy]})
    assert set(lazy.read) <= {"__dict__"}


def test_a_hostile_tree_does_not_raise() -> None:
    class Hostile(UserDict[str, str]):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    secrets = KnownSecrets()
    secrets.add_tree([Hostile.__new__(Hostile), {"api_key": SECRET}])
    secrets.add_tree(Hostile.__new__(Hostile))
    assert secrets.version == 1
