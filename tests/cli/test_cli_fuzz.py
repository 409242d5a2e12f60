"""Whatever a file, an option or a server holds, a command ends as it should, and says why in a sentence.

Each test draws from a seed of its own; ``FUZZ_ROUNDS=20000`` makes them last for minutes.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autogen_otel.cli import parsers
from tests.cli.conftest import Run
from tests.support.incidents import failing_tool, fallback, group, killed, recovered
from tests.support.stores import Answer, ScriptedJaeger, ScriptedTempo, serving

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "60"))
SEEDS = range(max(1, ROUNDS // 60))
INCIDENTS = (failing_tool, fallback, recovered, group, killed)
ODD: list[Any] = [
    None, True, False, 0, -1, 5, 2**63, 2**64, -(2**64), 10**30, 10**400, 1e308, -1e308, 1e999,
    float("nan"), 0.5, "", " ", "\n", "0", "-1", "nan", "1e999", "9" * 400, "text", "\x00", "\ud800",
    "\u202e", "x" * 70_000, "0" * 32, "g" * 32, "0x" + "1" * 14, "[", "{}", '[1, {"a": null}]', "null",
    "[" * 3000, "AAAAAAAAAAA=", [], [[]], [None], [1, "a", None, {}], {}, {"a": 1}, {"key": 5},
    {"value": {}}, {"stringValue": 5}, {"intValue": "x"}, {"intValue": 1.5}, {"doubleValue": "x"},
    {"doubleValue": 10**400}, {"arrayValue": 5}, {"arrayValue": {"values": 5}},
    {"kvlistValue": {"values": [{"key": 5}]}}, {"bytesValue": "?"}, {"boolValue": []},
]  # fmt: skip
"""What no writer writes, but a file or a server may hold."""


def places(raw: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a document, as its holder and the key in it."""
    pending = [raw]
    while pending:
        holder = pending.pop()
        items = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in list(items):
            yield holder, key
            if isinstance(value, (dict, list)):
                pending.append(value)


def damaged(document: Any, rng: random.Random) -> Any:
    """A copy of a document in which a few places hold something else, or nothing, or twice the same."""
    document = copy.deepcopy({"document": document})
    for _ in range(rng.choice((1, 1, 2, 3, 10))):
        holder, key = rng.choice(list(places(document)))
        way = rng.random()
        if way < 0.15:
            del holder[key]
        elif way < 0.25 and isinstance(holder, list):
            holder.append(holder[key])
        elif way < 0.35 and isinstance(holder, dict):
            holder[rng.choice(["", "key", "value", "\x1b", "name", str(key) * 2])] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        if not list(places(document)):
            break
    return document.get("document")


def demand_an_end(code: int, err: str, *, sentences: int = 3) -> None:
    """It ended as it should, and said why in few lines."""
    assert code in {0, 1, 2}
    assert "Traceback" not in err
    if code == 2:
        assert 1 <= err.count("\n") <= sentences, err


COMMANDS = (
    ("show",),
    ("show", "TRACE"),
    ("show", "TRACE", "--full"),
    ("show", "TRACE", "--format", "json"),
    ("show", "TRACE", "--html", "page.html"),
    ("diagnose",),
    ("diagnose", "--html", "page.html"),
    ("diagnose", "TRACE", "--format", "json"),
    ("repro", "TRACE"),
    ("show", "--failing", "--format", "json"),
    ("diagnose", "--compare", "gen_ai.request.model=gpt-4o..gpt-4o-mini"),
    ("show", "--text", "x", "--since", "2026-01-01"),
)


def _jaeger(trace: Any) -> Any:
    return {"data": [ScriptedJaeger(trace)._v1(trace.trace_id)]}


