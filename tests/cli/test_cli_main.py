from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel import cli
from autogen_otel.cli import commands, main
from autogen_otel.cli.commands import show
from autogen_otel.cli.options import journals
from autogen_otel.cli.text import progress
from tests.support.incidents import fallback
from tests.support.recorded import RecordedTrace, write
from tests.support.stores import Answer, serving

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def refused(run: Run, *words: str) -> str:
    """The one sentence with which a command is refused."""
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("autogen-otel")
    return err


def test_the_journal_is_where_it_is_configured_to_be(
    run: Run, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(journal))
    # The variable may be set for this command only.
    assert run("show").out.endswith(f"Show one with: autogen-otel show TRACE --journal {journal}\n")


def test_the_journal_is_by_default_where_the_writer_puts_it(
    run: Run, journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "default_dir", lambda: tmp_path / "state")
    assert f"no journal yet at {tmp_path / 'state'}: call autogen_otel.instrument()" in refused(run, "show")
    journal.rename(tmp_path / "state")
    assert "5 conversations" in run("show").out


def test_a_journal_that_does_not_exist_is_named(run: Run, tmp_path: Path) -> None:
    assert f"{tmp_path / 'no'} does not exist" in refused(run, "show", "--journal", str(tmp_path / "no"))


def test_an_unreadable_file_is_named(run: Run, journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refuse(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith(".jsonl"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    # Root, whom containers run tests as, may read everything; so the refusal is played.
    monkeypatch.setattr(os, "open", refuse)
    assert f"{journal / '1.jsonl'} cannot be read: Permission denied." in refused(
        run, "show", "--journal", str(journal)
    )


@pytest.mark.parametrize("command", [("show",), ("diagnose",), ("repro", "00"), ("check", "-")])
def test_a_standard_input_that_is_closed_is_empty(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    refused(run, *command, *(() if "check" in command else ("--journal", "-")))


@pytest.mark.parametrize("command", ["show", "diagnose", "journal", "push"])
def test_a_journal_that_may_not_be_read_does_not_pass_for_a_missing_one(
    run: Run, journal: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    asked = os.stat

    def refuse(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if str(path).startswith(str(journal)):
            raise PermissionError(13, "Permission denied", str(path))
        return asked(path, *args, **kwargs)

    # A folder above it may not be searched.
    for module, name in ((os, "stat"), (os, "lstat"), (Path, "stat")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(journal))
    endpoint = ("--endpoint", "http://127.0.0.1:1") if command == "push" else ()
    for words in ((), ("--journal", str(journal))):
        sentence = refused(run, command, *words, *endpoint)
        assert f"{journal} cannot be" in sentence
        assert "Permission denied" in sentence


@pytest.mark.parametrize("content", ["", "\n", '{"resourceMetrics": []}\n'])
def test_an_empty_journal_says_how_to_get_one(run: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    assert "call autogen_otel.instrument() in your program" in refused(
        run, "show", "--journal", str(tmp_path)
    )


def test_a_folder_without_files_is_an_empty_journal(run: Run, tmp_path: Path) -> None:
    assert f"The journal {tmp_path} is empty: call" in refused(run, "show", "--journal", str(tmp_path))


def test_an_empty_file_is_not_for_a_program_to_fill(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "copy.jsonl"
    file.touch()
    advice = "name another file or folder with --journal"
    assert refused(run, "show", "--journal", str(file)) == (
        f"autogen-otel: The journal {file} is empty: {advice}.\n"
    )
    file.write_text('{"resourceMetrics": []}\n')
    assert refused(run, "show", "--journal", str(file)) == (
        f"autogen-otel: No conversations in journal {file}: {advice}.\n"
    )


@pytest.mark.parametrize("file", ["counts.json", "forwarding.json"])
def test_a_journal_is_empty_where_an_endpoint_took_the_spans(run: Run, tmp_path: Path, file: str) -> None:
    texts = {
        "counts.json": '{"since": 1, "at": 2, "items": {"exported spans": 1200}, "queued": {}}',
        "forwarding.json": '{"file": "", "offset": 0, "spans": 1200, "at": 2}',
    }
    (tmp_path / file).write_text(texts[file])
    sentence = refused(run, "show", "--journal", str(tmp_path))
    assert f"{tmp_path} is empty: the endpoint of your programs took 1,200 spans; look in" in sentence
    assert "call autogen_otel.instrument()" not in sentence


@pytest.mark.parametrize(("is_there", "named"), [(True, True), (True, False), (False, False)])
def test_an_empty_journal_on_a_full_disk_says_that_it_is_full(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool, named: bool
) -> None:
    folder = tmp_path / "full"
    if is_there:
        folder.mkdir()

    def refuse(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("autogen_otel.delivery.journal.folder.tempfile.TemporaryFile", refuse)
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(folder))
    said = refused(run, "show", *(("--journal", str(folder)) if named else ()))
    assert f"{folder} cannot be written (No space left on device)" in said
    assert "call autogen_otel.instrument()" not in said


def test_an_unknown_trace_is_refused(run: Run, journal: Path) -> None:
    assert f"No trace in journal {journal} begins with f00" in refused(
        run, "show", "f00", "--journal", str(journal)
    )


@pytest.mark.parametrize("trace_id", ["xyz", "", "--", "a1 b2"])
def test_what_is_no_trace_id_is_refused(run: Run, journal: Path, trace_id: str) -> None:
    words = ["--journal", str(journal), "--", trace_id]
    assert "is not a trace id" in refused(run, "show", *words)


@pytest.mark.parametrize("command", ["show", "diagnose"])
def test_who_names_a_file_is_told_the_option_that_reads_it(run: Run, journal: Path, command: str) -> None:
    assert "a-f; --journal reads files and folders." in refused(
        run, command, str(journal), "--journal", str(journal)
    )


def test_an_ambiguous_beginning_lists_its_traces(run: Run, tmp_path: Path) -> None:
    recorded = [RecordedTrace(number) for number in range(1, 14)]
    for it in recorded:
        it.leaf("invoke_workflow a -> b", 1)
    write(tmp_path / "a.jsonl", *recorded)
    said = refused(run, "show", "0000000", "--journal", str(tmp_path))
    assert "0000000 is the beginning of 13 traces: " in said
    assert re.findall(r"[0-9a-f]{32}", said) == [it.trace_id for it in recorded[:10]]
    assert said.endswith(" and 3 more; give more digits.\n")


def test_a_setting_that_cannot_be_used_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", "perhaps")
    assert "AUTOGEN_OTEL_JOURNAL must be undelivered, failing, all or off, not 'perhaps'." in refused(
        run, "show"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show", "--limit", "many"], "argument --limit: 'many' is not a whole number from 0"),
        (["show", "--limit", "-1"], "argument --limit: "),
        (["show", "--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["show", "a", "b"], "unrecognized arguments: b"),
        (
            ["show", "--limt", "3"],
            "show: unrecognized arguments: --limt; did you mean --limit? (see",
        ),
        (["show", "--failed"], "unrecognized arguments: --failed; did you mean --failing? (see"),
        (["show", "--bogus"], "unrecognized arguments: --bogus (see"),
        (["fly"], "autogen-otel: argument COMMAND: invalid choice: 'fly' (choose from "),
        (
            ["diagnos"],
            "autogen-otel: argument COMMAND: invalid choice: 'diagnos'; did you mean diagnose? (see",
        ),
        (["SHOW"], "invalid choice: 'SHOW'; did you mean show? (see autogen-otel --help)"),
        (["--versoin"], "autogen-otel: unrecognized arguments: --versoin; did you mean --version? (see"),
        (
            ["show", "--format", "jsn"],
            "show: argument --format: invalid choice: 'jsn'; did you mean json? (see autogen-otel show --",
        ),
        (
            ["--journal", "a", "show"],
            "autogen-otel: --journal has to stand after the command (see autogen-otel",
        ),
        (["--format=json", "show"], "autogen-otel: --format has to stand after the command (see"),
        (["show", "--outcome=fail"], "argument --outcome: invalid choice: 'fail'; did you mean failed? (see"),
        (["diagnose", "--cause", "timeouts"], "invalid choice: 'timeouts'; did you mean timeout? (see"),
    ],
)
def test_wrong_words_are_refused_in_one_sentence(run: Run, words: list[str], sentence: str) -> None:
    assert sentence in refused(run, *words)


@pytest.mark.parametrize("digits", [19, 20, 5000])
def test_a_limit_beyond_every_list_is_none(run: Run, journal: Path, digits: int) -> None:
    assert run("show", "--limit", "9" * digits, "--journal", str(journal)) == run(
        "show", "--limit", "0", "--journal", str(journal)
    )


def test_a_sentence_that_asks_has_one_mark_at_its_end(run: Run) -> None:
    with serving(lambda *_: Answer(200, {})) as url:
        assert refused(run, "dashboards", "--grafana", url).endswith("that Grafana is served under?\n")


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "show" in err


@pytest.mark.parametrize("words", [["--help"], ["show", "--help"]])
def test_help_says_how_commands_end(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "exit codes:" in out
    assert "examples:\n  autogen-otel " in out


def test_the_version_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", {"autogen-otel": "1.2.3"}.__getitem__)
    assert run("--version") == (0, "autogen-otel 1.2.3\n", "")


def test_a_new_command_is_a_file_and_its_name_in_one_list(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "greet.py").write_text(
        "SUMMARY = HELP = 'Greet.'\n"
        "def add_options(parser): parser.add_argument('--loudly', action='store_true')\n"
        "def run(args): return print('HELLO' if args.loudly else 'hello') or 7\n"
    )
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    monkeypatch.setattr(cli, "_COMMANDS", (*cli._COMMANDS, "greet"))
    assert run("greet") == (7, "hello\n", "")
    assert run("greet", "--loudly") == (7, "HELLO\n", "")
    del sys.modules["autogen_otel.cli.commands.greet"]


def test_an_interruption_is_quiet(run: Run, journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(show, "summaries_in", interrupt)
    assert run("show", "--journal", str(journal)) == (130, "", "")


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, output: str) -> None:
    write(tmp_path / "a.jsonl", fallback())
    command = [sys.executable, "-m", "autogen_otel.cli", "show", "--limit", "0", "--format", output]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--journal", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.needs(Path("/dev/full").exists(), "this system has no file that is always full")
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_full_disk_is_no_finding(tmp_path: Path, output: str) -> None:
    write(tmp_path / "a.jsonl", fallback())
    command = [sys.executable, "-m", "autogen_otel.cli", "diagnose", "--format", output]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(  # noqa: S603 - our own program
            [*command, "--journal", str(tmp_path)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    said = f"autogen-otel: the output cannot be written: {os.strerror(errno.ENOSPC)}.\n"
    assert (done.returncode, done.stderr.decode()) == (2, said)


def test_what_is_printed_goes_nowhere_where_the_streams_are_closed(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["show", "--journal", str(journal)]) == 0
    assert main(["show", "--journal", "nowhere"]) == 2


def test_text_that_stdout_cannot_encode_is_escaped(tmp_path: Path) -> None:
    it = RecordedTrace()
    it.leaf("invoke_workflow Jürgen -> 助手", 1)
    write(tmp_path / "a.jsonl", it)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "autogen_otel.cli", "show", it.trace_id, "--journal", str(tmp_path)],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"conversation J\\xfcrgen -> \\u52a9\\u624b" in done.stdout


def test_a_damaged_journal_is_shown_and_said(run: Run, journal: Path) -> None:
    with (journal / "1.jsonl").open("a") as file:
        file.write("torn\n" + RecordedTrace(9).line)
    code, out, err = run("show", "--journal", str(journal))
    assert (code, err.count("\n")) == (0, 1)
    assert "1.jsonl, line 4: a damaged line was passed over" in err
    assert "5 conversations" in out


def test_progress_appears_once_patience_ends(
    journal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    main(["show", "--journal", str(journal)])
    assert "reading journal" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", -1.0)
    main(["show", "--journal", str(journal)])
    assert "reading journal" in capsys.readouterr().err


def test_progress_of_standard_input_has_no_end(
    journal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with (journal / "1.jsonl").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        assert main(["show", "--journal", "-"]) == 0
    assert "reading standard input" in capsys.readouterr().err
