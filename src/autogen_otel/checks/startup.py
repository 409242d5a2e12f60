"""Checks the lists of agents while the program starts, and logs what is wrong with them."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from autogen_otel.checks.ask import Answers
from autogen_otel.checks.examine import examine
from autogen_otel.checks.report import ListReport
from autogen_otel.checks.source import ConfigList, SourceError, of_value
from autogen_otel.delivery import fork
from autogen_otel.delivery.processes.at_exit import AT_EXIT
from autogen_otel.one_at_a_time import OneAtATime

_MOST_LISTS: Final = 50
_log = logging.getLogger("autogen_otel")


class StartupCheck:
    """Checks each list once, when its first agent is seen.

    Args:
        on_error: takes errors of ours, which must not end anything.
    """

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._checked_digests: set[bytes] = set()
        self._has_exit = False
        self.after_fork()
        fork.renew_after_fork(self)

    def after_fork(self) -> None:
        """Forget the check under way: a forked process has no thread for it."""
        self._pending_sources: list[ConfigList] = []
        self._thread: threading.Thread | None = None
        self._change: OneAtATime[partial[None]] = OneAtATime(partial.__call__)
        self._is_over = False

    def look(self, llm_config: Any) -> None:
        """Check a list in the background, unless it was checked before.

        It checks a copy, and keeps no object of the application. The process does not wait for the check:
        if it ends first, it logs the problems that can be found without AutoGen's answer.

        Args:
            llm_config: what an agent or an ``OpenAIWrapper`` was given.
        """
        try:
            source = of_value(llm_config, "the agent's llm_config")
        except SourceError:
            # An agent without a model, or with one model and no list.
            return
        json_text = json.dumps([source.entries, source.options], sort_keys=True, default=str)
        digest = hashlib.sha256(json_text.encode()).digest()
        fork.notice()
        self._change(partial(self._add, digest, source))

    def _add(self, digest: bytes, source: ConfigList) -> None:
        if self._is_over or digest in self._checked_digests or len(self._checked_digests) >= _MOST_LISTS:
            return
        self._checked_digests.add(digest)
        self._pending_sources.append(source)
        if not self._has_exit:
            self._has_exit = True
            AT_EXIT.register(self._exit)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="autogen-otel-check", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the check under way."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        """Check all pending lists, each time with one question to the host, until none is left."""
        while batch := list(self._pending_sources):
            self._check(batch)
            del self._pending_sources[: len(batch)]
        self._change(partial(self._rest))

    def _rest(self) -> None:
        self._thread = None
        if self._pending_sources:
            self._start()

    def _check(self, sources: list[ConfigList], answers: Answers | None = None) -> None:
        try:
            reports = examine(sources, answers=answers)
            if answers is None and self._is_over:
                return
            for report in reports:
                _log_report(report)
        except Exception as error:  # noqa: BLE001 - on a thread of ours, or at the exit, where nobody else would see it
            self._on_error(error)

    def _exit(self) -> None:
        """Log what is known of the pending lists when the process ends: it may end because of them."""
        self._is_over = True
        sources = list(self._pending_sources)
        if sources:
            self._check(sources, Answers(problem="the program ended before it had answered"))


def _log_report(report: ListReport) -> None:
    if report.host_problem is not None:
        _log.warning(
            "autogen-otel: AutoGen could not be asked about the config_list: %s", report.host_problem
        )
    for problem in report.problems:
        _log.warning("autogen-otel: config_list: %s", problem.message)
    for entry in report.entries:
        for problem in entry.problems:
            _log.warning(
                "autogen-otel: config_list entry %s (%s): %s", entry.index, entry.model, problem.message
            )
