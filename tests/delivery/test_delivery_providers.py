from __future__ import annotations

import os
import sys

import pytest

from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver

_DIR = "AUTOGEN_OTEL_JOURNAL_DIR"
_SETUP = """
import logging
from opentelemetry import trace
from autogen_otel.settings import Settings
from autogen_otel.delivery import tracer_provider
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
"""
_ONE_SPAN = f"""{_SETUP}
provider = tracer_provider(Settings.from_environ())
with provider.get_tracer("test").start_as_current_span("ours"):
    with trace.get_tracer("application").start_as_current_span("the tool's own"):
        pass
"""


def test_a_script_that_ends_at_once_delivers_its_spans(program: Program, receiver: Receiver) -> None:
    said = program.script(_ONE_SPAN, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert sorted(receiver.span_names) == ["ours", "the tool's own"]
    assert (program.span_names(), said) == ([], "")


def test_a_script_that_ends_while_nothing_listens_leaves_its_spans_in_the_journal(program: Program) -> None:
    said = program.script(_ONE_SPAN)
    assert sorted(program.span_names()) == ["ours", "the tool's own"]
    assert said.count("autogen_otel:") == said.count("\n") == 1
    assert program.resource()["service.name"] == "app"
    assert program.resource()["service.instance.id"]


def test_the_environment_names_the_service(program: Program) -> None:
    program.script(_ONE_SPAN, OTEL_RESOURCE_ATTRIBUTES="service.name=claims,deployment.environment.name=test")
    assert program.resource()["service.name"] == "claims"
    assert program.resource()["deployment.environment.name"] == "test"


def test_a_module_names_the_service_by_its_package(program: Program) -> None:
    package = program.folder / "claims"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(_ONE_SPAN)
    program.run("-m", "claims")
    assert program.resource()["service.name"] == "claims"


def test_a_prompt_is_called_python(program: Program) -> None:
    program.run("-", stdin=_ONE_SPAN)
    assert program.resource()["service.name"] == "python"


def test_a_provider_that_is_set_is_used_and_left_alone(program: Program) -> None:
    program.script(f"""{_SETUP}
from opentelemetry.sdk.trace import TracerProvider
mine = TracerProvider()
trace.set_tracer_provider(mine)
assert tracer_provider(Settings()) is mine
with mine.get_tracer("test").start_as_current_span("mine"):
    pass
""")
    assert program.journalled() == []


def test_the_provider_is_built_once_and_becomes_the_global_one(program: Program) -> None:
    program.script(f"""{_SETUP}
built = tracer_provider(Settings.from_environ())
assert tracer_provider(Settings.from_environ()) is built is trace.get_tracer_provider()
""")


@pytest.mark.parametrize("theirs", ["", "trace.set_tracer_provider(TracerProvider())"])
@pytest.mark.parametrize("mode", ["all", "undelivered"])
def test_a_package_that_is_imported_anew_keeps_no_second_copy(
    program: Program, theirs: str, mode: str
) -> None:
    program.script(
        f"""
import importlib, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
{theirs}
for name in "abc":
    for module in [one for one in sys.modules if one.split(".")[0] == "autogen_otel"]:
        del sys.modules[module]
    delivery = importlib.import_module("autogen_otel.delivery")
    settings = importlib.import_module("autogen_otel.settings").Settings()
    provider = delivery.tracer_provider(settings)
    delivery.keep_copies(provider, settings)
    with provider.get_tracer("autogen_otel").start_as_current_span(name):
        pass
assert importlib.import_module("autogen_otel.delivery.providers").is_journaled(provider)
""",
        AUTOGEN_OTEL_JOURNAL=mode,
    )
    # Ours keeps what the endpoint does not take, and copies beside that.
    times = 2 if mode == "all" and not theirs else 1
    assert sorted(program.span_names()) == sorted("abc" * times)


def test_a_disabled_sdk_records_nothing(program: Program) -> None:
    assert program.script(_ONE_SPAN, OTEL_SDK_DISABLED="True") == ""
    assert program.journalled() == []


def test_importing_the_room_loads_neither_the_sdk_nor_an_exporter(program: Program) -> None:
    # Loaded without the package above it, which is allowed to need more.
    program.anew.script(
        """
import sys, types, importlib.util
[origin] = importlib.util.find_spec("autogen_otel").submodule_search_locations
package = sys.modules["autogen_otel"] = types.ModuleType("autogen_otel")
package.__path__ = [origin]
import autogen_otel.delivery
heavy = [name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf", "requests"))]
assert not heavy, heavy
""",
    )


def test_building_a_provider_loads_no_protobuf(program: Program) -> None:
    program.anew.script(
        f"""{_SETUP}
import sys
before = set(sys.modules)
tracer_provider(Settings.from_environ())
assert "google.protobuf" not in sys.modules
""",
    )


def test_none_means_that_spans_go_nowhere(program: Program, receiver: Receiver) -> None:
    said = program.script(_ONE_SPAN, OTEL_TRACES_EXPORTER="none", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert (receiver.requests, said) == ([], "")
    assert not program.journal.exists()


def test_the_command_that_lists_the_journal_works_in_another_shell(program: Program) -> None:
    home = {"HOME": str(program.folder), "XDG_STATE_HOME": ""}
    state = {**home, "XDG_STATE_HOME": str(program.folder / "a state")}
    listed = [
        program.script(_ONE_SPAN, **environment).rpartition("; ")[2]
        for environment in (home, {**state, _DIR: ""}, {**home, _DIR: ""})
    ]
    assert listed == [
        f"`autogen-otel show --journal {program.journal}` lists them.\n",
        f"`autogen-otel show --journal '{state['XDG_STATE_HOME']}/autogen-otel/journal'` lists them.\n",
        "`autogen-otel show` lists them.\n",
    ]


def test_the_console_may_be_the_only_exporter(program: Program) -> None:
    program.script(_ONE_SPAN, OTEL_TRACES_EXPORTER="console")
    assert '"name": "ours"' in program.stdout
    assert program.journalled() == []


def test_the_console_may_stand_beside_an_endpoint(program: Program, receiver: Receiver) -> None:
    program.script(_ONE_SPAN, OTEL_TRACES_EXPORTER="console,otlp", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert '"name": "ours"' in program.stdout
    assert len(receiver.span_names) == 2


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_EXPORTER": "pigeon"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "pigeon"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"},
    ],
    ids=["exporter", "protocol", "endpoint"],
)
def test_an_exporter_that_cannot_be_had_is_one_warning_and_the_journal(
    program: Program, environment: dict[str, str]
) -> None:
    said = program.script(_ONE_SPAN, **environment)
    assert said.count("\n") == 1
    assert said.startswith("autogen_otel: ")
    assert str(program.journal) in said
    assert sorted(program.span_names()) == ["ours", "the tool's own"]


