"""However a process ends, what it has recorded is exported or journaled."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from autogen_otel.delivery.processes import ending
from autogen_otel.delivery.processes.at_exit import ExitFunctions
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.programs import Program
    from tests.delivery.receivers import Receiver

_POSIX = pytest.mark.needs(hasattr(os, "fork"), "needs fork")
SETUP = """
import os, signal, sys, threading, time
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
meters = delivery.meter_provider(tracers)
process = delivery.Process([tracers, meters])
tracer = tracers.get_tracer("test")

def record(name):
    with tracer.start_as_current_span(name) as span:
        process.on_span_start(span)
"""
_NEVER = {"OTEL_BSP_SCHEDULE_DELAY": "600000", "OTEL_METRIC_EXPORT_INTERVAL": "600000"}
_CHILDREN = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def work(number):
    record(f"child {number}")
    return os.getpid()

def main(method, way):
    context = multiprocessing.get_context(method)
    if way == "process":
        processes = [context.Process(target=work, args=(number,)) for number in range(2)]
        for one in processes:
            one.start()
        for one in processes:
            one.join()
    elif way == "pool":
        pool = context.Pool(2)
        pool.map(work, range(2))
        pool.close()
        pool.join()
    else:
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            list(pool.map(work, range(2)))

if __name__ == "__main__":
    record("parent")
    main(*sys.argv[1:])
"""


@_POSIX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "way"),
    [
        ("fork", "process"),
        ("fork", "pool"),
        ("fork", "executor"),
        ("forkserver", "pool"),
        ("spawn", "executor"),
    ],
)
def test_children_of_multiprocessing_lose_nothing_and_are_instances_of_their_own(
    program: Program, method: str, way: str
) -> None:
    (program.folder / "app.py").write_text(SETUP + _CHILDREN)
    ignored = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
    program.anew.run("app.py", method, way, **ignored, **_NEVER)
    assert sorted(program.span_names()) == ["child 0", "child 1", "parent"]
    resources = [
        {item["key"]: str(*item["value"].values()) for item in group["resource"]["attributes"]}
        for group in program.journalled()
    ]
    processes = {one["process.pid"] for one in resources}
    assert len(processes) == len({one["service.instance.id"] for one in resources}) >= 2


_AT_EXIT = """
import atexit
from opentelemetry.trace import NoOpTracer
from autogen_otel import Settings, delivery
from autogen_otel.hosts.classic.tools.tool_call import ToolCall
from autogen_otel.recording import Recorder
from autogen_otel.recording.failures import new_record
from autogen_otel.recording.logs import FailureLogs
from tests.support.calls import begin
process = delivery.Process()

def record(name):
    tracers = delivery.tracer_provider(Settings())
    with tracers.get_tracer("test").start_as_current_span(name) as span:
        process.on_span_start(span)
    delivery.meter_provider(tracers).get_meter("test").create_counter("counted").add(1)
    failure_logs = FailureLogs(delivery.logger_provider(tracers, is_wanted=True).get_logger("test"))
    exception = {"exception.type": "KeyError", "exception.message": name, "exception.stacktrace": ""}
    call = begin(Recorder(NoOpTracer()), ToolCall)
    failure_logs.emit(new_record(call, exception), is_warning=False)

atexit.register(record, "at the exit")
"""


_NO_THREADS = """
def refuse(thread):
    raise RuntimeError("can't create new thread at interpreter shutdown")

import threading
# The last is called first.
atexit.register(setattr, threading.Thread, "start", refuse)
"""


@pytest.mark.parametrize("then", ["", _NO_THREADS], ids=["threads", "no threads"])
def test_what_is_recorded_first_at_the_exit_is_exported(
    program: Program, receiver: Receiver, then: str
) -> None:
    """Python 3.12 starts no threads any more."""
    said = program.script(_AT_EXIT + then, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **_NEVER)
    assert said == ""
    assert receiver.span_names == ["at the exit"]
    assert "counted" in receiver.metrics
    assert [record.body.string_value for record in receiver.log_records] == ["at the exit"]


