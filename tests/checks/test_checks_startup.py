"""The lists of agents are checked while the program starts, each once, and what is wrong is logged."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from autogen import ConversableAgent
from opentelemetry.trace import NoOpTracerProvider

from autogen_otel import Settings, check_config_list, instrument, uninstrument
from autogen_otel.checks import startup
from autogen_otel.checks.ask import Answers
from autogen_otel.checks.startup import StartupCheck
from autogen_otel.delivery.fork import begin_anew
from autogen_otel.delivery.processes.at_exit import ExitFunctions
from autogen_otel.settings import SettingsError
from autogen_otel.testing import entry, text
from tests.support.agents import Serve, assistant, chat, user
from tests.support.config_lists import KEY, gpt
from tests.support.tools import lookup

_EXAMINE = sys.modules[check_config_list.__module__]
"""Its package has a function of the module's name."""


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch, our_errors: list[BaseException]) -> Iterator[list[StartupCheck]]:
    """Those that begin."""
    made: list[StartupCheck] = []

    class Noted(StartupCheck):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(startup, "StartupCheck", Noted)
    yield made
    uninstrument()


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for record in caplog.records if "config_list" in (text := record.getMessage())]


def test_what_is_wrong_is_logged_once(
    checks: list[StartupCheck], caplog: pytest.LogCaptureFixture, serve: Serve
) -> None:
    caplog.set_level(logging.WARNING, "autogen_otel")
    server = serve([text("TERMINATE")])
    existing = assistant([entry(server, tags=["TAG"]), gpt(api_key="sk-...")], "existing")
    instrument(tracer_provider=NoOpTracerProvider(), check="offline")
    for name in ("one", "two"):
        helper = assistant([gpt(), gpt(api_key="YOUR_API_KEY")], name)
        helper.register_for_llm(name="lookup", description="Looks up.")(lookup)
    ConversableAgent("without", llm_config=False)
    checks[0].wait()
    chat(user(), existing)
    checks[0].wait()
    problem = "api_key is a placeholder; put the key there, or leave it out and set OPENAI_API_KEY"
    assert _said(caplog) == [f"autogen-otel: config_list entry 1 (gpt-4o): {problem}"] * 2
    assert KEY not in caplog.text


def test_a_program_that_ends_first_says_what_is_known(
    checks: list[StartupCheck], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ended = threading.Event(), threading.Event()

    def ask(*_: Any, **__: Any) -> Answers:
        asked.set()
        ended.wait(30)
        return Answers(problem="late")

    monkeypatch.setattr(_EXAMINE, "ask", ask)
    exits = ExitFunctions()
    monkeypatch.setattr(startup, "AT_EXIT", exits)
    instrument(tracer_provider=NoOpTracerProvider(), check="offline")
    assistant([gpt(api_key="sk-...")])
    assert asked.wait(30)
    asking = checks[0]._thread
    assert asking is not None
    assert asking.daemon
    assistant([gpt(api_key="YOUR_API_KEY")])
    exits._call()
    assert len(_said(caplog)) == 4
    assert "the program ended before it had answered" in _said(caplog)[0]
    assert "api_key is a placeholder" in _said(caplog)[1]
    ended.set()
    checks[0].wait()
    assert len(_said(caplog)) == 4, "nothing is said twice"


def test_a_forked_process_begins_anew(
    checks: list[StartupCheck], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_EXAMINE, "ask", lambda *_, **__: Answers(problem="none"))
    instrument(tracer_provider=NoOpTracerProvider(), check="offline")
    assistant([gpt(api_key="sk-...")])
    checks[0].wait()
    # A thread that checks at a fork is not in the child.
    checks[0]._thread = threading.Thread()
    begin_anew()
    assistant([gpt(api_key="YOUR_API_KEY")])
    checks[0].wait()
    assert [one for one in _said(caplog) if "placeholder" in one] == [_said(caplog)[1], _said(caplog)[-1]]


def test_nothing_is_checked_unless_asked_for(checks: list[StartupCheck]) -> None:
    instrument(tracer_provider=NoOpTracerProvider())
    assistant([gpt(api_key="sk-...")])
    assert not checks


def test_the_environment_asks_for_it(checks: list[StartupCheck], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_OTEL_CHECK", "Offline")
    monkeypatch.setattr(startup, "examine", lambda _sources: [])
    instrument(tracer_provider=NoOpTracerProvider())
    assert len(checks) == 1


@pytest.mark.usefixtures("_asked_anew")
def test_a_host_that_cannot_be_asked_is_said(
    checks: list[StartupCheck], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    instrument(tracer_provider=NoOpTracerProvider(), check="offline")
    assistant([gpt(api_key="sk-...")])
    checks[0].wait()
    assert len(_said(caplog)) == 2
    assert "could not be asked about the config_list: no process could be started" in _said(caplog)[0]
    assert "api_key is a placeholder" in _said(caplog)[1]


def test_a_word_that_asks_for_nothing_known_is_refused() -> None:
    with pytest.raises(SettingsError, match="check must be off or offline, not 'online'"):
        Settings(check="online")
