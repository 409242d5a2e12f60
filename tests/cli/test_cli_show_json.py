from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autogen_otel.traces.document import trace_document
from autogen_otel.traces.trace import Span, Trace

if TYPE_CHECKING:
    from tests.cli.conftest import Run

FAILING = {
    "trace_id": "a1b2c3d4000000000000000000000001",
    "name": "user -> assistant",
    "service": "claims",
    "start": "2026-11-22T12:46:48.000000Z",
    "duration_seconds": 4.959,
    "agents": ["assistant", "user"],
    "turns": 3,
    "outcome": "failed",
    "failures": {"count": 4, "causes": {"backend": 3, "tool_exception": 1}, "entries": []},
    "tokens": {"input": 1204, "output": 87},
    "cost_usd": 0.0,
    "ended_by": None,
    "under_way": None,
}


def test_the_list_is_one_object(run: Run, journal: Path) -> None:
    code, out, err = run("show", "--format", "json", "--journal", str(journal))
    listed = json.loads(out)
    assert (code, err, listed["schema"]) == (0, "", 1)
    assert [one["outcome"] for one in listed["conversations"]] == [
        "unfinished",
        "ok",
        "recovered",
        "recovered",
        "failed",
    ]
    assert listed["conversations"][-1] == FAILING


def test_limit_and_failing_hold_for_the_list_as_json(run: Run, journal: Path) -> None:
    out = run("show", "--failing", "--limit", "1", "--format", "json", "--journal", str(journal)).out
    assert [one["trace_id"][:2] for one in json.loads(out)["conversations"]] == ["c1"]


def test_a_trace_is_one_object_with_nested_spans(run: Run, journal: Path) -> None:
    text = json.loads(run("show", "a1", "--format", "json", "--journal", str(journal)).out)
    assert (text["schema"], text["trace_id"], text["conversation"]) == (1, FAILING["trace_id"], FAILING)
    (root,) = text["spans"]
    assert [child["name"] for child in root["children"]] == [
        "invoke_agent assistant",
        "invoke_agent user",
        "invoke_agent assistant",
    ]
    (tool,) = root["children"][1]["children"]
    assert tool["attributes"]["gen_ai.tool.name"] == "lookup_policy"
    assert tool["events"][0]["attributes"]["exception.type"] == "ValueError"
    assert (tool["status"], tool["kind"], tool["duration_seconds"]) == ("error", "internal", 0.003)
    assert tool["parent_id"] == root["children"][1]["span_id"]
    assert root["children"][2]["children"][0]["links"][0]["span_id"] == tool["span_id"]


def test_only_what_failed_is_in_the_json_when_asked(run: Run, journal: Path) -> None:
    text = json.loads(run("show", "a1", "--failing", "--format", "json", "--journal", str(journal)).out)
    assert [child["name"] for child in text["spans"][0]["children"]] == [
        "invoke_agent user",
        "invoke_agent assistant",
    ]
    assert text["conversation"] == FAILING


def test_values_that_json_has_no_word_for_become_text() -> None:
    odd = {"bytes": b"\x00\xff", "nan": float("nan"), "deep": [{"inf": float("-inf")}]}
    span = Span(trace_id="1", span_id="2", kind=9, attributes=odd)
    (text,) = json.loads(json.dumps(trace_document(Trace.of([span])), allow_nan=False))["spans"]
    assert text["attributes"] == {"bytes": "AP8=", "nan": "nan", "deep": [{"inf": "-inf"}]}
    assert text["kind"] == "9"


def test_json_needs_no_rich(journal: Path) -> None:
    program = "import sys; sys.modules['rich'] = None; from autogen_otel.cli import main; sys.exit(main())"
    for words in (["show"], ["show", "a1"]):
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program, *words, "--format", "json", "--journal", str(journal)],
            capture_output=True,
            check=True,
        )
        assert json.loads(done.stdout)["schema"] == 1


def test_the_page_names_every_field(run: Run, journal: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "show-json.md").read_text(encoding="utf-8")
    listed = json.loads(run("show", "--format", "json", "--journal", str(journal)).out)
    shown = json.loads(run("show", "a1", "--format", "json", "--journal", str(journal)).out)
    conversation, span = listed["conversations"][0], shown["spans"][0]
    nested = {f"{name}.{key}" for name in ("failures", "tokens") for key in conversation[name]}
    fields = {*listed, *shown, *conversation, *span, *nested} - {"failures", "tokens"}
    assert {name for name in fields if f"`{name}`" not in page} == set()


def test_only_what_is_asked_for_is_listed(run: Run, journal: Path) -> None:
    def ids(*options: str) -> list[str]:
        out = run("show", "--format", "json", "--journal", str(journal), *options).out
        return [one["trace_id"][:2] for one in json.loads(out)["conversations"]]

    assert ids("--cause", "tool_exception") == ["a1"]
    assert ids("--outcome", "ok", "--limit", "0") != ids()
    assert ids("--until", "2026-11-22T12:46:48.5Z", "--outcome", "failed") == ["a1"]


def test_what_nothing_fits_and_what_is_no_time_is_one_sentence(run: Run, journal: Path) -> None:
    for options, words in (
        (("--agent", "nobody"), "holds no such conversation"),
        (("--since", "soon"), "'soon' is no time"),
        (("--cause", "weather"), "invalid choice: 'weather' (choose from "),
    ):
        code, out, err = run("show", "--journal", str(journal), *options)
        assert (code, out) == (2, "")
        assert words in err
