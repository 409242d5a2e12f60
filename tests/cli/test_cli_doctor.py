from __future__ import annotations

import json
import logging
import os
import pwd
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

import autogen_otel
from autogen_otel import checkup, instrumentation
from autogen_otel.delivery.exporting import exporters
from autogen_otel.delivery.journal import Journal, Kind, NoFolderError
from autogen_otel.hosts.classic.lineages import Detection
from tests.delivery.receivers import Receiver, closed_port, finished, receiving
from tests.support.telemetry import Telemetry

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """An endpoint that takes telemetry, configured."""
    with receiving() as it:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", it.url)
        yield it


@pytest.fixture
def no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A journal that cannot be: a file stands where its folder should."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path / "file"))
    return tmp_path / "file"


def test_all_is_well(run: Run, receiver: Receiver) -> None:
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert out.startswith("host: ")
    assert "functions, 0 missing\n" in out
    assert f"endpoint: {receiver.url}/v1/traces takes telemetry\n" in out
    assert f"openai {metadata.version('openai')}" in out
    assert out.endswith("All is well.\n")
    assert f"metrics: {receiver.url}/v1/metrics takes telemetry\n" in out
    assert "logs: off (OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs/dup makes" in out
    assert "message content: not recorded\n" in out
    assert receiver.taken == [("/v1/traces", b""), ("/v1/metrics", b"")]
    assert not instrumentation.active()


def test_every_row_is_listed_when_asked_for(run: Run, receiver: Receiver) -> None:
    assert "OpenAIWrapper.create" not in run("doctor").out
    assert (
        "  autogen.oai.client.OpenAIWrapper.create: model call, config entries\n"
        in run("doctor", "--rows").out
    )


def test_json_tells_the_same(run: Run, receiver: Receiver) -> None:
    code, out, _ = run("doctor", "--format", "json")
    result = json.loads(out)
    assert (code, result["schema"], result["problems"]) == (0, 1, [])
    assert result["endpoints"] == [{"endpoint": f"{receiver.url}/v1/traces", "takes": True, "problem": None}]
    assert result["metrics_endpoints"] == [
        {"endpoint": f"{receiver.url}/v1/metrics", "takes": True, "problem": None}
    ]
    assert (result["logs_endpoints"], result["message_content"]) == (None, "NO_CONTENT")
    assert {"target", "yields"} == set(result["attached"][0])
    assert result["host"]["lineage"] in {"pyautogen 0.2", "pyautogen 0.9", "ag2 0.14"}
    assert result["versions"]["autogen-otel"] == metadata.version("autogen-otel")


def test_an_endpoint_that_refuses_is_a_problem_also_where_there_is_a_journal(
    run: Run, receiver: Receiver
) -> None:
    receiver.status = 401
    code, out, _ = run("doctor")
    assert code == 1
    refused = "does not take telemetry (HTTP 401 Unauthorized)"
    assert f"FAILED {receiver.url}/v1/traces {refused}: traces are kept in the journal only.\n" in out
    assert f"FAILED {receiver.url}/v1/metrics {refused}: metrics go nowhere;" in out
    assert "/v1/traces does not take telemetry (HTTP 401 Unauthorized)\n" in out
    assert "autogen-otel/journal (0 B, undelivered, writable)\n" in out


