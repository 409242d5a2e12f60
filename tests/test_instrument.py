"""The public surface: ``instrument()``, ``uninstrument()`` and the instrumentor, with any host or none."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from importlib.metadata import entry_points
from pathlib import Path

import autogen
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from packaging.requirements import Requirement

import autogen_otel
from autogen_otel.delivery import fork
from autogen_otel.hosts.classic.lineages import REQUIREMENTS
from autogen_otel.hosts.classic.table import ROWS
from autogen_otel.testing import entry, text
from tests.delivery.receivers import closed_port, receiving
from tests.support import forking
from tests.support.agents import Serve, assistant, chat, user
from tests.support.telemetry import Telemetry, own_log_records

_CONVERSATION = """
from autogen_otel.testing import ScriptedServer, entry, text
from tests.support.agents import assistant, chat, user
with ScriptedServer([text("Done. TERMINATE")]) as server:
    chat(user(), assistant([entry(server)]))
"""


class Program:
    """Runs Python in a process of its own, in a folder of its own, where nothing listens.

    Args:
        folder: where it runs; packages in its ``site`` come before those that are installed.
    """

    def __init__(self, folder: Path) -> None:
        self.site, self.journal, self._folder = folder / "site", folder / "journal", folder
        self.site.mkdir()
        self.out = self.err = ""
        self._is_changed = False

    def run(self, code: str, *launcher: str, **environment: str) -> list[str]:
        """Run a script; returns the lines that we said on stderr."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_"))}
        given = {
            **clean,
            "PYTHONPATH": os.pathsep.join([str(self.site), *(path for path in sys.path if path)]),
            "PYTHONWARNINGS": "ignore",
            "AUTOGEN_OTEL_JOURNAL_DIR": str(self.journal),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{closed_port()}",
            **environment,
        }
        if launcher or self._is_changed:
            done = subprocess.run(  # noqa: S603 - our own interpreter on our own scripts
                [*(launcher or (sys.executable,)), "-c", code],
                cwd=self._folder,
                env=given,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        else:
            done = forking.run(["-c", code], folder=self._folder, environment=given)
        assert done.returncode == 0, done.stderr
        self.out, self.err = done.stdout, done.stderr
        return [line for line in done.stderr.splitlines() if "autogen-otel" in line or "autogen_otel" in line]

    def install(self, distribution: str, version: str, **modules: str) -> None:
        """Put a distribution with these modules before the installed ones."""
        self._is_changed = True
        for module, source in modules.items():
            (self.site / f"{module}.py").write_text(source)
        information = self.site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )

    def hide(self, *distributions: str, module: bool = True) -> None:
        """Make it as if these distributions, and the module ``autogen`` if asked, were not installed."""
        self._is_changed = True
        (self.site / "sitecustomize.py").write_text(
            f"import importlib.abc, importlib.metadata as metadata, sys\n"
            f"hidden, known = {tuple(distributions)!r}, metadata.Distribution.from_name\n"
            f"def from_name(name):\n"
            f"    if name in hidden:\n"
            f"        raise metadata.PackageNotFoundError(name)\n"
            f"    return known(name)\n"
            f"metadata.Distribution.from_name = staticmethod(from_name)\n"
            f"class Hide(importlib.abc.MetaPathFinder):\n"
            f"    def find_spec(self, name, path=None, target=None):\n"
            f"        if {module} and name == 'autogen':\n"
            f"            raise ModuleNotFoundError('No module named autogen', name='autogen')\n"
            f"sys.meta_path.insert(0, Hide())\n"
        )


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def _undone() -> Iterator[None]:
    yield
    autogen_otel.uninstrument()


@pytest.mark.usefixtures("_undone")
def test_the_report_says_what_was_attached_and_what_this_host_never_had() -> None:
    report = autogen_otel.instrument(tracer_provider=Telemetry().provider)
    assert report
    assert len(report.attached) + len(report.absent) == len(ROWS)
    assert report.missing == ()
    assert str(report).startswith("autogen-otel is attached to ")
    assert f"to {len(report.attached)} functions of " in str(report)
    assert repr(report) == str(report)  # what a prompt and a notebook show
    assert str(report.lineage).split()[1].removesuffix(".0") == autogen.__version__.removesuffix(".0")
    assert all(row.reason for row in report.absent)