def test_a_journal_switched_off_is_not_written(program: Program) -> None:
    said = program.script(_ONE_SPAN, AUTOGEN_OTEL_JOURNAL="false")
    assert "They are dropped: the journal is off." in said
    assert program.journalled() == []


def test_an_environment_the_sdk_refuses_does_not_end_the_application(program: Program) -> None:
    refusing = """
from autogen_otel.delivery import spans
def build(settings):
    raise ValueError("OTEL_SOMETHING\\n must be else")
spans.build = build
"""
    said = program.script(f"{refusing}{_ONE_SPAN}")
    assert "Nothing is recorded" in said
    assert "ValueError: OTEL_SOMETHING must be else" in said


def test_a_queue_shorter_than_a_batch_is_one_sentence(program: Program, receiver: Receiver) -> None:
    environment = {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    (said,) = program.script(_ONE_SPAN, **environment).splitlines()
    assert "OTEL_BSP_MAX_QUEUE_SIZE is 100, less than a batch (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)" in said
    assert len(receiver.span_names) == 2


_NOTHING_WRITABLE = f"""
import os, pwd, tempfile
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
tempfile._candidate_tempdir_list = lambda: ["/dev/null/tmp"]
for name in ("HOME", "USER", "LOGNAME", "AUTOGEN_OTEL_JOURNAL_DIR"):
    os.environ.pop(name, None)
{_ONE_SPAN}"""


@pytest.mark.needs(os.name == "posix", "users as POSIX has them")
def test_a_user_who_is_nobody_and_can_write_nothing_loses_the_journal_only(
    program: Program, receiver: Receiver
) -> None:
    (said,) = program.script(_NOTHING_WRITABLE, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url).splitlines()
    assert "There is no journal: neither the user's state folder nor one for temporary files can" in said
    assert said.endswith("AUTOGEN_OTEL_JOURNAL_DIR may name another.")
    assert sorted(receiver.span_names) == ["ours", "the tool's own"]
    said, dropped = program.script(_NOTHING_WRITABLE).splitlines()
    assert "There is no journal: " in said
    assert dropped.endswith("(nothing answers there). They are dropped: there is no journal.")


@pytest.mark.parametrize("named", ["file", "/proc/nope"])
@pytest.mark.needs(sys.platform == "linux", "a folder in which even root may write nothing")
def test_a_folder_that_cannot_be_had_is_named_before_anything_is_lost(program: Program, named: str) -> None:
    (program.folder / "file").touch()
    said, dropped = program.script(_ONE_SPAN, **{_DIR: str(program.folder / named)}).splitlines()
    assert f"There is no journal: {program.folder / named} " in said
    assert "; AUTOGEN_OTEL_JOURNAL_DIR may name " in said
    assert dropped.endswith("(nothing answers there). They are dropped: there is no journal.")


_FULL_DISK = f"""
import errno, os
{_ONE_SPAN}
from autogen_otel.delivery.journal import writing
def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
writing.write_whole = full
provider.force_flush()
"""


def test_what_is_dropped_is_not_said_to_be_kept(program: Program) -> None:
    (said,) = program.script(_FULL_DISK).splitlines()
    assert "does not take spans (nothing answers there). Spans were dropped: the journal in" in said
    assert "cannot be written (No space left on device); AUTOGEN_OTEL_JOURNAL_DIR may name" in said
    assert said.endswith(" (2 so far).")


@pytest.mark.needs(hasattr(os, "fork"), "needs fork")
def test_a_forked_process_delivers_too(program: Program, receiver: Receiver) -> None:
    said = program.anew.script(
        f"""{_ONE_SPAN}
import os
provider.force_flush()
child = os.fork()
if child == 0:
    with trace.get_tracer("test").start_as_current_span("the child's"):
        pass
    provider.shutdown()
    os._exit(0)
os.waitpid(child, 0)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        PYTHONWARNINGS="ignore::DeprecationWarning",
    )
    assert sorted(receiver.span_names) == ["ours", "the child's", "the tool's own"], said
