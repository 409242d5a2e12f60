"""What ``repro`` refuses and says, on traces that are written down; nothing of a host is needed."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.cli import main
from autogen_otel.diagnosis.evidence.population import Population
from tests.support.incidents import failing_tool, fallback, recovered
from tests.support.recorded import RecordedTrace, exception, write

if TYPE_CHECKING:
    from autogen_otel.traces.trace import Trace

PLANTED = "sk-proj-" + "PLANTED0" * 6
STACK = "File \"/app/policies.py\", line 66, in office_of\n    return OFFICES[region]\nKeyError: 'null'"


def tool(number: int = 1, arguments: Any = '{"policy_id": "P-9"}', **more: Any) -> RecordedTrace:
    """A conversation in which a tool raised."""
    it = RecordedTrace(number)
    known = {
        "gen_ai__tool__name": "office",
        "gen_ai__tool__call__arguments": arguments,
        "code__function__name": "policies.office",
        "code__file__path": "/app/policies.py",
        "code__line__number": 60,
        "autogen__tool__function__module": "policies",
        "autogen__tool__function__kind": "function",
        "autogen__tool__function__converted": True,
        "autogen__error__origin": "tool_exception",
        **more,
    }
    with it.span("invoke_workflow user -> helper", 1), it.span("invoke_agent user"):
        it.leaf("execute_tool office", 0.1, exception("KeyError", "'null'", STACK), **known)
    return it


@pytest.fixture
def repro(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Writes a journal and runs the command on it."""

    def run(recorded: RecordedTrace, *words: str) -> tuple[int, str, str]:
        journal = write(tmp_path / "journal.jsonl", recorded)
        code = main(["repro", recorded.trace_id, "--journal", str(journal), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"autogen__tool__function__kind": "closure"}, "is made inside another function"),
    ({"autogen__tool__function__kind": "lambda"}, "is a lambda"),
    ({"autogen__tool__function__kind": "bound_method"}, "state was not recorded"),
    ({"autogen__tool__function__kind": "interactive"}, "typed into a notebook"),
    ({"autogen__tool__function__kind": "conversation_state"}, "state of the conversation"),
    ({"autogen__tool__function__kind": "from tomorrow"}, "cannot be imported"),
    ({"autogen__tool__function__kind": None}, "older version"),
    (
        {"code__function__name": None, "autogen__tool__arguments__problems": ["ofice: unknown tool"]},
        "has no tool of that name",
    ),
    ({"code__function__name": "os.system", "autogen__tool__function__module": "os"}, "not of your program"),
    (
        {"code__file__path": "/srv/lib/python3.12/site-packages/policies.py"},
        "of the installed package policies",
    ),
    ({"code__file__path": "/usr/lib/python3.12/shutil.py"}, "of the installed package policies"),
    ({"code__function__name": "policies.a;b"}, "no name that can be imported"),
    ({"autogen__tool__function__module": 'policies"; x'}, "no name that can be imported"),
    ({"arguments": '{"policy_id": '}, "are no JSON"),
    ({"arguments": "[1]"}, "are no JSON object"),
    ({"arguments": None}, "were not recorded"),
    ({"autogen__error__origin": "callback"}, "what it was called with"),
]


