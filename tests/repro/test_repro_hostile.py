"""What is written from traces of others runs nothing, whatever source and format they come from."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.cli import main
from tests.support.recorded import RecordedTrace, exception
from tests.support.stores import Answer, ScriptedJaeger, ScriptedTempo, serving

CANARY = "AUTOGEN_OTEL_CANARY"
"""The variable with the path of a file that code in a trace would make."""
_CODE = f"__import__('pathlib').Path(__import__('os').environ['{CANARY}']).touch()"
TEXTS = {
    "quotes": f'"""\n{_CODE}\n"""',
    "single quotes": f"'''\n{_CODE}\n'''",
    "an escaped quote": f'\\"""\n{_CODE}\n"""',
    "an end": f'x")\n{_CODE}\n("',
    "a backslash at the end": f"{_CODE}\\",
    "other line breaks": f'"""\r{_CODE}\x0c{_CODE}\u2028{_CODE}\x85',
    "right to left": f'\u202e"""\u2066\n{_CODE}\n"""\u2069',
    "a replacement field": "{__import__('os')}{0}{name!r:>{chars}}%s",
}
STACK = 'File "/app/{0}.py", line 66, in {0}\n    {0}\nKeyError: {0}'


def tool(text: str, trace: RecordedTrace, **more: Any) -> None:
    """A tool raised."""
    attributes = {
        "gen_ai__tool__name": text,
        "gen_ai__tool__call__arguments": json.dumps({text: text, "n": [text, {"in": text}]}),
        "code__function__name": "policies.office",
        "code__file__path": f"/app/{text}.py",
        "code__line__number": 60,
        "autogen__tool__function__module": "policies",
        "autogen__tool__function__kind": "function",
        "autogen__tool__function__converted": True,
        "autogen__error__origin": "tool_exception",
        "autogen__tool__arguments__problems": [text],
        **more,
    }
    with trace.span(f"invoke_workflow {text}", 1), trace.span(f"invoke_agent {text}"):
        trace.leaf(f"execute_tool {text}", 0.1, exception(text, text, STACK.format(text)), **attributes)


def model(text: str, trace: RecordedTrace, *, error: str = "", **more: Any) -> None:
    """An entry of a config_list did not answer."""
    attributes = {
        "gen_ai__request__model": text,
        "autogen__config__index": 1,
        "autogen__prompt__messages": 1,
        "autogen__prompt__chars": 60_000,
        "autogen__prompt__tool_names": [text],
        "autogen__error__origin": "backend",
        **more,
    }
    with trace.span(f"invoke_workflow {text}", 1), trace.span(f"invoke_agent {text}"):
        raised = exception(error or text, error or text, STACK.format(text))
        with trace.span(f"chat {text}", 0.1, raised, **attributes):
            url = f"https://{text}/v1/chat/completions?api-version={text}"
            trace.post(0.1, 500, raised, url__full=url, autogen__http__request_id=text)


def _content(text: str) -> dict[str, Any]:
    message = {"role": "user", "name": text, "parts": [{"type": "text", "content": text}]}
    definition = {"name": text, "description": text, "parameters": {text: text}}
    return {
        "gen_ai__input__messages": json.dumps([message]),
        "gen_ai__tool__definitions": json.dumps([definition]),
    }


TEMPLATES: Mapping[str, Callable[[str, RecordedTrace], None]] = {
    "tool": tool,
    "arguments": partial(tool, autogen__error__origin="tool_arguments"),
    "function": lambda text, trace: tool(
        text, trace, code__function__name=f"policies.{text}", autogen__tool__function__module=text
    ),
    "several requests": model,
    "prompt": lambda text, trace: model(text, trace, **_content(text)),
    "too large": partial(
        model, error="maximum context length is 4096 tokens", autogen__error__origin="prompt_too_large"
    ),
    "azure": partial(model, autogen__config__api_type="azure", autogen__error__origin="config_entry"),
    "odd values": partial(
        model,
        autogen__config__api_type=TEXTS["an end"],
        gen_ai__request__temperature=float("inf"),
        gen_ai__request__max_tokens=TEXTS["an end"],
        autogen__request__timeout_seconds=TEXTS["an end"],
        autogen__error__origin=TEXTS["an end"],
    ),
}


def with_id(text: str, trace: RecordedTrace) -> None:
    """One span of the trace says that its id is a text."""
    tool("office", trace)
    trace.spans[0]["spanId"] = text


# ---------------------------------------------------------------- where they come from
@contextmanager
def _otlp(trace: RecordedTrace, folder: Path) -> Iterator[list[str]]:
    (folder / "otlp.jsonl").write_text(trace.line, encoding="utf-8")
    yield ["--journal", str(folder / "otlp.jsonl")]