FORMATS: Mapping[str, Callable[[Any], Any]] = {
    "OTLP": lambda trace: trace.document,
    "Tempo": lambda trace: {"batches": trace.document["resourceSpans"]},
    "wrapped": lambda trace: [{"result": trace.document}, {"trace": trace.document}],
    "Jaeger": _jaeger,
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_document_of_any_shape_is_read_or_passed_over(
    form: str, seed: int, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(f"{form} {seed}")  # noqa: S311 - the same each time
    for number in range(60):
        trace = rng.choice(INCIDENTS)()
        document = damaged(FORMATS[form](trace), rng)
        line = json.dumps(document).encode() + b"\n"
        if rng.random() < 0.2:
            line = line[: rng.randrange(len(line))] + rng.randbytes(3) + line[rng.randrange(len(line)) :]
        Path("a.jsonl").write_bytes(failing_tool().line.encode() + line if number % 2 else line)
        words = (word.replace("TRACE", trace.trace_id) for word in rng.choice(COMMANDS))
        printed = run(*words, "--journal", "a.jsonl")
        demand_an_end(printed.code, printed.err)


# ---------------------------------------------------------------- options
TEXTS = [
    "", " ", "-", "--", "0", "-1", "99999999999999999999999999", "9" * 5000, "1e999", "nan", "inf", "1.5",
    "٣", "\udcff", "é" * 300, "x" * 5000, "[::1", "http://[", "http://[::1]:x", "http://a b",
    "http://host:99999", "http://-", "http://.", "http://..", "http://a..b", "http://" + "a" * 70,
    "http://\u2028", "127.0.0.1:0", "http://127.0.0.1:1/ü?x#y",
    "https://127.0.0.1:1", "http://%", "http://@", "http://:@:", "http://user@127.0.0.1:1",
    "file:///etc/passwd", "2026-99-99", "2026-11-22", "0001-01-01", "9999-12-31T23:59:59",
    "9999999999999999d", "1e400d", "0s", "..", "a..b", "a=b..c", "=..", "1d..2d", "2d..1d", "%s{0}",
    "nowhere/x", "a\nb", "\x1b[2J", "a:b", ":", "A: ü", "A: b\nC: d", "table.a.b", "`;--", "00",
    "0" * 32, "f" * 33,
]  # fmt: skip
"""What nobody means, and somebody types; no word of a command line holds NUL."""
WAITS = {"doctor", "check", "push"}
"""Commands that ask AutoGen or an endpoint: they have fuzzers in their own rooms."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("command", sorted(parsers().keys() - WAITS))
def test_any_words_are_taken_or_refused_in_one_sentence(
    command: str, seed: int, run: Run, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(journal.parent)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO())))
    monkeypatch.setattr("autogen_otel.cli.commands.show.time.sleep", interrupt)
    monkeypatch.setattr("autogen_otel.traces.sources.http.time.sleep", interrupt)
    rng = random.Random(f"{command} {seed}")  # noqa: S311 - the same each time
    actions = [action for action in parsers()[command]._actions if "-h" not in action.option_strings]
    for _ in range(60):
        words = [command]
        for action in rng.sample(actions, rng.randrange(1, min(4, len(actions)) + 1)):
            # A file that is to be written stands here, or nowhere.
            texts = (
                TEXTS
                if action.dest not in {"html", "output", "out"}
                else [text for text in TEXTS if "/" not in text]
            )
            text = rng.choice([*texts, *(action.choices or ())])
            words += action.option_strings[-1:]
            words += [text] if action.nargs != 0 else []
        if rng.random() < 0.5 and command in {"show", "diagnose", "repro"} and "--journal" not in words:
            words += ["--journal", str(journal)]
        printed = run(*words)
        if printed.code == 130:
            continue
        # Who follows is told before that it waits.
        demand_an_end(printed.code, printed.err, sentences=2 if "--follow" in words else 1)


# ---------------------------------------------------------------- answers of servers
SHAPES: list[Any] = [
    None, 0, 1.5, "text", True, [], [None], [1], [[]], ["a"], {}, {"data": None}, {"data": 5},
    {"data": [5]}, {"data": {"result": 5}}, {"data": {"result": [5]}},
    {"data": {"result": [{"metric": 5, "value": 5}]}},
    {"data": {"result": [{"metric": {}, "value": ["a", "b"]}]}},
    {"data": {"result": [{"metric": {}, "value": [1]}]}}, {"services": 5}, {"services": [5]},
    {"services": {"a": 1}}, {"services": "abc"}, {"services": ["a", None]}, {"operations": 5},
    {"operations": [5]}, {"operations": [{"name": 5}]}, {"operations": {"a": 1}}, {"result": None},
    {"result": []}, {"result": {"resourceSpans": 5}}, {"result": {"resourceSpans": [5]}},
    {"resourceSpans": {"a": 1}}, {"batches": "abc"}, {"trace": {"resourceSpans": [{"scopeSpans": 5}]}},
    {"traces": None}, {"traces": 5}, {"traces": [5]}, {"traces": [{"traceID": 5}]}, {"traces": [{}]},
    {"traces": [{"traceID": "1", "startTimeUnixNano": "x"}]},
    {"traces": [{"traceID": "1", "startTimeUnixNano": 1e999}]}, {"metrics": None}, {"error": 5},
    {"error": [5]}, {"errors": [[]]}, {"error": {"message": {"a": 1}}}, "x" * 100_000,
]  # fmt: skip
RAW = [
    b"", b"\xff\xfe", b"<html>", b"{", b"nope\n", b"[1]\n[2]\n", b"[[]]\n{}\n", b"[" * 100_000,
    b"9" * 10_000, b"null\n", gzip.compress(b"{}"), b"\x1f\x8bno", b'{"a": NaN}', b'["a", "b", "c"]\n',
    b"[null]\n" * 20, b'[["a"]]\n',
]  # fmt: skip
SERVERS: Mapping[str, tuple[str, Any]] = {
    "Jaeger": ("--jaeger", ScriptedJaeger),
    "Jaeger with v1": ("--jaeger", lambda *traces: ScriptedJaeger(*traces, has_v1=True)),
    "Tempo": ("--tempo", ScriptedTempo),
    "ClickHouse": ("--clickhouse", ScriptedTempo),
    "Prometheus": ("--prometheus", ScriptedTempo),
    "Grafana": ("--grafana", ScriptedTempo),
}


@contextmanager
def odd_server(scripted: Any, rng: random.Random) -> Iterator[str]:
    """The address of a server that answers some requests as it should, and others not."""
    sanity = rng.choice((0.0, 0.5, 0.9))

    def ask(path: str, parameters: dict[str, str], headers: Mapping[str, str]) -> Answer:
        if rng.random() < sanity:
            try:
                answer: Answer = scripted(path, parameters, headers)
            except (KeyError, ValueError):
                return Answer(404)
            if rng.random() < 0.5 and isinstance(answer.body, dict):
                return Answer(answer.status, damaged(answer.body, rng), answer.headers)
            return answer
        status = rng.choice((200, 200, 200, 200, 204, 400, 404, 500))
        headers = rng.choice(({}, {}, {}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}))
        return Answer(status, rng.choice([*SHAPES, *RAW]), headers)

    with serving(ask) as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_may_answer_anything(
    server: str, seed: int, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAFANA_TOKEN", "x")
    option, kind = SERVERS[server]
    rng = random.Random(f"{server} {seed}")  # noqa: S311 - the same each time
    for _ in range(60):
        traces = [incident() for incident in INCIDENTS]
        with odd_server(kind(*traces), rng) as url:
            words = ["dashboards"]
            if server == "Prometheus":
                words = ["diagnose", "--jaeger", url]
            elif server != "Grafana":
                chosen = rng.choice(COMMANDS[:9])
                words = [word.replace("TRACE", rng.choice(traces).trace_id) for word in chosen]
            since = [] if server == "Grafana" else ["--since", "2026-11-22T12:00", "--until", "2026-11-23"]
            printed = run(*words, option, url, *since)
        demand_an_end(printed.code, printed.err)