def test_what_is_recorded_at_the_exit_is_exported_also_after_the_first(
    program: Program, receiver: Receiver
) -> None:
    """The exit function was registered before there was a provider."""
    program.script(f"{_AT_EXIT}record('before')", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **_NEVER)
    assert receiver.span_names == ["before", "at the exit"]


def test_what_fails_at_the_exit_keeps_nothing_else_from_being_exported(
    program: Program, receiver: Receiver
) -> None:
    code = f"""
{_AT_EXIT}
from autogen_otel.delivery.processes.at_exit import AT_EXIT
record("before")
AT_EXIT.register(lambda: 1 / 0)
"""
    said = program.script(code, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **_NEVER)
    assert said.endswith("Something could not be done at the exit: ZeroDivisionError\n")
    assert receiver.span_names == ["before", "at the exit"]


def test_a_provider_that_the_application_shuts_down_is_left_alone_at_the_exit(
    program: Program, receiver: Receiver
) -> None:
    code = f"""
{_AT_EXIT}
atexit.unregister(record)
record("before")
tracers = delivery.tracer_provider(Settings())
delivery.meter_provider(tracers).shutdown()
delivery.logger_provider(tracers, is_wanted=True).shutdown()
tracers.shutdown()
"""
    assert program.script(code, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **_NEVER) == ""
    assert receiver.span_names == ["before"]


def _environment(program: Program, receiver: Receiver) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "AUTOGEN_OTEL_JOURNAL_DIR": str(program.journal),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        **_NEVER,
    }


def _terminated(program: Program, code: str, receiver: Receiver, **environment: str) -> tuple[int, str]:
    """Run a script that ends by SIGTERM; returns its exit code and what it said."""
    done = subprocess.run(  # noqa: S603 - our own interpreter on our own script
        [sys.executable, "-c", SETUP + code],
        env={**_environment(program, receiver), **environment},
        cwd=program.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


_TERMINATE = """
meters.get_meter("test").create_counter("counted").add(1)
tracers.force_flush()  # what exporters are made of is loaded
record("the newest")
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


@_POSIX
def test_sigterm_lets_everything_go_out_and_ends_the_process_as_before(
    program: Program, receiver: Receiver
) -> None:
    code, said = _terminated(program, f"record('earlier'){_TERMINATE}", receiver)
    assert (code, said) == (-signal.SIGTERM, "")
    assert receiver.span_names == ["earlier", "the newest"]
    assert "counted" in receiver.metrics


@_POSIX
def test_a_handler_of_the_applications_is_left_alone(program: Program, receiver: Receiver) -> None:
    theirs = (
        "def theirs(*_): print('theirs', end='', flush=True); os._exit(7)\n"
        "signal.signal(signal.SIGTERM, theirs)\n"
    )
    later = _terminated(program, f"{theirs}record('earlier'){_TERMINATE}", receiver)
    assert later == (7, "theirs")
    earlier = f"{theirs}assert delivery.Process()\nassert signal.getsignal(signal.SIGTERM) is theirs\n"
    assert _terminated(program, f"{earlier}record('earlier'){_TERMINATE}", receiver) == (7, "theirs")


@_POSIX
def test_a_process_that_survives_goes_on_as_before(program: Program, receiver: Receiver) -> None:
    code, said = _terminated(
        program,
        """
from autogen_otel.delivery.processes import ending
record("before")
tracers.force_flush()
# As the kernel spares the first process of a container.
os.kill, kill = lambda *_: None, os.kill
signal.raise_signal(signal.SIGTERM)
os.kill = kill
assert ending.EXPORTERS
for exporter in ending.EXPORTERS:
    assert exporter._endpoint._sender._hurried_at is None
    forwarder = getattr(exporter, "_forwarder", None)
    assert forwarder is None or forwarder._end is None
record("after")
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
        receiver,
    )
    assert (code, said) == (-signal.SIGTERM, "")
    assert receiver.span_names == ["before", "after"]


