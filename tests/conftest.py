"""Which tests there are, which of them are slow, and who loads the fixtures."""

from __future__ import annotations

import gc
import json
from collections.abc import Generator
from pathlib import Path

import pytest

collect_ignore = ["servers"]
"""It needs programs that take long to build, so its tests run only if it is named: ``make test-servers``."""

_SLOW = (
    "checks/",
    "cli/test_cli_packages.py",
    "cli/test_cli_sources.py",
    "contract/",
    "delivery/test_delivery_chaos.py",
    "diagnosis/test_diagnosis_samples.py",
    "recording/test_recording_growth.py",
    "redaction/test_redaction_many_secrets.py",
    "redaction/test_redaction_formats.py",
    "repro/test_repro_models.py",
    "repro/test_repro_tools.py",
    "scenarios/test_scenarios_demo.py",
)
"""What is marked ``slow``: ``make test-quick`` leaves it out."""

_PROGRAMS = (
    *(f"delivery/test_delivery_{what}.py" for what in ("logs", "metrics", "providers")),
    "test_instrument.py",
)
"""Where a test that starts a program of its own is ``slow`` too; there are quick ones in ``processes``."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the name of a file for ``tests.every_case``; runs of all tests have it."""
    parser.addoption(
        "--cases-file", help="where to write which tests run in this environment and which in others"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, and AutoGen with them, where tests run: who only hands them out needs none."""
    if config.getoption("dist", "no") == "no" or hasattr(config, "workerinput"):
        config.pluginmanager.import_plugin("tests.support.fixtures")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is slow as a whole is not even imported where all that is slow is left out."""
    if config.option.markexpr != "not slow":
        return None
    file = collection_path.relative_to(Path(__file__).parent).as_posix()
    return True if f"{file}/".startswith(_SLOW) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, and collect nothing that does not run here. Skips are refused: they prove nothing.

    ``@pytest.mark.needs(condition, reason)`` is for what a lineage, a Python or an operating system lacks,
    ``@pytest.mark.shared(kind)`` for cases that several environments run between them.
    """
    for item in items:
        file = item.nodeid.removeprefix("tests/")
        is_program = "program" in getattr(item, "fixturenames", ())
        if file.startswith(_SLOW) or (is_program and file.startswith(_PROGRAMS)):
            item.add_marker(pytest.mark.slow)
        for name in ("skip", "skipif", "xfail"):
            assert not list(item.iter_markers(name)), f"{item.nodeid} is marked {name}"
        for mark in item.iter_markers("needs"):
            assert [type(one) for one in mark.args] == [bool, str], f"{item.nodeid}: needs(condition, reason)"
    here = [item for item in items if _is_here(item)]
    _note_cases(
        config,
        {item.nodeid for item in here},
        {item.nodeid for item in items} - {item.nodeid for item in here},
    )
    items[:] = here
    # What is slow begins first, so that at the end no process waits for a long test of another's.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _is_here(item: pytest.Item) -> bool:
    """Whether this environment has what the test needs, and runs this case."""
    from tests.support.lineage import is_here

    return all(mark.args[0] for mark in item.iter_markers("needs")) and all(
        is_here(item.nodeid, *mark.args) for mark in item.iter_markers("shared")
    )


def _note_cases(config: pytest.Config, here: set[str], elsewhere: set[str]) -> None:
    """Write which cases this environment has, for ``tests.every_case``; one process of several does it."""
    file = config.getoption("cases_file")
    if file is not None and getattr(config, "workerinput", {"workerid": "gw0"})["workerid"] == "gw0":
        Path(file).write_text(json.dumps({"here": sorted(here), "elsewhere": sorted(elsewhere)}), "utf-8")


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a host has logged fit for the pipe between processes: half of a surrogate pair is not."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests have counted: what they record as their ``summary``."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for key, said in report.user_properties:
                    if key == "summary":
                        terminalreporter.write_line(said)
