from __future__ import annotations

import os
import sys
import threading

import pytest

from autogen_otel.delivery import fork
from autogen_otel.delivery.fork import importing
from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver

_FORKS = pytest.mark.needs(hasattr(os, "fork"), "needs fork")
_UNTOLD_FORKS = pytest.mark.needs(sys.platform == "linux", "looks at its threads in /proc")


@_FORKS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # newer Pythons warn of forks beside threads
def test_a_fork_waits_until_modules_are_loaded() -> None:
    begun, may_end, loaded = threading.Event(), threading.Event(), []

    def load() -> None:
        with importing():
            begun.set()
            may_end.wait(30)
            loaded.append("all of it")

    worker = threading.Thread(target=load)
    worker.start()
    begun.wait(30)
    threading.Timer(0.05, may_end.set).start()
    child = os.fork()
    if child == 0:
        # The child can load too: the lock that its parent held is not its own.
        with importing():
            os._exit(0 if loaded else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    worker.join()


@_FORKS
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_does_not_wait_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "_MAX_WAIT_SECONDS", 0.01)
    begun, may_end = threading.Event(), threading.Event()

    def load() -> None:
        with importing():
            begun.set()
            may_end.wait(30)

    worker = threading.Thread(target=load)
    worker.start()
    begun.wait(30)
    child = os.fork()
    if child == 0:
        with importing():
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    may_end.set()
    worker.join()
    with importing():
        pass


_UNTOLD_FORK = """
import ctypes, os, threading, time
from contextlib import suppress
from pathlib import Path

def untold_fork():
    # If a thread waits for the interpreter's lock meanwhile, the child has a broken lock, which Python itself
    # would have renewed. So the others must sleep, and have slept for longer than they ever wait for it.
    before = None
    while before != (before := switches()) or any("running" in line for line in before):
        time.sleep(0.1)
    return ctypes.PyDLL(None).fork()

def switches():
    own = threading.get_native_id()
    lines = []
    for task in Path("/proc/self/task").iterdir():
        if task.name != str(own):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                lines += (task / "status").read_text().splitlines()
    return [line for line in lines if "ctxt_switches" in line or "State" in line]
"""


_HALF_IMPORTED = """
import importlib, os, sys, threading, time, warnings
from autogen_otel.delivery import fork
from autogen_otel.delivery.fork import HalfImportedError, importing
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
fork._MAX_WAIT_SECONDS = 0.01
PARENT = os.getpid()

def load():
    with importing():
        import slow.inner

threading.Thread(target=load).start()
while "slow.inner" not in sys.modules:
    time.sleep(0.01)
%s
child = os.fork()
if not child:
    %s
    os._exit(7)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
open("done", "w").close()
assert code == 7, code
"""


def _slow_package(program: Program) -> None:
    """Write a package that is imported as long as its program's child lives."""
    package = program.folder / "slow"
    package.mkdir()
    (package / "__init__.py").write_text("from slow import outer\nimport slow.inner\nWHOLE = True\n")
    (package / "outer.py").write_text("")
    (package / "inner.py").write_text("""
import os, sys, time
while os.getpid() == sys.modules["__main__"].PARENT and not os.path.exists("done"):
    time.sleep(0.25)
WHOLE = True
""")


@_FORKS
@pytest.mark.parametrize(
    ("before", "then"),
    [
        # The application imports them, and so do we.
        ("", "import slow.inner; assert slow.inner.WHOLE and slow.WHOLE; importing().__enter__()"),
        (
            "fork._forget_half_imported = lambda _: False",
            """try: importing().__enter__()
    except HalfImportedError as error: assert 'was forked while' in str(error)
    else: os._exit(1)""",
        ),
    ],
    ids=["whole", "off"],
)
def test_a_child_that_was_forked_during_an_import_is_whole_or_says_what_it_lacks(
    program: Program, before: str, then: str
) -> None:
    _slow_package(program)
    program.anew.script(_HALF_IMPORTED % (before, then))


@_UNTOLD_FORKS
def test_a_fork_that_python_is_not_told_of_is_not_taken_for_the_one_before(program: Program) -> None:
    _slow_package(program)
    first = """
from autogen_otel.delivery import fork
first = os.fork()
if not first:
    os._exit(0)
os.waitpid(first, 0)
"""
    untold = _HALF_IMPORTED.replace("os.fork()", "untold_fork()")
    then = "fork.begin_anew(); import slow.inner; assert slow.inner.WHOLE and slow.WHOLE"
    program.anew.script(_UNTOLD_FORK + first + untold % ("", then))


@_FORKS
def test_a_fork_holds_no_lock_of_logging_while_it_waits(program: Program) -> None:
    program.script("""
import os, threading, time, warnings
from autogen_otel.delivery import fork
from autogen_otel.delivery.fork import importing
import logging
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
begun, loaded = threading.Event(), []

def load():
    with importing():
        begun.set()
        time.sleep(0.2)  # until the fork waits
        logging.getLogger("of a module that is imported")
        loaded.append("all of it")

threading.Thread(target=load).start()
begun.wait(30)
child = os.fork()
if not child:
    os._exit(0 if loaded else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""")


@_UNTOLD_FORKS
def test_a_process_that_is_forked_behind_pythons_back_delivers_too(
    program: Program, receiver: Receiver
) -> None:
    program.script(
        _UNTOLD_FORK
        + """
from autogen_otel import Settings, delivery
tracers = delivery.tracer_provider(Settings())
def record(name):
    with tracers.get_tracer("test").start_as_current_span(name):
        pass
record("parent")
assert tracers.force_flush()
# As uWSGI does: what is registered with `os.register_at_fork` is not called.
child = untold_fork()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
else:
    record("child")
    os._exit(0 if tracers.force_flush(20_000) else 1)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert receiver.span_names == ["parent", "child"]
    assert program.journalled() == []


@_UNTOLD_FORKS
def test_a_process_that_is_forked_behind_pythons_back_and_records_nothing_exports_nothing(
    program: Program, receiver: Receiver
) -> None:
    program.script(
        _UNTOLD_FORK
        + """
import atexit
from autogen_otel import Settings, delivery
delivery.Process()
tracers = delivery.tracer_provider(Settings())
with tracers.get_tracer("test").start_as_current_span("parent"):
    pass
child = untold_fork()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
else:
    atexit._run_exitfuncs()
    os._exit(0)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_BSP_SCHEDULE_DELAY="600000",
    )
    assert receiver.span_names == ["parent"]
    assert program.journalled() == []


@_FORKS
def test_a_child_that_was_forked_during_the_first_span_has_spans_of_its_own(program: Program) -> None:
    program.anew.script("""
import os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
import autogen, autogen_otel
from autogen_otel.testing import ScriptedServer, entry, text
from tests.support.agents import assistant, chat, user

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "opentelemetry.sdk.trace":
            begun.set()
            time.sleep(0.5)  # until the fork waits, or has been made

def converse():
    with ScriptedServer([text("Done. TERMINATE")]) as server:
        chat(user(), assistant([entry(server)]))

converse()  # what the SDK of OpenAI loads when it is used first is not ours to wait for
autogen_otel.instrument()
begun = threading.Event()
sys.meta_path.insert(0, Slow())
first = threading.Thread(target=converse)
first.start()
assert begun.wait(30)
child = os.fork()
if not child:
    signal.alarm(40)
    converse()
    assert autogen_otel.flush()
    os._exit(7)
first.join()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert code == 7, code
""")
    assert len(list(program.journal.rglob("*"))) > 0