@_POSIX
def test_a_worker_whose_server_resets_its_signals_catches_them_with_instrument(
    program: Program, receiver: Receiver
) -> None:
    code, said = _terminated(
        program,
        """
child = os.fork()
if child:
    sys.exit(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.signal(signal.SIGTERM, signal.SIG_DFL)
process.catch_sigterm_again()
record("earlier")
tracers.force_flush()  # what exporters are made of is loaded
record("the newest")
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
        receiver,
        PYTHONWARNINGS="ignore::DeprecationWarning",
    )
    assert (code, said) == (signal.SIGTERM, "")
    assert receiver.span_names == ["earlier", "the newest"]


@_POSIX
def test_a_signal_that_strikes_while_an_attribute_is_set_ends_the_process(
    program: Program, receiver: Receiver
) -> None:
    code, _ = _terminated(
        program,
        """
record("before")
span = tracer.start_span("under way", attributes={"a": 1})
process.on_span_start(span)
with span._attributes._lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
""",
        receiver,
    )
    assert code == -signal.SIGTERM
    assert receiver.span_names == ["before"]


@_POSIX
def test_a_second_sigterm_waits_for_nothing(program: Program, receiver: Receiver) -> None:
    code, _ = _terminated(
        program,
        """
def export(seconds):
    os.kill(os.getpid(), signal.SIGTERM)
    os._exit(9)
process.end = export
from autogen_otel.delivery.processes import ending
ending.STATE.export = export
os.kill(os.getpid(), signal.SIGTERM)
""",
        receiver,
    )
    assert code == -signal.SIGTERM


@_POSIX
def test_a_server_that_ends_by_the_signal_itself_has_everything_exported_before(
    program: Program, receiver: Receiver
) -> None:
    server = """
from autogen_otel.delivery.processes import ending
class Server:
    should_exit = False
    def handle_exit(self, *_):
        self.should_exit = True
server = Server()
signal.signal(signal.SIGTERM, server.handle_exit)
record("before")
os.kill(os.getpid(), signal.SIGTERM)
record("after")
sys.stdin.readline()
server.should_exit = False
while ending.STATE.is_near_end:
    time.sleep(0.01)
os._exit(3)
"""
    running = subprocess.Popen(  # noqa: S603 - our own interpreter on our own script
        [sys.executable, "-c", SETUP + server],
        env=_environment(program, receiver),
        stdin=subprocess.PIPE,
    )
    try:
        wait_until(lambda: {"before", "after"} <= set(receiver.span_names))
    finally:
        running.communicate(b"go on\n", timeout=60)
    assert running.returncode == 3, "it is not in a hurry for ever"


@_POSIX
def test_uninstrumenting_gives_the_signal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ending.catch_sigterm()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        ending.leave_sigterm()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        ending.catch_sigterm()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ending.leave_sigterm()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise() -> None:
    raise OSError("an exporter")


@pytest.mark.parametrize(
    ("works", "is_done"),
    [([lambda: None], True), ([lambda: True, lambda: False], False), ([_raise], False), ([], True)],
)
def test_what_is_done_at_the_end_says_whether_it_was(
    works: list[Callable[[], object]], is_done: bool
) -> None:
    assert ending.within(30, *works) is is_done


def test_what_hangs_is_not_waited_for() -> None:
    released = threading.Event()
    try:
        assert not ending.within(0.01, released.wait)
    finally:
        released.set()


def test_what_a_journal_needs_is_loaded_before_its_first_batch(program: Program) -> None:
    (program.folder / "app.py").write_text(f"""{SETUP}
record("first")
while "opentelemetry.exporter.otlp.proto.common.trace_encoder" not in sys.modules:
    time.sleep(0.01)
assert "opentelemetry.exporter.otlp.proto.http.trace_exporter" not in sys.modules
assert not list(__import__("pathlib").Path(os.environ["AUTOGEN_OTEL_JOURNAL_DIR"]).glob("*.jsonl"))
""")
    program.anew.run("app.py", **_NEVER)


def test_an_interrupt_ends_one_of_the_functions_of_the_exit_and_not_the_others() -> None:
    functions = ExitFunctions()
    called: list[str] = []

    def interrupted() -> None:
        called.append("interrupted")
        raise KeyboardInterrupt

    functions.register(lambda: called.append("first"))
    functions.register(interrupted)
    functions.register(lambda: called.append("last"))
    try:
        with pytest.raises(KeyboardInterrupt):
            functions._call()
    finally:
        atexit.unregister(functions._call)
    assert called == ["last", "interrupted", "first"]