@pytest.mark.usefixtures("_undone")
def test_instrumenting_again_changes_nothing_and_returns_the_same_report() -> None:
    first = autogen_otel.instrument(tracer_provider=Telemetry().provider)
    before = autogen.ConversableAgent.__dict__["generate_reply"]
    assert autogen_otel.instrument(tracer_provider=Telemetry().provider) is first
    autogen_otel.AutoGenInstrumentor().instrument()
    assert autogen.ConversableAgent.__dict__["generate_reply"] is before


def test_a_call_from_inside_of_a_call_leaves_the_host_to_that(monkeypatch: pytest.MonkeyPatch) -> None:
    before, telemetry = dict(vars(autogen.ConversableAgent)), Telemetry()
    import_module, inner_reports = importlib.import_module, list[object]()

    def import_and_instrument(name: str, *package: str) -> object:
        if name == "openai._streaming" and not inner_reports:
            inner_reports.append(None)
            inner_reports.append(autogen_otel.instrument(tracer_provider=telemetry.provider))
        return import_module(name, *package)

    monkeypatch.setattr(importlib, "import_module", import_and_instrument)
    report = autogen_otel.instrument(tracer_provider=telemetry.provider)
    monkeypatch.undo()
    try:
        assert report
        assert autogen_otel.AutoGenInstrumentor().report is report
        assert str(inner_reports[1]).startswith("autogen-otel is attached to nothing: another call")
        user().generate_reply([{"role": "user", "content": "Hello"}])
        assert telemetry.tree() == "invoke_agent user"
    finally:
        autogen_otel.uninstrument()
    assert dict(vars(autogen.ConversableAgent)) == before


