# ruff: noqa: E501 - printed lines stand here as they are printed
from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from autogen_otel.cli.text.terminal import TextConsole
from autogen_otel.cli.text.tree import render_trace
from autogen_otel.traces.trace import Span, Trace
from tests.support.incidents import TOOL_TRACE, failing_tool
from tests.support.recorded import ORIGIN, RecordedTrace, exception, trace_of, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

FAILING_TOOL = """\
2026-11-22 12:46:48  claims  trace a1b2c3d4000000000000000000000001
failed: 4 failures (3 backend, 1 tool_exception) in 3 turns of 2 agents, 5.0 s, 1,204 tokens in, 87 out
FAILED conversation user -> assistant  5.0 s  3 turns  InternalServerError (see below)
+-- agent assistant  753 ms
|   `-- chat gpt-4o  751 ms  1,204 -> 87 tokens  3 messages, 4,811 chars
|       `-- POST 200  750 ms
+-- agent user  4 ms
|   `-- FAILED tool lookup_policy(policy_id=null, as_of="2026-11-01")  3 ms
|           ! policy_id: expected string, got null
|           ValueError: no such policy: None  [tool_exception]
|           caused by AttributeError: 'NoneType' object has no attribute 'split'
|           policies.py:42 in parse_id:  return int(text.split("-")[1])
`-- FAILED agent assistant  4.2 s  InternalServerError (see below)
    `-- FAILED chat gpt-4o  4.2 s  5 messages, 48,311 chars
        |   openai.InternalServerError: Error code: 500 - {'error': {'message': 'The server had an error', \
'type': 'server_error'}}
        |   after execute_tool lookup_policy had failed above
        +-- FAILED POST 500  400 ms  api.openai.com  req_500_0  41 kB sent  Internal Server Error: The server had an error  [backend]
        +-- FAILED POST 500  1.4 s  api.openai.com  req_500_1  retry 1  retry-after 2s  41 kB sent  Internal Server Error: The server had an error  [backend]
        `-- FAILED POST 500  2.4 s  api.openai.com  req_500_2  retry 2  41 kB sent  Internal Server Error: The server had an error  [backend]
"""

FALLBACK = """\
2026-11-22 12:47:48  claims  trace b1b2c3d4000000000000000000000001
recovered: 1 failure (1 config_entry) in 1 turn of 1 agent, 1.2 s, 812 tokens in, 44 out
conversation user -> assistant  1.2 s  1 turn
`-- agent assistant  1.1 s
    `-- chat gpt-4o-mini  1.1 s  812 -> 44 tokens  config_list[1] of 2 answered  2 messages, 3,104 chars
        +-- FAILED config_list[0] gpt-4-turbo  213 ms  azure  eu.openai.azure.com
        |   |   openai.AuthenticationError: Error code: 401 - {'error': {'message': \
'Incorrect API key provided: [redacted]'}}
        |   `-- FAILED POST 401  212 ms  eu.openai.azure.com  req_7d1  Unauthorized: Incorrect API key  [config_entry]
        `-- config_list[1] gpt-4o-mini  934 ms  openai  api.openai.com
            `-- POST 200  933 ms  req_7d2
"""

RECOVERED = """\
2026-11-22 12:48:48  claims  trace c1b2c3d4000000000000000000000001
recovered: 2 failures (2 backend) in 2 turns of 1 agent, 4.2 s, 95 tokens in, 12 out
conversation user -> assistant  4.2 s  2 turns
+-- agent assistant  4.2 s
|   `-- chat gpt-4o  4.2 s  95 -> 12 tokens  2 messages, 310 chars
|       +-- FAILED POST 500  400 ms  api.openai.com  req_500_0  41 kB sent  Internal Server Error: The server had an error  [backend]
|       +-- FAILED POST 500  1.4 s  api.openai.com  req_500_1  retry 1  retry-after 2s  41 kB sent  Internal Server Error: The server had an error  [backend]
|       `-- POST 200  2.4 s  req_200_2  retry 2
`-- agent assistant  2 ms
    `-- chat gpt-4o  1 ms  cached  4 messages, 602 chars
"""

