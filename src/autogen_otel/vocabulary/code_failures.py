"""What ``error.type`` says of executed code that failed, where its output names no exception."""

from typing import Final

EXIT_CODE: Final = "exit_code_"
"""Stands before the exit code."""
TIMEOUT: Final = "timeout"
UNKNOWN_LANGUAGE: Final = "unknown_language"