@pytest.mark.usefixtures("_undone")
def test_a_call_that_another_thread_may_be_waiting_for_does_not_wait_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a hook calls it while its thread imports what the other call imports too."""
    telemetry, import_module = Telemetry(), importlib.import_module
    is_starting, is_imported = threading.Event(), threading.Event()

    def import_slowly(name: str, *package: str) -> object:
        is_starting.set()
        is_imported.wait(20)
        return import_module(name, *package)

    monkeypatch.setattr(fork, "_MAX_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(importlib, "import_module", import_slowly)
    other = threading.Thread(
        target=autogen_otel.instrument, kwargs={"tracer_provider": telemetry.provider}, daemon=True
    )
    other.start()
    is_starting.wait(20)
    report = autogen_otel.instrument(tracer_provider=telemetry.provider)
    is_imported.set()
    other.join()
    assert str(report).startswith("autogen-otel is attached to nothing: another call")
    assert autogen_otel.AutoGenInstrumentor().report


@pytest.mark.usefixtures("_undone")
def test_instrumenting_again_is_silent_when_nothing_differs(caplog: pytest.LogCaptureFixture) -> None:
    provider = Telemetry().provider
    for _ in range(2):
        # As a cell of a notebook does that runs again.
        settings = autogen_otel.Settings(redact=lambda text: text.upper(), max_value_length=100)
        autogen_otel.instrument(tracer_provider=provider, settings=settings)
    autogen_otel.instrument()
    assert own_log_records(caplog) == []
    for differing in (
        {"settings": autogen_otel.Settings(redact=lambda text: text.lower(), max_value_length=100)},
        {"settings": autogen_otel.Settings(max_value_length=100)},
        {"tracer_provider": Telemetry().provider},
    ):
        autogen_otel.instrument(**differing)
    assert [record.getMessage().split(",")[0] for record in own_log_records(caplog)] == [
        "autogen-otel is switched on already"
    ] * 3


def test_undoing_what_was_never_done_is_harmless() -> None:
    before = dict(vars(autogen.ConversableAgent))
    autogen_otel.uninstrument()
    autogen_otel.uninstrument()
    assert dict(vars(autogen.ConversableAgent)) == before


def test_a_report_before_and_after_says_that_nothing_is_attached() -> None:
    autogen_otel.instrument(tracer_provider=Telemetry().provider)
    autogen_otel.uninstrument()
    report = autogen_otel.AutoGenInstrumentor().report
    assert not report
    assert str(report).startswith("autogen-otel is attached to nothing: ")


def test_opentelemetry_finds_the_instrumentor_by_its_entry_point() -> None:
    (entry_point,) = (
        point for point in entry_points(group="opentelemetry_instrumentor") if point.name == "autogen"
    )
    instrumentor = entry_point.load()
    assert instrumentor is autogen_otel.AutoGenInstrumentor
    assert issubclass(instrumentor, BaseInstrumentor)
    assert instrumentor() is instrumentor()
    assert all("autogen" in one or "ag2" in one for one in instrumentor().instrumentation_dependencies())
    assert instrumentor()._check_dependency_conflicts() is None


def test_opentelemetry_is_told_that_any_host_will_do() -> None:
    requires = metadata.requires("autogen-otel") or []
    extra = {
        Requirement(one).name for one in requires if 'extra == "instruments-any"' in one.replace("'", '"')
    }
    assert extra == {Requirement(one).name for one in REQUIREMENTS} == {"ag2", "pyautogen", "autogen"}


@pytest.mark.usefixtures("_undone")
def test_the_instrumentor_knows_what_the_package_was_told(caplog: pytest.LogCaptureFixture) -> None:
    instrumentor, provider = autogen_otel.AutoGenInstrumentor(), Telemetry().provider
    for switch_off in (autogen_otel.uninstrument, instrumentor.uninstrument):
        for switch_on in (instrumentor.instrument, autogen_otel.instrument):
            switch_on(tracer_provider=provider)
            assert instrumentor.report
            switch_off()
            assert not instrumentor.report
            assert not instrumentor.is_instrumented_by_opentelemetry
    assert own_log_records(caplog) == []


def test_importing_and_instrumenting_says_nothing(program: Program) -> None:
    code = "import autogen_otel; autogen_otel.instrument(); autogen_otel.uninstrument()"
    said = program.run(code, sys.executable)
    assert said == []
    assert program.out == ""


_NOT_FOR_ALL = {
    "what message content needs": "autogen_otel.rendering.messages.messages",
    "what the user's own redaction needs": "autogen_otel.redaction.own_function",
    "log records": "autogen_otel.recording.logs",
    "the API of logs": "opentelemetry._logs",
    "exporters": "autogen_otel.delivery.exporting",
    "the journal": "autogen_otel.delivery.journal",
    "notes beside the journal": "autogen_otel.delivery.processes.process_files",
    "the SDK": "opentelemetry.sdk",
    "HTTP": "requests",
    "protobuf": "google.protobuf",
}


def _loaded_by(program: Program, instrument: str) -> set[str]:
    """What of that a program has after ``instrument()`` that the host has not loaded."""
    code = f"""
import sys
import autogen, openai
before = set(sys.modules)
import autogen_otel
{instrument}
print(*sys.modules.keys() - before)
"""
    program.run(code, sys.executable)
    assert "autogen_otel.hooks.drive" in program.out.split()
    return {what for what, module in _NOT_FOR_ALL.items() if module in program.out.split()}


def test_instrumenting_loads_only_what_every_program_needs(program: Program) -> None:
    assert _loaded_by(program, "autogen_otel.instrument()") == set()


def test_what_the_settings_ask_for_is_loaded_before_the_host_goes_on(program: Program) -> None:
    settings = "capture_message_content='SPAN_ONLY', redact=str.strip"
    assert _loaded_by(program, f"autogen_otel.instrument(settings=autogen_otel.Settings({settings}))") == {
        "what message content needs",
        "what the user's own redaction needs",
    }


def test_a_provider_that_the_application_has_set_is_used(program: Program) -> None:
    program.run(
        f"""