@pytest.mark.parametrize(("changed", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_where_no_honest_test_can_be_written_it_says_why(
    repro: Any, tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    code, out, err = repro(tool(**changed), "-o", str(tmp_path / "test_it.py"))
    assert code == 1
    assert out == ""
    assert why in err
    assert err.count("\n") == 1
    assert not (tmp_path / "test_it.py").exists()


def test_a_failure_of_unknown_cause_outside_tools_and_models_is_diagnosed_and_refused(
    repro: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    it = RecordedTrace(5)
    it.leaf(
        "invoke_workflow user -> helper", 1, exception("ValueError", "?"), autogen__error__origin="unknown"
    )
    code, out, err = repro(it)
    assert (code, out) == (1, "")
    assert "is no call of a tool or a model" in err
    assert main(["diagnose", "--journal", str(tmp_path / "journal.jsonl"), "--format", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["cause"] == "unknown"
    assert finding["evidence"][0]["trace_id"] == it.trace_id


def test_without_a_file_it_is_printed(repro: Any) -> None:
    code, out, err = repro(tool())
    assert (code, err) == (0, "")
    assert 'ARGUMENTS = {"policy_id": "P-9"}' in out
    assert "KeyError: 'null'\n    policies.py:66 in office_of" in out


def test_secrets_and_cuts_are_placeholders_by_name(repro: Any, tmp_path: Path) -> None:
    arguments = {
        "user": {"api_key": PLANTED, "token": "[redacted]", "id": 7},
        "notes": ["fine", f"key {PLANTED}", "long…[cut, 9000 characters in all]"],
        "…": "<less>",
    }
    code, out, _ = repro(tool(arguments=json.dumps(arguments)))
    assert code == 0
    assert PLANTED not in out
    for name, why in (
        ("arguments.user.api_key", "redacted"),
        ("arguments.user.token", "redacted"),
        ("arguments.notes[1]", "redacted"),
        ("arguments.notes[2]", "cut"),
    ):
        assert f'placeholder("{name}", "{why}")' in out
    code, out, _ = repro(tool(arguments='{"text": "aaaa…[cut, 9000 characters in all]'))
    assert code == 0
    assert 'ARGUMENTS = placeholder("arguments", "cut")' in out


def test_of_a_message_only_the_secret_is_left_out(repro: Any) -> None:
    recorded = RecordedTrace()
    said = [f"Pay claim 7 with {PLANTED} today", "The token is [redacted], she said"]
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in said]
    attributes = {
        "gen_ai__request__model": "gpt-4o",
        "gen_ai__input__messages": json.dumps(messages),
        "autogen__prompt__messages": 2,
        "autogen__error__origin": "client",
    }
    with recorded.span("invoke_workflow user -> helper", 1), recorded.span("invoke_agent helper"):
        recorded.leaf("chat gpt-4o", 0.1, exception("BadRequestError", "no"), **attributes)
    code, out, _ = repro(recorded)
    assert code == 0
    assert PLANTED not in out
    assert '"content": "Pay claim 7 with [redacted] today"' in out
    assert '"content": "The token is [redacted], she said"' in out
    assert "What was redacted in the messages is [redacted] here." in out


def test_a_placeholder_skips_the_test_by_name(
    repro: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, Any] = {}
    _, out, _ = repro(tool(arguments='{"api_key": "[redacted]"}'))
    exec(compile(out, "test_it.py", "exec"), written)  # noqa: S102 - it does nothing yet, which is the point
    with pytest.raises(pytest.skip.Exception, match=r"arguments\.api_key \(redacted when"):
        written["test_office_takes_the_arguments"]()


@pytest.mark.parametrize("depth", [60, 300, 900])
def test_what_is_nested_too_deeply_is_a_placeholder(repro: Any, depth: int) -> None:
    code, out, _ = repro(tool(arguments='{"a":' * depth + "1" + "}" * depth))
    assert code == 0
    assert '"nested too deeply"' in out
    ast.parse(out)


def test_hostile_values_are_data(repro: Any, tmp_path: Path) -> None:
    evil = '"""\nimport os; os._exit(7)\n"""\\'
    recorded = tool(
        arguments=json.dumps({evil: evil, "n": 1e999}),
        gen_ai__tool__name=evil,
        code__file__path=evil,
        code__line__number=evil,
        autogen__tool__arguments__problems=[evil],
    )
    with recorded.span(f"execute_tool {evil}", 0.1, exception(evil, evil, evil), autogen__error__origin=evil):
        pass
    recorded.service = evil
    code, out, _ = repro(recorded)
    assert code == 0
    kinds = [type(one) for one in ast.parse(out).body]
    assert kinds == [ast.Expr, ast.ImportFrom, ast.Assign, ast.Assign, ast.FunctionDef, ast.FunctionDef]
    path = tmp_path / "written.py"
    path.write_text(out, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", str(path)]
    assert subprocess.run(ruff, check=False, capture_output=True).returncode == 0  # noqa: S603 - our own words


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("zz",), "is not a trace id"),
        (("0123456789",), "No trace in"),
        (("00000001", "--span", "xyz"), "is not a span id"),
        (("00000001", "--span", "abc"), "No span of trace"),
        (("00000001", "--span", "0000000100000004"), "Nothing failed in span"),
        (("00000002",), "Nothing failed in trace"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    fine = RecordedTrace(2)
    fine.leaf("invoke_workflow user -> helper", 1)
    both = tool()
    both.leaf("invoke_agent helper", 0.1)
    journal = write(tmp_path / "journal.jsonl", both, fine)
    code = main(["repro", *words, "--journal", str(journal)])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert why in captured.err
    assert captured.err.count("\n") == 1


def test_nothing_is_overwritten_and_no_journal_is_said(
    repro: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "test_it.py"
    there.write_text("mine", encoding="utf-8")
    code, _, err = repro(tool(), "-o", str(there))
    assert (code, there.read_text(encoding="utf-8")) == (2, "mine")
    assert "exists already" in err
    assert repro(tool(), "--force", "-o", str(there))[0] == 0
    assert "RecordedTool" in there.read_text(encoding="utf-8")
    assert "exists already" in repro(tool(), "--force", "-o", str(tmp_path))[2]
    assert "does not exist" in repro(tool(), "-o", str(tmp_path / "no" / "test_it.py"))[2]
    link = tmp_path / "test_link.py"
    link.symlink_to(tmp_path / "elsewhere.py")
    assert "is no regular file" in repro(tool(), "-o", str(link))[2]
    assert not (tmp_path / "elsewhere.py").exists()
    assert main(["repro", "00", "--journal", str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_an_installed_package_is_written_where_it_is_the_users(
    repro: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = tool(code__file__path="/srv/lib/python3.12/site-packages/policies.py")
    monkeypatch.chdir(tmp_path)
    assert repro(recorded)[0] == 1
    code, out, _ = repro(recorded, "--installed")
    assert code == 0
    assert "installed=True" in out
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "policies.py").touch()
    code, out, _ = repro(recorded)
    assert code == 0
    assert "installed" not in out


def test_the_others_of_the_trace_are_named(repro: Any, tmp_path: Path) -> None:
    recorded = tool()
    spans = list(recorded.spans)
    recorded.leaf(
        "execute_tool other",
        0.1,
        exception("ValueError", "no"),
        gen_ai__tool__name="other",
        autogen__error__origin="tool_exception",
    )
    code, _, err = repro(recorded, "-o", str(tmp_path / "test_it.py"))
    assert code == 0
    assert f"--span {recorded.spans[-1]['spanId']}  tool_exception other ValueError" in err
    code, out, _ = repro(recorded, "--span", spans[0]["spanId"][:16])
    assert code == 0
    assert "office" in out


@pytest.mark.parametrize("recorded", [tool(), failing_tool()], ids=["tool", "model"])
def test_the_trace_is_read_once(repro: Any, recorded: RecordedTrace, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def of_trace(trace: Trace) -> Population:
        read.append(trace.trace_id)
        return of(trace)

    of = Population.of_trace
    monkeypatch.setattr(Population, "of_trace", of_trace)
    repro(recorded)
    assert read == [recorded.trace_id]


def test_the_page_shows_what_is_written(repro: Any) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "repro.md").read_text(encoding="utf-8")
    of_tool, of_model = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert repro(tool(arguments='{"policy_id": "MOTOR-null-20417"}'))[1] == of_tool
    assert repro(fallback())[1] == of_model


def test_traces_of_older_versions_are_read(repro: Any) -> None:
    recorded = failing_tool()
    (tool,) = (span["spanId"] for span in recorded.spans if span["name"].startswith("execute_tool"))
    code, _, err = repro(recorded, "--span", tool)
    assert code == 1
    assert "older version" in err
    code, out, _ = repro(fallback())
    assert code == 0
    assert "filler_messages(" in out
    # What only a retry showed has to fail at the first attempt.
    assert "retries=False" in repro(recovered())[1]


def test_only_so_many_of_the_other_failures_are_listed(repro: Any, tmp_path: Path) -> None:
    it = tool()
    for _ in range(60):
        it.leaf("handoff clerk -> helper", 0.1, "no", autogen__error__origin="unknown")
    code, _, err = repro(it, "-o", str(tmp_path / "test_it.py"))
    assert code == 0
    assert err.count("  --span ") == 50
    assert err.endswith("  and 10 more\n")


def test_only_conversations_since_then_are_read(repro: Any) -> None:
    assert repro(tool(), "--since", "2026-11-22T12:00Z")[0] == 0
    code, out, err = repro(tool(), "--since", "2026-11-22T13:00Z")
    assert (code, out) == (2, "")
    assert "since 2026-11-22 13:00" in err
    assert "begins with" in err
