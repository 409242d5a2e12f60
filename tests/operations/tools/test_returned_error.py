"""Errors that tools return: what is read of them, and what is not."""

from __future__ import annotations

import threading
from collections import UserDict
from types import SimpleNamespace
from typing import Any

import pytest

from autogen_otel.operations.tools.returned_error import returned_error


def _mcp(module: str, **fields: Any) -> Any:
    result = type("CallToolResult", (), {"__module__": module})()
    vars(result).update(fields)
    return result


def test_what_ag2_writes_of_a_dict_is_read() -> None:
    assert (
        returned_error(str({"error": 'no "such" claim', "n": [-1, 2.5e-7, (True, None)]}))
        == 'no "such" claim'
    )


@pytest.mark.parametrize("module", ["mcp.types", "fastmcp.client.client"])
def test_a_result_of_mcp_says_whether_it_is_an_error(module: str) -> None:
    assert returned_error(_mcp(module, isError=True, content="no such claim")) == "no such claim"
    assert returned_error(_mcp(module, is_error=True, content="no such claim")) == "no such claim"
    assert returned_error(_mcp(module, isError=False, content="no such claim")) is None


@pytest.mark.parametrize(
    "value",
    [SimpleNamespace(isError=True), UserDict(error="no such claim"), {"status": SimpleNamespace()}, object()],
    ids=["object", "mapping", "unknown status", "nothing"],
)
def test_what_is_of_no_known_type_is_no_error(value: Any) -> None:
    assert returned_error(value) is None


@pytest.mark.parametrize("error", [ValueError("x"), SimpleNamespace(), UserDict(), [SimpleNamespace()]])
def test_an_error_of_an_unknown_type_is_one_whose_text_the_host_makes(error: Any) -> None:
    assert returned_error({"error": error}) == ""


@pytest.mark.parametrize(
    "text",
    [
        '{"error": ' + "-" * 9_000 + "1}",
        "{'error': " + "- " * 9_000 + "1}",
        "{'error': " + "not " * 4_000 + "1}",
        '{"error": ' + "[" * 9_000 + "]" * 9_000 + "}",
        "{'error': " + "(" * 9_000 + ")" * 9_000 + "}",
        "{'error': " + "1+" * 9_000 + "1}",
        "{'error': 1 " + "+ 1" * 9_000 + "}",
        "{'error': 'x'" + "()" * 9_000 + "}",
        "{'error': 'x'" + "[0]" * 9_000 + "}",
        "{'error': 1 " + ".e" * 9_000 + "}",
        '{"error":' * 5_000 + "1" + "}" * 5_000,
    ],
    ids=lambda text: text[10:22],
)
def test_text_that_is_nested_without_end_is_not_parsed_on_a_small_stack(text: str) -> None:
    said: list[str | None] = []
    before = threading.stack_size(131_072)
    try:
        thread = threading.Thread(target=lambda: said.append(returned_error(text)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert said == [None]