from opentelemetry import trace
from tests.support.telemetry import Telemetry
telemetry = Telemetry()
trace.set_tracer_provider(telemetry.provider)
import autogen_otel
autogen_otel.instrument()
{_CONVERSATION}
print(telemetry.tree())
assert trace.get_tracer_provider() is telemetry.provider
"""
    )
    assert "invoke_workflow user -> assistant" in program.out
    assert not program.journal.exists()


@pytest.mark.usefixtures("_undone")
def test_a_provider_that_is_given_is_used_and_the_global_one_left_alone(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_JOURNAL_DIR", str(tmp_path / "journal"))
    telemetry, before = Telemetry(), trace._TRACER_PROVIDER
    autogen_otel.instrument(tracer_provider=telemetry.provider)
    chat(user(), assistant([entry(serve([text("Done. TERMINATE")]))]))
    assert "invoke_workflow user -> assistant" in telemetry.tree()
    assert trace._TRACER_PROVIDER is before
    assert not (tmp_path / "journal").exists()


def test_a_provider_that_the_application_sets_later_wins_until_the_first_call(program: Program) -> None:
    said = program.run(
        """
import autogen_otel
autogen_otel.instrument()
from autogen_otel.testing import ScriptedServer, entry, text
from tests.support.agents import assistant, chat, user
from tests.support.telemetry import Telemetry
with ScriptedServer([text("Done. TERMINATE")]) as server:
    agents = user(), assistant([entry(server)])
    from opentelemetry import trace
    telemetry = Telemetry()
    trace.set_tracer_provider(telemetry.provider)
    chat(*agents)
print(telemetry.tree())
assert trace.get_tracer_provider() is telemetry.provider
""",
        OTEL_METRICS_EXPORTER="none",
    )
    assert "invoke_workflow user -> assistant" in program.out
    assert said == []
    assert "Overriding" not in program.err
    assert not program.journal.exists()


_KEPT = {"undelivered": True, "off": False, "all": True}
"""What the variable says, and whether anything is kept then."""


@pytest.mark.parametrize(("variable", "late"), [*itertools.product(_KEPT, (False, True))])
@pytest.mark.shared("hosts")
def test_a_journal_that_is_asked_for_is_added_to_the_applications_provider(
    program: Program, variable: str, late: bool
) -> None:
    kept = _KEPT[variable]
    set_provider = """
from opentelemetry import trace
from tests.support.telemetry import Telemetry
telemetry = Telemetry()
trace.set_tracer_provider(telemetry.provider)
"""
    instrument = "import autogen_otel; autogen_otel.instrument()"
    parts = (instrument, set_provider) if late else (set_provider, instrument)
    program.run(
        "\n".join((*parts, _CONVERSATION, "telemetry.provider.force_flush(); print(telemetry.tree())")),
        AUTOGEN_OTEL_JOURNAL=variable,
        OTEL_METRICS_EXPORTER="none",
    )
    assert "invoke_workflow user -> assistant" in program.out
    texts = [path.read_text() for path in program.journal.glob("*.jsonl")]
    assert ["invoke_workflow" in each for each in texts] == [True] * kept


@pytest.mark.parametrize(
    ("variable", "names"),
    [("failing", {"invoke_workflow user -> assistant", "POST"}), ("all", {"invoke_workflow u -> a", "POST"})],
)
def test_our_own_provider_keeps_copies_of_what_was_delivered(
    program: Program, variable: str, names: set[str]
) -> None:
    with receiving() as endpoint:
        program.run(
            f"""
import autogen_otel; autogen_otel.instrument()
from autogen_otel.testing import ScriptedServer, entry, error, text
from tests.support.agents import assistant, chat, user
with ScriptedServer([text("Done. TERMINATE")]) as server:
    chat(user("u"), assistant([entry(server)], "a"))
{_CONVERSATION.replace("[text(", '[error(500, "Down"), text(')}
""",
            AUTOGEN_OTEL_JOURNAL=variable,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url,
        )
        exported = set(endpoint.span_names)
    kept = "".join(path.read_text() for path in program.journal.glob("*.jsonl"))
    assert {"invoke_workflow u -> a", "invoke_workflow user -> assistant"} <= exported
    assert all(f'"{name}"' in kept for name in names)
    assert ('"invoke_workflow u -> a"' in kept) is (variable == "all")


def test_the_first_conversation_may_be_one_of_an_exit_function(program: Program) -> None:
    code = """