KILLED = """\
2026-11-22 12:50:48  claims  trace e1b2c3d4000000000000000000000001
unfinished: no failures in 1 turn of 1 agent, 2.8 s, 100 tokens in, 10 out
agent assistant  752 ms
`-- chat gpt-4o  751 ms  100 -> 10 tokens  2 messages, 300 chars
    `-- POST 200  750 ms
tool sleep(not {json)  2.0 s
"""

LISTING = """\
time            trace     conversation       outcome                                                 turns   took  agents        tokens
11-22 12:50:48  e1b2c3d4  user -> assistant  unfinished                                                  1  2.8 s       1     100 -> 10
11-22 12:49:48  d1b2c3d4  user -> manager    ok                                                          4  6.4 s       4  5,200 -> 492
11-22 12:48:48  c1b2c3d4  user -> assistant  recovered: 2 backend                                        2  4.2 s       1      95 -> 12
11-22 12:47:48  b1b2c3d4  user -> assistant  recovered: 1 config_entry (config_list[0] gpt-4-turbo)      1  1.2 s       1     812 -> 44
11-22 12:46:48  a1b2c3d4  user -> assistant  failed: 3 backend, 1 tool_exception                         3  5.0 s       2   1,204 -> 87
5 conversations (1 failed, 2 recovered, 1 unfinished in all). Show one with: autogen-otel show TRACE --journal {journal}
"""


@pytest.mark.parametrize(
    ("trace_id", "expected"), [("a1", FAILING_TOOL), ("B1B2", FALLBACK), ("c1", RECOVERED), ("e1", KILLED)]
)
def test_a_conversation_reads_from_top_to_bottom(
    run: Run, journal: Path, trace_id: str, expected: str
) -> None:
    assert run("show", trace_id, "--journal", str(journal)) == (0, expected, "")


def test_conversations_are_listed_newest_first(run: Run, journal: Path) -> None:
    assert run("show", "--journal", str(journal)) == (0, LISTING.format(journal=journal), "")


def test_a_group_chat_shows_who_spoke_and_who_chose(run: Run, journal: Path) -> None:
    lines = run("show", "d1", "--journal", str(journal)).out.splitlines()
    assert lines[6:9] == [
        "+-- agent planner  752 ms",
        "|   `-- chat gpt-4o  751 ms  900 -> 120 tokens  3 messages, 1,800 chars",
        "|       `-- POST 200  750 ms",
    ]
    assert lines[9] == "+-- handoff planner -> researcher  752 ms  auto"
    assert lines[10].endswith("6 messages, 2,204 chars  for speaker_selection")
    assert lines[15] == (
        r'|   `-- tool search(query="flood damage\nHamburg", limit=5)  400 ms'
        '  -> ["Elbe 1962", "Elbe 2023", "Alster 2018", "Bille 2020", "E...'
    )


def test_only_what_failed_is_shown_when_asked(run: Run, journal: Path) -> None:
    out = run("show", "a1", "--failing", "--journal", str(journal)).out
    removed = [line for line in FAILING_TOOL.splitlines() if line not in out.splitlines()]
    assert [line.split("  ")[0] for line in removed] == ["+-- agent assistant", "|", "|"]
    listed = run("show", "--failing", "--limit", "2", "--journal", str(journal)).out.splitlines()
    assert [line[16:24] for line in listed[1:-1]] == ["c1b2c3d4", "b1b2c3d4"]
    assert listed[-1].startswith("2 of 5 conversations (")


def test_a_limit_of_zero_lists_all(run: Run, journal: Path) -> None:
    assert run("show", "--limit", "0", "--journal", str(journal)).out == LISTING.format(journal=journal)


