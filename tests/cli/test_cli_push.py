from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.cli.text import progress
from autogen_otel.delivery import pushing as push
from autogen_otel.delivery.exporting.exporters import Endpoint
from autogen_otel.delivery.journal import Journal, Kind
from autogen_otel.delivery.journal.files import list_files
from autogen_otel.delivery.journal.position import sole_forwarder
from tests.delivery.receivers import Receiver, closed_port, finished, receiving

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    # The command sets it for exporters of other packages.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal with three batches of four spans."""
    folder = tmp_path / "journal"
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(folder))
    journal = Journal(folder)
    for names in ("ab", "c", "d"):
        journal.append(finished(*names))
    return folder


def _json(run: Run, *words: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = run("push", "--format", "json", *words)
    return code, json.loads(out)


def test_everything_is_sent_in_order_and_a_second_push_sends_nothing(
    run: Run, receiver: Receiver, folder: Path
) -> None:
    code, out, err = run("push", "--endpoint", receiver.url)
    assert (code, err) == (0, "")
    assert out == f"4 spans of {folder} sent to {receiver.url}/v1/traces.\n"
    code, result = _json(run, "--endpoint", f"{receiver.url}/v1/traces")
    assert (code, result["forwarded"], result["left"]) == (
        0,
        {"batches": 0, "spans": 0},
        {"batches": 0, "spans": 0},
    )
    assert receiver.span_names == list("abcd")
    assert list_files(folder) == []


def test_the_environment_says_where_to_send(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{receiver.url}/base")
    code, result = _json(run)
    assert (code, result["endpoint"]) == (0, f"{receiver.url}/base/v1/traces")
    assert receiver.span_names == list("abcd")


@pytest.mark.parametrize("status", [None, 503, 401])
def test_an_endpoint_that_takes_nothing_is_offered_one_batch_and_the_journal_stays_whole(
    run: Run, receiver: Receiver, folder: Path, status: int | None
) -> None:
    before = [file.path.read_bytes() for file in list_files(folder)]
    receiver.status = status or 200
    url = receiver.url if status else f"http://127.0.0.1:{closed_port()}"
    code, out, err = run("push", "--endpoint", url)
    assert code == 1
    assert "0 spans of" in out
    assert "4 spans left for the next push.\n" in out
    assert err.startswith(f"autogen-otel: {url}/v1/traces does not take spans (")
    assert [file.path.read_bytes() for file in list_files(folder)] == before
    assert receiver.span_names == (["a", "b"] if status else [])


def test_a_receiver_that_dislikes_empty_requests_gets_what_there_is(
    run: Run, receiver: Receiver, folder: Path
) -> None:
    receiver.empty_status = 400
    assert run("push", "--endpoint", receiver.url).code == 0
    assert receiver.span_names == list("abcd")


def test_a_batch_that_breaks_the_endpoint_is_passed_over(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_AGAIN_SECONDS", 0.0)
    receiver.breaks = b"c"
    code, result = _json(run, "--endpoint", receiver.url)
    assert (code, result["forwarded"]["spans"], result["refused"]["spans"]) == (1, 3, 1)
    assert receiver.span_names == list("abccd")


def test_a_push_that_was_cut_off_is_followed_by_one_that_goes_on(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = Endpoint.export

    def interrupted(self: Endpoint, batch: Any) -> Any:
        if len(receiver.span_names) == 2:
            raise KeyboardInterrupt
        return export(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Endpoint, "export", interrupted)
        assert run("push", "--endpoint", receiver.url).code == 130
    code, result = _json(run, "--endpoint", receiver.url)
    assert (code, result["forwarded"]) == (0, {"batches": 2, "spans": 2})
    assert receiver.span_names == list("abcd")


def test_an_endpoint_that_wants_a_moment_gets_it(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "3"}
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        receiver.status = 200

    monkeypatch.setattr(push.time, "sleep", sleep)  # type: ignore[attr-defined]
    assert run("push", "--endpoint", receiver.url).code == 0
    assert (waited, receiver.span_names) == ([3.0], list("ababcd"))


def test_what_is_refused_stays_and_can_be_offered_again(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    Journal(tmp_path).append(finished("a"), Kind.REFUSED)
    words = ("--endpoint", receiver.url, "--journal", str(tmp_path))
    assert _json(run, *words)[1]["forwarded"]["spans"] == 0
    receiver.statuses["/v1/traces"] = 200
    code, result = _json(run, "--refused", *words)
    assert (code, result["forwarded"]["spans"], receiver.span_names) == (0, 1, ["a"])
    assert list_files(tmp_path) == []


def test_half_a_batch_that_is_not_taken_is_a_problem(run: Run, receiver: Receiver, folder: Path) -> None:
    receiver.headers = {"Content-Type": "application/json"}
    receiver.body = b'{"partialSuccess": {"rejectedSpans": 1}}'
    code, out, _ = run("push", "--endpoint", receiver.url)
    assert code == 1
    assert out.startswith("1 span of ")
    assert "3 spans refused by it.\n" in out


def test_damaged_lines_are_told(run: Run, receiver: Receiver, folder: Path) -> None:
    (file,) = list_files(folder)
    file.path.write_bytes(b"{broken\n" + file.path.read_bytes() + b'{"resourceSpans":[{')
    code, out, _ = run("push", "--endpoint", receiver.url)
    assert (code, receiver.span_names) == (0, list("abcd"))
    assert "1 damaged line passed over.\n" in out


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b'{"hello": "world"}',
        b'{"batches":[{"scopeSpans":[]}]}',
        b'\n{"resourceSpans":[]}\nno JSON\n',
        b"no JSON\n",
        b'{"resourceSpans":[{"sco',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"no id","name":"a"}]}]}]}',
    ],
)
def test_a_file_without_spans_is_not_pushed_in_silence(
    run: Run, receiver: Receiver, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    code, out, err = run("push", "--endpoint", receiver.url, "--journal", str(file))
    assert (code, out) == (2, "")
    assert err == f"autogen-otel: {file} holds no spans; push takes OTLP JSON, one batch a line.\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n\n",
        b'{"resourceSpans":[]}\n',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]}\n\n',
        b'{"resourceMetrics":[]}\n{"resourceLogs":[]}\n',
        gzip.compress(b"", mtime=0),
        gzip.compress(b"\n", mtime=0),
    ],
)
def test_a_file_in_which_there_is_nothing_to_send_is_well(
    run: Run, receiver: Receiver, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    code, out, err = run("push", "--endpoint", receiver.url, "--journal", str(file))
    assert (code, err, receiver.span_names) == (0, "", [])
    assert out == f"0 spans of {file} sent to {receiver.url}/v1/traces.\n"


@pytest.mark.parametrize("name", ["run.jsonl", "traces-1.jsonl.gz"])
def test_a_folder_of_other_files_is_not_pushed_in_silence(
    run: Run, receiver: Receiver, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("{}")
    code, out, err = run("push", "--endpoint", receiver.url, "--journal", str(tmp_path))
    assert (code, out) == (2, "")
    assert f"The files in {tmp_path} are not those of a journal; name one" in err


@pytest.mark.parametrize("form", ["plain", "gzip", "standard input"])
def test_a_file_is_sent_and_stays_as_it_is(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    (file,) = list_files(folder)
    content = file.path.read_bytes() + b'{"resourceSpans": broken\n' + b'{"resourceSpans":[{"sco'
    copy = folder.parent / "copy"
    copy.write_bytes(gzip.compress(content) if form == "gzip" else content)
    if form == "standard input":
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    path = "-" if form == "standard input" else str(copy)
    code, out, err = run("push", "--endpoint", receiver.url, "--journal", path)
    assert (code, err, receiver.span_names) == (0, "", list("abcd"))
    name = "standard input" if path == "-" else path
    assert out == f"4 spans of {name} sent to {receiver.url}/v1/traces.\n2 damaged lines passed over.\n"
    assert len(list_files(folder)) == 1, "the journal is another matter"


def test_of_a_file_it_is_said_what_the_endpoint_does_not_take(
    run: Run, receiver: Receiver, folder: Path
) -> None:
    (file,) = list_files(folder)
    receiver.status = 503
    code, result = _json(run, "--endpoint", receiver.url, "--journal", str(file.path))
    assert (code, result["left"], result["forwarded"]["spans"]) == (1, {"batches": 3, "spans": 4}, 0)
    receiver.status = 400
    code, result = _json(run, "--endpoint", receiver.url, "--journal", str(file.path))
    assert (code, result["left"], result["refused"]["spans"]) == (1, {"batches": 0, "spans": 0}, 4)


def test_an_empty_journal_is_well(run: Run, receiver: Receiver) -> None:
    code, out, _ = run("push", "--endpoint", receiver.url)
    assert (code, out.startswith("0 spans of ")) == (0, True)


def test_another_program_that_sends_is_not_disturbed(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_BUSY_SECONDS", 0.05)
    monkeypatch.setattr(push, "_BUSY_AGAIN_SECONDS", 0.01)
    with sole_forwarder(folder):
        code, _, err = run("push", "--endpoint", receiver.url)
    assert (code, receiver.span_names) == (1, [])
    assert "because another program sends them at this moment" in err


@pytest.mark.parametrize(
    ("words", "environment", "sentence"),
    [
        (
            ["--journal", "/no/such"],
            {},
            "/no/such does not exist; --journal takes the folder of a journal, or",
        ),
        (["--journal", __file__, "--refused"], {}, "--refused is for the folder of a journal"),
        (["--endpoint", "pigeon"], {}, "--endpoint has to begin with http:// or https:// and name a host."),
        ([], {"OTEL_TRACES_EXPORTER": "none"}, "names no endpoint; name one with --endpoint"),
        ([], {"OTEL_TRACES_EXPORTER": "pigeon"}, "no installed package has an exporter of that name"),
        ([], {"AUTOGEN_OTEL_JOURNAL_MAX_BYTES": "many"}, "must be a whole number, not 'many'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str], environment: dict[str, str], sentence: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, out, err = run("push", *words)
    assert (code, out) == (2, "")
    assert sentence in err


def test_what_takes_long_shows_how_far_it_is(
    run: Run, receiver: Receiver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.Lines, "seconds", 0.0)
    lines = run("push", "--endpoint", receiver.url).err.splitlines()
    assert len(lines) == 3
    assert lines[-1] == "sending the journal: 100%"