import atexit, autogen_otel
from autogen_otel.testing import ScriptedServer, entry, text
from tests.support.agents import assistant, chat, user
autogen_otel.instrument()
server = ScriptedServer([text("Done. TERMINATE")]).__enter__()
atexit.register(chat, user(), assistant([entry(server)]))
"""
    names = {"invoke_workflow user -> assistant", "chat gpt-4o"}
    with receiving() as endpoint:
        program.run(code, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url)
        assert names <= set(endpoint.span_names)
        assert "autogen.conversation.duration" in endpoint.metrics
    said = program.run(code)
    assert any("invoke_workflow" in path.read_text() for path in program.journal.glob("*.jsonl"))
    assert not [*program.journal.glob("*.inflight")]
    # On Python 3.12 the conversation fails: the server cannot start the thread that would answer it.
    (line,) = (line for line in said if not line.lstrip().startswith("File"))
    assert "does not take spans (nothing answers there)" in line


def test_without_a_provider_and_an_endpoint_the_conversation_is_in_the_journal(program: Program) -> None:
    said = program.run(f"import autogen_otel; autogen_otel.instrument()\n{_CONVERSATION}")
    assert any("invoke_workflow" in path.read_text() for path in program.journal.glob("*.jsonl"))
    assert len(said) == 1, said


def test_an_exporter_that_is_none_leaves_nothing_on_the_disk(program: Program) -> None:
    code = f"import time, autogen_otel; autogen_otel.instrument()\n{_CONVERSATION}\ntime.sleep(1)"
    assert program.run(code, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none") == []
    assert not program.journal.exists()


@pytest.mark.slow
def test_opentelemetrys_launcher_needs_no_line_of_code(program: Program) -> None:
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    program.run(
        f"{_CONVERSATION}\nprint('done')",
        str(launcher),
        sys.executable,
        OTEL_TRACES_EXPORTER="console",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    assert "done" in program.out
    assert '"name": "invoke_workflow user -> assistant"' in program.out


def test_a_disabled_sdk_is_what_the_report_says(program: Program) -> None:
    before = "import autogen; before = autogen.ConversableAgent.generate_reply\n"
    after = "\nassert autogen.ConversableAgent.generate_reply is before"
    said = program.run(before + _GO_ON + _CONVERSATION + after, OTEL_SDK_DISABLED="true")
    assert said == []
    assert "attached to nothing: OTEL_SDK_DISABLED is true, so nothing would be recorded\n" in program.out


def test_a_version_that_is_not_tested_misses_nothing_that_it_does_not_have(program: Program) -> None:
    said = program.run(
        """
import autogen
autogen.__version__ += ".post9"
del autogen.GroupChat.select_speaker
import autogen_otel
report = autogen_otel.instrument()
assert report and not report.missing
print(*(row.reason for row in report.absent))
"""
    )
    assert said == []
    assert ".post9 has no such function (AttributeError: " in program.out


_GO_ON = """
import autogen_otel
report = autogen_otel.instrument()
assert not report and not report.attached
print(report)
autogen_otel.uninstrument()
print("the application goes on")
"""


def test_without_any_host_one_warning_says_what_is_supported(program: Program) -> None:
    program.hide("ag2", "pyautogen", "autogen")
    (said,) = program.run(_GO_ON)
    assert "found no AutoGen package" in said
    assert "pyautogen" in said
    assert "ag2 0.14" in said
    assert "the application goes on" in program.out
    assert said.partition("instruments nothing: ")[2] in program.out


_OTHERS = {"pyautogen": "0.10.0", "ag2": "1.2.1", "autogen-agentchat": "0.7.5"}
"""Other products, and a version of each."""


@pytest.mark.parametrize(("has_module", "distribution"), [*itertools.product((True, False), _OTHERS)])
@pytest.mark.shared("hosts")
def test_another_product_of_the_name_is_said_to_be_one(
    program: Program, has_module: bool, distribution: str
) -> None:
    version = _OTHERS[distribution]
    program.hide(*{"pyautogen", "ag2", "autogen"} - {distribution}, module=not has_module)
    modules = {"autogen": f"__version__ = {version!r}\n"} if has_module else {}
    program.install(distribution, version, **modules)
    (said,) = program.run(_GO_ON)
    assert f"found {distribution} {version}, which has no ConversableAgent: it is another product" in said
    assert "autogen-otel is for pyautogen 0.2.35 to 0.9 and ag2 0.14" in said
    assert "pip install" not in said
    assert "the application goes on" in program.out


def test_a_module_of_the_users_own_that_has_the_name_is_pointed_at(program: Program) -> None:
    program.hide("pyautogen", "ag2", "autogen", module=False)
    (program.site / "autogen.py").touch()
    (said,) = program.run(_GO_ON)
    assert f"a module autogen without ConversableAgent at {program.site}" in said


@pytest.mark.parametrize(
    "source",
    [
        "raise RuntimeError('libfoo is missing')",
        "import a_package_that_nobody_has",
        "syntax error",
    ],
)
def test_a_host_that_cannot_be_imported_is_named_in_one_warning(program: Program, source: str) -> None:
    program.install("ag2", "0.14.0", autogen=source)
    (said,) = program.run(_GO_ON)
    assert "ag2 0.14.0" in said
    assert "importing autogen failed" in said
    assert "supported are" in said
    assert "the application goes on" in program.out


_UNUSABLE = {
    ("AUTOGEN_OTEL_MAX_VALUE_LENGTH", "lots"): "must be a whole number, not 'lots'",
    ("AUTOGEN_OTEL_MAX_VALUE_LENGTH", "3"): "must be at least 64 characters, not 3",
    ("AUTOGEN_OTEL_CAPTURE_TOOL_CONTENT", "perhaps"): "must be true or false, not 'perhaps'",
    ("AUTOGEN_OTEL_JOURNAL", "2"): "must be undelivered, failing, all or off, not '2'",
    ("AUTOGEN_OTEL_REDACT", "nobody"): "must be",
    ("AUTOGEN_OTEL_JOURNALDIR", "x"): "is not known and does nothing; did you mean AUTOGEN_OTEL_JOURNAL_DIR?",
}


def test_a_variable_that_cannot_be_used_is_named_in_one_warning(program: Program) -> None:
    warnings = program.run(
        f"""