def test_programs_are_told_apart_where_there_are_several(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(failing_tool(1).line + named("billing").line)
    lines = run("show", "--journal", str(tmp_path)).out.splitlines()
    assert lines[0].split()[2] == "program"
    assert [line.split()[3] for line in lines[1:3]] == ["billing", "claims"]


def named(service: str) -> RecordedTrace:
    it = RecordedTrace(2, at=5, service=service)
    it.leaf("invoke_workflow a -> b", 1)
    return it


def test_ids_are_shortened_only_while_they_stay_unique(run: Run, tmp_path: Path) -> None:
    one, two = RecordedTrace(1), RecordedTrace(1)
    two.trace_id = one.trace_id[:-1] + "2"
    for it in (one, two):
        it.leaf("invoke_workflow a -> b", 1)
    (tmp_path / "a.jsonl").write_text(one.line + two.line)
    out = run("show", "--journal", str(tmp_path)).out
    assert one.trace_id in out
    assert two.trace_id in out


def test_full_shows_whole_stack_traces_arguments_and_results(run: Run, journal: Path) -> None:
    out = run("show", "a1", "--full", "--journal", str(journal)).out
    unindented = [re.sub(r"^[| ]{12}", "", line).rstrip() for line in out.splitlines()]
    first = unindented.index("Traceback (most recent call last):")
    assert unindented[first : first + len(TOOL_TRACE.splitlines())] == TOOL_TRACE.splitlines()
    group = run("show", "d1", "--full", "--journal", str(journal)).out
    assert '"Bille 2020", "Elbe 2024"]\n' in group


def printed(trace: Trace, **how: Any) -> str:
    out = io.StringIO()
    render_trace(trace, Console(file=out, highlight=False, **{"force_terminal": True, "width": 100, **how}))
    return out.getvalue()


def test_a_terminal_gets_colours_and_lines_and_signs() -> None:
    out = printed(trace_of(failing_tool()), color_system="standard")
    assert "\x1b[1;31m✗ \x1b[0mtool \x1b[1;34mlookup_policy\x1b[0m" in out
    assert "\x1b[33m! policy_id: expected string, got null" in out
    assert "└── " in out
    assert "1,204 → 87 tokens" in out


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = printed(trace_of(failing_tool()), color_system="standard")
    codes = {code for result in re.findall(r"\x1b\[([\d;]*)m", out) for code in result.split(";")}
    assert codes <= {"0", "1", "2"}, "bold and faint are no colours"


def test_lines_that_wrap_stay_beside_their_guide() -> None:
    lines = printed(trace_of(failing_tool()), color_system=None).splitlines()
    at = next(number for number, line in enumerate(lines) if "openai.InternalServerError" in line)
    assert lines[at].startswith("        │   openai.")
    assert lines[at + 1].startswith("        │   ")
    assert max(map(len, lines)) <= 100


def test_beyond_a_terminal_nothing_is_coloured_wrapped_or_beyond_ascii() -> None:
    it = RecordedTrace()
    it.leaf("execute_tool t", 1, gen_ai__tool__call__arguments='{"a": "' + "x " * 40 + '"}')
    it.leaf("chat " + "m" * 90, 1, gen_ai__usage__input_tokens=1)
    out = io.StringIO()
    render_trace(trace_of(it), TextConsole(out))
    assert out.getvalue().isascii()
    assert "\x1b" not in out.getvalue()
    assert f"chat {'m' * 90}  1.0 s  1 -> ? tokens\n" in out.getvalue()


@pytest.mark.parametrize("columns", [1, 12, 40])
def test_a_deep_trace_on_a_narrow_terminal_is_printed(columns: int) -> None:
    spans = [
        Span(
            trace_id="1",
            span_id=str(n),
            parent_id=str(n - 1) if n else None,
            name="invoke_agent a",
            start_ns=n,
        )
        for n in range(80)
    ]
    assert printed(Trace.of(spans), width=columns, color_system=None).count("agent a") == 80


def test_recorded_text_cannot_take_over_the_terminal() -> None:
    it = RecordedTrace()
    evil = "\x1b]0;owned\x07\x1b[2J[red]markup[/red]\u202e"
    with it.span(f"invoke_agent {evil}", 1, exception(evil, evil, evil), gen_ai__agent__name=evil):
        it.leaf(
            f"execute_tool {evil}",
            1,
            evil,
            gen_ai__tool__name=evil,
            gen_ai__tool__call__arguments=evil,
            autogen__tool__arguments__problems=[evil],
        )
        it.leaf(evil, 1)
    it.service = evil
    for full in (False, True):
        out = io.StringIO()
        render_trace(trace_of(it), Console(file=out, force_terminal=True, color_system=None, width=400), full)
        assert not {"\x1b", "\x07", "\u202e"} & set(out.getvalue())
        assert "\\x1b[2J[red]markup[/red]\\u202e" in out.getvalue()


def test_the_same_failure_is_told_in_full_only_once() -> None:
    it = RecordedTrace()
    with it.span("invoke_agent a", 1):
        for _ in range(2):
            it.leaf(
                "execute_tool t", 1, exception("ValueError", "bad", TOOL_TRACE), **{ORIGIN: "tool_exception"}
            )
    out = printed(trace_of(it), color_system=None)
    assert out.count("ValueError: bad  [tool_exception]") == 1
    assert out.count("ValueError (as above)  [tool_exception]") == 1


def test_a_failure_without_an_exception_is_told_by_its_message() -> None:
    it = RecordedTrace()
    with it.span(
        "handoff a -> ?",
        1,
        "nobody to speak",
        autogen__handoff__candidates=["b", "c"],
        **{ORIGIN: "orchestration"},
    ):
        it.post(1, None, "no route")
    out = printed(trace_of(it), color_system=None)
    assert "✗ handoff a -> ?  2.0 s  of b, c  [orchestration]" in out
    assert "nobody to speak" in out
    assert "✗ POST no answer" in out


def test_a_server_on_an_unusual_port_is_shown_with_it() -> None:
    it = RecordedTrace()
    it.post(1, 500, server__address="10.0.0.7", server__port=8000)
    it.post(1, 500, server__address="api.openai.com", server__port=443)
    out = printed(trace_of(it), color_system=None)
    assert "10.0.0.7:8000  Internal" in out
    assert "api.openai.com  Internal" in out


def test_a_request_without_an_answer_tells_the_exception() -> None:
    it = RecordedTrace()
    it.post(1, None, exception("httpx.ConnectError", "refused", TOOL_TRACE), **{ORIGIN: "backend"})
    lines = printed(trace_of(it), color_system=None).splitlines()
    assert lines[2].startswith("✗ POST no answer  1.0 s")
    assert "    httpx.ConnectError: refused  [backend]" in lines


def test_a_request_that_the_program_serves_keeps_its_name_and_route() -> None:
    it = RecordedTrace()
    served: dict[str, Any] = {"http__request__method": "POST", "http__response__status_code": 500}
    with it.span("POST", 1, "failed", http__route="/ask", **served) as raw:
        it.leaf("invoke_workflow a -> b", 1)
        it.post(1, 500)
    raw["kind"] = 2
    with it.span("POST /ask", 1, **served) as raw:
        pass
    raw["kind"] = 2
    lines = printed(trace_of(it), color_system=None).splitlines()
    assert lines[2].startswith("✗ POST /ask  3.0 s  500")
    assert lines[-1].startswith("POST /ask  1.0 s  500")
    assert any("✗ POST 500  1.0 s  api.openai.com" in line for line in lines)


@pytest.mark.parametrize(
    ("chars", "origin", "full", "is_said"),
    [
        (48_000, None, False, True),
        (4_000, None, False, False),
        (4_000, None, True, True),
        (4_000, "prompt_too_large", False, True),
    ],
)
def test_the_message_that_makes_a_prompt_large_is_told_with_who_said_it(
    chars: int, origin: str | None, full: bool, is_said: bool
) -> None:
    it = RecordedTrace()
    it.leaf(
        "chat gpt-4o",
        1,
        None if origin is None else "too long",
        autogen__prompt__messages=4,
        autogen__prompt__chars=chars,
        autogen__prompt__largest_message__chars=chars - 100,
        autogen__prompt__largest_message__from="search_docs",
        **{ORIGIN: origin},
    )
    out = io.StringIO()
    render_trace(trace_of(it), TextConsole(out), full)
    assert (f"largest: {chars - 100:,} chars from search_docs" in out.getvalue()) == is_said


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"autogen__response__problem": "cut_at_token_limit"}, "answer: cut at token limit"),
        ({"gen_ai__response__finish_reasons": ["length"]}, "answer: length"),
        (
            {"gen_ai__response__finish_reasons": ["content_filter"]},
            "answer: cut or emptied by the provider's filter",
        ),
        ({"autogen__response__problem": "refusal"}, "answer: refused by the model"),
        ({"gen_ai__response__finish_reasons": ["stop"]}, ""),
    ],
)
def test_a_finish_reason_is_told_where_it_matters(attributes: dict[str, Any], said: str) -> None:
    it = RecordedTrace()
    it.leaf("chat gpt-4o", 1, **attributes)
    out = printed(trace_of(it), color_system=None)
    assert said in out
    assert bool(said) == ("answer:" in out)


