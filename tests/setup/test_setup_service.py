from __future__ import annotations

import sys
import types
from importlib.machinery import ModuleSpec

import pytest
from opentelemetry.sdk.resources import SERVICE_NAME

from autogen_otel.setup.service import program_name, resource


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
    assert resource().attributes[SERVICE_NAME] == name


def test_an_instance_named_by_the_environment_keeps_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7")
    assert resource().attributes["service.instance.id"] == "pod-7"
