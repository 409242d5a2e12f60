"""Which spans a ``JournalProcessor`` keeps: of conversations, all or those in which something failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode

import autogen_otel
from autogen_otel.cli import main
from autogen_otel.delivery import journal_processor
from autogen_otel.vocabulary.spans import SCOPE
from tests.delivery.programs import Program
from tests.delivery.receivers import Receiver

Kept = Callable[[], list[str]]


class Traced:
    """A provider of the application's own with a journal.

    Args:
        folder: of the journal.
        mode: what it keeps.
    """

    def __init__(self, folder: Path, mode: str) -> None:
        self._folder = folder
        self.provider = TracerProvider()
        settings = autogen_otel.Settings(journal=mode, journal_dir=str(folder))
        self.processor = autogen_otel.JournalProcessor(settings)
        self.provider.add_span_processor(self.processor)

    @contextmanager
    def span(self, name: str, *, ours: bool = True, fails: bool = False) -> Iterator[None]:
        tracer = self.provider.get_tracer(SCOPE if ours else "flask")
        with tracer.start_as_current_span(name) as span:
            yield
            if fails:
                span.set_status(StatusCode.ERROR)

    def kept(self) -> list[str]:
        """Names of the spans in the journal, sorted: a line has them by scope."""
        self.provider.force_flush()
        documents = [
            json.loads(line)
            for path in self._folder.glob("*.jsonl")
            for line in path.read_text().splitlines()
        ]
        return sorted(
            span["name"]
            for document in documents
            for resource in document["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        )


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Callable[[str], Traced]]:
    with ExitStack() as stack:

        def make(mode: str) -> Traced:
            made = Traced(tmp_path / "journal", mode)
            stack.callback(made.provider.shutdown)
            return made

        yield make


def a_request(traced: Traced, *, fails: bool = False, converses: bool = True) -> None:
    """A web request with a query before a conversation with a tool call in it."""
    with traced.span("GET /ask", ours=False):
        with traced.span("SELECT", ours=False):
            pass
        if converses:
            with traced.span("conversation"), traced.span("tool", fails=fails):
                pass


@pytest.mark.parametrize("mode", ["all", "undelivered"])
def test_every_conversation_is_kept_with_the_trace_around_it(
    traced: Callable[[str], Traced], mode: str
) -> None:
    it = traced(mode)
    a_request(it)
    a_request(it, converses=False)
    assert it.kept() == ["GET /ask", "SELECT", "conversation", "tool"]


def test_only_traces_of_conversations_in_which_something_failed_are_kept(
    traced: Callable[[str], Traced],
) -> None:
    it = traced("failing")
    a_request(it)
    with it.span("GET /health", ours=False, fails=True):
        pass
    assert it.kept() == []
    a_request(it, fails=True)
    assert it.kept() == ["GET /ask", "SELECT", "conversation", "tool"]


def test_a_trace_is_kept_as_soon_as_something_fails_in_it(traced: Callable[[str], Traced]) -> None:
    it = traced("failing")
    with it.span("conversation"):
        with it.span("first turn"):
            pass
        assert it.kept() == []
        with it.span("second turn", fails=True):
            pass
        assert it.kept() == ["first turn", "second turn"]
        with it.span("third turn"):
            pass
    assert it.kept() == ["conversation", "first turn", "second turn", "third turn"]


def test_copies_are_never_sent(traced: Callable[[str], Traced], tmp_path: Path, receiver: Receiver) -> None:
    it = traced("all")
    a_request(it)
    kept = it.kept()
    folder = str(tmp_path / "journal")
    assert main(["push", "--journal", folder, "--endpoint", receiver.url]) == 0
    assert receiver.spans == []
    assert it.kept() == kept != []


def test_off_keeps_nothing(traced: Callable[[str], Traced]) -> None:
    it = traced("off")
    a_request(it, fails=True)
    assert it.kept() == []


def test_what_is_held_is_bounded_and_a_conversation_that_may_fail_yet_is_kept(
    traced: Callable[[str], Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_processor, "_MOST_WAITING", 5)
    it = traced("failing")
    with it.span("conversation"):
        for number in range(9):
            with it.span(f"turn {number}"):
                pass
    assert it.kept() == ["conversation", *(f"turn {number}" for number in range(9))]


def test_spans_that_never_end_do_not_add_up(
    traced: Callable[[str], Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_processor, "_MOST_TRACES", 3)
    it = traced("failing")
    open_spans = [it.provider.get_tracer(SCOPE).start_span("left open") for _ in range(9)]
    assert len(it.processor._traces) == 3
    for span in open_spans:
        span.end()
    assert it.processor._traces == {}


def test_a_span_that_the_garbage_collector_ends_at_any_moment_holds_nothing_up(
    traced: Callable[[str], Traced], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = traced("all")
    tracer = it.provider.get_tracer(SCOPE)
    left = [tracer.start_span("left")]

    class Collecting(journal_processor._Trace):
        """As the processor makes one, Python may collect what a program has left."""

        def __init__(self) -> None:
            super().__init__()
            while left:
                left.pop().end()

    monkeypatch.setattr(journal_processor, "_Trace", Collecting)
    with it.span("conversation"):
        pass
    assert it.kept() == ["conversation", "left"]
    assert it.processor._traces == {}


def test_a_forked_child_leaves_to_the_parent_what_the_parent_holds(program: Program) -> None:
    program.script("""