def test_answers_that_are_not_whole_are_told_where_nothing_failed(run: Run, tmp_path: Path) -> None:
    it = RecordedTrace()
    with it.span("invoke_workflow a -> b", 0):
        for problem in ("content_filter", "content_filter", "refusal"):
            it.leaf("chat gpt-4o", 1, autogen__response__problem=problem)
    write(tmp_path / "a.jsonl", it)
    said = "2 answers cut or emptied by the provider's filter, 1 answer refused by the model"
    assert f"  ok: {said} " in run("show", "--journal", str(tmp_path)).out
    shown = run("show", it.trace_id, "--journal", str(tmp_path)).out
    assert f"ok: no failures, but {said}, in 0 turns" in shown
    page = run("show", it.trace_id, "--journal", str(tmp_path), "--html", "-").out
    assert said.replace("'", "&#39;") in page or said in page


def test_what_was_cancelled_is_told_and_what_it_waited_for() -> None:
    it = RecordedTrace()
    with (
        it.span("invoke_workflow a -> b", 0, autogen__cancelled=True),
        it.span("invoke_agent b", 0, autogen__cancelled=True, gen_ai__agent__name="b"),
    ):
        it.leaf("chat gpt-4o", 1)
        more: dict[str, Any] = {
            "gen_ai__tool__name": "crawl",
            "gen_ai__tool__call__arguments": '{"depth": 3}',
        }
        it.leaf("execute_tool crawl", 41, autogen__cancelled=True, **more)
    lines = printed(trace_of(it), color_system=None).splitlines()
    assert lines[1].startswith("cancelled: no failures")
    assert lines[2] == "cancelled after it had waited 41 s for tool crawl(depth=3)"
    assert sum("cancelled after" in line for line in lines) == 1


