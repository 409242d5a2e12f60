"""Any object as text."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import OrderedDict, UserDict, UserList, deque, namedtuple
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_otel.redaction import KnownSecrets
from autogen_otel.redaction.redactor import Redactor
from autogen_otel.rendering.values import json_text, text
from tests.support.lineage import examples_of_plain
from tests.support.rendering import FORMATS_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1000
SECRET = "qwxzjv/Planted+0123456789"


class Colour(Enum):
    RED = "red"
    ODD = (1, 2)


class Level(IntEnum):
    HIGH = 3


@dataclass
class Claim:
    amount: int
    api_key: str = "planted"
    hidden: str = field(default="planted", repr=False)


@dataclass(slots=True)
class Slotted:
    amount: int


class Model:
    """Looks like a pydantic model."""

    model_fields = {"amount": None, "password": None}  # noqa: RUF012 - as pydantic has it

    def __init__(self) -> None:
        self.__dict__.update(amount=1, password="planted", __pydantic_extra__={"more": 2})


class SecretValue:
    def get_secret_value(self) -> str:
        raise AssertionError

    def __str__(self) -> str:
        return "planted"


Point = namedtuple("Point", "x token")  # noqa: PYI024 - the untyped kind is what tools return


class Plain:
    pass


async def coroutine() -> None:
    return None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("plain", "plain"),
        ('{"a": 1}', '{"a": 1}'),
        ('[1, {"password": "planted"}]', '[1, {"password": "[redacted]"}]'),
        ('{"a": bad', '{"a": bad'),
        ('"just a string"', '"just a string"'),
        (b'{"a": "\xc3\xa9"}', '{"a": "é"}'),
        ({"b": 1, "a": "é"}, '{"b": 1, "a": "é"}'),
        ({1: 2, None: 3, (1, 2): 4}, '{"1": 2, "null": 3, "[1, 2]": 4}'),
        ({"body": '{"credentials": {"a": "planted"}}'}, r'{"body": "{\"credentials\": \"[redacted]\"}"}'),
        ({"api_key": None, "token": "", "pin": 1234}, '{"api_key": null, "token": "", "pin": "[redacted]"}'),
        ({"name": "api_key", "value": "planted"}, '{"name": "api_key", "value": "[redacted]"}'),
        ([("X-Api-Key", "planted"), ("a", "b")], '[["X-Api-Key", "[redacted]"], ["a", "b"]]'),
        ({"cookies": {"a": "planted"}}, '{"cookies": "[redacted]"}'),
        ([float("nan"), float("inf"), -float("inf")], '["NaN", "Infinity", "-Infinity"]'),
        ([10**5000], '["<int: 16610 bits>"]'),
        (
            [Decimal("1.10"), datetime(2026, 1, 2, tzinfo=timezone.utc)],
            '["1.10", "2026-01-02 00:00:00+00:00"]',
        ),
        ([Colour.RED, Colour.ODD, Level.HIGH], '["red", "Colour.ODD", 3]'),
        ((1, {2}, frozenset({3}), deque([4])), "[1, [2], [3], [4]]"),
        (Claim(5), '{"amount": 5, "api_key": "[redacted]"}'),
        (Slotted(5), '{"amount": 5}'),
        (Model(), '{"amount": 1, "password": "[redacted]", "more": 2}'),
        (Point(1, "planted"), '{"x": 1, "token": "[redacted]"}'),
        (SimpleNamespace(a=1), '{"a": 1}'),
        (MappingProxyType({"a": 1}), '{"a": 1}'),
        (OrderedDict(a=1), '{"a": 1}'),
        (UserDict({"a": 1}), '{"a": 1}'),
        (UserList([1]), "[1]"),
        ({"a": 1}.keys(), '["a"]'),
        ([SecretValue()], '["[redacted]"]'),
        ([ValueError("bad")], '["ValueError: bad"]'),
        (
            [Plain(), Plain, len, json],
            f'["<Plain object>", "<class {__name__}.Plain>", "<function len>", "<module json>"]',
        ),
        (b"\xff\x00abc", "<bytes: 5, \\xff\\x00abc>"),
        ({"a": "x\x00y\ud800"}, '{"a": "x\\\\x00y\\\\ud800"}'),
        (bytearray(b"abc"), "abc"),
    ],
)
def test_a_value_becomes_json(value: object, expected: str) -> None:
    output = json_text(value, LIMIT, FORMATS_ONLY).replace("tests.capture.", "")
    assert output == expected
    assert "planted" not in output


def test_plain_text_says_what_python_says() -> None:
    assert [text(value, LIMIT, FORMATS_ONLY) for value in (None, True, 5, "a", ValueError("b"))] == [
        "None",
        "True",
        "5",
        "a",
        "ValueError: b",
    ]


def test_cycles_are_cut_and_shared_values_are_not() -> None:
    shared = [1]
    tree: dict[str, Any] = {"a": shared, "b": shared}
    tree["self"] = tree
    assert json_text(tree, LIMIT, FORMATS_ONLY) == '{"a": [1], "b": [1], "self": "<cycle>"}'


def test_nothing_lazy_is_consumed_or_awaited() -> None:
    numbers = iter([1, 2])
    generator = (number for number in [1, 2])
    pending = coroutine()
    output = json_text([numbers, generator, pending, map(str, numbers)], LIMIT, FORMATS_ONLY)
    assert output == '["<iterator list_iterator>", "<generator>", "<coroutine>", "<iterator map>"]'
    assert list(numbers) == [1, 2]
    assert list(generator) == [1, 2]
    asyncio.run(pending)


def test_nothing_is_changed() -> None:
    tree = {"a": [1, {"password": "x"}]}
    json_text(tree, LIMIT, FORMATS_ONLY)
    assert tree == {"a": [1, {"password": "x"}]}


class CountingList(list[int]):
    touched = 0

    def __iter__(self) -> Iterator[int]:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError


def test_a_subclass_of_a_collection_is_read_without_its_own_methods() -> None:
    assert json_text(CountingList([1, 2]), LIMIT, FORMATS_ONLY) == "[1, 2]"


class Counter:
    printed = 0

    def __str__(self) -> str:
        Counter.printed += 1
        return "counted"


def test_of_a_gigantic_collection_only_the_beginning_is_read() -> None:
    Counter.printed = 0
    output = json_text([Counter()] * 1_000_000, LIMIT, FORMATS_ONLY)
    assert len(output) <= LIMIT
    assert Counter.printed < 10_000
    assert "…[cut, over " in output


def test_a_long_value_keeps_its_original_length() -> None:
    assert json_text("x" * 1_048_576, LIMIT, FORMATS_ONLY).endswith("…[cut, 1048576 characters in all]")
    assert "…[cut, 1048576 characters in all]" in json_text({"a": "x" * 1_048_576}, LIMIT, FORMATS_ONLY)


def test_deep_nesting_ends() -> None:
    tree: list[Any] = []
    for _ in range(5000):
        tree = [tree]
    assert "<deeper>" in json_text(tree, LIMIT, FORMATS_ONLY)
    assert json_text("[" * 200_000, LIMIT, FORMATS_ONLY).startswith("[[[")


def _raising(*args: object, **kwargs: object) -> Any:
    raise ValueError("hostile")


HOSTILE_METHODS = (
    *("__repr__", "__str__", "__iter__", "__len__", "__getattr__", "__getattribute__", "__hash__", "__eq__"),
    *(
        "__bool__",
        "__getitem__",
        "__format__",
        "__contains__",
        "keys",
        "items",
        "get_secret_value",
        "__dir__",
    ),
    *("__bytes__", "__int__", "__float__", "__enter__", "__call__", "__index__", "__reduce__", "__sizeof__"),
)
HOSTILE_BASES = (object, str, int, float, bytes, dict, list, tuple, set, Exception)


@pytest.mark.parametrize("base", HOSTILE_BASES)
@pytest.mark.parametrize("methods", [HOSTILE_METHODS, *itertools.combinations(HOSTILE_METHODS, 1)])
def test_a_hostile_object_is_shown_and_does_not_raise(base: type, methods: tuple[str, ...]) -> None:
    # Without __getattribute__ in the first place the others would never be reached.
    names = [name for name in methods if len(methods) == 1 or name != "__getattribute__"]
    hostile = type("Hostile", (base,), dict.fromkeys(names, _raising))()
    for output in (
        json_text(hostile, LIMIT, FORMATS_ONLY),
        text(hostile, LIMIT, FORMATS_ONLY),
        json_text([hostile, {"a": hostile}], LIMIT, FORMATS_ONLY),
    ):
        assert "hostile" not in output
        output.encode()


def test_an_object_of_the_users_is_not_asked_for_its_text() -> None:
    broken = type("Broken", (), {"__str__": _raising})()
    assert text(broken, LIMIT, FORMATS_ONLY) == "<Broken object>"
    assert text(Decimal("1.50"), LIMIT, FORMATS_ONLY) == "1.50"


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(64, 400))
def test_any_text_encodes_and_fits(value: str, limit: int) -> None:
    for output in (
        text(value, limit, FORMATS_ONLY),
        json_text(value, limit, FORMATS_ONLY),
        json_text({"a": value, value: 1}, limit, FORMATS_ONLY),
    ):
        output.encode()
        assert len(output) <= limit


@given(st.binary(max_size=300))
def test_any_bytes_encode(value: bytes) -> None:
    json_text([value], LIMIT, FORMATS_ONLY).encode()


def test_a_secret_that_only_the_assembled_text_spells_is_masked() -> None:
    secrets = KnownSecrets()
    secrets.add('"pair": [1, 2]')
    assert json_text({"pair": [1, 2]}, LIMIT, Redactor(secrets)) == "{[redacted]}"


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.just("\ue000"),
    st.binary(max_size=8),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=8), st.just("\ue000")), inner, max_size=4),
    ),
    max_leaves=12,
)
SECRETS = st.one_of(
    st.just(SECRET),
    st.text(alphabet="qwxzj\"'\\/ +%\nü\U0001f680", min_size=6, max_size=30).filter(
        lambda t: len(set(t.strip())) > 2
    ),
)


def _planted(tree: Any, secret: str, around: str) -> Any:
    """Put the secret at every place that holds the marker."""
    if isinstance(tree, str):
        return tree.replace("\ue000", around + secret + around)
    if isinstance(tree, dict):
        return {_planted(key, secret, around): _planted(value, secret, around) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_planted(item, secret, around) for item in tree)
    return tree


@pytest.mark.slow
@settings(max_examples=examples_of_plain(100))
@given(
    TREES,
    SECRETS,
    st.sampled_from(["", " ", "x", "\n", "/", '"', "=" * 70]),
    st.sampled_from([64, 100, 5000]),
)
def test_a_planted_secret_never_comes_out_in_any_form(
    tree: Any, secret: str, around: str, limit: int
) -> None:
    secrets = KnownSecrets()
    secrets.add(secret)
    redactor = Redactor(secrets)
    data = [_planted(tree, secret, around), around + secret + around]
    for output in (
        json_text(data, limit, redactor),
        json_text(json.dumps(data, default=repr), limit, redactor),
        text(data, limit, redactor),
        text(repr(data), limit, redactor),
    ):
        assert len(output) <= limit
        if secrets.version and len(secret.strip()) >= 6:
            assert secret.strip() not in output
            assert json.dumps(secret.strip())[1:-1] not in output
            assert json.dumps(secret.strip(), ensure_ascii=False)[1:-1] not in output
