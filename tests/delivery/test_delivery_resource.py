from __future__ import annotations

import os
import platform
import sys
import types
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider

from autogen_otel.delivery.identity import resource
from autogen_otel.delivery.identity.resource import process_resource, program_name, resource_of

if TYPE_CHECKING:
    from tests.delivery.programs import Program


@pytest.fixture(autouse=True)
def _unknown_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    process_resource.cache_clear()
    resource_of.cache_clear()
    monkeypatch.setattr(resource, "_following_resources", [])


def _running(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], module: str | None = None, original: str = ""
) -> None:
    main = types.ModuleType("__main__")
    main.__spec__ = ModuleSpec(module, None) if module else None
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", original.split() or ["python", *argv])


@pytest.mark.parametrize(
    ("argv", "module", "original", "name"),
    [
        (["app.py"], None, "", "app"),
        (["/opt/claims/app.py", "--x"], None, "", "app"),
        (["/usr/bin/claims-server"], None, "", "claims-server"),
        (["/src/claims/__main__.py"], "claims.__main__", "", "claims"),
        (["/src/claims/serve.py"], "claims.serve", "", "claims.serve"),
        (["/src/claims/__main__.py"], None, "", "claims"),
        (["-m"], None, "python -m claims", "claims"),
        (["-m"], None, "python", "python"),
        (["-c"], None, "", "python"),
        (["-"], None, "", "python"),
        ([""], None, "", "python"),
        ([], None, "", "python"),
        (["/lib/ipykernel_launcher.py", "-f"], None, "", "python"),
        (["/bin/ipython"], None, "", "python"),
        (["caf\udce9.py"], None, "", "caf?"),
    ],
)
def test_the_program_has_a_name(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], module: str | None, original: str, name: str
) -> None:
    _running(monkeypatch, argv, module, original)
    assert program_name() == name


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/bin/gunicorn -w 4 -b localhost:8000 claims.web:app", "claims.web"),
        ("/bin/gunicorn claims.web:create('x') -c python:conf --reload", "claims.web"),
        ("/bin/gunicorn --reload claims.web:app", "claims.web"),
        ("/bin/gunicorn -c python:conf claims.web", "claims.web"),
        ("/bin/gunicorn -c conf.py", "gunicorn"),
        ("/bin/uvicorn claims.web:app --port 80 --workers 2", "claims.web"),
        ("/lib/uvicorn/__main__.py claims.web:app", "claims.web"),
        ("/bin/celery -A claims.tasks worker -l info", "claims.tasks"),
        ("/bin/celery --app=claims.tasks:app worker", "claims.tasks"),
        ("/bin/celery worker", "celery"),
        ("/bin/flask --app claims/web.py run", "web"),
        ("/bin/streamlit run --server.port 80 pages/desk.py -- --x", "desk"),
    ],
)
def test_a_service_is_called_after_the_application_and_not_after_its_launcher(
    monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    for variable in ("CELERY_APP", "FLASK_APP", "JPY_SESSION_NAME"):
        monkeypatch.delenv(variable, raising=False)
    _running(monkeypatch, command.split())
    assert program_name() == name


def test_a_service_in_a_notebook_is_called_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _running(monkeypatch, ["/lib/ipykernel_launcher.py", "-f", "kernel.json"], "ipykernel_launcher")
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/u/claims desk.ipynb")
    assert program_name() == "claims desk"


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("OTEL_SERVICE_NAME", "claims", "claims"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=claims", "claims"),
        ("OTEL_SERVICE_NAME", "", "app"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=", "app"),
    ],
)
def test_the_environment_goes_before_the_program(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    _running(monkeypatch, ["app.py"])
    monkeypatch.setenv(variable, value)
    assert process_resource().attributes[SERVICE_NAME] == name


def test_an_instance_named_by_the_environment_keeps_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7")
    assert process_resource().attributes["service.instance.id"] == "pod-7"


def test_all_signals_are_of_one_instance() -> None:
    assert process_resource() is process_resource() is resource_of(NoOpTracerProvider())


def test_what_is_recorded_beside_the_applications_provider_is_of_its_service() -> None:
    theirs = Resource({SERVICE_NAME: "claims", SERVICE_INSTANCE_ID: "pod-7"})
    assert resource_of(TracerProvider(resource=theirs, shutdown_on_exit=False)) == theirs


def test_a_service_without_an_instance_is_given_one() -> None:
    provider = TracerProvider(resource=Resource({SERVICE_NAME: "claims"}), shutdown_on_exit=False)
    beside = resource_of(provider)
    assert beside.attributes[SERVICE_NAME] == "claims"
    assert beside.attributes[SERVICE_INSTANCE_ID]


def test_a_trace_says_which_process_it_is_from(monkeypatch: pytest.MonkeyPatch) -> None:
    _running(monkeypatch, ["app.py"])
    attributes = process_resource().attributes
    assert attributes["process.pid"] == os.getpid()
    assert attributes["process.runtime.version"] == platform.python_version()
    assert attributes["host.name"]
    assert attributes["telemetry.distro.name"] == "autogen-otel"


def test_what_the_environment_says_of_the_process_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    _running(monkeypatch, ["app.py"])
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=desk-7")
    assert process_resource().attributes["host.name"] == "desk-7"


_AFTER_THE_MAIN_THREAD = """
import threading
from autogen_otel import Settings, delivery

def late():
    threading.main_thread().join()
    delivery.tracer_provider(Settings()).get_tracer("test").start_span("late").end()

threading.Thread(target=late).start()
"""


def test_what_begins_when_the_main_thread_has_ended_is_recorded_all_the_same(program: Program) -> None:
    said = program.anew.script(_AFTER_THE_MAIN_THREAD, OTEL_RESOURCE_ATTRIBUTES="team=claims")
    assert "Nothing is recorded" not in said
    assert program.span_names() == ["late"]
    described = program.resource()
    assert (described["service.name"], described["team"]) == ("app", "claims")
    assert described["telemetry.sdk.language"] == "python"
