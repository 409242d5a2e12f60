"""A tool fails, its test is written and fails as the tool did, the tool is mended, the test passes."""

from __future__ import annotations

import importlib
import inspect
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.testing import ScriptedServer, text, tool_call
from tests.support.agents import chat, pair
from tests.support.lineage import IS_02
from tests.support.reproduced import Case

TOOLS = """
from typing import Annotated, Literal, Optional

import asyncio
import enum
import functools
from datetime import date

from pydantic import BaseModel

OFFICES = {"NORTH": "Leeds"}
RATES = {"car": 2}


class Kind(str, enum.Enum):
    MOTOR = "motor"
    HOME = "home"


def counted(function):
    @functools.wraps(function)
    def counting(*values, **named):
        return function(*values, **named)

    return counting


class Claim(BaseModel):
    id: int
    items: list[str]


def office(policy_id: str) -> str:
    return OFFICES[policy_id.split("-")[1]]


async def office_later(policy_id: str) -> str:
    await asyncio.sleep(0)
    return OFFICES[policy_id.split("-")[1]]


class Desk:
    @staticmethod
    def first_item(claim: Claim) -> str:
        return claim.items[claim.id]


def pay(amount: float) -> str:
    return f"{amount:.2f} paid"


def plain(claim: dict) -> str:
    return claim["number"]


@counted
def premium(kind: Annotated[Literal["car", "boat"], "what is insured"], years: int = 3) -> str:
    return str(RATES[kind] * years)


def excess(kind: Kind, since: Optional[date] = None) -> str:
    return {Kind.MOTOR: "100"}[Kind(kind)]


class Branch:
    towns = {"LS": "Leeds"}

    @classmethod
    def town(cls, code: str) -> str:
        return cls.towns[code]


def named_otherwise(policy_id: str) -> str:
    return OFFICES[policy_id]
"""
INJECTED = """
from autogen.tools import Depends, tool


def rate() -> float:
    return 0.0


def priced(amount: float, per: Annotated[float, Depends(rate)]) -> str:
    return str(amount / per)


@tool(name="made", description="A tool that is made where it stands.")
def made(policy_id: str) -> str:
    return OFFICES[policy_id.split("-")[1]]
"""
PROGRAM = """
import os


def settle(claim_id: str) -> str:
    return {"C-1": "paid"}[claim_id]


if __name__ == "__main__":
    from tests.support.agents import assistant, chat, user

    helper, asker = assistant([{"model": "gpt-4o", "api_key": "none", "base_url": os.environ["URL"]}]), user()
    helper.register_for_llm(name="settle", description="Settles")(settle)
    asker.register_for_execution(name="settle")(settle)
    chat(asker, helper)
"""
MENDED = (
    (".split", ".upper().split"),
    ('OFFICES[policy_id.upper().split("-")[1]]', 'OFFICES.get(policy_id.split("-")[1], "no office")'),
    ("claim.items[claim.id]", "claim.items[0]"),
    ("amount: float) -> str:\n    return f", "amount: float | str) -> str:\n    return str(amount) or f"),
    ('claim["number"]', 'claim.get("number", "none")'),
    ("RATES[kind]", "RATES.get(kind, 1)"),
    ('{Kind.MOTOR: "100"}[Kind(kind)]', '{Kind.MOTOR: "100"}.get(Kind(kind), "0")'),
    ("cls.towns[code]", 'cls.towns.get(code, "nowhere")'),
    ("OFFICES[policy_id]", 'OFFICES.get(policy_id, "no office")'),
    ("return 0.0", "return 2.0"),
)
CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "office": ("office", {"policy_id": "MOTOR-null-7"}, "KeyError: 'null'"),
    "later": ("office_later", {"policy_id": "MOTOR-null-7"}, "KeyError: 'null'"),
    "static": ("Desk.first_item", {"claim": {"id": 7, "items": ["screen"]}}, "IndexError"),
    "pay": ("pay", {"amount": "ten thousand"}, "amount: expected number, got string 'ten thousand'"),
    "plain": ("plain", {"claim": {"id": 7}}, "KeyError: 'number'"),
    "premium": ("premium", {"kind": "boat"}, "KeyError: 'boat'"),
    "excess": ("excess", {"kind": "home"}, "KeyError: <Kind.HOME: 'home'>"),
    "town": ("Branch.town", {"code": "null"}, "KeyError: 'null'"),
    "find_office": ("named_otherwise", {"policy_id": "P-7"}, "KeyError: 'P-7'"),
}
if not IS_02:
    TOOLS += INJECTED
    CALLS["injected"] = ("priced", {"amount": 3}, "ZeroDivisionError")
    CALLS["made"] = ("made", {"policy_id": "MOTOR-null-7"}, "KeyError: 'null'")


