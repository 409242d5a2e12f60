from __future__ import annotations

import os

import pytest

from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver

_SETUP = """
import logging, sys
from opentelemetry import _logs, trace
from opentelemetry._logs import SeverityNumber
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.recording import Recorder
from autogen_otel.recording.failures import new_record
from autogen_otel.recording.logs import FailureLogs
from tests.support.calls import begin
from autogen_otel.settings import Settings
from autogen_otel.delivery import logger_provider, tracer_provider
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
tracers = tracer_provider(Settings.from_environ())
loggers = logger_provider(tracers, is_wanted=False)

def tell(message):
    with tracers.get_tracer("test").start_as_current_span("ours") as span:
        failure_logs = FailureLogs(loggers.get_logger("autogen_otel"))
        recorder = Recorder(trace.NoOpTracer(), failure_logs=failure_logs)
        exception = {"exception.type": "KeyError", "exception.message": message, "exception.stacktrace": ""}
        call = begin(recorder, ToolCall)
        call.context = trace.set_span_in_context(span)
        failure_logs.emit(new_record(call, exception), is_warning=False)
"""
_ONE_RECORD = f"{_SETUP}\ntell('no such claim')\n"
_OPT_IN = {"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "http, logs/dup"}


def test_log_records_that_were_opted_in_arrive_beside_their_span(
    program: Program, receiver: Receiver
) -> None:
    said = program.script(_ONE_RECORD, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **_OPT_IN)
    (span,), (record,) = receiver.spans, receiver.log_records
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert (record.body.string_value, record.severity_text) == ("no such claim", "ERROR")
    assert record.time_unix_nano
    instances = receiver.instances()
    assert instances["/v1/logs"] == instances["/v1/traces"]
    assert said == ""


def test_nobody_asked_for_log_records(program: Program) -> None:
    program.anew.script(
        f"""{_SETUP}
assert loggers is None
assert "opentelemetry.sdk._logs" not in sys.modules
wanted = logger_provider(tracers, is_wanted=True)
assert wanted is logger_provider(tracers, is_wanted=False) is _logs.get_logger_provider()
""",
    )


@pytest.mark.parametrize(
    "environment", [{"OTEL_LOGS_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}], ids=["none", "disabled"]
)
def test_log_records_may_be_switched_off(program: Program, environment: dict[str, str]) -> None:
    program.script(f"{_SETUP}\nassert loggers is None", **_OPT_IN, **environment)


def test_a_provider_that_is_set_is_used_though_nobody_asked(program: Program) -> None:
    program.script(f"""
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
mine = LoggerProvider()
_logs.set_logger_provider(mine)
{_SETUP}
assert loggers is mine
""")


def test_records_that_nobody_takes_are_counted_and_said_once(program: Program, receiver: Receiver) -> None:
    receiver.statuses["/v1/logs"] = 404
    said = program.script(
        f"""{_SETUP}
for _ in range(3):
    tell("no such claim")
    loggers.force_flush()
from autogen_otel.delivery.counts import PROCESS
print(PROCESS.dropped_items()["logs"]["not_delivered"])
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        **_OPT_IN,
    )
    assert program.stdout == "3\n"
    assert len(receiver.bodies("/v1/logs")) == 1
    assert said == (
        f"WARNING autogen_otel: {receiver.url}/v1/logs does not take logs (HTTP 404 Not Found). "
        "They are lost, because only spans are kept in the journal; "
        "set OTEL_LOGS_EXPORTER=none to not send them.\n"
    )


def test_a_record_that_cannot_be_encoded_is_mended(program: Program, receiver: Receiver) -> None:
    program.script(
        f"{_SETUP}\ntell('half \\ud800 pair')\ntell('whole')",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        **_OPT_IN,
    )
    assert [record.body.string_value for record in receiver.log_records] == ["half ? pair", "whole"]


def test_large_records_arrive_in_several_requests(program: Program, receiver: Receiver) -> None:
    program.script(
        f"{_SETUP}\nfor _ in range(60): tell('x' * 100_000)",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        **_OPT_IN,
    )
    assert len(receiver.log_records) == 60
    assert all(len(body) < 4 * 1024 * 1024 for body in receiver.bodies("/v1/logs"))


def test_the_console_may_be_the_only_exporter(program: Program, receiver: Receiver) -> None:
    program.script(_ONE_RECORD, OTEL_LOGS_EXPORTER="console", **_OPT_IN)
    assert "no such claim" in program.stdout


def test_an_exporter_that_cannot_be_had_is_one_warning(program: Program) -> None:
    said = program.script(f"{_SETUP}\nassert loggers is None", OTEL_LOGS_EXPORTER="pigeon", **_OPT_IN)
    assert said.count("\n") == 1
    assert said.startswith("WARNING autogen_otel: OTEL_LOGS_EXPORTER names 'pigeon'")


@pytest.mark.needs(hasattr(os, "fork"), "needs POSIX signals")
def test_the_newest_log_record_goes_out_when_sigterm_ends_the_program(
    program: Program, receiver: Receiver
) -> None:
    program.script(
        f"""{_SETUP}
import os, signal, time
from autogen_otel.delivery import Process
child = os.fork()
if not child:
    process = Process([tracers, loggers])
    tell("earlier")
    loggers.force_flush()  # what exporters are made of is loaded
    tell("the newest")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_BLRP_SCHEDULE_DELAY="600000",
        **_OPT_IN,
    )
    assert [record.body.string_value for record in receiver.log_records] == ["earlier", "the newest"]