import os
import autogen_otel
for variable, value in {list(_UNUSABLE)!r}:
    os.environ[variable] = value
    print(bool(autogen_otel.instrument()))
    autogen_otel.uninstrument()
    del os.environ[variable]
"""
    )
    assert program.out == "True\n" * len(_UNUSABLE)
    for line, ((variable, _), problem) in zip(warnings, _UNUSABLE.items(), strict=True):
        assert f"{variable} {problem}" in line


def test_a_function_named_in_the_environment_redacts_and_one_that_cannot_be_had_leaves_nothing(
    program: Program,
) -> None:
    (program.site / "privacy.py").write_text("def f(text): return text.replace('assistant', 'helper')\n")
    code = f"import autogen_otel; autogen_otel.instrument(settings=autogen_otel.Settings())\n{_CONVERSATION}"
    names = []
    for function in ("privacy:f", "privacy:g"):
        program.run(code, AUTOGEN_OTEL_REDACT=function)
        (file,) = program.journal.glob("*.jsonl")
        names.append(file.read_text())
        file.unlink()
    some, nothing = names
    assert "invoke_workflow user -> helper" in some
    assert "assistant" not in some
    assert "user" not in nothing.replace("user.name", "").replace("user_", "")


@pytest.mark.usefixtures("_undone")
def test_a_place_that_a_host_should_have_and_lacks_is_a_warning_and_the_others_work(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(autogen.GroupChat, "select_speaker")
    telemetry = Telemetry()
    report = autogen_otel.instrument(tracer_provider=telemetry.provider)
    (missing,) = report.missing
    assert missing.target == "autogen.agentchat.groupchat.GroupChat.select_speaker"
    assert f"missing: {missing.target}" in str(report)
    (record,) = own_log_records(caplog)
    assert missing.target in record.getMessage()
    chat(user(), assistant([entry(serve([text("Done. TERMINATE")]))]))
    assert "invoke_workflow user -> assistant" in telemetry.tree()


@pytest.mark.needs(hasattr(os, "fork"), "needs fork")
@pytest.mark.parametrize(
    ("before", "problem"),
    [
        # It is over before the fork; the fork does not wait for it; and a child that can load nothing more.
        ("threading.Timer(0.05, may_end.set).start()", ""),
        ("fork._MAX_WAIT_SECONDS = 0.01", ""),
        (
            "fork._MAX_WAIT_SECONDS = 0.01; fork._forget_half_imported = lambda _: False",
            "this process was forked while its parent loaded modules",
        ),
    ],
    ids=["waits", "goes ahead", "cannot load"],
)
def test_a_child_that_was_forked_during_instrument_can_call_it_too(
    program: Program, before: str, problem: str
) -> None:
    said = program.run(f"""