def agents_with(server: ScriptedServer, function: Any, name: str, *, raw: bool) -> tuple[Any, Any]:
    """Two agents with a tool; AG2's own kind of tools has no name of a function."""
    if raw:
        return pair(server, function, raw=True)
    asker, helper = pair(server)
    if IS_02 and inspect.ismethod(function):
        # It takes those in its map only.
        asker.register_function({name: function})
        return asker, helper
    own = {"name": name, "description": name} if hasattr(function, "__name__") else {}
    as_tool = own and inspect.ismethod(function)
    shown = (
        importlib.import_module("autogen.tools").Tool(func_or_tool=function, **own) if as_tool else function
    )
    helper.register_for_llm(**own)(shown)
    asker.register_for_execution(**{key: own[key] for key in own if key == "name"})(shown)
    return asker, helper


def test_from_incident_to_test_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "app" / "desk_of_tools.py"
    program.parent.mkdir()
    program.write_text(TOOLS, encoding="utf-8")
    monkeypatch.syspath_prepend(program.parent)
    module = importlib.import_module("desk_of_tools")
    del sys.modules["desk_of_tools"]
    monkeypatch.setitem(sys.modules, "desk_of_tools", module)
    case = Case(tmp_path)
    for name, (path, arguments, said) in CALLS.items():
        function: Any = module
        for part in path.split("."):
            function = getattr(function, part)
        known_as = name if name == "find_office" else path.rpartition(".")[2]
        with ScriptedServer([tool_call(known_as, arguments), text("TERMINATE")]) as server:
            agents = agents_with(server, function, known_as, raw=name == "plain")
            trace_id = case.record(lambda agents=agents: chat(*agents))  # type: ignore[misc]
        assert case.diagnosed()[trace_id] == ("tool_arguments" if name == "pay" else "tool_exception")
        source = case.repro(trace_id, name)
        assert source.startswith('"""Reproduces a failure that was recorded: ')
        assert trace_id in source
        assert said.split(":")[0] in source
    main = tmp_path / "app" / "program.py"
    main.write_text(PROGRAM, encoding="utf-8")
    with ScriptedServer([tool_call("settle", {"claim_id": "C-2"}), text("TERMINATE")]) as server:
        monkeypatch.setenv("URL", server.base_url)
        trace_id = case.record(lambda: runpy.run_path(str(main), run_name="__main__"))
    assert 'module="__main__"' in case.repro(trace_id, "main")
    outcomes, printed = case.run()
    assert set(outcomes.values()) == {"FAILED"}, printed
    assert len(outcomes) == len(CALLS) + 2, "the arguments of pay are held against its schema, too"
    assert "KeyError: 'C-2'" in printed
    for _, _, said in CALLS.values():
        assert said in printed
    case.mend(main, PROGRAM.replace("[claim_id]", ".get(claim_id, 'unknown')"))
    mended = TOOLS
    for old, new in MENDED:
        mended = mended.replace(old, new)
    case.mend(program, mended)
    outcomes, printed = case.run()
    assert set(outcomes.values()) == {"PASSED"}, printed
    case.mend(program, mended.replace("def named_otherwise", "def moved"))
    outcomes, printed = case.run(only="test_find_office.py")
    assert set(outcomes.values()) == {"FAILED"}
    assert "desk_of_tools has no named_otherwise, which stood in" in printed