@contextmanager
def _download(trace: RecordedTrace, folder: Path) -> Iterator[list[str]]:
    document = {"data": [ScriptedJaeger(trace)._v1(trace.trace_id)]}
    (folder / "jaeger.json").write_text(json.dumps(document), encoding="utf-8")
    yield ["--journal", str(folder / "jaeger.json")]


@contextmanager
def _jaeger(trace: RecordedTrace, _folder: Path, *, has_v1: bool = False) -> Iterator[list[str]]:
    with serving(ScriptedJaeger(trace, has_v1=has_v1)) as url:
        yield ["--jaeger", url, "--since", "2026-11-22T00:00"]


@contextmanager
def _tempo(trace: RecordedTrace, _folder: Path) -> Iterator[list[str]]:
    with serving(ScriptedTempo(trace)) as url:
        yield ["--tempo", url, "--since", "2026-11-22T00:00"]


@contextmanager
def _clickhouse(trace: RecordedTrace, _folder: Path) -> Iterator[list[str]]:
    rows = "".join(f"{json.dumps(_row(raw))}\n" for raw in trace.spans)
    with serving(lambda *_: Answer(body=rows.encode())) as url:
        yield ["--clickhouse", url]


def _row(raw: dict[str, Any]) -> list[Any]:
    attributes = {pair["key"]: _text(pair["value"]) for pair in raw["attributes"]}
    events = raw.get("events", [])
    start_ns, end_ns = int(raw["startTimeUnixNano"]), int(raw["endTimeUnixNano"])
    return [
        raw["traceId"], raw["spanId"], raw["parentSpanId"], raw["name"], "Internal", str(start_ns),
        str(end_ns - start_ns), "Error" if raw["status"].get("code") == 2 else "Unset",
        raw["status"].get("message", ""), attributes, [event["timeUnixNano"] for event in events],
        [event["name"] for event in events],
        [{pair["key"]: _text(pair["value"]) for pair in event["attributes"]} for event in events],
        [], [], "autogen_otel", "claims", "{}",
    ]  # fmt: skip


def _text(value: dict[str, Any]) -> str:
    ((_, plain),) = value.items()
    return (
        json.dumps([item["stringValue"] for item in plain["values"]])
        if isinstance(plain, dict)
        else str(plain)
    )


SOURCES: Mapping[str, Any] = {
    "OTLP": _otlp,
    "Jaeger's download": _download,
    "Jaeger": _jaeger,
    "Jaeger before 2.21": partial(_jaeger, has_v1=True),
    "Tempo": _tempo,
    "ClickHouse": _clickhouse,
}
_STATEMENTS = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef)
_CALLED = {
    "RecordedTool",
    "RecordedEntry",
    "placeholder",
    "filler_messages",
    "filler_tools",
    "range",
    "float",
}


def _runs_nothing(source: str) -> bool:
    """Whether a module's statements are literals, and calls of our own functions with literals."""
    module = ast.parse(source)
    assert all(isinstance(statement, _STATEMENTS) for statement in module.body)
    called = {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    return called <= _CALLED | {"TOOL.call", "TOOL.problems", "ENTRY.ask", "pytest.mark.parametrize"}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the tests; at the end they are collected, and the canary has not come."""
    canary, tests = tmp_path / "canary", tmp_path / "tests"
    tests.mkdir()
    monkeypatch.setenv(CANARY, str(canary))
    yield tests
    words = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
    ]
    collected = subprocess.run(  # noqa: S603 - our own words
        [*words, str(tests)], cwd=tests, capture_output=True, text=True, check=False, env=os.environ
    )
    assert not canary.exists()
    assert collected.returncode == 0, collected.stdout
    assert "error" not in collected.stdout


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_a_test_of_a_hostile_trace_is_data(source: str, written: Path, tmp_path: Path) -> None:
    numbers = iter(range(1, 1000))
    for template, record in TEMPLATES.items():
        for label, text in TEXTS.items():
            number = next(numbers)
            trace = RecordedTrace(number, service=text)
            record(text, trace)
            output = written / f"test_{number}.py"
            with SOURCES[source](trace, tmp_path) as words:
                code = main(["repro", trace.trace_id, "-o", str(output), *words])
            assert (code, output.exists()) == ((1, False) if template == "function" else (0, True)), label
            if code == 0:
                assert _runs_nothing(output.read_text(encoding="utf-8")), (template, label)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "text", [TEXTS["quotes"], "0x00000000000001", "+000000000000001", "0000_0000_0000_1", "\u0661" * 16]
)
def test_what_is_no_id_is_no_span(
    source: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = RecordedTrace()
    with_id(text, trace)
    with SOURCES[source](trace, tmp_path) as words:
        code = main(["repro", trace.trace_id, *words])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert "Nothing failed in trace" in captured.err
    assert "damaged" in captured.err