import os, signal, threading
import autogen_otel
from autogen_otel import instrumentation
from autogen_otel.delivery import fork

begun, may_end, detect = threading.Event(), threading.Event(), instrumentation.detect

def slowly():
    begun.set()
    may_end.wait(30)
    return detect()

instrumentation.detect = slowly
first = threading.Thread(target=autogen_otel.instrument)
first.start()
assert begun.wait(30)
{before}
child = os.fork()
if not child:
    signal.alarm(30)
    instrumentation.detect = detect
    report = autogen_otel.instrument()
    assert (report.problem or "").startswith({problem!r}), report
    assert bool(report) is not bool({problem!r}), report
    autogen_otel.uninstrument()
    os._exit(7)
may_end.set()
first.join()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert code == 7, code
assert instrumentation.report()
""")
    assert len(said) == bool(problem)


def test_an_interruption_of_the_first_span_waits_for_nothing_and_builds_no_other_provider(
    program: Program,
) -> None:
    program.run(f"""
import threading
import autogen_otel
from autogen_otel import delivery
from autogen_otel.delivery import fork
from tests.support.agents import user
fork._MAX_WAIT_SECONDS = 0.05

agent, built, build = user(), [], delivery.tracer_provider
agent.register_function({{"tool": lambda: 1 / 0}})

def call():
    agent.execute_function({{"name": "tool", "arguments": "{{}}"}})

def interrupted(settings):
    # As a signal handler does that strikes here.
    built.append(settings)
    call()
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return build(settings)

delivery.tracer_provider = interrupted
autogen_otel.instrument()
{_CONVERSATION}
assert len(built) == 1, built
assert autogen_otel.flush()
""")


@pytest.mark.needs(hasattr(os, "fork"), "needs fork")
def test_no_lock_of_ours_stays_locked_in_a_child(program: Program) -> None:
    program.run(f"""
import autogen_otel
autogen_otel.instrument()
{_CONVERSATION}
assert autogen_otel.flush()

import gc, os, signal, sys, threading
from autogen_otel.delivery import fork

def is_ours(name):
    # The server is the test's own, and the lock of a reservoir the SDK's, as all around it are.
    return name.startswith("autogen_otel") and ".testing" not in name and "_Reservoir" not in name

def name_of(kind):
    return f"{{kind.__module__}}.{{kind.__qualname__}}"

def lock_of(value):
    value = getattr(value, "_lock", None) if isinstance(value, threading.Condition) else value
    return value if isinstance(value, (type(threading.Lock()), type(threading.RLock()))) else None

def held_by(holders):
    return {{
        id(lock_of(value)): (fields, name, where)
        for where, fields in holders
        for name, value in list(fields.items())
        if lock_of(value)
    }}

fork._MAX_WAIT_SECONDS = 0.01
modules = [(name, vars(module)) for name, module in sys.modules.items() if is_ours(name)]
objects = [one for one in gc.get_objects() if is_ours(name_of(type(one))) and hasattr(one, "__dict__")]
locks = held_by([*modules, *((name_of(type(one)), vars(one)) for one in objects)]).values()
assert len(locks) > 10, locks
locked, may_end = threading.Event(), threading.Event()

def lock_all():
    taken = [lock_of(fields[name]) for fields, name, _ in locks if lock_of(fields[name]).acquire(timeout=5)]
    assert len(taken) == len(locks)
    locked.set()
    may_end.wait(60)
    for lock in taken:
        lock.release()

holder = threading.Thread(target=lock_all)
holder.start()
assert locked.wait(30)
child = os.fork()
if not child:
    signal.alarm(30)
    left = [(where, name) for fields, name, where in locks if not lock_of(fields[name]).acquire(False)]
    os.write(2, repr(left).encode())
    os._exit(0 if not left else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
may_end.set()
holder.join()
assert code == 0, code
""")
