"""Checks a ``config_list`` before the program starts: offline, and with requests to each entry's endpoint."""

from autogen_otel.checks.examine import PROBE_SECONDS, check_config_list, examine
from autogen_otel.checks.report import EntryReport, ListReport, Problem
from autogen_otel.checks.source import SourceError

__all__ = [
    "PROBE_SECONDS",
    "EntryReport",
    "ListReport",
    "Problem",
    "SourceError",
    "check_config_list",
    "examine",
]