import os
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
import autogen_otel
provider = TracerProvider()
provider.add_span_processor(autogen_otel.JournalProcessor(autogen_otel.Settings(journal="failing")))
tracer = provider.get_tracer("autogen_otel")
with tracer.start_as_current_span("conversation"):
    with tracer.start_as_current_span("held"):
        pass
    child = os.fork()
    with tracer.start_as_current_span("in both", record_exception=False) as span:
        span.set_status(StatusCode.ERROR)
    if not child:
        provider.force_flush()
        os._exit(0)
os.waitpid(child, 0)
provider.shutdown()
""")
    assert sorted(program.span_names()) == ["conversation", "held", "in both", "in both"]


def test_a_conversation_that_is_not_kept_leaves_no_note_that_it_was_under_way(program: Program) -> None:
    (program.folder / "app.py").write_text("""
import os, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode
from autogen_otel import JournalProcessor, delivery
tracers = TracerProvider()
tracers.add_span_processor(JournalProcessor())
process = delivery.Process([tracers])
tracer = tracers.get_tracer("autogen_otel")
for status in (StatusCode.UNSET, StatusCode.ERROR):
    with tracer.start_as_current_span(f"invoke_workflow {status.name}") as span:
        process.on_span_start(span)
        while not list(__import__("pathlib").Path(os.environ["AUTOGEN_OTEL_JOURNAL_DIR"]).glob("*.inflight")):
            time.sleep(0.01)
        span.set_status(status)
    process.end(30)
""")
    program.run("app.py", AUTOGEN_OTEL_JOURNAL="failing")
    assert program.span_names() == ["invoke_workflow ERROR"]
    assert not list(program.journal.glob("*.inflight"))


def test_without_a_folder_one_warning_says_so_and_the_spans_go_on(program: Program) -> None:
    (program.folder / "file").touch()
    said = program.script(
        """
import logging
from opentelemetry.sdk.trace import TracerProvider
import autogen_otel
logging.basicConfig(format="%(name)s: %(message)s")
provider = TracerProvider()
provider.add_span_processor(autogen_otel.JournalProcessor())
with provider.get_tracer("autogen_otel").start_as_current_span("conversation") as span:
    assert span.is_recording()
""",
        AUTOGEN_OTEL_JOURNAL_DIR="~nobody-of-this-name/journal",
    )
    assert said.startswith("autogen_otel: No conversations are kept: ~nobody-of-this-name/journal cannot be")
    assert said.count("\n") == 1