def test_what_still_runs_in_a_thread_is_what_a_cancelled_task_waited_for() -> None:
    it = RecordedTrace()
    with it.span("invoke_agent b", 0, autogen__cancelled=True, gen_ai__agent__name="b"):
        it.leaf("chat gpt-4o", 1)
        with it.span("chat gpt-4o-mini", 1):
            it.leaf("POST", 2, http__request__method="POST")
    agent = next(raw for raw in it.spans if raw["name"].startswith("invoke_agent"))
    agent["endTimeUnixNano"] = str(int(agent["startTimeUnixNano"]) + 2_500_000_000)
    lines = printed(trace_of(it), color_system=None).splitlines()
    assert lines[2] == "cancelled after it had waited 1.5 s for POST no answer"


SAID = {
    "gen_ai__system_instructions": '[{"type": "text", "content": "Be brief."}]',
    "gen_ai__input__messages": json.dumps(
        [
            {
                "role": "user",
                "name": "clerk",
                "parts": [{"type": "text", "content": "Is P-1\nactive?\x1b[2J"}],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"a": None}}]},
        ]
    ),
    "gen_ai__output__messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "2", "name": "look", "arguments": {"id": "P-1"}}],
                "finish_reason": "tool_calls",
            }
        ]
    ),
}


def test_full_shows_what_was_said_where_it_was_recorded() -> None:
    it = RecordedTrace()
    it.leaf("chat gpt-4o", 1, **SAID)
    out = io.StringIO()
    render_trace(trace_of(it), TextConsole(out), full=True)
    lines = [line.strip() for line in out.getvalue().splitlines()[3:]]
    assert lines == [
        "instructions: Be brief.",
        "user (clerk): Is P-1",
        "active?\\x1b[2J",
        'tool: {"a": null}',
        '-> assistant: look({"id": "P-1"})',
    ]
    shorter = printed(trace_of(it), color_system=None)
    assert "Be brief" not in shorter


@pytest.mark.parametrize("recorded", ["no json", "[1, null]", '[{"role": "user"}]', '[{"parts": 7}]', "{}"])
def test_messages_of_any_shape_are_shown(recorded: str) -> None:
    it = RecordedTrace()
    it.leaf("chat gpt-4o", 1, gen_ai__input__messages=recorded)
    assert printed(trace_of(it), color_system=None)
    out = io.StringIO()
    render_trace(trace_of(it), TextConsole(out), full=True)
    assert "chat gpt-4o" in out.getvalue()