def test_metrics_that_jaeger_alone_does_not_take_are_a_problem_that_can_be_switched_off(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.statuses["/v1/metrics"] = 404
    code, out, _ = run("doctor")
    assert code == 1
    assert "(HTTP 404 Not Found): metrics go nowhere; OTEL_METRICS_EXPORTER=none makes none.\n" in out
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    code, out, _ = run("doctor")
    assert code == 0
    assert out.endswith("All is well.\n")


def test_grpc_without_its_exporter_is_a_problem(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setattr(exporters, "entry_points", lambda **_: [])
    code, out, _ = run("doctor")
    assert code == 1
    assert out.count("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf needs none") == 4


def test_signals_that_are_switched_off_are_said_to_be(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs")
    code, out, _ = run("doctor")
    assert code == 0
    assert "metrics: off (OTEL_METRICS_EXPORTER is none)\nlogs: off (OTEL_LOGS_EXPORTER is none)\n" in out
    assert (
        "to see whether telemetry is lost: look at what your programs counted, above; if an endpoint" in out
    )


@pytest.mark.parametrize(("policy", "words"), [("EVENT_ONLY", ""), ("SPAN_AND_EVENT", "on spans and ")])
def test_content_that_goes_into_log_records_needs_somebody_who_takes_them(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, policy: str, words: str
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", policy)
    code, out, _ = run("doctor")
    assert code == 0
    assert f"logs: {receiver.url}/v1/logs takes telemetry\nmessage content: {words}in log records\n" in out
    receiver.statuses["/v1/logs"] = 404
    code, out, _ = run("doctor")
    assert code == 1
    assert out.endswith(
        "FAILED Message content is lost: it goes into log records, and no endpoint takes them.\n"
    )


def test_what_is_asked_for_metrics_is_not_started(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reader(InMemoryMetricReader):
        def __init__(self) -> None:
            raise AssertionError

    monkeypatch.setattr(checkup, "plugin", lambda name, signal: Reader)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    assert "metrics: the exporter prometheus takes telemetry\n" in run("doctor").out


def test_nowhere_to_go_is_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch, no_folder: Path) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    code, out, _ = run("doctor")
    assert code == 1
    assert "does not take telemetry (nothing answers there)\n" in out
    assert "to see whether telemetry is lost: look at what your programs counted, above; if an" in out
    why = f"{no_folder} is no folder; AUTOGEN_OTEL_JOURNAL_DIR may name one"
    assert f"journal: none, because {why}\n" in out
    assert f"(nothing answers there): traces are lost, because there is no journal: {why}.\n" in out


@pytest.mark.needs(sys.platform == "linux", "a folder in which even root may write nothing")
def test_a_folder_is_writable_if_a_file_can_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", "/proc/nope")
    out = run("doctor").out
    assert "journal: /proc/nope (0 B, undelivered, not writable): /proc/nope cannot be written (" in out
    assert "traces are lost, because there is no journal: /proc/nope cannot be written (" in out
    code, _, err = run("show")
    assert code == 2
    assert err.startswith("autogen-otel: There is no journal: /proc/nope cannot be written (")
    assert "AUTOGEN_OTEL_JOURNAL_DIR may name another folder, and --journal a file or a folder" in err


def test_a_journal_that_was_asked_for_and_cannot_be_is_a_problem_also_where_all_is_delivered(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Path:
        raise NoFolderError("there is no folder")

    monkeypatch.setattr("autogen_otel.checkup.default_dir", refuse)
    monkeypatch.delenv("AUTOGEN_OTEL_JOURNAL_DIR", raising=False)
    # A container may have no place for a journal that nobody asked for.
    assert run("doctor").code == 0
    for variable, value in (
        ("AUTOGEN_OTEL_JOURNAL", "all"),
        ("AUTOGEN_OTEL_JOURNAL_DIR", "/dev/null/journal"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            code, out, _ = run("doctor")
        assert code == 1
        assert "FAILED There is no journal for spans that no endpoint takes: " in out


def test_looking_whether_a_folder_is_writable_leaves_nothing_there(
    run: Run, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "not" / "yet"):
        monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(folder))
        assert f"journal: {folder} (0 B, undelivered, writable)\n" in run("doctor").out
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_off_catches_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", "off")
    code, out, _ = run("doctor")
    assert code == 1
    assert "endpoint: none (OTEL_TRACES_EXPORTER is none)\n" in out
    assert "FAILED Traces go nowhere: OTEL_TRACES_EXPORTER is none.\n" in out
    assert "setting: journal = off (AUTOGEN_OTEL_JOURNAL)\n" in out
    assert "setting: max_value_length = 8192 (default; AUTOGEN_OTEL_MAX_VALUE_LENGTH)\n" in out


def test_copies_of_conversations_are_a_place_to_go(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", "failing")
    code, out, _ = run("doctor")
    assert (code, out.splitlines()[-1]) == (0, "All is well.")


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize(
    ("variable", "has_processor", "code"),
    [("", False, 1), ("", True, 0), ("off", False, 0), ("all", False, 0)],
)
def test_a_provider_of_the_programs_own_has_to_be_journaled(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, has_processor: bool, code: int
) -> None:
    provider = TracerProvider()
    if has_processor:
        provider.add_span_processor(autogen_otel.JournalProcessor())
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", variable)
    result = run("doctor", "--format", "json")
    document = json.loads(result.out)
    assert document["provider"] == {"class": "TracerProvider", "journaled": has_processor}
    assert result.code == code
    assert [problem for problem in document["problems"] if "JournalProcessor()" in problem] == (
        document["problems"]
    )
    provider.shutdown()


@pytest.mark.parametrize(
    ("variable", "becomes"),
    [
        ("", "traces are lost"),
        ("all", "traces are kept in the journal only"),
        ("failing", "only conversations in which something failed are kept, in the journal"),
        ("off", "traces are lost, because the journal is switched off"),
    ],
)
def test_what_is_kept_of_a_provider_of_the_programs_own_is_not_more_than_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, becomes: str
) -> None:
    provider = TracerProvider()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", variable)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    out = run("doctor").out
    assert f"/v1/traces does not take telemetry (nothing answers there): {becomes}.\n" in out
    provider.shutdown()


def test_a_journal_shows_its_size(run: Run, receiver: Receiver, journal: Path) -> None:
    size = sum(file.stat().st_size for file in journal.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(journal))
        result = json.loads(run("doctor", "--format", "json").out)["journal"]
    assert result == {
        "folder": str(journal),
        "kept": True,
        "mode": "undelivered",
        "bytes": size,
        "writable": True,
        "problem": None,
        "undelivered": {"batches": 0, "spans": 0},
        "refused_spans": 0,
        "copied_spans": 0,
        "forwarded_spans": 0,
    }


def test_what_waits_in_the_journal_is_told(
    run: Run, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path))
    journal = Journal(tmp_path)
    journal.append(finished("a", "b"))
    journal.append(finished("c"), Kind.REFUSED)
    journal.append(finished("d"), Kind.KEPT)
    out = run("doctor").out
    push = f"autogen-otel push --journal {tmp_path}"
    assert f"undelivered: 2 spans; programs send them while they run, `{push}` does it now\n" in out
    assert f"refused by the endpoint: 1 span; `{push} --refused` tries again\n" in out
    assert "copies in the journal: 1 span\n" in out
    assert (
        "whether telemetry is lost: in your metrics backend, autogen.telemetry.dropped above 0 says that "
        "a program lost some; autogen.telemetry.exported, " in out
    )
    run("push")
    assert json.loads(run("doctor", "--format", "json").out)["delivery"]["forwarded"] == {"spans": 2}


def test_what_programs_have_counted_is_told(
    run: Run, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path))
    assert "counted by your programs: nothing yet (they write it beside the journal)\n" in run("doctor").out
    counted = {"exported spans": 1200, "exported logs": 7, "journaled spans": 20, "dropped spans refused": 3}
    written = {"since": 1000.0, "at": 2000.0, "items": counted, "queued": {"a": [{"spans": 5}, time.time()]}}
    (tmp_path / "counts.json").write_text(json.dumps(written))
    out = run("doctor").out
    assert (
        "counted by your programs from 1970-01-01T00:16:40.000000Z to 1970-01-01T00:33:20.000000Z:\n" in out
    )
    spans = "1,200 exported, 20 journaled, 0 forwarded, 3 dropped (3 refused), 5 waiting in memory"
    assert f"  spans: {spans}\n  logs: 7 exported, 0 dropped, 0 waiting in memory\n" in out
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL", "off")
    assert json.loads(run("doctor", "--format", "json").out)["delivery"]["queued"] == {"spans": 5}


def test_where_nothing_can_be_written_doctor_and_show_say_what_to_do(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/dev/null/tmp"])
    for home in ("/dev/null", None):
        monkeypatch.setenv("HOME", home) if home else monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
        code, out, err = run("doctor")
        assert (code, err) == (0, "")
        assert (
            "journal: none, because neither the user's state folder nor one for temporary files can be" in out
        )
        code, _, err = run("show")
        assert code == 2
        assert "AUTOGEN_OTEL_JOURNAL_DIR may name another, and --journal a file or a folder to read." in err


def test_no_host_is_a_problem(run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instrumentation, "detect", lambda: Detection(problem="found no AutoGen package"))
    code, out, err = run("doctor")
    assert (code, err) == (1, "")
    assert out.startswith("host: none that is supported\n")
    assert out.endswith("FAILED Nothing to attach to: found no AutoGen package.\n")


def test_a_host_between_the_tested_versions_is_said_to_be_untested(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    import autogen

    assert "tested" not in run("doctor").out.splitlines()[0]
    monkeypatch.setattr(autogen, "__version__", f"{autogen.__version__}.post9")
    code, out, _ = run("doctor")
    assert code == 0
    assert "; attached to, but tested are only 0.2.35, 0.9.0, 0.14.0, 0.14.1)\n" in out


def test_openai_that_is_missing_is_a_problem(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == "openai":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)
    code, out, _ = run("doctor")
    assert code == 1
    assert "FAILED The package openai is not installed, so agents with a model fail: pip install" in out


def test_a_function_that_is_gone_is_a_problem(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autogen import ConversableAgent

    monkeypatch.delattr(ConversableAgent, "generate_reply")
    code, out, err = run("doctor")
    assert (code, err) == (1, "")
    assert "ConversableAgent.generate_reply is not attached, so agent turn will be missing: " in out


def test_a_disabled_sdk_is_a_problem(run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    code, out, _ = run("doctor")
    assert code == 1
    assert "FAILED OTEL_SDK_DISABLED is true: nothing is recorded.\n" in out


@pytest.mark.parametrize("output", ["text", "json"])
def test_no_secret_of_the_endpoint_is_printed(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    for url in (
        f"http://me:s3cr3t@127.0.0.1:{receiver.port}/v1/traces?key=s3cr3t",
        "http://me:s3cr3t@x:port",
    ):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer s3cr3t")
        code, out, err = run("doctor", "--format", output)
        assert (code, err) == (int("port" in url), "")
        assert "s3cr3t" not in out


def test_what_is_installed_beside_us_is_named(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = metadata.version

    def version(name: str) -> str:
        return "1" if name == "opentelemetry-instrumentation-openai-v2" else known(name)

    monkeypatch.setattr(metadata, "version", version)
    assert (
        "also installed: opentelemetry-instrumentation-openai-v2: cannot be told to stand down"
        in run("doctor").out
    )


def test_a_program_that_is_instrumented_stays_so(run: Run, receiver: Receiver) -> None:
    report = autogen_otel.instrument(tracer_provider=Telemetry().provider)
    try:
        assert run("doctor").code == 0
        assert instrumentation.report() is report
    finally:
        autogen_otel.uninstrument()


def test_a_provider_that_takes_the_seed_of_the_program_is_named_with_the_remedy(
    run: Run, receiver: Receiver
) -> None:
    remedy = "make it TracerProvider(id_generator=autogen_otel.IdGenerator())\n"
    assert "ids: not from Python's global random\n" in run("doctor").out

    class Chosen(RandomIdGenerator):
        """A generator that the application has chosen, which it keeps."""

    for generator, is_shared in ((None, False), (Chosen(), True)):
        autogen_otel.instrument(tracer_provider=TracerProvider(id_generator=generator))
        try:
            out, found = run("doctor").out, json.loads(run("doctor", "--format", "json").out)
        finally:
            autogen_otel.uninstrument()
        assert ("ids: the id generator of your tracer provider draws them from" in out) is is_shared
        assert (remedy in out) is is_shared
        assert found["ids_from_global_random"] is is_shared


@pytest.mark.parametrize("words", [["--format", "xml"], ["more"]])
def test_wrong_words_are_refused(run: Run, words: list[str]) -> None:
    assert run("doctor", *words).code == 2


def test_a_setting_that_cannot_be_used_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_MAX_VALUE_LENGTH", "long")
    code, out, err = run("doctor")
    assert (code, out) == (2, "")
    assert err == "autogen-otel: AUTOGEN_OTEL_MAX_VALUE_LENGTH must be a whole number, not 'long'.\n"


def test_a_variable_that_is_not_ours_is_a_problem(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JURNAL", "off")
    code, out, _ = run("doctor")
    assert code == 1
    assert "AUTOGEN_OTEL_JURNAL is not known and does nothing; did you mean AUTOGEN_OTEL_JOURNAL?\n" in out


def test_a_function_to_redact_with_is_found_beside_the_program(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "claims_privacy.py").write_text("def without_customers(text): return text\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("AUTOGEN_OTEL_REDACT", "claims_privacy:without_customers")
    assert "setting: redact = claims_privacy:without_customers (AUTOGEN_OTEL_REDACT)\n" in run("doctor").out


def test_help_has_examples(run: Run) -> None:
    code, out, _ = run("doctor", "--help")
    assert code == 0
    assert "examples:\n  autogen-otel doctor " in out


def test_a_folder_that_may_not_be_looked_into_is_one_sentence(
    run: Run, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(folder: Path) -> tuple[int, int]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path))
    monkeypatch.setattr(checkup, "count_remaining", forbidden)
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert f"journal: {tmp_path} (0 B, undelivered, writable)\n" in out
    monkeypatch.setattr(os, "scandir", forbidden)
    for words in (["journal"], ["push"], ["journal", "--journal", str(tmp_path)]):
        assert run(*words) == (2, "", f"autogen-otel: {tmp_path} cannot be used: Permission denied.\n")


def test_a_launcher_that_has_not_switched_us_on_is_a_problem(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    name = "opentelemetry.instrumentation.auto_instrumentation"
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    code, out, _ = run("doctor")
    assert code == 1
    assert "FAILED opentelemetry-instrument has not switched us on, so under it nothing is recorded: " in out
    assert "/v1/traces does not take telemetry (nothing answers there): nothing is recorded.\n" in out
    autogen_otel.instrument(tracer_provider=TracerProvider())
    try:
        assert "has not switched us on" not in run("doctor").out
    finally:
        autogen_otel.uninstrument()


@pytest.mark.parametrize(
    "headers", ["Authorization: Bearer planted-7Hq2Zk", "planted-7Hq2Zk", "a=b,,c d=planted-7Hq2Zk"]
)
def test_headers_that_cannot_be_read_are_said_without_their_text(
    run: Run,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    headers: str,
) -> None:
    monkeypatch.setattr(logging.getLogger("opentelemetry.util.re"), "disabled", False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    code, out, err = run("doctor")
    assert code == 1
    assert out.count("FAILED OTEL_EXPORTER_OTLP_HEADERS holds what is no name=value") == 1
    assert "planted" not in out + err + caplog.text


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1")],
)
def test_a_variable_that_opentelemetry_refuses_is_one_sentence(variable: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autogen_otel.cli", "doctor"],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("autogen-otel: OpenTelemetry cannot use its variables (")
    assert variable in done.stderr
